"""Resampling of clips in space, where time stays as it is, and their largest values near by."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.layers.tracing.plain_operators import plain_layout

#: A value in time, height and width.
Sides = tuple[int, ...]


def upsample(x: Tensor, factor: int = 2, mode: Literal["bilinear", "nearest"] = "bilinear") -> Tensor:
    """Enlarge ``(B, C, T, h, w)`` to ``(B, C, T, factor h, factor w)``; corners are not aligned."""
    # Channels and time as one axis: the 2D kernels give the same values as the 3D ones, faster.
    corners = False if mode == "bilinear" else None
    y = F.interpolate(plain_layout(x).flatten(1, 2), scale_factor=factor, mode=mode, align_corners=corners)
    return y.reshape(*x.shape[:3], *y.shape[-2:])


def halve(x: Tensor) -> Tensor:
    """Average 2x2 pixels: ``(B, C, T, h, w)`` to ``(B, C, T, h/2, w/2)``."""
    y = F.avg_pool2d(plain_layout(x).flatten(1, 2), 2)
    return y.reshape(*x.shape[:3], *y.shape[-2:])


def largest(x: Tensor, kernel: Sides, stride: Sides, padding: Sides) -> Tensor:
    """``F.max_pool3d`` of ``(B, C, T, H, W)``, bit for bit; faster on a CPU without gradients, at stride 1.

    The largest of 3 x 3 x 3 values is found side by side, in 6 comparisons and not in 26.
    """
    plain = torch.is_grad_enabled() or torch.compiler.is_compiling() or x.device.type != "cpu"
    sides = [axis for axis, size in enumerate(kernel, start=2) if size == 3]
    same = set(stride) == {1} and all(k == 2 * p + 1 for k, p in zip(kernel, padding, strict=True))
    if plain or not same or not sides or not set(kernel) <= {1, 3}:
        return F.max_pool3d(x, kernel, stride, padding)
    for axis in sides:
        size = x.shape[axis] - 1
        made = x.clone()
        for to, of in ((1, 0), (0, 1)):
            part = made.narrow(axis, to, size)
            torch.maximum(part, x.narrow(axis, of, size), out=part)
        x = made
    return x


class QuickMaxPool3d(nn.MaxPool3d):
    """A ``MaxPool3d`` by :func:`largest`."""

    def forward(self, input: Tensor) -> Tensor:
        """Map ``(B, C, T, H, W)`` to the largest values of each place."""
        return largest(input, *(_three(size) for size in (self.kernel_size, self.stride, self.padding)))


def _three(size: int | Sides) -> Sides:
    return (size,) * 3 if isinstance(size, int) else size
