"""Intervals and differences: numbers worked by hand, and scipy as referee."""

from __future__ import annotations

import inspect
import math
from statistics import fmean

import numpy as np
import pytest
import scipy.stats
from made_records import NAN

from avsal_bench.leaderboard import bootstrap_interval, paired_difference


@pytest.mark.parametrize("n", [2, 5, 40])
def test_interval_against_scipy(n: int) -> None:
    values = np.random.default_rng(n).gamma(2.0, size=n)
    ours = bootstrap_interval(values)
    # scipy 1.13 and 1.14 call it random_state.
    rng = "rng" if "rng" in inspect.signature(scipy.stats.bootstrap).parameters else "random_state"
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10_000, **{rng: np.random.default_rng(7)}
    ).confidence_interval
    tolerance = 0.04 * values.std()
    assert ours.mean == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.low, abs=tolerance)
    assert ours.high == pytest.approx(theirs.high, abs=tolerance)


def test_interval_of_two_videos_by_hand() -> None:
    interval = bootstrap_interval([0.0, 1.0])  # resampled means: 0 (1/4), 1/2 (1/2), 1 (1/4)
    assert (interval.mean, interval.low, interval.high) == (0.5, 0.0, 1.0)
    narrow = bootstrap_interval([0.0, 1.0], level=0.4)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    inside = [i.low <= 3.0 <= i.high for i in (bootstrap_interval(rng.normal(3, 1, 30)) for _ in range(300))]
    assert 0.90 <= fmean(inside) <= 0.98


def test_interval_of_little() -> None:
    one = bootstrap_interval([0.5, NAN])
    assert (one.mean, one.n, one.dropped) == (0.5, 1, 1)
    assert math.isnan(one.low)
    assert not one.excludes_zero
    none = bootstrap_interval([NAN])
    assert math.isnan(none.mean)
    assert (none.n, none.dropped) == (0, 1)
    with pytest.raises(ValueError, match=r"level lies between 0 and 1, got 95"):
        bootstrap_interval([1.0, 2.0], level=95)


def test_interval_draws_a_weighted_video_whole() -> None:
    # b counts twice: the draws ab and ba give 2/3, aa gives 0, bb gives 1.
    interval = bootstrap_interval([0.0, 1.0], level=0.4, weights=[1, 2])
    assert interval.mean == pytest.approx(2 / 3)
    assert interval.low == interval.high == pytest.approx(2 / 3)


def test_interval_is_the_same_every_time() -> None:
    assert bootstrap_interval([1, 2, 4]) == bootstrap_interval([1, 2, 4])
    values = list(np.random.default_rng(0).normal(size=30))
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values) != bootstrap_interval(values, seed=1)


def test_paired_difference() -> None:
    a = {"x": 0.5, "y": 0.75, "z": NAN, "only a": 100.0}
    b = {"y": 0.25, "x": 0.25, "z": 0.1, "only b": -100.0}
    interval = paired_difference(a, b)
    assert interval.mean == pytest.approx(0.375)
    assert (interval.n, interval.dropped) == (2, 1)
    assert interval.above_zero
    back = paired_difference(b, a)
    assert back.excludes_zero
    assert not back.above_zero
    with pytest.raises(ValueError, match="no video in common between 1 and 1"):
        paired_difference({"x": 1.0}, {"y": 1.0})
