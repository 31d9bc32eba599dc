"""Means over seeds and videos with an interval over both: a bootstrap that draws seeds and videos."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from avsal_bench.leaderboard.statistics import Interval, bootstrap_interval


def over_seeds_and_videos(
    values: Sequence[Mapping[str, float]], level: float = 0.95, samples: int = 10_000, seed: int = 0
) -> Interval:
    """Mean over videos and seeds, with a percentile interval over both.

    Seeds are drawn with replacement, and videos with replacement, the same ones for all drawn seeds: every network is
    trained anew by a seed, and tested on the same videos. Of one seed it is the interval over videos. With few seeds
    the interval is somewhat too narrow, as it is with few videos.

    Args:
        values: for each seed a value of each video.
        level: part of the drawn means inside the interval, in (0, 1).
        samples: draws.
        seed: of the draws.

    Returns:
        The interval; ``n`` counts the videos that every seed has a defined value of, ``dropped`` the others.

    Raises:
        ValueError: for no seed.

    >>> over_seeds_and_videos([{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]).mean
    2.5
    """
    if not values:
        raise ValueError("no seed to take a mean over")
    names = sorted(set().union(*values))
    kept = [name for name in names if not any(math.isnan(of_seed.get(name, math.nan)) for of_seed in values)]
    dropped = len(names) - len(kept)
    if not kept:
        return Interval(math.nan, math.nan, math.nan, 0, dropped)
    table = np.array([[of_seed[name] for name in kept] for of_seed in values])
    if len(table) == 1:
        one = bootstrap_interval(table[0], level, samples, seed)
        return Interval(one.mean, one.low, one.high, one.n, dropped)
    mean = float(table.mean())
    if len(kept) == 1:
        return Interval(mean, math.nan, math.nan, 1, dropped)
    draw = np.random.default_rng(seed)
    seeds = draw.multinomial(len(table), [1 / len(table)] * len(table), size=samples) / len(table)
    videos = draw.multinomial(len(kept), [1 / len(kept)] * len(kept), size=samples) / len(kept)
    means = np.einsum("bs,sv,bv->b", seeds, table, videos, optimize=True)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high), len(kept), dropped)
