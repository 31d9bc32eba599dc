"""MATLAB's bicubic ``imresize`` and Gaussian blur, as the field's evaluation code applies them to saliency maps.

Both are linear along rows and along columns, so each is two small matrices: ``out = R @ map @ Cᵀ``.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

#: Side of the squares that a map of few pixels is blurred in.
_TILE = 16
#: Squares that are blurred at a time: few stay near the processor.
_TILES = 128


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
    rows = _cubic_weights(height, size[0]).to(maps)
    columns = _cubic_weights(width, size[1]).to(maps)
    # MATLAB starts with the axis of the smaller scale, which is also the cheaper order.
    if size[0] * width <= size[1] * height:
        return rows @ maps @ columns.T
    return rows @ (maps @ columns.T)


def gaussian_blur(
    maps: Tensor, sigma: float, kernel: int, border: Literal["symmetric", "reflect"] = "symmetric"
) -> Tensor:
    """Maps ``(B, h, w)`` filtered with a normalised Gaussian of ``kernel`` x ``kernel`` pixels (odd), borders mirrored.

    With the edge pixel repeated (``symmetric``) as MATLAB's ``imfilter(map, fspecial('gaussian', kernel, sigma),
    'symmetric')``; or without (``reflect``) as OpenCV's ``GaussianBlur`` does. Only floating maps.
    """
    rows, columns = (_gaussian_weights(n, sigma, kernel, border).to(maps) for n in maps.shape[-2:])
    return rows @ maps @ columns.T


class PointBlur:
    """:func:`gaussian_blur` of maps that are zero but in some pixels, one at a time: the same but for the last bits.

    Only tiles of a map that hold such a pixel, or lie beside one that does, are blurred. All maps are blurred in the
    same memory: to ask for it anew takes longer than the blur.

    Args:
        size: h and w of the maps.
        sigma: as in :func:`gaussian_blur`, and so ``kernel`` and ``border``.
        kernel: of no more than twice a tile's side; see there.
        border: see there.
    """

    def __init__(
        self, size: tuple[int, int], sigma: float, kernel: int, border: Literal["symmetric", "reflect"] = "symmetric"
    ) -> None:
        self.size, self.border, self.reach = size, border, kernel // 2
        self.tiles = (-(-size[0] // _TILE), -(-size[1] // _TILE))
        side = _TILE + 2 * self.reach
        self.taps = _gaussian_weights(side, sigma, kernel, border)[self.reach : side - self.reach].T
        high, wide = (_TILE * n + 2 * self.reach for n in self.tiles)
        self._framed = torch.zeros(high, wide, dtype=torch.float64)
        self._blurred = torch.zeros(self.tiles[0], _TILE, self.tiles[1], _TILE, dtype=torch.float64)

    def __call__(self, values: Tensor, index: Tensor) -> Tensor:
        """The blurred map ``(h, w)``, which the next one overwrites.

        Args:
            values: ``(K,)`` float64.
            index: ``(K,)``, their pixels among the h w.
        """
        (height, width), (down, across), wide = self.size, self.tiles, self._framed.shape[1]
        rows = index // width
        self._framed.zero_().view(-1)[index + rows * (wide - width) + self.reach * (wide + 1)] = values
        self._mirror(self._framed, height)
        self._mirror(self._framed.T, width)
        held = torch.zeros(down * across, dtype=torch.float64)
        held[rows // _TILE * across + (index - rows * width) // _TILE] = 1
        near = F.max_pool2d(held.view(1, down, across), 3, 1, 1)[0].nonzero()
        side = _TILE + 2 * self.reach
        tiles = self._framed.as_strided((down, across, side, side), (_TILE * wide, _TILE, wide, 1))
        blurred = self._blurred.zero_().permute(0, 2, 1, 3)
        for part in torch.split(near, _TILES):
            some = tiles[part[:, 0], part[:, 1]].view(-1, side) @ self.taps
            both = some.view(-1, side, _TILE).transpose(1, 2).reshape(-1, side) @ self.taps
            blurred[part[:, 0], part[:, 1]] = both.view(-1, _TILE, _TILE).transpose(1, 2)
        return self._blurred.view(down * _TILE, across * _TILE)[:height, :width].contiguous()

    def _mirror(self, framed: Tensor, n: int) -> None:
        """Fill what stands above and below the ``n`` rows that are blurred."""
        skipped = int(self.border == "reflect")
        for k in range(self.reach):
            framed[self.reach - 1 - k] = framed[self.reach + k + skipped]
            framed[self.reach + n + k] = framed[self.reach + n - 1 - k - skipped]


@lru_cache(maxsize=64)
def _cubic_weights(n: int, size: int) -> Tensor:
    """``(size, n)`` float64 matrix that resizes one axis from ``n`` to ``size`` samples."""
    scale = size / n
    shrink = min(scale, 1.0)
    centres = (torch.arange(size, dtype=torch.float64) + 0.5) / scale - 0.5
    reach = 2.0 / shrink
    taps = torch.floor(centres - reach)[:, None] + torch.arange(math.ceil(2 * reach) + 2)
    weights = shrink * _keys(shrink * (centres[:, None] - taps))
    return _to_matrix(weights / weights.sum(1, keepdim=True), taps.long(), n)


@lru_cache(maxsize=64)
def _gaussian_weights(n: int, sigma: float, kernel: int, border: str) -> Tensor:
    """``(n, n)`` float64 matrix that blurs one axis of ``n`` samples."""
    offsets = torch.arange(kernel) - kernel // 2
    weights = torch.exp(-(offsets.double() ** 2) / (2 * sigma**2))
    taps = torch.arange(n)[:, None] + offsets
    return _to_matrix((weights / weights.sum()).expand(n, -1), taps, n, repeat_edge=border == "symmetric")


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
