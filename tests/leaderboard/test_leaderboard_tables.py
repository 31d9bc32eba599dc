"""Rows of the leaderboard: means over folds, splits, frames and seeds, and no mixing of what must stay apart."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from made_records import KINDS, NAN, make, synth_records, with_frames

from avsal_bench.leaderboard import bootstrap_interval
from avsal_bench.leaderboard.tables import SINGLE_SPLIT, categories, protocol_mean, rows, score, split_mean
from avsal_bench.records import METRICS, VideoScores


def test_folds_are_pooled_and_a_video_in_two_lists_counts_twice() -> None:
    folds = [make({"a": 0.1, "b": 0.2}), make({"a": 0.3, "c": 0.4, "d": 0.5, "e": NAN}, fold=2)]
    assert protocol_mean(folds, "CC") == pytest.approx((0.1 + 0.2 + 0.3 + 0.4 + 0.5) / 5)


@pytest.mark.parametrize("dataset", ["diem", "dhf1k"])
def test_single_split_takes_the_mean_of_the_folds(dataset: str) -> None:
    folds = [make({"a": 0.1, "b": 0.2}, dataset=dataset), make({"a": 0.6, "b": NAN}, dataset=dataset, fold=2)]
    assert protocol_mean(folds, "CC") == pytest.approx((0.15 + 0.6) / 2)


#: Reference scores of three videos (``stavis``), their mean over videos and over splits: the test lists of the splits
#: are (v1, v2), (v3) and (v1). Made with the public MATLAB metrics in Octave.
REFERENCE = {
    #        v1                  v2                  v3                  pooled              mean of splits
    "CC": (0.6135027315603537, 0.6923073168089399, 0.6181280807032836, 0.6343602151582327, 0.628178612149428),
    "NSS": (1.1600531020955658, 1.1889082865457485, 1.3406267291270582, 1.2124103049659847, 1.2250535085144272),
    "AUC-J": (0.8110556828910056, 0.8002656554754565, 0.837228390952331, 0.8149013530524497, 0.8179815810088559),
    "sAUC": (0.5645971448810524, 0.5569060788689698, 0.5285833597394816, 0.5536709320926391, 0.551310705498515),
    "SIM": (0.5442678848918348, 0.600414611262446, 0.47274549245349323, 0.5404239683749021, 0.5297848751408228),
    "KL": (0.7193591027515477, 1.3332875387412686, 0.7169770595924146, 0.8722457009591946, 0.8208864943634567),
}


def test_means_over_videos_and_over_splits_against_the_reference() -> None:
    videos = {
        f"v{n + 1}": VideoScores(f"v{n + 1}", 30, {metric: values[n] for metric, values in REFERENCE.items()}, {})
        for n in range(3)
    }
    splits = [["v1", "v2"], ["v3"], ["v1"]]
    folds = [make([0.0], fold=k, videos=[videos[v] for v in split]) for k, split in enumerate(splits, start=1)]
    [row] = rows(folds)
    [single] = rows([replace(r, dataset="diem") for r in folds])
    for metric, (*_, pooled, of_splits) in REFERENCE.items():
        assert protocol_mean(folds, metric) == pytest.approx(pooled, rel=0, abs=1e-12)
        assert split_mean(folds, metric) == pytest.approx(of_splits, rel=0, abs=1e-12)
        assert row.scores[metric].value == pytest.approx(pooled, rel=0, abs=1e-12)
        assert row.scores[metric].mean_of_splits == pytest.approx(of_splits, rel=0, abs=1e-12)
        assert single.scores[metric].value == single.scores[metric].mean_of_splits == row.scores[metric].mean_of_splits


def test_a_fold_that_defines_nothing_is_no_part_of_the_mean_of_folds() -> None:
    folds = [make([0.1, 0.2]), make([NAN, NAN], fold=2), make([0.6], fold=3)]
    assert split_mean(folds, "CC") == pytest.approx((0.15 + 0.6) / 2)
    assert math.isnan(split_mean(folds[1:2], "CC"))


@pytest.mark.parametrize("dataset", ["avad", "dhf1k"])
def test_frames_are_averaged_where_the_record_says_so(dataset: str) -> None:
    one = with_frames(make({"a": 0.1, "b": 0.4}, dataset=dataset, averaging="frames"), frames=40, undefined={"NSS": 30})
    two = make({"a": 0.7}, dataset=dataset, fold=2, averaging="frames")
    splits = {"CC": ((4 * 0.1 + 0.4) / 5 + 0.7) / 2, "NSS": ((0.1 + 0.4) / 2 + 0.7) / 2}  # in tens of frames
    pooled = {"CC": (4 * 0.1 + 0.4 + 0.7) / 6, "NSS": (0.1 + 0.4 + 0.7) / 3}
    for metric in splits:
        expected = (splits if dataset in SINGLE_SPLIT else pooled)[metric]
        assert protocol_mean([one, two], metric) == pytest.approx(expected)
        assert split_mean([one, two], metric) == pytest.approx(splits[metric])
        assert score([one, two], metric).value == pytest.approx(expected)
        assert protocol_mean([one], metric) == one.scores[metric]


def test_interval_draws_a_video_with_all_its_frames() -> None:
    others = {f"b{i}": 0.5 + i / 10 for i in range(9)}
    record = with_frames(make({"a": 0.0, **others}, averaging="frames"), frames=70)
    found, alike = score([record], "CC"), score([replace(record, averaging="videos")], "CC")
    drawn = bootstrap_interval([0.0, *others.values()], weights=[70, *[10] * 9])
    assert (found.value, found.low, found.high) == pytest.approx((drawn.mean, drawn.low, drawn.high))
    assert found.low < alike.low - 0.1
    # A video in two folds is drawn with the frames of both, at their mean.
    both = score([record, make({"a": 0.8}, fold=2, averaging="frames")], "CC")
    drawn = bootstrap_interval([8 / 80, *others.values()], weights=[80, *[10] * 9])
    assert (both.value, both.low, both.high) == pytest.approx((drawn.mean, drawn.low, drawn.high))


def test_category_is_averaged_like_the_whole() -> None:
    record = make([0.1, 9.0, 9.0, 9.0, 0.4], dataset="synth", averaging="frames")
    assert score([with_frames(record, frames=50)], "CC", "timbre").value == pytest.approx((5 * 0.1 + 0.4) / 6)
    assert math.isnan(score([record], "CC", "no such kind").value)


def test_defined_score_without_a_frame_that_defines_it_has_no_weight() -> None:
    record = with_frames(make([0.1, 0.4, 0.6], averaging="frames"), undefined=dict.fromkeys(METRICS, 10))
    found = score([record], "CC")
    assert (found.value, found.low, found.high) == (pytest.approx(0.5), 0.4, 0.6)


def test_one_protocol_has_one_kind_of_mean() -> None:
    told = (
        "protocol stavis: one kind of mean expected, got a mean over frames in toy_v on avad, fold 2, seed 0 and "
        "videos in toy_v on avad, fold 1, seed 0; make one of them anew"
    )
    videos, frames = make([0.2]), make([0.4], fold=2, averaging="frames")
    for refuse in (lambda r: rows(r), lambda r: protocol_mean(r, "CC"), lambda r: score(r, "CC")):
        with pytest.raises(ValueError, match=re.escape(told)):
            refuse([videos, frames])
    with pytest.raises(ValueError, match="one kind of mean expected"):  # another row of the same table
        rows([videos, make([0.4], model="other", averaging="frames")])
    assert len(rows([videos, replace(frames, protocol="dave")])) == 2


def test_seeds_give_mean_and_spread() -> None:
    [row] = rows([make([0.2, 0.4]), make([0.4, 0.6], seed=1)])
    assert row.scores["CC"].value == pytest.approx(0.4)
    assert row.scores["CC"].std == pytest.approx(math.sqrt(0.02))
    assert row.seeds == (0, 1)
    [single] = rows([make([0.2, 0.4])])
    assert math.isnan(single.scores["CC"].std)


def test_seed_with_other_folds_is_left_out() -> None:
    [row] = rows([make([0.2]), make([0.4], fold=2), make([9.0], seed=1)])
    assert row.scores["CC"].value == pytest.approx(0.3)
    assert (row.folds, row.seeds, row.left_out) == ((1, 2), (0,), (1,))
    assert not row.complete


def test_two_records_of_one_fold_are_refused() -> None:
    with pytest.raises(ValueError, match=r"toy_v on avad, seed 0: one record a fold expected, got folds \(1, 1\)"):
        rows([make([0.2]), make([0.3])])


def test_interval_of_pooled_folds_has_the_pooled_mean_inside() -> None:
    records = [make({"a": 0.1, "b": 0.2}), make({"a": 0.3, "c": 0.4}, fold=2)]
    pooled = score(records, "CC")
    assert pooled.low < pooled.value < pooled.high
    assert bootstrap_interval([0.2, 0.2, 0.4], weights=[2, 1, 1]).low == pooled.low


def test_undefined_everywhere_is_nan() -> None:
    [row] = rows([make([NAN, NAN])])
    assert math.isnan(row.scores["CC"].value)


def test_what_may_not_be_mixed_has_rows_of_its_own() -> None:
    base = make([0.5])
    changes: list[dict[str, object]] = [
        {"synthetic": True},
        {"protocol": "vinet"},
        {"dataset": "etmd"},
        {"modality": "av"},
        {"preset": "smoke"},
        {"sound": "muted"},
        {"preset": "maps"},
    ]
    assert len(rows([base, *(replace(base, **change) for change in changes)])) == 1 + len(changes)  # type: ignore[arg-type]


def test_categories_in_order() -> None:
    assert categories(synth_records()) == list(KINDS)
    odd = make([0.5], dataset="synth")
    odd.videos.append(replace(odd.videos[0], category="alien"))
    assert categories([odd, make([0.5])]) == ["timbre", "alien"]
