"""What is told from frame scores, by hand: who beats whom, first frames, distributions, variance."""

import math

import numpy as np
import pytest

from avsal_bench.leaderboard.by_frame.frame_claims import all_scores, beginning, duel, edges_of, shares
from avsal_bench.leaderboard.by_frame.packed_scores import VideoFrames
from avsal_bench.leaderboard.by_frame.variance import variance
from avsal_bench.records import METRICS

NAN = math.nan


def row(videos, fold=1, seed=0):
    """Frame scores of a row: by video the values of its frames from 1 on, the same in each metric."""
    return {
        (fold, seed): {
            name: VideoFrames(np.arange(1, 1 + len(v)), {m: np.array(v, dtype=float) for m in METRICS})
            for name, v in videos.items()
        }
    }


def test_a_duel_counts_frames_that_both_define():
    one = row({"a": [1, 2, NAN, 4], "b": [1, 1]})
    other = row({"a": [0, 2, 0, 5], "b": [0, 0], "c": [9]})
    found = duel(one, other, "NSS")
    assert (found.frames, found.wins, found.ties) == (5, 3 / 5, 1 / 5)
    assert found.by_video.mean == pytest.approx((1 / 3 + 1) / 2)
    assert found.by_video.n == 2
    lower = duel(one, other, "KL")
    assert lower.wins == pytest.approx(1 / 5), "a lower KL is better"
    assert duel(one, row({"z": [1]}), "NSS") is None


def test_seeds_are_one_network_and_folds_are_not_mixed():
    one = row({"a": [0.0, 0.0]}) | row({"a": [1.0, 3.0]}, seed=1)
    assert sorted(all_scores(one, "CC")) == [0.5, 1.5]
    assert duel(one, row({"a": [1.0, 1.0]}), "CC").wins == 0.5
    assert duel(one, row({"a": [1.0, 1.0]}, fold=2), "CC") is None


def test_what_float32_cannot_tell_apart_is_equal():
    found = duel(row({"a": [0.1, 0.2]}), row({"a": [np.float32(0.1), 0.3]}), "CC")
    assert (found.wins, found.ties) == (0, 0.5)


def test_the_first_ten_frames_and_the_rest():
    found = beginning(row({"a": [2.0] * 10 + [1.0] * 5, "b": [NAN] * 8 + [4.0] * 2}), "NSS")
    assert found.frames == 12
    assert found.mean == pytest.approx((20 + 8) / 12), "all frames alike, as in the paper"
    assert found.first.mean == pytest.approx(3), "all videos alike"
    assert found.rest.mean == 1
    assert math.isnan(found.rest.low), "one video has later frames"


def test_every_frame_stands_in_a_bar():
    scores = np.concatenate([np.linspace(0, 1, 500), [50.0]])
    edges = edges_of([scores])
    assert edges[-1] < 50
    assert shares(scores, edges).sum() == pytest.approx(1)
    assert shares(scores, edges)[-1] > 0
    assert len(edges_of([np.zeros(0)])) == 13
    assert len(edges_of([np.linspace(0, 1, 10_000)])) == 61
    same = edges_of([np.full(5, 2.0)])
    assert (np.diff(same) > 0).all()
    assert shares(np.zeros(0), same).sum() == 0


def test_variance_against_numbers_worked_out_by_hand():
    """Two groups: F is the square of Student's t, and eta squared is 1 less the share of the variance within."""
    found = variance({"a": [1.0, 2.0, 3.0], "b": [3.0, 4.0, 5.0, NAN]})
    assert found.sizes == (3, 3)
    assert found.freedom == (1, 4)
    assert found.f == pytest.approx(6.0)
    assert found.eta == pytest.approx(6 / 10)
    [pair] = found.pairs
    assert pair.difference == -2
    assert pair.p == pytest.approx(found.p, abs=1e-6), "one pair: Tukey's test is that of ANOVA"
    assert pair.low < -2 < pair.high < 0.5


def test_each_pair_is_tested_once():
    rng = np.random.default_rng(0)
    found = variance({"a": rng.normal(0, 1, 20), "b": rng.normal(0, 1, 20), "c": rng.normal(9, 1, 20)})
    assert [(p.first, p.second) for p in found.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [p.p < 0.05 for p in found.pairs] == [False, True, True]
    assert variance({"a": [1.0, 2.0], "b": [3.0, 5.0]}, pairs=False).pairs == ()


@pytest.mark.parametrize(
    ("groups", "why"),
    [
        ({"a": [1.0, 2.0]}, "one group"),
        ({"a": [1.0, 2.0], "b": [3.0, NAN]}, "fewer than two scores of b"),
        ({"a": [1.0, 1.0], "b": [2.0, 2.0]}, "nothing varies"),
        ({"a": [0.1] * 3, "b": [0.1 + 1e-17] * 3}, "nothing varies"),
    ],
)
def test_what_has_no_variance_says_why_and_warns_of_nothing(groups, why, recwarn):
    found = variance(groups)
    assert why in found.missing
    assert math.isnan(found.p)
    assert not found.pairs
    assert not recwarn.list
