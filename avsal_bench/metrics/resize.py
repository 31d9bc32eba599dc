"""MATLAB's bicubic ``imresize`` and Gaussian blur, as the field's evaluation code applies them to saliency maps.

Both are linear along rows and along columns, so each is two small matrices: ``out = R @ map @ Cᵀ``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from avsal_bench.metrics.arithmetic.scaling import moved

#: Rows of a matrix of weights that are worked on at once.
_ROWS = 32


def imresize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps ``(B, h, w)`` resized to ``(B, H, W)`` as MATLAB's ``imresize`` does by default.

    Bicubic (Keys, a = -0.5) with pixel centres aligned; along an axis that shrinks, the kernel is widened by the
    factor (antialiasing); borders are mirrored with the edge pixel repeated. The result is not clipped: it may
    overshoot the range of the input. The same maps come back when the sizes agree. Only floating maps.

    Source: the documentation of ``imresize``, and Keys, "Cubic convolution interpolation for digital image
    processing", 1981.
    """
    height, width = maps.shape[-2:]
    if (height, width) == tuple(size):
        return maps
    rows, columns = cubic_weights(height, size[0]), cubic_weights(width, size[1])
    # MATLAB starts with the axis of the smaller scale, which is also the cheaper order.
    if size[0] * width <= size[1] * height:
        return _along_columns(_along_rows(maps, rows), columns)
    return _along_rows(_along_columns(maps, columns), rows)


def bilinear(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps ``(B, h, w)`` resized to ``(B, H, W)`` as OpenCV does it: of four pixels, with pixel centres aligned.

    No antialiasing along an axis that shrinks; the edge pixel is repeated. Along columns first and then along rows, as
    rounding in another order would tie other values. The same maps come back when the sizes agree.
    """
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    for axis, length in ((2, size[1]), (1, size[0])):
        n = maps.shape[axis]
        centres = (torch.arange(length, dtype=torch.float64, device=maps.device) + 0.5) * (n / length) - 0.5
        centres = centres.clamp(0, n - 1)
        first = centres.floor().long()
        second = (first + 1).clamp_max(n - 1)
        share = (centres - first).to(maps)
        share = share[:, None] if axis == 1 else share
        maps = maps.index_select(axis, first) * (1 - share) + maps.index_select(axis, second) * share
    return maps


def gaussian_blur(
    maps: Tensor, sigma: float, kernel: int, border: Literal["symmetric", "reflect"] = "symmetric"
) -> Tensor:
    """Maps ``(B, h, w)`` filtered with a normalised Gaussian of ``kernel`` x ``kernel`` pixels (odd), borders mirrored.

    With the edge pixel repeated (``symmetric``) as MATLAB's ``imfilter(map, fspecial('gaussian', kernel, sigma),
    'symmetric')``; or without (``reflect``) as OpenCV's ``GaussianBlur`` does. Only floating maps.
    """
    rows, columns = (gaussian_weights(n, sigma, kernel, border) for n in maps.shape[-2:])
    return _along_columns(_along_rows(maps, rows), columns)


def _along_rows(maps: Tensor, weights: Tensor) -> Tensor:
    """``weights @ maps`` for maps ``(B, h, w)`` and float64 weights ``(H, h)``."""
    if maps.device.type != "cpu":
        return _there(weights, maps.device, maps.dtype) @ maps
    return torch.cat([block.to(maps) @ maps[:, part] for part, block in _blocks(weights)], 1)


def _along_columns(maps: Tensor, weights: Tensor) -> Tensor:
    """``maps @ weights.T`` for maps ``(B, h, w)`` and float64 weights ``(W, w)``."""
    if maps.device.type != "cpu":
        return maps @ _there(weights, maps.device, maps.dtype).T
    return torch.cat([maps[..., part] @ block.to(maps).T for part, block in _blocks(weights)], 2)


# Tensors are cached by identity, and cubic_weights and gaussian_weights keep theirs.


@lru_cache(maxsize=64)
def _there(weights: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Weights on a GPU, where a product with all their zeros takes no time."""
    return moved(weights, device).to(dtype)


@lru_cache(maxsize=64)
def _blocks(weights: Tensor) -> list[tuple[slice, Tensor]]:
    """Rows of a matrix, a few at a time, and the columns in which they are not zero: most of it is zero."""
    found = []
    for rows in torch.split(weights, _ROWS):
        used = rows.any(0).nonzero()[:, 0]
        part = slice(int(used[0]), int(used[-1]) + 1)
        found.append((part, rows[:, part].contiguous()))
    return found


