"""The paired permutation test against its definition, and the smallest loss against simulations of the test."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import permutation_test

from avsal_bench.leaderboard.reliance.sign_flips import DRAWS, EXACT, _signs, flip_p, least_p, smallest_effect
from avsal_bench.leaderboard.significance import ALPHA


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_p_is_the_share_of_all_sign_flips_that_are_as_far_from_zero(n):
    values = np.random.default_rng(n).normal(0.3, 1, n)
    sums = [abs(np.dot(signs, values)) for signs in itertools.product((-1, 1), repeat=n)]
    expected = np.mean([total >= abs(values.sum()) - 1e-12 for total in sums])
    assert flip_p(values) == pytest.approx(expected)
    assert flip_p(-values) == flip_p(values) >= least_p(n)


def test_p_is_that_of_scipy():
    values = np.random.default_rng(3).normal(0.5, 1, 11)
    theirs = permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert flip_p(values) == pytest.approx(theirs.pvalue)


def test_ties_and_scores_that_rounding_moves():
    assert flip_p([0.1] * 6) == 2 / 2**6
    assert flip_p([0.1, 0.1, -0.1, -0.1]) == 1.0, "the mean is zero, and all others are as far"
    assert flip_p([1e-7] * 12) == 1.0, "float32 rounds so much"
    assert flip_p([0.0] * 12) == 1.0
    assert flip_p([0.2, math.nan, 0.3, math.nan]) == 0.5
    assert math.isnan(flip_p([])) == math.isnan(flip_p([math.nan])) is True


def test_many_videos_are_drawn_and_never_give_zero():
    values = np.full(40, 0.1)
    assert flip_p(values) == least_p(40) == 1 / (DRAWS + 1)
    assert DRAWS >= 10_000
    noise = np.random.default_rng(0).normal(0.2, 1, EXACT + 1)
    exact = np.mean(
        np.abs(np.array([1 - 2 * (np.arange(2**17) >> k & 1) for k in range(17)]).T @ noise) >= abs(noise.sum())
    )
    assert flip_p(noise) == flip_p(noise) == pytest.approx(exact, abs=0.01)


def test_the_ways_of_few_videos_are_all_that_leave_the_first_as_it_is():
    signs = _signs(4)
    assert signs.shape == (8, 4)
    assert len({tuple(row) for row in [*signs.tolist(), *(-signs).tolist()]}) == 16


def power(n, alpha, effect, samples=600):
    """How often the test finds an effect, in samples of normal differences."""
    found = np.random.default_rng(n).standard_normal((samples, n)) + effect
    return np.mean([flip_p(of_sample) <= alpha for of_sample in found])


@pytest.mark.parametrize(("n", "sounds"), [(6, 1), (8, 5), (10, 1), (10, 5), (12, 4), (17, 5)])
def test_the_smallest_effect_is_found_in_80_percent_of_samples(n, sounds):
    """Within the noise of 600 samples (two standard errors are 0.033), and of the normal approximation for few."""
    assert power(n, ALPHA / sounds, smallest_effect(n, ALPHA / sounds)) == pytest.approx(0.8, abs=0.065)


def test_without_an_effect_the_test_is_as_often_wrong_as_it_says():
    assert power(10, 0.05, 0.0, samples=1500) == pytest.approx(0.05, abs=0.015)


def test_few_videos_show_nothing_and_more_videos_show_less():
    assert math.isinf(smallest_effect(5, 0.05)) != math.isinf(smallest_effect(6, 0.05))
    assert math.isinf(smallest_effect(7, 0.01)), "the least p of 7 videos is 0.016"
    assert math.isinf(smallest_effect(1, 0.05))
    effects = [smallest_effect(n, 0.01) for n in (8, 10, 12, 16, 17, 24, 45, 500)]
    assert effects == sorted(effects, reverse=True)
    assert smallest_effect(17, 0.01) > smallest_effect(17, 0.05)
    assert effects[-1] > smallest_effect(1025, 0.01) > smallest_effect(5000, 0.01) > 0, "2^1024 is no float"
