"""Bootstrap intervals over videos: the same numbers for the same input, on every run."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from avsal_bench.text import fixed, rounds_to_zero

Array = npt.NDArray[np.float64]
#: Elements of a matrix up to which a product with a vector is left to one thread, and multiplications with a matrix.
_SINGLE, _SINGLE_OF_MATRIX = 8192, 200_000
#: Differences of scores up to this are what float32 rounds, such as in maps of a network that does not hear.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Interval:
    """A mean over videos with its bootstrap interval.

    ``low`` and ``high`` are NaN where fewer than two videos are left, as nothing is then known of the spread.
    ``n`` counts the videos used and ``dropped`` those left out because a score was NaN.
    """

    mean: float
    low: float
    high: float
    n: int
    dropped: int = 0

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above zero, by more than rounding."""
        return self.low > ROUNDING

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero, by more than rounding."""
        return self.low > ROUNDING or self.high < -ROUNDING

    def text(self, digits: int = 3) -> str:
        """A difference and its bounds for a terminal, such as ``+0.031 [+0.012, +0.050]``; a dash for NaN."""
        if math.isnan(self.mean):
            return "-"
        mean, low, high = (fixed(value, digits, sign=True) for value in (self.mean, self.low, self.high))
        return f"{mean} [{'too few' if math.isnan(self.low) else f'{low}, {high}'}]"

    def stands_out(self, digits: int) -> bool:
        """Whether a table with so many digits may show it in bold: it excludes zero, and is not zero as it is shown."""
        return self.excludes_zero and not rounds_to_zero(self.mean, digits)


def bootstrap_interval(
    values: Sequence[float] | Array,
    level: float = 0.95,
    samples: int = 10_000,
    seed: int = 0,
    weights: Sequence[float] | Array | None = None,
) -> Interval:
    """Mean of ``values`` with its percentile bootstrap interval; NaN is dropped and counted.

    Args:
        values: one score a video.
        level: part of the resampled means inside the interval, in (0, 1).
        samples: number of resamples.
        seed: of the resampling.
        weights: how often each video counts in the mean (1 without); a video is drawn with its whole weight.

    Reference: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13. With few videos (under
    about ten) such an interval is somewhat too narrow.

    >>> interval = bootstrap_interval([1.0, 2.0, 3.0, 4.0, float("nan")])
    >>> interval.mean, interval.low, interval.high, interval.n, interval.dropped
    (2.5, 1.5, 3.5, 4, 1)
    """
    counts = None if weights is None else [weights]
    [interval] = bootstrap_intervals([values], level, samples, seed, counts)
    return interval


def bootstrap_intervals(
    columns: Sequence[Sequence[float] | Array],
    level: float = 0.95,
    samples: int = 10_000,
    seed: int = 0,
    weights: Sequence[Sequence[float] | Array] | None = None,
) -> list[Interval]:
    """:func:`bootstrap_interval` of each of several lists of scores; those of equally many videos share their draws.

    Lists are drawn together for speed alone: each has the interval that it has without the others.

    Args:
        columns: lists of one score a video, such as one of each metric.
        level: as there, and so are ``samples`` and ``seed``.
        samples: number of resamples.
        seed: of the resampling.
        weights: of the videos of each list.
    """
    if not 0 < level < 1:
        raise ValueError(f"level lies between 0 and 1, got {level}; 0.95 is usual")
    found: dict[int, Interval] = {}
    alike: dict[int, dict[int, tuple[Array, Array]]] = defaultdict(dict)
    for place, values in enumerate(columns):
        scores = np.asarray(values, dtype=np.float64)
        counts = np.ones_like(scores) if weights is None else np.asarray(weights[place], dtype=np.float64)
        defined = ~np.isnan(scores)
        dropped = len(scores) - int(defined.sum())
        if dropped:
            scores, counts = scores[defined], counts[defined]
        mean = math.fsum(scores * counts) / math.fsum(counts) if len(scores) else math.nan
        found[place] = Interval(mean, math.nan, math.nan, len(scores), dropped)
        if len(scores) > 1:
            alike[len(scores)][place] = scores, counts
    for length, same in alike.items():
        draws = _draws(length, samples, seed)
        unlike = [(place, counts) for place, (_, counts) in same.items() if not (counts == counts[0]).all()]
        summed = [scores * counts for scores, counts in same.values()] + [counts for _, counts in unlike]
        drawn = _sums(draws, np.stack(summed, axis=1))
        sums = dict(zip(same, drawn, strict=False))
        totals = {place: length * counts[0] for place, (_, counts) in same.items()}
        totals |= {place: total for (place, _), total in zip(unlike, drawn[len(same) :], strict=True)}
        means = np.stack([sums[place] / totals[place] for place in same])
        ends = [_quantiles(means, part).tolist() for part in ((1 - level) / 2, (1 + level) / 2)]
        for place, low, high in zip(same, *ends, strict=True):
            found[place] = replace(found[place], low=low, high=high)
    return [found[place] for place in range(len(columns))]


def bootstrap_band(
    values: Array, level: float = 0.95, samples: int = 2_000, seed: int = 0
) -> tuple[Array, Array, Array]:
    """Means of the columns of ``values``, and their percentile bootstrap intervals; NaN is left out.

    All columns are resampled together, by video.

    Args:
        values: ``(videos, columns)``.
        level: part of the resampled means inside each interval, in (0, 1).
        samples: number of resamples.
        seed: of the resampling.

    Returns:
        Mean, low and high ``(columns,)``: NaN where no video, or of the bounds fewer than two, define a column.

    >>> mean, low, high = bootstrap_band(np.array([[1.0, 5.0], [2.0, float("nan")], [3.0, float("nan")]]))
    >>> mean.tolist(), low.tolist(), high.tolist()
    ([2.0, 5.0], [1.0, nan], [3.0, nan])
    """
    defined = ~np.isnan(values)
    counts, filled = defined.sum(axis=0), np.where(defined, values, 0.0)
    mean = np.where(counts, filled.sum(axis=0) / np.maximum(counts, 1), np.nan)
    low, high = np.full((2, len(mean)), np.nan)
    some = counts > 1
    if some.any():
        draws = _draws(len(values), samples, seed)
        parts = ((1 - level) / 2, (1 + level) / 2)
        sums = _sums(draws, filled[:, some])
        if defined[:, some].all():
            low[some], high[some] = (_quantiles(sums / len(values), part) for part in parts)
        else:
            with np.errstate(invalid="ignore"):  # a resample may have none of the videos that define a column
                means = sums / _sums(draws, defined[:, some].astype(np.float64))
            low[some], high[some] = np.nanquantile(means, parts, axis=1)
    return mean, low, high


def paired_difference(a: Mapping[str, float], b: Mapping[str, float]) -> Interval:
    """Mean of ``a - b`` over the videos that both have, with its 95 % interval.

    Raises:
        ValueError: when they share no video.

    >>> paired_difference({"x": 3.0, "y": 2.0, "z": 9.0}, {"x": 1.0, "y": 1.0}).mean
    1.5
    """
    common = sorted(a.keys() & b.keys())
    if not common:
        raise ValueError(f"no video in common between {len(a)} and {len(b)}; compare records of one data set and fold")
    return bootstrap_interval([a[video] - b[video] for video in common])


def _sums(draws: Array, values: Array) -> Array:
    """Sums of ``values`` ``(videos, columns)`` in each resample, ``(columns, samples)``.

    In parts so small that no thread is started for them, which takes longer than the product: the parts are the same
    on every machine, whatever its threads.
    """
    elements = min(_SINGLE, _SINGLE_OF_MATRIX // values.shape[1])
    rows = max(16, elements // len(values) // 16 * 16)
    return np.concatenate([values.T @ draws[start : start + rows].T for start in range(0, len(draws), rows)], axis=1)


def _quantiles(lines: Array, part: float) -> Array:
    """``np.quantile(lines, part, axis=1)``, without NaN: for one place numpy has a selection many times as fast."""
    place = (lines.shape[1] - 1) * part
    below, share = int(place), place - int(place)
    selected = np.partition(lines, below, axis=1)
    low: Array = selected[:, below]
    high: Array = selected[:, below + 1 :].min(axis=1) if below + 1 < lines.shape[1] else low
    found: Array = low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)
    return found


@lru_cache(maxsize=4)
def _draws(n: int, samples: int, seed: int) -> Array:
    """How often each of n videos is in each resample, as (samples, n)."""
    drawn = np.random.default_rng(seed).integers(n, size=(samples, n))
    cells = drawn + n * np.arange(samples)[:, None]
    draws = np.bincount(cells.ravel(), minlength=samples * n).reshape(samples, n).astype(np.float64)
    draws.setflags(write=False)
    return draws
