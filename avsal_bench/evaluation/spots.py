"""Parts of a frame, and maps that are known in some parts of it: what lies outside is zero, or matters to sums only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Rows and columns of a part of a frame.
Spot = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Box:
    """A part of frames ``(H, W)``: what lies outside is zero in the maps of both halves, and is only counted."""

    frame: tuple[int, int]
    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """Its height and width."""
        return self.bottom - self.top, self.right - self.left

    def part(self, saliency: Tensor) -> Tensor:
        """That part of a map ``(H, W)``."""
        return saliency[self.top : self.bottom, self.left : self.right].contiguous()

    def inside(self, pixels: Tensor) -> Tensor:
        """Where those of some pixels of the frame that lie in it are among its own, in order."""
        rows, columns = np.divmod(pixels.numpy(), self.frame[1])
        held = (rows >= self.top) & (rows < self.bottom) & (columns >= self.left) & (columns < self.right)
        return torch.from_numpy(((rows - self.top) * self.size[1] + columns - self.left)[held])

    def held(self, spots: Sequence[Spot]) -> list[Spot]:
        """What lies in it of some parts of the frame, as rows and columns of the frame."""
        sides = ((self.top, self.bottom), (self.left, self.right))
        cropped = [[slice(max(s.start, a), min(s.stop, b)) for s, (a, b) in zip(x, sides, strict=True)] for x in spots]
        return [(y, x) for y, x in cropped if y.start < y.stop and x.start < x.stop]

    def own(self, spots: Sequence[Spot]) -> list[Spot]:
        """Parts of the frame that lie in it, as rows and columns of its own."""
        top, left = self.top, self.left
        return [(slice(y.start - top, y.stop - top), slice(x.start - left, x.stop - left)) for y, x in spots]

    def grown(self, margin: int, unit: int = 1) -> Box:
        """With so many rows and columns more on each side, in whole units from the frame's corner, in the frame."""
        top, left = (max(0, side - margin) // unit * unit for side in (self.top, self.left))
        bottom, right = (
            min(frame, -(-(side + margin) // unit) * unit)
            for frame, side in zip(self.frame, (self.bottom, self.right), strict=True)
        )
        return Box(self.frame, top, left, bottom, right)

    def with_(self, other: Box) -> Box:
        """The box that holds both."""
        low, high = min, max
        return Box(
            self.frame,
            low(self.top, other.top),
            low(self.left, other.left),
            high(self.bottom, other.bottom),
            high(self.right, other.right),
        )


def box_around(points: Tensor, frame: tuple[int, int], reach: float) -> Box:
    """Of the pixels that are so near to some of the points ``(n, 2)`` x, y."""
    low, high = (points.amin(0) - reach).floor().tolist(), (points.amax(0) + reach).ceil().tolist()
    (left, right), (top, bottom) = (
        (int(max(low[i], 0)), int(min(high[i] + 1, side))) for i, side in enumerate(frame[::-1])
    )
    return Box(frame, top, left, bottom, right)


@dataclass(frozen=True, slots=True)
class Sums:
    """Of a whole map whose values outside of a box are not zero, but matter to sums only."""

    low: float  #: least value
    total: float
    squares: float


@dataclass(frozen=True, slots=True)
class Part:
    """A map, as far as it is not zero.

    Args:
        box: of the map's frame.
        values: in it, ``(h, w)``, float64; of a map in 8 bits its levels.
        sums: of the whole map, where it is not zero outside.
        spots: rows and columns of the box outside of which the map is zero, none in two of them; None where all count.
    """

    box: Box
    values: Tensor
    sums: Sums | None = None
    spots: Sequence[Spot] | None = None

    def flat(self) -> NDArray[np.float64]:
        """The values that may not be zero, ``(K,)``."""
        whole: NDArray[np.float64] = self.values.numpy()
        return whole.ravel() if self.spots is None else in_spots(whole, self.spots)

    def at(self, pixels: Tensor) -> NDArray[np.float64]:
        """The values at those of some pixels of the frame that lie in the box, in order."""
        found: NDArray[np.float64] = self.values.numpy().ravel()[self.box.inside(pixels).numpy()]
        return found

    def on(self, box: Box) -> Part:
        """The same map on a box that holds its own."""
        if box == self.box:
            return self
        whole = self.values.new_zeros(box.size)
        top, left = self.box.top - box.top, self.box.left - box.left
        whole[top : top + self.box.size[0], left : left + self.box.size[1]] = self.values
        return Part(box, whole, self.sums)


def in_spots(whole: NDArray[Any], spots: Sequence[Spot]) -> NDArray[Any]:
    """The values ``(K,)`` of a map ``(H, W)`` in some parts of it."""
    parts = [whole[spot] for spot in spots]
    found = np.empty(sum(part.size for part in parts), whole.dtype)
    for piece, part in zip(_pieces(found, spots), parts, strict=True):
        piece[...] = part
    return found


def put_in_spots(whole: NDArray[Any], spots: Sequence[Spot], values: NDArray[Any]) -> None:
    """Set what :func:`in_spots` gives."""
    for piece, spot in zip(_pieces(values, spots), spots, strict=True):
        whole[spot] = piece


def _pieces(values: NDArray[Any], spots: Sequence[Spot]) -> Iterator[NDArray[Any]]:
    """Views of values ``(K,)``, each of the shape of its part."""
    start = 0
    for rows, columns in spots:
        height, width = rows.stop - rows.start, columns.stop - columns.start
        yield values[start : start + height * width].reshape(height, width)
        start += height * width