def gaussian_blur_of_few(
    saliency: Tensor,
    sigma: float,
    kernel: int,
    border: Literal["symmetric", "reflect"] = "symmetric",
    boxes: Sequence[tuple[slice, slice]] | None = None,
) -> None:
    """:func:`gaussian_blur` of one map ``(h, w)`` that is zero in most pixels, in place: the same but for last bits.

    A pass along each axis, of the boxes that hold the others: for large maps far less than a whole product.

    Args:
        saliency: float64, on the CPU.
        sigma: as in :func:`gaussian_blur`, and so ``kernel`` and ``border``.
        kernel: see there.
        border: see there.
        boxes: rows and columns outside of which the map is known to be zero, with ``2 * (kernel // 2 + 1)`` of them or
            more between any two boxes. None: they are looked for.
    """
    from scipy.ndimage import correlate1d  # here: it takes a fifth of an import of torch, and few need it

    whole, reach = saliency.numpy(), kernel // 2 + 1
    taps, mode = _gaussian(sigma, kernel).numpy(), "reflect" if border == "symmetric" else "mirror"
    for box in boxes_of(whole != 0, 2 * reach) if boxes is None else boxes:
        # Where the part ends before the map does it ends in zeros, and so does its mirror image.
        part = whole[tuple(slice(max(0, side.start - reach), side.stop + reach) for side in box)]
        correlate1d(correlate1d(part, taps, 0, mode=mode), taps, 1, output=part, mode=mode)


def boxes_of(marked: np.ndarray, gap: int) -> list[tuple[slice, slice]]:
    """Boxes that hold all marked pixels of a map, with ``gap`` rows or columns or more between any two, as slices."""
    boxes = [(slice(0, marked.shape[0]), slice(0, marked.shape[1]))]
    # What lies apart in rows may have parts that lie apart in columns, and so on; more rounds hardly ever find any.
    for axis in (0, 1, 0):
        found = []
        for box in boxes:
            lines = box[axis].start + np.flatnonzero(marked[box].any(1 - axis))
            for run in np.split(lines, 1 + np.flatnonzero(np.diff(lines) > gap)):
                if len(run):
                    side = slice(int(run[0]), int(run[-1]) + 1)
                    found.append((side, box[1]) if axis == 0 else (box[0], side))
        boxes = found
    return boxes


@lru_cache(maxsize=64)
def cubic_weights(n: int, size: int) -> Tensor:
    """``(size, n)`` float64 matrix that resizes one axis from ``n`` to ``size`` samples."""
    scale = size / n
    shrink = min(scale, 1.0)
    centres = (torch.arange(size, dtype=torch.float64) + 0.5) / scale - 0.5
    reach = 2.0 / shrink
    taps = torch.floor(centres - reach)[:, None] + torch.arange(math.ceil(2 * reach) + 2)
    weights = shrink * _keys(shrink * (centres[:, None] - taps))
    return _to_matrix(weights / weights.sum(1, keepdim=True), taps.long(), n)


@lru_cache(maxsize=64)
def gaussian_weights(n: int, sigma: float, kernel: int, border: str) -> Tensor:
    """``(n, n)`` float64 matrix that blurs one axis of ``n`` samples."""
    taps = torch.arange(n)[:, None] + torch.arange(kernel) - kernel // 2
    return _to_matrix(_gaussian(sigma, kernel).expand(n, -1), taps, n, repeat_edge=border == "symmetric")


def _gaussian(sigma: float, kernel: int) -> Tensor:
    """``(kernel,)`` float64, of sum 1."""
    offsets = torch.arange(kernel) - kernel // 2
    weights = torch.exp(-(offsets.double() ** 2) / (2 * sigma**2))
    return weights / weights.sum()


def _to_matrix(weights: Tensor, taps: Tensor, n: int, repeat_edge: bool = True) -> Tensor:
    """``(m, n)`` matrix from the weights and positions ``(m, k)`` of its taps; those outside 0..n-1 are mirrored."""
    period = 2 * n if repeat_edge else max(2 * n - 2, 1)
    taps = taps.remainder(period)
    taps = torch.where(taps < n, taps, period - int(repeat_edge) - taps)
    return torch.zeros(len(taps), n, dtype=torch.float64).scatter_add_(1, taps, weights)


def _keys(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel with a = -0.5; zero from a distance of 2."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, 0.0))
