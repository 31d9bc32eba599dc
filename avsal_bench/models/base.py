"""What every network is: a module with a spec, and a way from its output to a saliency map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.spec import ClipSpec
from avsal_bench.text import many

if TYPE_CHECKING:
    from typing_extensions import Self


class Outputs(NamedTuple):
    """What a network gives while it trains."""

    main: Tensor
    """``(B, h, w)``, as ``forward`` returns it."""
    side: tuple[Tensor, ...] = ()
    """Further outputs of the same kind that have a loss of their own (deep supervision), ``(B, h, w)`` each."""
    auxiliary: Mapping[str, Tensor] = {}
    """Losses that the network computes itself, means over the batch, by the names that a recipe weighs them under."""


class Network(nn.Module):
    """What every network is: an ``nn.Module`` with a spec, and a way from its output to a map.

    ``forward(frames, audio)`` takes ``(B, 3, T, H, W)`` float32 frames, normalised by the spec, and the sound as the
    spec's front end gives it (None without sound), and returns the ``(B, h, w)`` output of the authors' module in
    eval mode.

    Attributes:
        spec: the clip that the network takes.
        observes: True for a network without gradients, fitted by showing it every training map (:meth:`observe`).
        pools: with ``observes``: True for one that is shown the training maps of all sets that a recipe tests, and not
            those of the set under test alone.
        sees: False for a network that only hears.
        logits: True where the output is a logit; the map is its sigmoid.
        log_density: True where the output is the logarithm of a density that sums to 1, and losses are to know it.
        audio_only: prefixes of the state-dict keys that only the audio-visual network has; without them it is the
            ``v`` network that it starts from (:meth:`load_visual`).
        visual_only: prefixes of those that only the ``v`` network has; the audio-visual one does without.
        frozen: names of the parts that are never trained: without gradients, and in eval mode always, so that their
            batch norms stay as they were loaded. :meth:`freeze` is called at the end of ``__init__``.
        audio_free: True where ``forward`` takes ``use_audio``, ``(B,)`` bool: the items that are False go the network's
            own way around the sound, with the same visual weights. All True is the network as it is. A ``predict`` of
            its own takes it too.
        weightless: options that change what is computed and no weight, so that a trained network may be asked for
            another value of them than it was trained with.
        shares: True where ``predict`` is a faster ``forward``, which may go around the calls of parts.
        script_audio: front end of the authors' test script where it hears other samples than the network was trained
            on; for the protocols that follow the script.
    """

    spec: ClipSpec
    observes: ClassVar[bool] = False
    pools: bool = False
    sees: bool = True
    logits: bool = False
    log_density: ClassVar[bool] = False
    audio_only: tuple[str, ...] = ()
    visual_only: tuple[str, ...] = ()
    audio_free: ClassVar[bool] = False
    frozen: tuple[str, ...] = ()
    shares: ClassVar[bool] = False
    weightless: ClassVar[tuple[str, ...]] = ()
    script_audio: AudioFrontEnd | None = None

    @property
    def switched_by_labels(self) -> bool:
        """Whether a test must bring the label of consistency of each target frame, in its place."""
        return False

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Predict the target frame; see the class."""
        raise TypeError(f"{type(self).__name__} does not define forward")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """A class with a ``forward`` of its own does not inherit a ``predict``, which would be that of another one."""
        super().__init_subclass__(**kwargs)
        if "forward" in vars(cls) and "predict" not in vars(cls):
            cls.predict = Network.predict  # type: ignore[method-assign]

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
        """The output ``(B, h, w)`` for a batch of windows at test time: by default that of ``forward``.

        A class that defines ``forward`` and no ``predict`` has this one, whatever it derives from.

        A network that goes by frames (``spec.walk``) has a ``predict`` of its own. It gets a window of one frame for
        each frame of a video, from the first one on, and gives an output for each of those that are asked for
        (``clips.asked``), which may be none; its state lies in ``memory``, in ``seen`` where sound has no part in it.

        Args:
            clips: the windows. Frames that several of them hold are there once, and a network that finds something in
                a frame, or in a part of a window, need not find it again.
            audio: as for ``forward``; of a network that goes by frames, a row for each frame.
            memory: what the network wants to keep from one batch for the next.

        Raises:
            TypeError: where a network that goes by frames has none of its own.
        """
        self.check_walk()
        output: Tensor = self(clips.frames, audio)
        return output

    def advance(self, frames: Tensor, state: tuple[Tensor, ...] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One frame further, of a network that goes by frames, where others carry the state: in an exported file.

        Args:
            frames: ``(B, 3, H, W)`` float32 normalised, the next frame of each of B sequences.
            state: after the frame before, ``(B, ...)`` each. None at the start of a sequence, and zeros are the same.

        Returns:
            The output ``(B, h, w)`` for these frames, and the state after them.
        """
        raise TypeError(f"{type(self).__name__} does not define advance, which is what a file that goes by frames has")

    def check_walk(self) -> None:
        """Look whether a network that goes by frames has a way to carry its state along.

        Raises:
            TypeError: for one without a ``predict`` of its own.
        """
        if self.spec.walk == "frames" and type(self).predict is Network.predict:
            raise TypeError(
                f"{type(self).__name__} goes through videos by frames (walk of its spec) and has no `predict`, which "
                "carries its state from frame to frame; define it, or leave walk at 'windows'"
            )

    def outputs(self, frames: Tensor, audio: Tensor | None = None) -> Outputs:
        """What the network gives while it trains: by default the output of ``forward``, and nothing else."""
        return Outputs(self(frames, audio))

    def freeze(self) -> None:
        """Take the gradients from the ``frozen`` parts, and keep them in eval mode from now on."""
        for name in self.frozen:
            self.get_submodule(name).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all parts but the ``frozen`` ones."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    def check_frames(self, frames: Tensor) -> None:
        """Nothing, for frames ``(B, 3, T, H, W)`` of the spec.

        Raises:
            ValueError: for another shape.
        """
        expected = (3, self.spec.frames, *self.spec.size)
        if tuple(frames.shape[1:]) != expected:
            raise ValueError(f"expected frames (B, {', '.join(map(str, expected))}); got {tuple(frames.shape)}")

    def check_clips(self, clips: Clips, audio: Tensor | None = None) -> None:
        """Nothing, for windows of the spec, with sound where the spec has a front end.

        Raises:
            ValueError: as :meth:`check_input`.
        """
        _, channels, height, width = clips.pool.shape
        steps = clips.index.shape[1]
        if self.spec.walk == "frames" and steps != 1:
            seen = many(steps, "frame")
            raise ValueError(f"expected windows of one frame, as this network goes by frames; got {seen}")
        steps = self.spec.frames if self.spec.walk == "frames" else steps
        self.check_input(torch.empty((len(clips), channels, steps, height, width), device="meta"), audio)

    def check_input(self, frames: Tensor, audio: Tensor | None) -> None:
        """Nothing, for frames of the spec, with sound where the spec has a front end.

        Raises:
            ValueError: if the clip is not the one of the spec, or the sound is missing.
        """
        self.check_frames(frames)
        if self.spec.audio is not None and audio is None:
            raise ValueError("this network needs the sound; for frames only build it with modality='v'")

    def forward_stills(self, frames: Tensor) -> Tensor:
        """The output for clips ``(B, 3, T, H, W)`` without sound, of a network that can do without."""
        raise TypeError(f"{type(self).__name__} has no way around the sound")

    def every_frame(self, frames: Tensor, audio: Tensor | None = None) -> tuple[Tensor, ...]:
        """The outputs of all frames of a clip, ``(B, T, h, w)`` for each scale, of a network that predicts them all."""
        raise TypeError(f"{type(self).__name__} predicts the target frame alone")

    def to_map(self, output: Tensor) -> Tensor:
        """Turn the output ``(B, h, w)`` into a non-negative saliency map.

        Of logits their sigmoid, of the logarithm of a density the density; else the output itself.
        """
        return output.exp() if self.log_density else output.sigmoid() if self.logits else output

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """One entry of the authors' state dict as one of ours; by default the names are the same.

        Args:
            key: as the authors have it, without ``module.``.
            value: which may need another shape.

        Returns:
            Our key and value. None for an entry that this network does without because it has no effect on the
            output. A key that the authors' file does not have may come back as it is: the loader refuses it.
        """
        return key, value

    def observe(self, density: Tensor) -> None:
        """Learn from the ground-truth maps ``(B, h, w)`` of some training frames; only where ``observes``."""
        raise TypeError(f"{type(self).__name__} learns by gradients and observes nothing")

    def load_visual(self, state: Mapping[str, Tensor]) -> None:
        """Load the state dict of the trained ``v`` network; the parts that hear (``audio_only``) stay as they are.

        Raises:
            ValueError: if any other key is missing, or one is not known; both are listed.
        """
        own = {key for key in self.state_dict() if not key.startswith(self.audio_only)}
        state = {key: value for key, value in state.items() if not key.startswith(self.visual_only)}
        missing, unexpected = sorted(own - state.keys()), sorted(state.keys() - own)
        if missing or unexpected:
            raise ValueError(
                f"expected the state dict of the visual {type(self).__name__}; "
                f"missing: {', '.join(missing) or 'none'}; unexpected: {', '.join(unexpected) or 'none'}"
            )
        self.load_state_dict(state, strict=False)


def predict_windows(net: Network, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
    """What ``net.predict`` gives; of a network that shares and has a hook (:func:`hooked`), what ``forward`` gives.

    Whole clips are predicted each by itself, also where a network goes by frames.
    """
    if net.spec.walk == "frames" and clips.index.shape[1] > 1:
        output: Tensor = net(clips.frames, audio)
        return output
    if net.shares and net.spec.walk == "windows" and hooked(net):
        return Network.predict(net, clips, audio, memory)
    return net.predict(clips, audio, memory)


def hooked(net: nn.Module) -> bool:
    """Whether a part has a hook before or after its ``forward``, which may change what it gives."""
    return any(part._forward_hooks or part._forward_pre_hooks for part in net.modules())
