"""Which differences between networks are significant: paired tests over videos, corrected for how many there are."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from avsal_bench.leaderboard.statistics import Array
from avsal_bench.leaderboard.tables import Row
from avsal_bench.means import defined_mean

#: A difference is called significant when its corrected p is below this.
ALPHA = 0.05
#: Decimals of a difference that count: scores that differ by less are one score.
DECIMALS = 12


@dataclass(frozen=True)
class Comparison:
    """Two rows of one table compared on the videos that both have.

    Args:
        difference: mean over these videos of the first row's score less the second's.
        videos: how many.
        p: of the paired test, two-sided.
        corrected: ``p`` by Holm's correction over all pairs of the table.
    """

    difference: float
    videos: int
    p: float
    corrected: float

    @property
    def significant(self) -> bool:
        """Whether the difference would be a surprise if the two were alike."""
        return self.corrected < ALPHA


def signed_rank_p(differences: Sequence[float] | Array) -> float:
    """Two-sided p of Wilcoxon's signed-rank test, exact for any number of videos and with ties.

    Zeros are left out, equal sizes share their mean rank, and every way to give signs to the ranks counts alike. 1
    where nothing is left. The smallest value that n videos can give is 2 / 2**n.

    Reference: Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1, 1945.

    >>> signed_rank_p([0.1, 0.2, 0.3, 0.4, 0.5])
    0.0625
    """
    rounded = np.round(np.asarray(differences, dtype=np.float64), DECIMALS)
    values = rounded[rounded != 0]
    if not len(values):
        return 1.0
    _, which, counts = np.unique(np.abs(values), return_inverse=True, return_counts=True)
    # Mean ranks are whole or half, so twice a rank is an integer.
    doubled = (2 * np.cumsum(counts) - counts + 1)[which]
    positive = int(doubled[values > 0].sum())
    below = _below(tuple(np.sort(doubled).tolist()))
    smaller = min(positive, int(doubled.sum()) - positive)
    return min(1.0, 2 * float(below[smaller]))


def _signed_rank_ps(differences: Array) -> list[float]:
    """:func:`signed_rank_p` of each line of ``(n, videos)``, whose NaN are no videos of it.

    Lines without zeros, ties and NaN, nearly all of them, have the ranks 1, 2, .. and are worked out together.
    """
    count = differences.shape[1]
    rounded = np.round(differences, DECIMALS)
    order = np.argsort(np.abs(rounded), axis=1)
    ordered = np.take_along_axis(rounded, order, axis=1)
    sizes = np.abs(ordered)
    plain = np.all(np.diff(sizes, axis=1, prepend=0.0) > 0, axis=1)
    doubled = 2 * np.arange(1, count + 1)
    positive = (ordered > 0) @ doubled
    smaller = np.minimum(positive, doubled.sum() - positive)
    together = np.minimum(1.0, 2 * _below(tuple(doubled.tolist()))[smaller]).tolist()
    return [
        p if whole else signed_rank_p(line[~np.isnan(line)])
        for p, whole, line in zip(together, plain.tolist(), differences, strict=True)
    ]


def holm(p: Sequence[float]) -> list[float]:
    """Corrected values of tests that are looked at together: the chance of one false alarm among all is bounded.

    Reference: Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statistics 6, 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected = [0.0] * len(p)
    highest = 0.0
    for done, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        highest = max(highest, min(1.0, (len(p) - done) * p[i]))
        corrected[i] = highest
    return corrected


def pairwise(scores: Sequence[Mapping[str, float]]) -> dict[tuple[int, int], Comparison]:
    """All pairs of rows of one table compared in one metric, with Holm's correction over them.

    Args:
        scores: of each row, by video, without NaN.

    Returns:
        For each pair of positions (i, j), i < j. A pair without a common video is left out, and counts as no test.
    """
    column = {video: i for i, video in enumerate(dict.fromkeys(video for row in scores for video in row))}
    table = np.full((len(scores), len(column)), np.nan)
    for line, row in zip(table, scores, strict=True):
        line[[column[video] for video in row]] = list(row.values())
    tests: dict[tuple[int, int], tuple[float, int, float]] = {}
    for i in range(len(scores) - 1):
        common = ~np.isnan(table[i])
        differences = table[i, common] - table[i + 1 :, common]
        tested = zip(differences.tolist(), _signed_rank_ps(differences), strict=True)
        for j, (line, p) in enumerate(tested, start=i + 1):
            if defined := [value for value in line if not math.isnan(value)]:
                tests[(i, j)] = (math.fsum(defined) / len(defined), len(defined), p)
    corrected = holm([p for _, _, p in tests.values()])
    return {pair: Comparison(*test, q) for (pair, test), q in zip(tests.items(), corrected, strict=True)}


def video_means(row: Row, metric: str) -> dict[str, float]:
    """Score of each video of a row: the mean over its folds and seeds. Videos that never define it are absent."""
    found: dict[str, list[float]] = defaultdict(list)
    for record in row.records:
        for video in record.videos:
            if not math.isnan(video.scores[metric]):
                found[video.video].append(video.scores[metric])
    return {video: defined_mean(values) for video, values in found.items()}


@lru_cache(maxsize=256)
def _below(ranks: tuple[int, ...]) -> Array:
    """For each total t, the chance that ranks of random sign have a positive part of at most t."""
    chances = np.zeros(sum(ranks) + 1)
    chances[0] = 1.0
    for rank in ranks:
        with_rank = np.zeros_like(chances)
        with_rank[rank:] = chances[: len(chances) - rank]
        chances = (chances + with_rank) / 2
    below = np.cumsum(chances)
    below.setflags(write=False)
    return below
