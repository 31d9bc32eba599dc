"""How often a classifier is right, and what that is worth."""

import math

import pytest

from avsal_bench.studies.switch import accuracy


def test_accuracy_and_majority_count_frames_and_the_interval_draws_videos():
    labels = [[True] * 4, [False] * 2, [True] * 2, [False] * 4]
    decisions = [[True] * 4, [False] * 2, [True] * 2, [True] * 4]
    found = accuracy(decisions, labels)
    assert (found.rate, found.majority) == (pytest.approx(8 / 12), 0.5)
    assert (found.videos, found.frames) == (4, 12)
    # All of a video is right or wrong, so resamples reach from few right frames to all.
    assert found.low < 0.3
    assert found.high == 1.0
    assert found.margin[:2] == (pytest.approx(1 / 6), 0.0)
    assert accuracy(decisions, labels) == found


def test_a_classifier_that_is_always_right_beats_the_majority():
    labels = [[i % 2 == 0] * 5 for i in range(20)]
    found = accuracy(labels, labels)
    assert (found.rate, found.low, found.high) == (1.0, 1.0, 1.0)
    assert found.margin[1] > 0.2
    assert "accuracy 1.000 [1.000, 1.000], majority 0.500" in str(found)


def test_the_majority_rule_itself_beats_nothing():
    labels = [[i % 3 != 0] * 5 for i in range(30)]
    found = accuracy([[True] * 5] * 30, labels)
    assert found.margin == (0.0, 0.0, 0.0)


def test_one_video_has_no_interval():
    found = accuracy([[True, False]], [[True, True]])
    assert found.rate == 0.5
    assert all(math.isnan(value) for value in (found.low, found.high, *found.margin[1:]))


@pytest.mark.parametrize(("decisions", "labels"), [([], []), ([[True]], [[True, False]])])
def test_a_decision_for_each_label(decisions, labels):
    with pytest.raises(ValueError, match="expected a decision for each label"):
        accuracy(decisions, labels)
