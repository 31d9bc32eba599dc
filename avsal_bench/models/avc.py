"""The AVC-aware scheme (scdl2022, section V): a classifier decides whether a network may use the sound.

A classifier looks at the pictures around the target frame, hears the sound around it, and decides whether the sound is
made by what people look at. If so, the network is used as it is; if not, it goes its own way around the sound
(``use_audio``), with the same visual weights. ``avc``:

- ``predicted``: switched by the classifier (Eq. 2; ``X*`` in the tables).
- ``labels``: switched by the true labels (Eq. 7), the ideal classifier. The test reads them from the data set.
- ``none``: never switched: the network as it is.

All three have the same weights, so one training serves the three; the classifier of ``labels`` and ``none`` is at rest.

The paper's own ``X#`` is another one: the original network, trained without a classifier, whose outputs the labels
switch (section VI.C). That is ``classifier="none"`` with ``avc="labels"``, and ``X``, the original, the same weights
with ``avc="none"``. Rows are named after it: ``avc-vinet-alone-ideal`` is the paper's X#, ``avc-vinet-ideal`` ours, the
weights of X* with a switch that is always right.

The scheme's code was never released (MengkeSong/SCDL has stock copies of three networks). What the paper leaves open is
decided here:

1. The decision is hard, at a probability of 0.5, in training too, as Eq. 2 is printed. So nothing of the saliency loss
   reaches the classifier.
2. Without its audio flow STAViS gives what its visual network's last convolution makes (``visual_head``), AViNet
   decodes the visual feature for the fused one, CASP-Net does without AVIM and CPC, AVRSP takes X0 for F_av.
3. AVID, which has no classifier, becomes one by two numbers (:mod:`avsal_bench.models.correspondence.avid`).
4. The classifier's sound is its own: one or two seconds around the target frame, moved inside the video at its ends, at
   the classifier's rate. Its pictures are the network's: the target frame for L3-Net and AVE-Net; for AVID eight
   frames, 25/16 apart, which is half a second of a video of 25 frames a second. They lie around a target in the middle
   of the clip. A clip that ends with its target has no later frame, so there they end with it: AVID behind ViNet and
   AVRSP sees the half second before the target frame, and not a quarter on either side.
5. Eq. 7's V, of X#, is the network's own way around its sound, with the weights of the whole. The original never went
   it in training, and STAViS's visual head is that of its visual stage. The paper does not say whether V is that, or a
   second network that was trained without sound.
6. Those frames have the network's size too: they are brought to 224 x 224 by bilinear interpolation, up from
   112 x 112 behind STAViS.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn import functional as F

from avsal_bench.audio.correspondence import TwoSounds
from avsal_bench.models.base import Network, Outputs, hooked, predict_windows
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.correspondence.avenet import AVENet
from avsal_bench.models.correspondence.avid import AVIDClassifier
from avsal_bench.models.correspondence.classifier import Classifier
from avsal_bench.models.correspondence.l3net import L3Net
from avsal_bench.models.registry import create_model, register_model
from avsal_bench.names import pick, unknown
from avsal_bench.spec import Target

Switch = Literal["none", "predicted", "labels"]

#: In the place of a classifier: the network alone.
ALONE = "none"
CLASSIFIERS: dict[str, type[Classifier]] = {"l3": L3Net, "avenet": AVENet, "avid": AVIDClassifier}

#: Options that a network needs for its way around the sound.
_WAYS: dict[str, dict[str, Any]] = {"stavis": {"visual_head": True}}
#: Parts of these networks that only the way around the sound has: without a switch in training nothing trains them.
_UNHEARD = {"stavis": ("fuse",)}
#: Networks of the tables here; any other that is ``audio_free`` serves as well.
HOSTS = ("avrsp", "caspnet", "stanet", "stavis", "vinet")

#: Frames from one picture of AVID to the next: 16 a second of 25.
_STEP = 25 / 16
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_TINY = {
    "network": "vinet",
    "avc": "none",
    "network_options": {"frames": 16, "size": (64, 96), "width": 0.125, "audio_width": 0.125, "bn_momentum": 0.1},
    "classifier_options": {"size": (64, 64), "width": 0.0625},
}


@register_model(
    "avc",
    title="AVC-aware scheme",
    paper="scdl2022",
    modalities=("v", "av"),
    tiny=_TINY,
    variants={host: {"network": host} for host in HOSTS},
    marks={
        "alone": {"classifier": "none"},
        "l3": {"classifier": "l3"},
        "avenet": {"classifier": "avenet"},
        "ideal": {"avc": "labels"},
        "none": {"avc": "none"},
    },
)
class AVC(Network):
    """A network and its switch.

    Args:
        modality: ``av``; or ``v``, the visual network that the ``av`` one starts from, without a switch.
        network: name of the network, which must be ``audio_free``.
        classifier: ``l3``, ``avenet`` or ``avid``; ``none`` for the network alone, which labels may switch.
        avc: who switches: ``predicted``, ``labels`` or ``none``.
        network_options: of the network.
        classifier_options: of the classifier, ``size`` and ``width``.

    Attributes:
        host: the network.
        classifier: None in a ``v`` network.

    Raises:
        ValueError: for an option outside its range, or a network without a way around the sound.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        modality: Literal["v", "av"] = "av",
        network: str = "vinet",
        classifier: str = "avid",
        avc: Switch = "predicted",
        network_options: Mapping[str, Any] | None = None,
        classifier_options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if avc not in get_args(Switch):
            raise ValueError(unknown("avc", avc, get_args(Switch)))
        kind = None if classifier == ALONE else pick("classifier", classifier, {**CLASSIFIERS, ALONE: Classifier})
        if kind is None and modality == "av" and avc == "predicted":
            raise ValueError("without a classifier nothing is predicted; say avc: labels, or avc: none")
        self.avc = avc
        self.host = create_model(network, **{**_WAYS.get(network, {}), **(network_options or {}), "modality": modality})
        if not self.host.audio_free:
            raise ValueError(f"{network} has no way around the sound (use_audio); take one of {', '.join(HOSTS)}")
        self._switches_windows = "use_audio" in inspect.signature(self.host.predict).parameters
        spec = self.host.spec
        self.logits = self.host.logits
        self.frozen = tuple(f"host.{part}" for part in self.host.frozen)
        self.audio_only = ("classifier.", *(f"host.{part}" for part in self.host.audio_only))
        self.visual_only = tuple(f"host.{part}" for part in self.host.visual_only)
        self.classifier: Classifier | None = None
        if kind is None and spec.audio is not None:
            self.frozen += tuple(f"host.{part}" for part in _UNHEARD.get(network, ()))
        if kind is not None and spec.audio is not None:
            self.classifier = kind(**(classifier_options or {}))
            self.sounds = TwoSounds(spec.audio, self.classifier.audio)
            spec = replace(spec, audio=self.sounds)
            self.pictures = pictures_of(spec.frames, spec.target, self.classifier.frames)
        self.spec = spec
        # From the network's normalisation to ImageNet's.
        ours, theirs = (torch.tensor([spec.mean, spec.std]), torch.tensor([_IMAGENET_MEAN, _IMAGENET_STD]))
        self.register_buffer("std", (ours[1] / theirs[1]).view(1, 3, 1, 1, 1), persistent=False)
        self.register_buffer("mean", ((ours[0] - theirs[0]) / theirs[1]).view(1, 3, 1, 1, 1), persistent=False)

    @property
    def switched_by_labels(self) -> bool:
        """See :attr:`Network.switched_by_labels`."""
        return self.avc == "labels" and self.spec.audio is not None

    def forward(self, frames: Tensor, audio: Tensor | None = None, use_audio: Tensor | None = None) -> Tensor:
        """The network's output ``(B, h, w)``, switched item by item.

        Args:
            frames: ``(B, 3, T, H, W)``.
            audio: both sounds, ``(B, n)``, as :class:`TwoSounds` gives them; without a classifier the network's own.
            use_audio: ``(B,)`` bool, decisions that are made already, in the place of ``avc``.

        Raises:
            ValueError: if the clip is not the one of the spec, the sound is missing, or the network is switched by
                labels and there are none.
        """
        self.check_input(frames, audio)
        if audio is None:
            output: Tensor = self.host(frames)
            return output
        if use_audio is None:
            use_audio = self._decide(lambda: self._look(frames[:, :, self.pictures]), audio)
        output = self.host(frames, self._heard(audio), use_audio=use_audio)
        return output

    def _heard(self, audio: Tensor) -> Tensor:
        """What the network hears of the sounds that come."""
        return audio if self.classifier is None else self.sounds.parts(audio)[0]

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
        """See :meth:`Network.predict`; with ``avc="labels"`` the labels of the places switch.

        The network predicts as it does alone, and the classifier sees once what is heard with several sounds.

        Raises:
            ValueError: as :meth:`forward`.
        """
        self.check_clips(clips, audio)
        if audio is None:
            return predict_windows(self.host, clips, None, memory)
        labels = [place.label for place in clips.places]
        if self.switched_by_labels and None not in labels:
            use_audio: Tensor | None = torch.tensor(labels, dtype=torch.bool, device=clips.device)
        else:
            use_audio = self._decide(lambda: clips.once("pictures", lambda: self._look_at(clips)), audio)
        sound = self._heard(audio)
        if use_audio is None:
            return predict_windows(self.host, clips, sound, memory)
        if self._switches_windows and not hooked(self.host):
            predicted: Tensor = cast(Any, self.host).predict(clips, sound, memory, use_audio)
            return predicted
        output: Tensor = self.host(clips.frames, sound, use_audio=use_audio)
        return output

    def _decide(self, seen: Callable[[], Tensor], audio: Tensor) -> Tensor | None:
        """Which items hear, ``(B,)`` bool, by what the classifier sees; None where nobody switches."""
        if self.avc == "labels":
            raise ValueError(
                "a network with avc='labels' is switched by the label of each target frame, and got none; test it on "
                "a set with labels (av_gt_label), or build it with avc='predicted'"
            )
        if self.avc == "none" or self.classifier is None:
            return None
        probability = self.classifier.judge(seen(), self.classifier.hear(self.sounds.parts(audio)[1])).sigmoid()
        # Where shapes alone are computed, to count, nothing is decided, and the whole is counted.
        return None if isinstance(probability, FakeTensor) else probability >= 0.5

    def outputs(self, frames: Tensor, audio: Tensor | None = None) -> Outputs:
        """As ``forward``, with the loss ``consistency`` of the classifier, weakly supervised by pairs within the batch.

        Each sound belongs to its own pictures, and not to those of the item after it, of whatever video that is; only
        :class:`~avsal_bench.training.two_task.TwoTaskModule` knows the videos.
        """
        if self.classifier is None or audio is None:
            return self.host.outputs(frames, audio)
        seen, heard = self.embed(frames, audio)
        logits = torch.cat([self.classifier.judge(seen, heard), self.classifier.judge(seen, heard.roll(1, 0))])
        truth = torch.arange(len(logits), device=logits.device) < len(seen)
        loss = F.binary_cross_entropy_with_logits(logits, truth.to(logits.dtype))
        return Outputs(self(frames, audio), auxiliary={"consistency": loss})

    def to_map(self, output: Tensor) -> Tensor:
        """That of the network."""
        return self.host.to_map(output)

    def embed(self, frames: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """What the classifier sees and hears, ``(B, C)`` each; its ``judge`` makes logits of any pairs of them."""
        assert self.classifier is not None, "a v network has none"
        return self._look(frames[:, :, self.pictures]), self.classifier.hear(self.sounds.parts(audio)[1])

    def _look(self, pictures: Tensor) -> Tensor:
        """What the classifier sees in pictures ``(B, 3, n, H, W)`` of the network, ``(B, C)``."""
        assert self.classifier is not None, "a v network has none"
        x = pictures * self.std + self.mean
        if tuple(x.shape[3:]) != self.classifier.size:
            flat = x.transpose(1, 2).flatten(0, 1)
            resized = F.interpolate(flat, self.classifier.size, mode="bilinear", antialias=True)
            x = torch.unflatten(resized, 0, (len(x), -1)).transpose(1, 2)
        return self.classifier.see(x)

    def _look_at(self, clips: Clips) -> Tensor:
        """The same of windows, of which no other frame is put together."""
        keys = [(place.video, place.frames[number]) for place in clips.places for number in self.pictures]
        return self._look(torch.unflatten(clips.single(keys), 0, (len(clips), -1)).transpose(1, 2))

    def consistency(self, frames: Tensor, audio: Tensor) -> Tensor:
        """Probability ``(B,)`` that the sound belongs to the picture."""
        assert self.classifier is not None, "a v network has none"
        return self.classifier.judge(*self.embed(frames, audio)).sigmoid()


def pictures_of(frames: int, target: Target, count: int) -> list[int]:
    """Which of the frames of a clip, from 0, a classifier sees: around a middle target, or up to the last frame.

    >>> pictures_of(16, "middle", 8), pictures_of(32, "last", 8)
    ([3, 4, 6, 7, 9, 10, 12, 13], [20, 22, 23, 25, 26, 28, 29, 31])
    >>> pictures_of(16, "middle", 1), pictures_of(32, "last", 1), pictures_of(8, "middle", 8)
    ([8], [31], [0, 0, 2, 3, 5, 6, 7, 7])
    """
    at, before = (frames - 1, count - 1) if target == "last" else (frames // 2, (count - 1) / 2)
    return [min(max(round(at + (k - before) * _STEP), 0), frames - 1) for k in range(count)]
