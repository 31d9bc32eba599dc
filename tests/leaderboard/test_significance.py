"""The paired test against SciPy, brute force and hand calculations, and its correction."""

import math
from itertools import product

import numpy as np
import pytest
from made_records import NAN, make
from scipy.stats import rankdata, wilcoxon

from avsal_bench.leaderboard.significance import holm, pairwise, signed_rank_p, video_means
from avsal_bench.leaderboard.tables import rows


def brute_force(differences):
    """Every way to sign the ranks, one by one."""
    values = np.array([d for d in differences if d != 0])
    ranks = rankdata(np.abs(values))
    seen = min(ranks[values > 0].sum(), ranks[values < 0].sum())
    totals = [
        sum(r for r, sign in zip(ranks, signs, strict=True) if sign) for signs in product([0, 1], repeat=len(ranks))
    ]
    return min(1.0, 2 * sum(total <= seen for total in totals) / len(totals))


def test_p_without_ties_is_that_of_scipy():
    for n in (1, 2, 5, 12, 24, 60, 200):
        differences = np.random.default_rng(n).normal(0.3, 1, size=n)
        expected = wilcoxon(differences, method="exact").pvalue
        assert signed_rank_p(differences) == pytest.approx(expected, rel=1e-9), n


def test_p_with_ties_and_zeros_counts_every_way_to_sign():
    for seed in range(20):
        differences = np.random.default_rng(seed).integers(-3, 5, size=11) / 10
        assert signed_rank_p(differences) == pytest.approx(brute_force(differences), rel=1e-12), seed


def test_p_by_hand():
    # Ranks 1 to 6, of which only rank 1 is negative: sums of at most 1 are {} and {1}, 2 of 64 ways, both sides.
    assert signed_rank_p([-0.1, 0.2, 0.3, 0.4, 0.5, 0.6]) == 4 / 64
    assert signed_rank_p([1.0] * 10) == 2 / 2**10
    assert signed_rank_p([]) == signed_rank_p([0.0, 0.0]) == 1.0
    assert signed_rank_p([0.1, -0.1]) == 1.0


def test_noise_of_floating_point_is_a_tie():
    noisy = [0.1 + 0.2 - 0.3, 0.3 - 0.1, 0.2]
    assert signed_rank_p(noisy) == signed_rank_p([0.0, 0.2, 0.2])


def test_p_stays_exact_for_many_videos():
    assert signed_rank_p(np.arange(1, 301)) == pytest.approx(2 / 2.0**300, rel=1e-6)


def test_holm_by_hand():
    # Sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_keeps_the_order_of_its_input():
    p = np.random.default_rng(0).uniform(size=30)
    order = np.argsort(p)
    by_definition = np.maximum.accumulate(np.minimum(1, np.sort(p) * np.arange(30, 0, -1)))
    assert np.array(holm(list(p)))[order] == pytest.approx(by_definition)


def test_pairs_are_corrected_together():
    base = {f"v{i}": i / 100 for i in range(12)}
    better = {video: x + 0.1 for video, x in base.items()}
    noise = np.random.default_rng(3).normal(0, 0.01, size=12)
    alike = {video: x + n for (video, x), n in zip(base.items(), noise, strict=True)}
    found = pairwise([better, base, alike])
    assert set(found) == {(0, 1), (0, 2), (1, 2)}
    assert found[0, 1].difference == pytest.approx(0.1)
    assert found[0, 1].p == 2 / 2**12
    assert found[0, 1].corrected == pytest.approx(3 * found[0, 1].p)
    assert found[0, 1].significant
    assert not found[1, 2].significant
    assert [c.videos for c in found.values()] == [12, 12, 12]


def test_only_common_videos_are_compared():
    found = pairwise([{"a": 1.0, "b": 2.0}, {"b": 1.5, "c": 9.0}, {"z": 1.0}])
    assert set(found) == {(0, 1)}
    assert found[0, 1].videos == 1
    assert found[0, 1].difference == 0.5


def test_a_video_counts_once_however_often_it_was_tested():
    table = rows([make({"a": 0.2, "b": 0.5}, fold=1), make({"a": 0.4, "c": NAN}, fold=2)])
    means = video_means(table[0], "CC")
    assert means == {"a": pytest.approx(0.3), "b": 0.5}
    assert not any(map(math.isnan, means.values()))
