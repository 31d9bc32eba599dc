"""ViNet-E (vinetv2_2025, arXiv 2502.00397): the mean of the maps of ViNet-A and ViNet-S.

As ``ViNet_E_inferences_metrics.py`` of ViNet-Saliency/vinet_v2 has it: for each frame ViNet-A sees the window around
it and ViNet-S the one that ends with it, each at its own size and with its own normalisation; the map of ViNet-S is
brought to the size of the other by bicubic interpolation, and the mean of the two is the map.

A network has one clip here, so this one's is all that both see: the 64 frames from 32 before the target to 31 after it,
each of them at both sizes (``pictures`` of the spec). ViNet-A takes every second of them, ViNet-S the 32 that end with
the target; at the ends of a video the end frame repeats, as it does for each of them. So the maps of the two are those
that they make alone.

Decisions:

- What the bicubic interpolation leaves below 0 stays in the output, as in the authors' code; the map (``to_map``) is 0
  there.
- The two are not trained together. The recipe trains each as its own recipe does, and puts them together in a stage of
  0 epochs; published weights start the parts ``vinet_a`` and ``vinet_s``. Nothing forbids to train on.

Not ported are these faults of the script: on MVVA it gives ViNet-A 32 frames in a row, which it was not trained on, and
the videos of the two loaders need only have the same order by luck.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.models.base import Network
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.registry import register_model
from avsal_bench.models.visual.vinet_a import EVEN, FRAMES, ODD, STEP, ViNetA
from avsal_bench.models.visual.vinet_s import ViNetS
from avsal_bench.spec import ClipSpec


@register_model(
    "vinet_e",
    title="ViNet-E",
    paper="vinetv2_2025",
    modalities=("v",),
    code="ViNet-Saliency/vinet_v2",
    code_licence="CC BY-NC-SA 4.0",
    tiny={"size": (48, 80), "size_s": (32, 64), "width": 0.125, "bn_momentum": 0.1},
    marks={"around": {"target_in_clip": False}, "aligned": {"align_corners": True}},
    parity=("v",),
)
class ViNetE(Network):
    """Both networks; the output is the mean of their maps.

    Args:
        modality: ``v``; there is no other.
        target_in_clip: of ViNet-A.
        align_corners: of ViNet-S; False in the authors' script.
        root_grouping: of ViNet-S.
        size: (height, width) that ViNet-A sees frames at, multiples of 8, and of the output.
        size_s: the one that ViNet-S sees them at, multiples of 32.
        width: multiplier of every channel count.
        bn_momentum: of ViNet-S.

    Raises:
        ValueError: for an option outside its range.
    """

    shares = True

    def __init__(
        self,
        modality: Literal["v"] = "v",
        target_in_clip: bool = True,
        align_corners: bool = False,
        root_grouping: bool = True,
        size: tuple[int, int] = (256, 456),
        size_s: tuple[int, int] = (224, 384),
        width: float = 1.0,
        bn_momentum: float = 0.001,
    ) -> None:
        super().__init__()
        self.vinet_a = ViNetA(modality, target_in_clip, size=size, width=width)
        self.vinet_s = ViNetS(modality, align_corners, root_grouping, size=size_s, width=width, bn_momentum=bn_momentum)
        pictures = self.vinet_a.spec.size, self.vinet_s.spec.size
        whole = sum(height for height, _ in pictures), max(width for _, width in pictures)
        # As they are, in [0, 1]: each of the two has a normalisation of its own.
        nothing = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        self.spec = ClipSpec(FRAMES * STEP, whole, *nothing, target="middle", pictures=pictures)
        first = EVEN - self.vinet_a.spec.form.before
        assert first in (0, EVEN - ODD), "the first frame of the window, or the second"
        #: What each of the two sees: frames of the clip, rows and columns.
        self.seen = (
            (slice(first, None, STEP), *_place(self.spec, 0)),
            (slice(EVEN + 1 - self.vinet_s.spec.frames, EVEN + 1), *_place(self.spec, 1)),
        )

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, 64, H, W)`` frames, with the two pictures of each, to the mean map, of the size of ViNet-A's.

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        self.check_input(frames, audio)
        maps = []
        for net, (steps, rows, columns) in zip((self.vinet_a, self.vinet_s), self.seen, strict=True):
            less, by = (torch.tensor(values).to(frames).view(3, 1, 1, 1) for values in (net.spec.mean, net.spec.std))
            maps.append(net((frames[:, :, steps, rows, columns] - less) / by))
        return joined(*maps)

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
        """See :meth:`Network.predict`: as each of the two predicts alone."""
        self.check_clips(clips, audio)
        networks = self.vinet_a, self.vinet_s
        maps = [
            net.predict(clips.cut(*seen, net.spec.mean, net.spec.std), audio, memory)
            for net, seen in zip(networks, self.seen, strict=True)
        ]
        return joined(*maps)

    def to_map(self, output: Tensor) -> Tensor:
        """The map of an output ``(B, h, w)``, which the interpolation may bring a little below 0."""
        return output.clamp_min(0)


def joined(a: Tensor, s: Tensor) -> Tensor:
    """The mean of a map ``(B, H, W)`` and another one ``(B, h, w)``, which is brought to its size; not clipped."""
    return (a + enlarged(s, (a.shape[1], a.shape[2]))) / 2


def enlarged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps ``(B, h, w)`` at another size, bicubic without aligned corners."""
    return F.interpolate(maps[:, None], size, mode="bicubic", align_corners=False)[:, 0]


def _place(spec: ClipSpec, number: int) -> tuple[slice, slice]:
    """Rows and columns of a picture of the spec, by its number."""
    above = sum(height for height, _ in spec.pictures[:number])
    height, width = spec.pictures[number]
    left = (spec.size[1] - width) // 2
    return slice(above, above + height), slice(left, left + width)
