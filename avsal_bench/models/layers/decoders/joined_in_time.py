"""The decoder of ViNet and ViNet-S (samyak0210/ViNet, ViNet-Saliency/vinet_v2), whose skips are joined in time."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from avsal_bench.models.layers.clip import last_time_kernels
from avsal_bench.models.layers.winograd import WeightSums, few_products, fold

#: Groups of the first five convolutions of ViNet, and of ViNet-S.
PLAIN, GROUPED = (1, 1, 1, 1, 1), (32, 16, 8, 4, 2)


class DecoderInTime(nn.Module):
    """Convolutions without batch norm, each with a ReLU and then twice the height and width; skips join in time.

    Args:
        channels: of S3D's stages, finest first.
        last: channels of the last steps, (64, 32) as published.
        frames: T.
        groups: of the first five convolutions, at the published width; of fewer channels as many as divide them.
        align_corners: whether the corners of a feature and of the enlarged one are at one place, or those of their
            corner pixels.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        last: tuple[int, int],
        frames: int,
        groups: tuple[int, int, int, int, int] = PLAIN,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        c3, c2, c1, c0 = channels
        c64, c32 = last
        first, second = last_time_kernels(frames)
        # Of T/8 steps and a skip of T/4 or T/2, strides of 3 and 5 leave T/8.
        sizes = ((c0, c1, 1), (c1, c2, 3), (c2, c3, 5), (c3, c64, 5), (c64, c32, first))
        root, *middle, end = (_step(*size, some, align_corners) for size, some in zip(sizes, groups, strict=True))
        self.convtsp1 = nn.Sequential(*root)
        self.convtsp2 = nn.Sequential(*middle[0])
        self.convtsp3 = nn.Sequential(*middle[1])
        self.convtsp4 = nn.Sequential(
            *middle[2],
            *end,
            nn.Conv3d(c32, c32, (second, 1, 1), (second, 1, 1), bias=False),
            nn.ReLU(inplace=True),
            nn.Conv3d(c32, 1, 1),
        )

    def forward(self, y0: Tensor, y1: Tensor, y2: Tensor, y3: Tensor, sums: WeightSums | None = None) -> Tensor:
        """Decode the stages, coarse to fine, ``(B, C, T/8, H/32, W/32)`` first, to logits ``(B, H, W)``.

        With ``sums`` of its weights the plain steps of many channels take fewer products, to rounding; the last would
        not gain.
        """
        x = _run(self.convtsp1, y0, sums)
        x = _run(self.convtsp2, torch.cat([x, y1], dim=2), sums)
        x = _run(self.convtsp3, torch.cat([x, y2], dim=2), sums)
        logits: Tensor = self.convtsp4(torch.cat([x, y3], dim=2))
        return logits[:, 0, 0]


def _run(step: nn.Sequential, x: Tensor, sums: WeightSums | None) -> Tensor:
    """A step of the decoder, with fewer products where there are ``sums`` of its weights."""
    conv, *others = step
    conv = cast(nn.Conv3d, conv)
    if sums is None or conv.groups > 1 or not few_products(x):
        plain: Tensor = step(x)
        return plain
    x = fold(conv, x, sums)
    for layer in others:
        x = layer(x)
    return x


def _step(inputs: int, outputs: int, time: int, groups: int, align_corners: bool) -> tuple[nn.Module, ...]:
    """Convolution (time, 3, 3) that folds every ``time`` steps, ReLU, upsampling in space."""
    groups = math.gcd(groups, inputs, outputs)
    conv = nn.Conv3d(inputs, outputs, (time, 3, 3), (time, 1, 1), (0, 1, 1), bias=False, groups=groups)
    up = nn.Upsample(scale_factor=(1, 2, 2), mode="trilinear", align_corners=align_corners)
    return conv, nn.ReLU(inplace=True), up
