"""Fixation maps made of blobs: touching pixels, such as all samples of an eye tracker, or points that were drawn large.

UCF Sports' are: several hundred pixels a frame in some twenty groups. Each pixel counts as fixated, so the longer
somebody looks at a place, or the larger a dot, the more it weighs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Fixated pixels of some frames that it takes at least, and those of one group on average from which on they are blobs.
LEAST, MEAN = 40, 4.0


def pixels_and_groups(maps: Sequence[NDArray[np.bool_]]) -> tuple[int, int]:
    """How many pixels of some maps are fixated, and in how many groups of pixels that touch, corners included."""
    from scipy.ndimage import label  # takes long to import

    touching = np.ones((3, 3), dtype=int)
    return sum(int(fixated.sum()) for fixated in maps), sum(int(label(fixated, touching)[1]) for fixated in maps)


def are_blobs(pixels: int, groups: int) -> bool:
    """Whether fixated pixels in so many groups are blobs; never so of a few.

    >>> are_blobs(400, 20), are_blobs(17, 15), are_blobs(20, 2)
    (True, False, False)
    """
    return pixels >= LEAST and pixels >= MEAN * groups
