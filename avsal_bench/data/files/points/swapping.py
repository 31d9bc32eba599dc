"""Points with x and y swapped, as far as the sides of the picture tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Points outside, and share of them, from which on it is asked; how many times fewer lie outside once they are swapped.
LEAST, ASKED, FEWER = 10, 0.05, 10


def swapped(x: NDArray[np.float64], y: NDArray[np.float64], size: tuple[int, int]) -> bool:
    """Whether many points lie outside of a picture of (height, width), and next to none do with x and y swapped.

    People who look past the picture do so on all of its sides, and these points do not come in by that.

    >>> x, y = np.array([700.0, 900.0, 300.0] * 10), np.array([200.0, 300.0, 400.0] * 10)
    >>> swapped(x, y, (720, 1280)), swapped(y, x, (720, 1280))
    (False, True)
    """
    height, width = size
    outside, otherwise = (
        int(len(x) - ((a >= 0) & (a <= width) & (b >= 0) & (b <= height)).sum()) for a, b in ((x, y), (y, x))
    )
    return outside >= LEAST and outside > ASKED * len(x) and FEWER * otherwise <= outside
