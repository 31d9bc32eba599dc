"""What frame scores tell of networks: who beats whom, the first frames, the distribution (dave2019, 5.4 and its C)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avsal_bench.leaderboard.by_frame.packed_scores import FrameScores
from avsal_bench.leaderboard.statistics import Interval, bootstrap_interval
from avsal_bench.means import defined_mean
from avsal_bench.records import METRICS

#: Frames at the start of each video that the paper looks at.
FIRST = 10
#: Of the distribution: which parts of the frames lie below.
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
#: Bars of the distribution, at least and at most; between them the root of the number of frames.
BINS = (12, 60)

Array = NDArray[np.float64]
#: Frame scores of a row: by (fold, seed) of its records.
RowFrames = Mapping[tuple[int, int], FrameScores]
#: Scores of one metric: by fold and video, by the number of the frame.
OfMetric = Mapping[tuple[int, str], Mapping[int, float]]


@dataclass(frozen=True)
class Duel:
    """How often one network beats another on the very same frames.

    Args:
        frames: that define the metric of both.
        wins: share of them where the first is better.
        ties: share of them where both are the same to the last digit of float32.
        by_video: mean over videos of the share of each one's frames where the first is better, with its interval.
    """

    frames: int
    wins: float
    ties: float
    by_video: Interval


def by_video(row: RowFrames, metric: str) -> dict[tuple[int, str], dict[int, float]]:
    """Scores of each frame, means over the seeds: by fold and video, by the number of the frame; none undefined."""
    found: dict[tuple[int, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (fold, _), videos in row.items():
        for name, one in videos.items():
            for number, value in zip(one.numbers.tolist(), one.scores[metric].tolist(), strict=True):
                if not math.isnan(value):
                    found[fold, name][number].append(value)
    return {
        key: {number: values[0] if len(values) == 1 else defined_mean(values) for number, values in frames.items()}
        for key, frames in found.items()
    }


def duel(first: RowFrames, second: RowFrames, metric: str) -> Duel | None:
    """Who is better on how many frames; None where no frame has a score of both.

    The paper counts all frames alike (53.54 % of them). Frames of one video are alike too, so its interval is over
    videos, of the mean share of a video.
    """
    return compared(by_video(first, metric), by_video(second, metric), metric)


def compared(one: OfMetric, other: OfMetric, metric: str) -> Duel | None:
    """As :func:`duel`, of scores by video."""
    sign = 1 if METRICS[metric] else -1
    shares: dict[str, list[float]] = defaultdict(list)
    frames = wins = ties = 0
    for key in sorted(one.keys() & other.keys()):
        common = sorted(one[key].keys() & other[key].keys())
        if not common:
            continue
        ours, theirs = (np.array([scores[n] for n in common], dtype=np.float32) for scores in (one[key], other[key]))
        gains = sign * (ours - theirs)
        frames += len(common)
        wins += int((gains > 0).sum())
        ties += int((gains == 0).sum())
        shares[key[1]].append(float((gains > 0).mean()))
    if not frames:
        return None
    return Duel(
        frames,
        wins / frames,
        ties / frames,
        bootstrap_interval([defined_mean(shares[name]) for name in sorted(shares)]),
    )


@dataclass(frozen=True)
class Beginning:
    """Scores of the first frames of each video, and of the others: means over videos with their intervals.

    ``frames`` counts the first ones that have a score, ``mean`` is their mean when all count alike, as in the paper.
    """

    frames: int
    mean: float
    first: Interval
    rest: Interval


def beginning(row: RowFrames, metric: str) -> Beginning:
    """Scores at the start of the videos, and later (dave2019, 5.4: the first ten frames)."""
    parts: dict[bool, dict[str, list[float]]] = {True: defaultdict(list), False: defaultdict(list)}
    for (_, name), frames in by_video(row, metric).items():
        for number, value in frames.items():
            parts[number <= FIRST][name].append(value)
    early = [value for values in parts[True].values() for value in values]
    first, rest = (
        bootstrap_interval([defined_mean(values[name]) for name in sorted(values)]) for values in parts.values()
    )
    return Beginning(len(early), defined_mean(early), first, rest)


def all_scores(row: RowFrames, metric: str) -> Array:
    """Scores of all frames of a row, each once, in no order that matters; none undefined."""
    return np.array([value for frames in by_video(row, metric).values() for value in frames.values()])


def edges_of(rows: Sequence[Array]) -> Array:
    """Edges of equal bars that hold all but the outermost thousandth of the frames of some rows."""
    together = np.concatenate([*rows, np.zeros(0)])
    bars = min(max(BINS[0], math.isqrt(len(together))), BINS[1])
    if not len(together):
        return np.linspace(0, 1, bars + 1)
    low, high = np.quantile(together, (0.001, 0.999))
    return np.linspace(low, high if high > low else low + 1, bars + 1)


def shares(scores: Array, edges: Array) -> Array:
    """Share of the frames in each bar; what lies beyond the outermost edges counts in the bars there."""
    if not len(scores):
        return np.zeros(len(edges) - 1)
    counts, _ = np.histogram(scores.clip(edges[0], edges[-1]), edges)
    return np.asarray(counts / len(scores))
