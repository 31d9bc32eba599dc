"""The classifiers that STANet's pseudo maps come from (stanet2021): SCAM, in its forms S, SA and ST.

A classifier learns the category of a video, and nothing of where people look. It makes a map of ``C`` channels, one a
category, and another one behind an attention (of space, of sound, of time); the average of each over its positions is a
head of ``C`` logits. The mean of both maps at the channel of the true category is the class activation map, CAM.

- ``s``, one frame: layer3 of a ResNeXt-101, a convolution 1x1 to C, attention of every position to every other.
- ``sa``, a frame and its sound: layer4, three convolutions 3x3 and one 1x1 to C, a mask from the sound.
- ``st``, three frames: the same convolutions, a mask from the neighbours in time.

The masks are those of :mod:`avsal_bench.models.stanet`, with C for their width. Decisions, where the authors' code,
which does not run as it is, leaves more than one way:

1. All three take STANet's own clip, of three frames and half a second of sound; ``s`` and ``sa`` look at its middle
   frame, and ``st`` classifies that one.
2. Behind the attention: a convolution 1x1 of x and of ReLU(x + m x) side by side, then a gated unit from that, with x
   as its state. It is known of ``s``; ``sa`` and ``st`` do the same.
3. A ReLU follows each of the convolutions 3x3. The mask of the sound sees layer4 itself, as in STANet.
4. New layers start as torch's.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.audio.spectra import StandardisedPSD
from avsal_bench.models.backbones.resnext import ResNeXt101
from avsal_bench.models.backbones.vggsound import VGGSound
from avsal_bench.models.layers.recurrent.conv_gru import ConvGRU
from avsal_bench.models.stanet import SoundMask, SpaceMask, TimeMask
from avsal_bench.names import unknown
from avsal_bench.spec import ClipSpec

#: What a classifier looks at: a frame; a frame and its sound; three frames.
Kind = Literal["s", "sa", "st"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ClassMaps(NamedTuple):
    """The maps of a batch, ``(B, C, h, w)`` each; their averages over h and w are the logits of the two heads."""

    before: Tensor
    after: Tensor


class SCAM(nn.Module):
    """One classifier.

    Args:
        kind: see :data:`Kind`.
        classes: C, at least 2.
        size: (height, width) of the frames, at least 64 pixels each.
        backbone_width: multiplier of the channels of the trunk of the picture.
        audio_width: multiplier of the channels of the trunk of the sound.
        blocks: of the four stages of the trunk of the picture.

    Raises:
        ValueError: for an unknown kind, fewer than two classes or a smaller size.
    """

    def __init__(
        self,
        kind: Kind,
        classes: int,
        size: tuple[int, int] = (356, 356),
        backbone_width: float = 1.0,
        audio_width: float = 1.0,
        blocks: tuple[int, int, int, int] = (3, 4, 23, 3),
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(unknown("classifier", kind, KINDS))
        if classes < 2:
            raise ValueError(f"a classifier tells two categories or more apart; got {classes}")
        if min(size) < 64:
            raise ValueError(f"the classifiers take a height and a width of 64 pixels or more; got {tuple(size)}")
        self.kind = kind
        audio = StandardisedPSD() if kind == "sa" else None
        self.spec = ClipSpec(3, (size[0], size[1]), _IMAGENET_MEAN, _IMAGENET_STD, target="middle", audio=audio)
        self.trunk_picture = ResNeXt101(backbone_width, blocks)
        _, middle, deep = self.trunk_picture.channels
        if kind == "s":
            # Published weights are loaded whole, so the last stage, which nothing looks at, stays and rests.
            self.trunk_picture.get_submodule("layer4").requires_grad_(False)
            self.classify = nn.Sequential(nn.Conv2d(middle, classes, 1))
            self.space_mask = SpaceMask(classes)
        else:
            convs = [layer for _ in range(3) for layer in (nn.Conv2d(deep, deep, 3, padding=1), nn.ReLU())]
            self.classify = nn.Sequential(*convs, nn.Conv2d(deep, classes, 1))
        if kind == "sa":
            self.trunk_sound = VGGSound(audio_width)
            self.sound_mask = SoundMask(deep, self.trunk_sound.channels, classes)
        if kind == "st":
            self.time_mask = TimeMask(classes)
        self.merge = nn.Conv2d(2 * classes, classes, 1)
        self.gru = ConvGRU(classes, classes)

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> ClassMaps:
        """Map ``(B, 3, 3, H, W)`` frames, normalised by the spec, and the ``(B, 1, 257, 48)`` sound of ``sa``.

        Raises:
            ValueError: for ``sa`` without sound.
        """
        if self.kind == "st":
            x, mask = self._among_neighbours(frames)
        else:
            _, shallow, deep = self.trunk_picture(frames[:, :, 1])
            x = self.classify(shallow if self.kind == "s" else deep)
            mask = self.space_mask(x) if self.kind == "s" else self._heard(deep, audio)
        attended = F.relu(x + mask * x)
        return ClassMaps(x, self.gru(self.merge(torch.cat([x, attended], 1)), x))

    def _among_neighbours(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """x ``(B, C, h, w)`` of the middle frame, and its mask."""
        deep = self.trunk_picture(frames.transpose(1, 2).flatten(0, 1))[-1]
        stack = torch.unflatten(self.classify(deep), 0, (len(frames), 3)).transpose(1, 2)
        return stack[:, :, 1], self.time_mask(stack)

    def _heard(self, deep: Tensor, audio: Tensor | None) -> Tensor:
        if audio is None:
            raise ValueError("the classifier 'sa' hears: give it the sound of each item")
        mask: Tensor = self.sound_mask(self.trunk_sound(audio), *self.sound_mask.look(deep))
        return mask


def tag_loss(maps: ClassMaps, tags: Tensor) -> Tensor:
    """The sum of the multilabel soft margin losses of both heads, for the category ``(B,)`` int of each item."""
    truth = F.one_hot(tags, maps.before.shape[1]).float()
    first, second = (F.multilabel_soft_margin_loss(x.mean((2, 3)).float(), truth) for x in maps)
    return first + second
