"""Fixation maps made of full grids: rows and columns of samples that were put together as sets, not as pairs.

DHF1K's released maps are (docs/dhf1k.md): where a viewer has samples at (r1, c1), (r2, c2) and so on, every row r is
set with every column c. A fixated pixel is **of a grid** when the fixated pixels near it in its row and in its column
span rows x columns nearly all of which are fixated, at least three separate pieces of them. A dot of several pixels is
one piece, and points of a cluster leave most of their rows x columns empty; where they fill a place nearly whole, so
that rows x columns are full of necessity, what lies between these is full too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

#: How many pixels to each side are near, and the share of rows x columns that is nearly all.
NEAR, NEARLY_ALL = 15, 0.9
#: Share from which on what lies between the rows x columns is full too, and they are no grid but a part of a patch.
PATCH = 0.7
#: Pieces of a grid at least.
PIECES = 3
#: Share of fixated pixels of a grid from which on maps are grids: released maps of DHF1K have 0.28, and points of the
#: same kind of samples 0.01.
SHARE = 0.12
#: Frames of a video that are looked at, and fixated pixels in them that it takes at least and, in one, at most.
LOOKED_AT, LEAST, MOST = 5, 40, 5000


def spread(n_frames: int, count: int = LOOKED_AT) -> set[int]:
    """Some frames of a video, from 1, evenly over its length.

    >>> sorted(spread(100)), sorted(spread(2))
    ([1, 26, 50, 75, 100], [1, 2])
    """
    return {round(1 + (n_frames - 1) * i / max(count - 1, 1)) for i in range(count)}


def pixels_of_grids(fixated: Mask) -> int:
    """How many fixated pixels of a map ``(H, W)`` are of a grid."""
    rows, columns = np.nonzero(fixated)
    return sum(_of_grid(fixated, row, column) for row, column in zip(rows.tolist(), columns.tolist(), strict=True))


def grid_share(maps: Sequence[Mask]) -> float:
    """Share of the fixated pixels of some maps that are of a grid; 0 where they have none, or too many to be points."""
    few = [fixated for fixated in maps if fixated.sum() <= MOST]
    number = sum(int(fixated.sum()) for fixated in few)
    return sum(map(pixels_of_grids, few)) / number if number else 0.0


def are_grids(maps: Sequence[Mask]) -> bool:
    """Whether fixation maps are made of full grids; never so of a few points."""
    few = [fixated for fixated in maps if fixated.sum() <= MOST]
    return sum(int(fixated.sum()) for fixated in few) >= LEAST and grid_share(few) >= SHARE


def _of_grid(fixated: Mask, row: int, column: int) -> bool:
    top, left = max(0, row - NEAR), max(0, column - NEAR)
    rows = top + np.flatnonzero(fixated[top : row + NEAR + 1, column])
    columns = left + np.flatnonzero(fixated[row, left : column + NEAR + 1])
    if len(rows) < 2 or len(columns) < 2 or _pieces(rows) * _pieces(columns) < PIECES:
        return False
    number, crossed = len(rows) * len(columns), int(fixated[np.ix_(rows, columns)].sum())
    if crossed < NEARLY_ALL * number:
        return False
    box = fixated[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return bool(int(box.sum()) - crossed <= PATCH * (box.size - number))


def _pieces(places: NDArray[np.int64]) -> int:
    """Runs of neighbours among rising numbers."""
    return 1 + int((np.diff(places) > 1).sum())
