"""Whether the points of a video lie where its saliency maps are bright: both are of the same people.

A map is made of points, so it is far brighter at these than elsewhere: by 2 to 6 of its standard deviations in released
sets. Where it is not, the points are of another video, or their axes are swapped, which no bounds of the picture tell
as long as people look at the middle.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Frames and points that it takes at least.
LEAST_FRAMES, LEAST_POINTS = 2, 8
#: Standard deviations by which maps are brighter at points, at least; and by which they are where axes were swapped.
BRIGHTER, SWAPPED = 0.2, 1.0

#: A map ``(H, W)``, and the pixels that are fixated, ``(H, W)`` bool.
Pair = tuple[NDArray[np.generic], NDArray[np.bool_]]


def brightness(pairs: Sequence[Pair]) -> float | None:
    """By how many of its standard deviations a map is brighter at its points, on average; None where too few can tell.

    >>> square = np.zeros((4, 4)); square[0] = 1
    >>> marked = square > 0
    >>> round(brightness([(square, marked)] * 2), 3), round(brightness([(square, marked.T)] * 2), 3)
    (1.732, 0.0)
    """
    told = [(density, marked) for density, marked in pairs if marked.any() and density.min() < density.max()]
    if len(told) < LEAST_FRAMES or sum(int(marked.sum()) for _, marked in told) < LEAST_POINTS:
        return None
    return float(np.mean([(density[marked].mean() - density.mean()) / density.std() for density, marked in told]))


def swapped(pairs: Sequence[Pair]) -> list[Pair]:
    """The same with rows and columns of the points swapped, without those that then lie outside of the picture."""
    found = []
    for density, marked in pairs:
        rows, columns = np.nonzero(marked.T)
        inside = (rows < marked.shape[0]) & (columns < marked.shape[1])
        other = np.zeros_like(marked)
        other[rows[inside], columns[inside]] = True
        found.append((density, other))
    return found


def disagreement(pairs: Sequence[Pair]) -> tuple[str, bool]:
    """What is wrong with the points of some frames, in a sentence, and whether their axes are swapped; else "".

    >>> square = np.zeros((4, 4)); square[0] = 1
    >>> disagreement([(square, square > 0)] * 2)
    ('', False)
    >>> disagreement([(square, (square > 0).T)] * 2)[0][-40:]
    'swapped by 1.7: swap x and y in the file'
    """
    seen = brightness(pairs)
    other = None if seen is None else brightness(swapped(pairs))
    # Where people look near the diagonal, swapped points are still a little brighter, and far less than they would be.
    turned = seen is not None and other is not None and other >= SWAPPED + max(0.0, seen)
    if seen is None or (seen >= BRIGHTER and not turned):
        return "", False
    less = "no brighter" if seen < BRIGHTER else "hardly brighter"
    text = f"maps are {less} where people look than elsewhere: by {seen:.1f} standard deviations, and 2 is usual"
    if turned:
        return f"{text}; with rows and columns of the points swapped by {other:.1f}: swap x and y in the file", True
    return f"{text}; are the points of another video, or of another picture?", False
