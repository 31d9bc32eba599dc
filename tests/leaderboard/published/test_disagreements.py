"""Scores that several papers print: which are of one number, and on how many they disagree."""

from __future__ import annotations

from collections import Counter

import pytest
from made_records import PUBLISHED

from avsal_bench.leaderboard.disagreements import shared_scores
from avsal_bench.leaderboard.published_scores import read_published


def test_published_papers_disagree_on_49_of_256_shared_scores():
    shared = shared_scores(read_published(PUBLISHED))
    clashes = [s for s in shared if not s.agrees]
    assert (len(shared), len(clashes)) == (256, 49)
    by_method = Counter((s.method, s.modality) for s in clashes)
    assert by_method == {("stavis", "AV"): 8, ("stavis", "V"): 4, ("tsfpnet", "V"): 11, ("vinet", "AV"): 26}


@pytest.mark.parametrize(
    ("values", "agrees"),
    [
        (("0.579", "0.580"), False),
        (
            (
                "0.5795",
                "0.580",
            ),
            True,
        ),
        (("0.5795", "0.579"), True),
        (("0.6086", "0.608"), False),
        (("0.57", "0.571"), True),
        (("2.53", "2.540"), False),
        (("0.5795", "0.580", "0.579"), False),
    ],
)
def test_numbers_disagree_when_no_one_number_rounds_to_both(values, agrees):
    line = {"method": "m", "variant": "M", "modality": "V", "pretrain": "none", "dataset": "avad", "metric": "CC"}
    (shared,) = shared_scores([line | {"paper": f"p{i}", "value": v} for i, v in enumerate(values)])
    assert shared.agrees is agrees


def test_pretraining_that_is_not_stated_meets_every_stated_one_and_stars_meet_none():
    line = {"method": "m", "variant": "M", "modality": "V", "dataset": "avad", "metric": "CC"}
    a = line | {"paper": "a", "pretrain": "none", "value": "0.5"}
    b = line | {"paper": "b", "pretrain": "dhf1k", "value": "0.6"}
    c = line | {"paper": "c", "pretrain": "unknown", "value": "0.6"}
    star = line | {"paper": "d", "pretrain": "none", "value": "0.9", "variant": "M*"}
    found = {s.pretrain: s.agrees for s in shared_scores([a, b, c, star])}
    assert found == {"none": False, "dhf1k": True}
