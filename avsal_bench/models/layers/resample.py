"""Resampling of clips in space; time stays as it is."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F


def upsample(x: Tensor, factor: int = 2, mode: Literal["bilinear", "nearest"] = "bilinear") -> Tensor:
    """Enlarge ``(B, C, T, h, w)`` to ``(B, C, T, factor h, factor w)``; corners are not aligned."""
    # Channels and time as one axis: the 2D kernels give the same values as the 3D ones, faster.
    corners = False if mode == "bilinear" else None
    y = F.interpolate(x.flatten(1, 2), scale_factor=factor, mode=mode, align_corners=corners)
    return y.reshape(*x.shape[:3], *y.shape[-2:])


def halve(x: Tensor) -> Tensor:
    """Average 2x2 pixels: ``(B, C, T, h, w)`` to ``(B, C, T, h/2, w/2)``."""
    y = F.avg_pool2d(x.flatten(1, 2), 2)
    return y.reshape(*x.shape[:3], *y.shape[-2:])
