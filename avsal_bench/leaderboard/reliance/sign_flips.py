"""The paired permutation test over videos, and the smallest loss that it could have shown.

If the sound made no difference, each video's difference could as well have had the other sign. So the mean of the
differences is compared with its means under all ways to flip signs (Fisher, The Design of Experiments, 1935, section
21). It asks for no distribution, and tests the very number that tables show, the mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from avsal_bench.leaderboard.statistics import ROUNDING, Array

#: Videos up to which all ways to flip signs are gone through, and how many are drawn for more videos.
EXACT, DRAWS = 16, 19_999
#: Chance to show a loss that is there, for which it is told how large that must be.
POWER = 0.8
#: Rows of signs that are multiplied at a time.
_ROWS = 4096


def flip_p(differences: Sequence[float] | Array) -> float:
    """Two-sided p of the paired permutation test of a mean of differences; NaN is left out.

    Up to 16 videos it is exact: the share of all ways to flip signs whose mean is at least as far from zero. For more
    videos it is (b + 1) / (m + 1), where b of m = 19,999 random ways are (Phipson and Smyth, 2010), the same ones on
    every run. Differences that float32 rounds count as zero.

    Args:
        differences: one a video.

    Returns:
        p; 1 where nothing differs, NaN without a video.

    >>> flip_p([0.1, 0.2, 0.3, 0.4, 0.5])
    0.0625
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan
    values = np.where(np.abs(values) <= ROUNDING, 0.0, values)
    if not values.any():
        return 1.0
    signs = _signs(len(values))
    far = abs(math.fsum(values)) * (1 - 1e-9)  # what is as far but for rounding counts
    sums = [signs[i : i + _ROWS].astype(np.float64) @ values for i in range(0, len(signs), _ROWS)]
    count = sum(int((np.abs(part) >= far).sum()) for part in sums)
    return count / len(signs) if len(values) <= EXACT else (count + 1) / (len(signs) + 1)


def least_p(videos: int) -> float:
    """The least p that so many videos can give.

    >>> least_p(5), least_p(10)
    (0.0625, 0.001953125)
    """
    return min(1.0, 2 / 2**videos) if videos <= EXACT else 1 / (DRAWS + 1)


@lru_cache(maxsize=512)
def smallest_effect(videos: int, alpha: float) -> float:
    """The smallest mean, in standard deviations over videos, that the test finds below ``alpha`` in 80 % of samples.

    Differences of videos are taken as normal. Then the test's power is nearly that of Student's t, whose statistic has
    a noncentral t distribution: the mean d, in standard deviations, with P(|t'| > t_crit) = 0.8, where t' has n - 1
    degrees of freedom and noncentrality d sqrt(n), and t_crit is Student's quantile at the largest p below alpha that
    n videos can give. Where all signs must be equal, and that is the only way, d is at least the one for which all n
    are in 80 % of samples. A test holds both against simulations of the permutation test.

    Args:
        videos: n.
        alpha: of one test, corrected.

    Returns:
        d; infinity where so few videos can show nothing, however large.

    >>> [round(smallest_effect(n, 0.05), 2) for n in (5, 10, 17)]
    [inf, 1.0, 0.72]
    """
    from scipy.special import nctdtr, ndtri, stdtrit  # here: who reads a leaderboard without losses needs none of it

    if alpha < least_p(videos):
        return math.inf
    extreme = 0
    if videos <= EXACT:  # of many videos the number of ways is no number of a computer
        ways = 2 ** (videos - 1)
        extreme = math.floor(alpha * ways + 1e-9)
        alpha = extreme / ways
    critical, root = float(stdtrit(videos - 1, 1 - alpha / 2)), math.sqrt(videos)
    low = (critical + float(ndtri(POWER))) / root * 0.5
    high = (critical + float(stdtrit(videos - 1, POWER))) / root * 1.2
    for _ in range(50):
        middle = (low + high) / 2
        shown = 1 - float(nctdtr(videos - 1, middle * root, critical))
        low, high = (middle, high) if shown < POWER else (low, middle)
    return max(high, float(ndtri(POWER ** (1 / videos)))) if extreme == 1 else high


@lru_cache(maxsize=4)
def _signs(videos: int) -> npt.NDArray[np.int8]:
    """Ways to flip signs ``(ways, videos)``: all that leave the first video's as it is, as others mirror them; or some
    at random."""
    if videos > EXACT:
        drawn = np.random.default_rng(videos).integers(0, 2, size=(DRAWS, videos), dtype=np.int8)
    else:
        drawn = (np.arange(2 ** (videos - 1))[:, None] >> np.arange(videos) & 1).astype(np.int8)
    signs = (1 - 2 * drawn).astype(np.int8)
    signs.setflags(write=False)
    return signs
