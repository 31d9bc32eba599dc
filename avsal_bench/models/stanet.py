"""STANet (stanet2021, CVPR 2021; STANet+, arXiv 2112.13697): masks of space, time and sound on a ResNeXt-101.

A reading of guotaowang/STANet, whose scripts do not run as they are. Three frames go through the trunk. Of each, ``x``
(32 channels of what leaves layer4) goes three ways: weighed by a mask from attention over its positions (s), by one
from its neighbours in time (t), and by one from the sound (a). The three are merged into ``x`` by a gated unit, and a
small decoder takes in the finer features. The network learns a map for each of its frames at two scales; the one of
the middle frame at the finer scale is what it predicts.

Decisions, where the paper and the code leave more than one way, or contradict each other:

1. The sound is half a second around the middle frame, as VGGSound's network takes it
   (:class:`~avsal_bench.audio.spectra.StandardisedPSD`); the authors' script for it is missing. They make one for each
   of the three frames; here all three hear the middle one's, which is what the network predicts from.
2. The three frames are stacked in time as they are. The authors' ``view`` of a stack in another order mixes channels
   with time.
3. The middle frame is predicted. The authors' script for tests writes the map of the frame before it.
4. The switch s of the sound is applied to the mask of the sound. The published class takes the switch and ignores it.
   ``sound_switch="predicted"`` is a network of its own (:class:`SoundSwitch`), whose weights are not to be had; it
   looks at the middle frame, and opens where the logit of "yes" is above 0, as theirs, whatever that of "no" is.
5. The divergence of the loss is that of each map. Theirs is over all pixels of a batch, which is one clip.
6. Frames go through the trunk together, so in training its batch norms see three frames at a time, theirs one.
7. ``v`` is the network with its switch always off: the third way is ReLU(x). There is no published one.
8. Frames are predicted up to the ends of a video, whose end frame is repeated; theirs leave out the first and the last.
9. Maps are not smoothed, as theirs are not; the line that would is commented out.
10. An attention layer of the published classifier, and others that are never called, are left out.

Weak supervision is a matter of training: densities or pseudo maps, see ``docs/stanet.md``. The classifiers that pseudo
maps come from are in :mod:`avsal_bench.models.scam`.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn import functional as F

from avsal_bench.audio.spectra import StandardisedPSD
from avsal_bench.models.backbones.resnext import ResNeXt101
from avsal_bench.models.backbones.sound_switch import SoundSwitch
from avsal_bench.models.backbones.vggsound import VGGSound
from avsal_bench.models.base import Network, Outputs
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.layers.audio_free import check_rows, in_rows
from avsal_bench.models.layers.frame_memory import features_once
from avsal_bench.models.layers.recurrent.conv_gru import ConvGRU
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec

#: Where the sound counts: everywhere, where a switch network says so, or where a label does.
Switch = Literal["none", "predicted", "labels"]

#: Mean and deviation of RGB in [0, 1] of ImageNet.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

#: T; the frame that is predicted; and for each frame what is before and after it in the stack of its temporal mask.
_FRAMES, _TARGET = 3, 1
_NEIGHBOURS = ((1, 2), (2, 0), (0, 1))


@register_model(
    "stanet",
    title="STANet",
    paper="stanet2021",
    modalities=("v", "av"),
    code="guotaowang/STANet",
    code_licence="not stated",
    tiny={"size": (64, 96), "width": 8, "backbone_width": 0.125, "audio_width": 0.125, "blocks": (1, 1, 1, 1)},
    variants={"switch": {"sound_switch": "predicted"}},
)
class STANet(Network):
    """The whole network; the map is the sigmoid of its logits.

    Args:
        modality: ``av``, or ``v`` (decision 7).
        size: (height, width) of the frames, at least 64 pixels each.
        width: channels of ``x``, of all that follows, and of both finer features.
        branches: any of ``s``, ``t`` and ``a``, each a letter, in this order.
        sound_switch: ``none``, ``predicted`` (decision 4) or ``labels``; see :data:`Switch`.
        learns: ``map``, where a switch network stays as it is; or ``switch``, where nothing but it learns.
        backbone_width: multiplier of the channels of the trunk of the picture.
        audio_width: multiplier of the channels of the trunk of the sound.
        blocks: of the four stages of the trunk of the picture.

    Raises:
        ValueError: for an option outside its range.
    """

    logits = True
    audio_free = True
    audio_only = ("trunk_sound.", "sound_mask.", "switch.")

    def __init__(
        self,
        modality: Literal["v", "av"] = "av",
        size: tuple[int, int] = (356, 356),
        width: int = 32,
        branches: str = "sta",
        sound_switch: Switch = "none",
        learns: Literal["map", "switch"] = "map",
        backbone_width: float = 1.0,
        audio_width: float = 1.0,
        blocks: tuple[int, int, int, int] = (3, 4, 23, 3),
    ) -> None:
        super().__init__()
        _check(modality, size, branches, sound_switch, learns)
        self.branches = branches
        self.sound_switch = sound_switch
        self.learns = learns
        hears = modality == "av"
        audio = StandardisedPSD() if hears else None
        self.spec = ClipSpec(_FRAMES, (size[0], size[1]), _MEAN, _STD, target="middle", audio=audio)

        self.trunk_picture = ResNeXt101(backbone_width, blocks)
        self.squeeze = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in self.trunk_picture.channels)
        if "s" in branches:
            self.space_mask = SpaceMask(width)
        if "t" in branches:
            self.time_mask = TimeMask(width)
        if hears:
            self.trunk_sound = VGGSound(audio_width)
            self.sound_mask = SoundMask(self.trunk_picture.channels[-1], self.trunk_sound.channels, width)
        self.merge = nn.Conv2d(len(branches) * width, width, 3, padding=1)
        self.gru = ConvGRU(width, width)
        self.refine = nn.ModuleList(nn.Conv2d(2 * width, width, 3, padding=1) for _ in range(2))
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, 1) for _ in range(2))
        if hears and sound_switch == "predicted":
            self.switch = SoundSwitch(backbone_width, audio_width, blocks)
            whole = tuple(name for name, _ in self.named_children() if name != "switch")
            self.frozen = whole if learns == "switch" else ("switch",)
        self._initialise()
        self.freeze()

    def forward(self, frames: Tensor, audio: Tensor | None = None, use_audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, 3, H, W)`` frames and their ``(B, 1, 257, 48)`` sound to the logits ``(B, H, W)``.

        Args:
            frames: in their order in time.
            audio: of the middle frame; see :class:`~avsal_bench.audio.spectra.StandardisedPSD`.
            use_audio: the switch s of each item, ``(B,)`` bool; it counts more than that of a switch network.

        Raises:
            ValueError: if the clip is not the one of the spec, an ``av`` network gets no sound, or one with
                ``sound_switch="labels"`` no ``use_audio``.
        """
        self.check_input(frames, audio)
        features = self._look_at_clips(frames)
        return self._maps(features, _TARGET, *self._hear(frames[:, :, _TARGET], audio, use_audio))[0]

    @property
    def switched_by_labels(self) -> bool:
        """Whether a test needs the label of every target frame."""
        return self.sound_switch == "labels" and self.spec.audio is not None

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory, use_audio: Tensor | None = None) -> Tensor:
        """See :meth:`Network.predict`: what is seen in a frame serves three windows; labels are those of the places."""
        self.check_clips(clips, audio)
        kept = memory.seen.setdefault("stanet", {})
        features = clips.once("stanet", lambda: features_once(self._look, clips, kept))
        labels = [place.label for place in clips.places]
        if use_audio is None and self.switched_by_labels and None not in labels:
            use_audio = torch.tensor(labels, dtype=torch.bool, device=clips.device)
        targets = clips.single([(place.video, place.frames[_TARGET]) for place in clips.places])
        return self._maps(features, _TARGET, *self._hear(targets, audio, use_audio))[0]

    def outputs(self, frames: Tensor, audio: Tensor | None = None, use_audio: Tensor | None = None) -> Outputs:
        """As ``forward``; the side output is the middle frame's coarser map, logits ``(B, H, W)``.

        A network that ``learns`` its switch gives the loss of that, ``switch``.
        """
        if self.learns == "switch":
            return self._switch_outputs(frames, audio)
        maps = self.every_frame(frames, audio, use_audio)
        fine, coarse = (scale[:, _TARGET] for scale in maps)
        return Outputs(fine, (coarse,))

    def every_frame(
        self, frames: Tensor, audio: Tensor | None = None, use_audio: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The logits of all three frames, ``(B, 3, H, W)`` at the finer and the coarser scale; see ``forward``."""
        self.check_input(frames, audio)
        features = self._look_at_clips(frames)
        heard = self._hear(frames[:, :, _TARGET], audio, use_audio)
        maps = [self._maps(features, frame, *heard) for frame in range(_FRAMES)]
        fine, coarse = (torch.stack(scale, 1) for scale in zip(*maps, strict=True))
        return fine, coarse

    def _switch_outputs(self, frames: Tensor, audio: Tensor | None) -> Outputs:
        """The loss of the switch, from pairs in the batch, beside an output that says nothing."""
        self.check_input(frames, audio)
        assert audio is not None, "check_input has looked"
        loss = self.switch.pair_loss(frames[:, :, _TARGET], audio)
        return Outputs(frames.new_zeros(len(frames), *self.spec.size), (), {"switch": loss})

    def _look(self, frames: Tensor) -> tuple[Tensor, ...]:
        """What is seen in frames ``(N, 3, H, W)``: x and two finer features; and what the mask of the sound needs."""
        features = self.trunk_picture(frames)
        finest, finer, x = (conv(feature) for conv, feature in zip(self.squeeze, features, strict=True))
        return x, finer, finest, *(self.sound_mask.look(features[-1]) if self.spec.audio is not None else ())

    def _look_at_clips(self, frames: Tensor) -> tuple[Tensor, ...]:
        """The same of clips ``(B, 3, 3, H, W)``, as ``(B, 3, ...)``."""
        features = self._look(frames.transpose(1, 2).flatten(0, 1))
        return tuple(torch.unflatten(feature, 0, (frames.shape[0], _FRAMES)) for feature in features)

    def _hear(self, frames: Tensor, audio: Tensor | None, use_audio: Tensor | None) -> tuple[Tensor | None, Tensor]:
        """The vector of each sound ``(B, channels)``, zeros where it is not heard; and s ``(B,)`` bool."""
        always = torch.ones(frames.shape[0], dtype=torch.bool, device=frames.device)
        if self.spec.audio is None or audio is None:
            return None, ~always
        if use_audio is None and self.sound_switch == "labels":
            raise ValueError(
                "stanet with sound_switch='labels' needs use_audio, one bool for each item; for data without labels "
                "take sound_switch='none' or 'predicted'"
            )
        if use_audio is None and self.sound_switch == "predicted":
            with torch.no_grad():
                decided = self.switch.decide(frames, audio)
            # Where shapes alone are computed, to count, nothing is decided, and the whole is counted.
            use_audio = None if isinstance(decided, FakeTensor) else decided
        rows = check_rows(use_audio, frames.shape[0])
        unheard = frames.new_zeros(frames.shape[0], self.trunk_sound.channels)
        vectors = in_rows(lambda _, sound: self.trunk_sound(sound), unheard, audio, rows)
        return vectors, always if rows is None else rows

    def _maps(
        self, features: tuple[Tensor, ...], frame: int, sound: Tensor | None, hears: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The logits ``(B, H, W)`` of a frame of the clip, at the finer and the coarser scale."""
        x, finer, finest, *looked = (feature[:, frame] for feature in features)
        ways = []
        if "s" in self.branches:
            ways.append(x + self.space_mask(x) * x)
        if "t" in self.branches:
            before, after = (features[0][:, other] for other in _NEIGHBOURS[frame])
            ways.append(x + self.time_mask(torch.stack([before, x, after], 2)) * x)
        if "a" in self.branches:
            mask = torch.zeros_like(x[:, :1]) if sound is None else self.sound_mask(sound, *looked)
            ways.append(x + hears[:, None, None, None] * mask * x)
        merged = self.gru(self.merge(F.relu(torch.cat(ways, 1))), x)

        refine_finer, refine_finest = self.refine
        to_fine, to_coarse = self.heads
        coarse = F.relu(refine_finer(torch.cat([_enlarge(merged, finer.shape[2:]), finer], 1)) + finer)
        coarse = _enlarge(coarse, finest.shape[2:])
        fine = F.relu(refine_finest(torch.cat([coarse, finest], 1)) + coarse)
        size = torch.Size(self.spec.size)
        return _enlarge(to_fine(fine), size)[:, 0], _enlarge(to_coarse(coarse), size)[:, 0]

    def _initialise(self) -> None:
        """The authors' values: new convolutions in two dimensions from N(0, 0.01^2); all else is torch's."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and not name.startswith(("trunk_", "switch.")):
                nn.init.normal_(module.weight, 0, 0.01)


class SpaceMask(nn.Module):
    """Attention of every position to every other, as a mask.

    ``a(i, j) = softmax_i(f_i . g_j)``, ``y_j = sum_i a(i, j) h_i``, the mask is ``sigmoid(w . y)``.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.f, self.g = (nn.Conv2d(width, width // 2, 1) for _ in range(2))
        self.h = nn.Conv2d(width, width, 1)
        self.head = nn.Conv2d(width, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The mask ``(B, 1, h, w)`` in [0, 1] of ``(B, width, h, w)``."""
        f, g, h = (conv(x).flatten(2) for conv in (self.f, self.g, self.h))
        attended = h @ (f.transpose(1, 2) @ g).softmax(1)
        return torch.sigmoid(self.head(torch.unflatten(attended, 2, x.shape[2:])))


class TimeMask(nn.Module):
    """Three convolutions, the first over time and the others over space, with nothing between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.time = nn.Conv3d(width, width, (3, 1, 1))
        self.space = nn.ModuleList(nn.Conv3d(width, width, (1, 3, 3), padding=(0, 1, 1)) for _ in range(2))

    def forward(self, stack: Tensor) -> Tensor:
        """The mask ``(B, width, h, w)`` in [0, 1] of a frame between two others, ``(B, width, 3, h, w)``."""
        mask = self.time(stack)
        for conv in self.space:
            mask = conv(mask)
        return torch.sigmoid(mask[:, :, 0])


class SoundMask(nn.Module):
    """The sound mixes the channels of the picture, and a mask is made from them.

    ``M = softmax(a v^T)`` over its columns, with a from the sound and v from the mean of the picture; the mask is
    ``sigmoid`` of two convolutions 1x1 of ``M V``, where V holds the picture's channels at each position.

    Args:
        inputs: channels of the picture.
        sounds: length of the vector of the sound.
        width: channels between the two convolutions.
    """

    #: Length of a and of v, and channels of V.
    MIXED = 128

    def __init__(self, inputs: int, sounds: int, width: int) -> None:
        super().__init__()
        self.sound = nn.Linear(sounds, self.MIXED)
        self.picture = nn.Linear(inputs, self.MIXED)
        self.values = nn.Conv2d(inputs, self.MIXED, 1)
        self.head = nn.Sequential(nn.Conv2d(self.MIXED, width, 1), nn.ReLU(), nn.Conv2d(width, 1, 1))

    def look(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        """V ``(N, 128, h, w)`` and v ``(N, 128)`` of frames ``(N, inputs, h, w)``."""
        return self.values(feature), self.picture(feature.mean((2, 3)))

    def forward(self, sound: Tensor, values: Tensor, glance: Tensor) -> Tensor:
        """The mask ``(B, 1, h, w)`` in [0, 1] of ``(B, sounds)`` and of what :meth:`look` gives."""
        mixing = (self.sound(sound)[:, :, None] * glance[:, None, :]).softmax(2)
        mixed = torch.unflatten(mixing @ values.flatten(2), 2, values.shape[2:])
        return torch.sigmoid(self.head(mixed))


def _enlarge(x: Tensor, size: torch.Size) -> Tensor:
    """``(B, C, h, w)`` at another height and width."""
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


def _check(modality: str, size: tuple[int, int], branches: str, sound_switch: str, learns: str) -> None:
    """Nothing, for options that go together; ValueError for others."""
    if min(size) < 64:
        raise ValueError(f"stanet takes a height and a width of 64 pixels or more; got {tuple(size)}")
    if not branches or branches != "".join(letter for letter in "sta" if letter in branches):
        raise ValueError(f"branches of stanet: letters of 'sta' in this order, each once; got {branches!r}")
    if modality == "av" and "a" not in branches:
        raise ValueError(f"stanet without branch 'a' does not hear: take modality='v'; got branches={branches!r}")
    if sound_switch not in get_args(Switch):
        raise ValueError(f"sound_switch is one of {', '.join(get_args(Switch))}; got {sound_switch!r}")
    if learns not in ("map", "switch"):
        raise ValueError(f"stanet learns 'map' or 'switch'; got {learns!r}")
    if learns == "switch" and (modality, sound_switch) != ("av", "predicted"):
        raise ValueError("stanet can learn a switch with modality='av' and sound_switch='predicted' only")
