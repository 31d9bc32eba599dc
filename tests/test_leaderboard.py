"""The leaderboard: numbers worked by hand, scipy as referee, and no mixing of what must stay apart."""

from __future__ import annotations

import csv
import math
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import scipy.stats

from avsal_bench.leaderboard import (
    bootstrap_interval,
    expected_from,
    hearing_claims,
    paired_difference,
    regressions,
    summary_table,
    write_leaderboard,
)
from avsal_bench.leaderboard.hearing import hearing_table
from avsal_bench.leaderboard.published import SUSPECT_NOTES, published_rows, read_published
from avsal_bench.leaderboard.tables import SINGLE_SPLIT, categories, protocol_mean, rows, score, split_mean
from avsal_bench.records import METRICS, Averaging, Record, VideoScores, mean_scores, record_path, write_record

PUBLISHED = Path(__file__).parent.parent / "leaderboard" / "published.csv"
KINDS = ("timbre", "pulse", "offscreen", "silent")
NAN = math.nan


def make(
    values: Mapping[str, float] | Sequence[float],
    model: str = "toy",
    modality: str = "v",
    dataset: str = "avad",
    fold: int = 1,
    seed: int = 0,
    sound: str = "original",
    preset: str = "paper",
    averaging: Averaging = "videos",
    **changes: object,
) -> Record:
    """A record whose every metric is the given value of each video; categories go round."""
    if not isinstance(values, Mapping):
        values = {f"video{i}": x for i, x in enumerate(values)}
    synthetic = dataset == "synth"
    videos = [
        VideoScores(name, 10, dict.fromkeys(METRICS, x), {}, KINDS[i % 4] if synthetic else "")
        for i, (name, x) in enumerate(values.items())
    ]
    record = Record(
        model=model,
        modality=modality,
        dataset=dataset,
        fold=fold,
        seed=seed,
        protocol="stavis",
        preset=preset,
        sound=sound,
        averaging=averaging,
        scores=mean_scores(videos, averaging),
        videos=videos,
        synthetic=synthetic,
        recipe={},
        weights={},
        provenance={"version": "0.1.0", "commit": "abc", "clean": True},
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def made_elsewhere(record: Record) -> Record:
    """The record as maps of other code would have it."""
    unknown = {"file": None, "sha256": None, "parameters": None}
    story = record.provenance | {"fits": [], "maps": {"folder": "maps"}}
    return replace(record, preset="maps", recipe={}, weights=unknown, provenance=story)


def with_frames(record: Record, **frames: object) -> Record:
    """The record with other frame counts in its first video."""
    first = replace(record.videos[0], **frames)  # type: ignore[arg-type]
    videos = [first, *record.videos[1:]]
    return replace(record, videos=videos, scores=mean_scores(videos, record.averaging))


def save(folder: Path, records: Sequence[Record]) -> Path:
    """The folder of a leaderboard with these records."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "published.csv").write_bytes(PUBLISHED.read_bytes())
    for r in records:
        place = record_path(folder / "records", r.network, r.dataset, r.fold, r.seed, r.protocol, r.sound)
        write_record(place, r)
    return folder


def section(page: str, title: str) -> str:
    """Text under the headings that start with ``title``, down to the next of this level."""
    start = page.index(f"\n{title}")
    end = page.find("\n" + title.split()[0] + " ", start + 1)
    return page[start : end if end > 0 else None]


def synth_records(gain: float = 0.2) -> list[Record]:
    """A model that gains from sound on sounding scenes, with all that the claims ask for."""
    noise = np.random.default_rng(1).normal(0, 0.01, size=(2, 3, 24))
    records = []
    for fold in (1, 2, 3):
        sounding = np.array([gain if KINDS[i % 4] in ("timbre", "pulse") else 0.0 for i in range(24)])
        silent, heard = 0.4 + noise[0, fold - 1], 0.4 + noise[1, fold - 1] + sounding
        common = {"dataset": "synth", "fold": fold, "preset": "smoke"}
        records += [
            make(list(silent), **common),  # type: ignore[arg-type]
            make(list(heard), modality="av", **common),  # type: ignore[arg-type]
            make(list(heard - sounding), modality="av", sound="muted", **common),  # type: ignore[arg-type]
            make([0.1] * 24, model="centre", modality="", **common),  # type: ignore[arg-type]
            make([0.2] * 24, model="mep", modality="", **common),  # type: ignore[arg-type]
        ]
    return records


# statistics


@pytest.mark.parametrize("n", [2, 5, 40])
def test_interval_against_scipy(n: int) -> None:
    values = np.random.default_rng(n).gamma(2.0, size=n)
    ours = bootstrap_interval(values)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(7)
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


# aggregation


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


# published


def test_published_rows_keep_disagreeing_papers_apart() -> None:
    found = published_rows(read_published(PUBLISHED))
    diem = {(r.variant, r.pretrain, r.papers): r for r in found if r.dataset == "diem"}
    assert diem["CASP-Net(AV)", "dhf1k", ("caspnet2023", "avrsp2024")].cells["CC"].text == "0.655"
    shifted = diem["TSFP-Net(V)", "dhf1k", ("avrsp2024",)].cells["CC"]
    assert (shifted.text, shifted.mark) == ("0.651", "!")
    assert diem["TSFP-Net(V)", "dhf1k", ("caspnet2023",)].cells["CC"].value == 0.649
    stars = [r for r in found if r.dataset == "diem" and r.variant == "STAViS*"]
    assert sorted(r.papers for r in stars) == [("mspi2024",), ("scdl2022",)]
    assert diem["STAViS*", "none", ("mspi2024",)].cells["AUC-J"].mark == "?"
    assert diem["STAViS", "none", ("mspi2024",)].cells["CC"].mark == "°"


def test_every_published_main_cell_is_in_a_row() -> None:
    lines = read_published(PUBLISHED)
    cells = sum(len(r.cells) * len(r.papers) for r in published_rows(lines))
    assert cells == len(lines) == 1495


def test_suspect_notes_are_real() -> None:
    notes = PUBLISHED.read_text(encoding="utf-8")
    assert [note for note in SUSPECT_NOTES if note not in notes] == []


def test_bad_published_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "published.csv"
    text = PUBLISHED.read_text(encoding="utf-8")
    first = next(line for line in text.splitlines() if ",main,yes," in line)
    path.write_text(text.replace(first, first.replace(",main,yes,", ",main,perhaps,")), encoding="utf-8")
    with pytest.raises(ValueError, match=r"published\.csv, row \d+: .*'perhaps'"):
        read_published(path)


# the page


def test_empty_leaderboard_says_how_to_fill_it(tmp_path: Path) -> None:
    paths = write_leaderboard(save(tmp_path / "leaderboard", []))
    assert [p.name for p in paths] == ["README.md", "leaderboard.csv"]
    page = paths[0].read_text(encoding="utf-8")
    assert "No record of a real set yet. To fill it" in page
    assert "STAViS\\* " in page
    assert sorted(p.name for p in tmp_path.glob("leaderboard/*")) == ["README.md", "leaderboard.csv", "published.csv"]


def test_same_input_same_bytes(tmp_path: Path) -> None:
    records = [*synth_records(), make([0.1, 0.7]), make([0.2, 0.3], fold=2)]
    first = [p.read_bytes() for p in write_leaderboard(save(tmp_path / "a", records))]
    again = [p.read_bytes() for p in write_leaderboard(tmp_path / "a")]
    moved = [p.read_bytes() for p in write_leaderboard(save(tmp_path / "b", records[::-1]))]
    assert first == again == moved
    assert (tmp_path / "a" / "published.csv").read_bytes() == PUBLISHED.read_bytes()


def test_measured_published_and_synthetic_never_meet(tmp_path: Path) -> None:
    records = [
        make([0.9999], model="stavis", modality="av", dataset="diem"),
        make([0.0009], model="stavis", modality="av", dataset="synth"),
        make([0.0008], model="stavis", modality="av", dataset="diem", sound="muted"),
    ]
    page, data = (p.read_text(encoding="utf-8") for p in write_leaderboard(save(tmp_path, records)))
    measured, published, synthetic = (section(page, f"## {s}") for s in ("Measured", "Published", "Synthetic"))
    assert "says nothing about real videos" in synthetic
    assert ("1.000" in measured, "0.001" in measured, "0.580" in measured) == (True, False, False)
    assert ("1.000" in published, "0.001" in published, "0.580" in published) == (False, False, True)
    assert ("1.000" in synthetic, "0.001" in synthetic, "0.580" in synthetic) == (False, True, False)
    lines = list(csv.DictReader(data.splitlines()))
    assert {(line["source"], line["sound"]) for line in lines} == {
        ("measured", "original"),
        ("measured", "muted"),
        ("synthetic", "original"),
        ("published", ""),
    }
    assert {line["dataset"] for line in lines if line["source"] == "synthetic"} == {"synth"}


def test_long_form_has_raw_numbers_and_intervals(tmp_path: Path) -> None:
    records = [make([0.25, 0.5]), make([0.75, 1.0], fold=2), make([1.0, 1.0], fold=3)]
    data = write_leaderboard(save(tmp_path, records))[1].read_text(encoding="utf-8")
    line = next(x for x in csv.DictReader(data.splitlines()) if x["metric"] == "NSS")
    assert (line["value"], line["std"], line["folds"], line["seeds"]) == ("0.750000", "", "1 2 3", "0")
    assert float(line["low"]) <= 0.75 <= float(line["high"])
    assert line["mark"] == ""


def test_long_form_has_the_mean_of_splits_beside_the_pooled_one(tmp_path: Path) -> None:
    records = [make([0.1, 0.2, 0.3]), make([0.6], fold=2), *synth_records()]
    data = write_leaderboard(save(tmp_path, records))[1].read_text(encoding="utf-8")
    lines = list(csv.DictReader(data.splitlines()))
    line = next(x for x in lines if x["source"] == "measured")
    assert (line["value"], line["mean_of_splits"]) == ("0.300000", "0.400000")
    assert {bool(x["mean_of_splits"]) for x in lines if x["source"] != "published"} == {True}
    assert {x["mean_of_splits"] for x in lines if x["source"] == "published"} == {""}


def test_skipped_frames_are_marked(tmp_path: Path) -> None:
    whole = [make([0.6], model="whole", fold=fold) for fold in (1, 2, 3)]
    part = [with_frames(make([0.5], model="part", fold=fold), skipped=fold // 3) for fold in (1, 2, 3)]
    page, data = (p.read_text(encoding="utf-8") for p in write_leaderboard(save(tmp_path, [*whole, *part])))
    table = [x.split()[1] for x in section(page, "### avad").splitlines() if x.startswith("|")]
    assert table[2:] == ["whole", "part§"]
    assert "§ some listed frames had no map and were left out" in " ".join(page.split())
    marks = {(x["model"], x["mark"]) for x in csv.DictReader(data.splitlines()) if x["source"] == "measured"}
    assert marks == {("whole", ""), ("part", "frames-skipped")}


def test_maps_made_elsewhere_have_rows_like_others(tmp_path: Path) -> None:
    other = [
        made_elsewhere(make([0.7], model="stavis", modality="av")),
        made_elsewhere(make([0.6], model="other", modality="")),
        made_elsewhere(make([0.5], model="other", modality="", dataset="synth")),
    ]
    page, data = (p.read_text(encoding="utf-8") for p in write_leaderboard(save(tmp_path, [*synth_records(), *other])))
    assert "`maps`: maps made by other code, scored with `avsal evaluate`; their training is not known" in " ".join(
        page.split()
    )
    table = [x.split() for x in section(page, "### avad").splitlines() if x.startswith("|")]
    assert [[x[1], x[3], x[5]] for x in table[2:]] == [["stavis", "av", "maps"], ["other", "-", "maps"]]
    lines = csv.DictReader(data.splitlines())
    assert {x["training"] for x in lines if x["model"] == "other"} == {"maps"}


def test_order_and_marks_of_a_table(tmp_path: Path) -> None:
    dirty = {"version": "0.1.0", "commit": "abc", "clean": False}
    newer = {"version": "0.10.0", "commit": "abc", "clean": True}
    records = [make([0.3, 0.3], model="low", fold=fold) for fold in (1, 2, 3)]
    records += [
        make([0.6, 0.6], model="high", provenance=newer),
        make([0.4, 0.4], model="dirty", provenance=dirty),
        make([0.2, 0.2], model="untold", provenance={}),
        make([NAN, NAN], model="broken", provenance=newer),
    ]
    page = write_leaderboard(save(tmp_path, records))[0].read_text(encoding="utf-8")
    lines = [x for x in section(page, "### avad").splitlines() if x.startswith("|")]
    assert [x.split()[1] for x in lines[2:]] == ["low‡", "high", "dirty†‡", "untold†‡", "broken"]
    assert "1, 2, 3 " in lines[2]
    assert "incomplete" not in lines[2]
    assert "incomplete" in lines[3]
    assert len({len(x) for x in lines}) == 1
    assert "| 0.600 | 0.600 to 0.600 | 0.60 |" in " ".join(lines[3].split())


def test_other_protocols_have_tables_of_their_own(tmp_path: Path) -> None:
    page = write_leaderboard(save(tmp_path, [make([0.3]), make([0.9], protocol="vinet")]))[0].read_text()
    assert page.index("### avad\n") < page.index("### avad, protocol vinet\n")


def test_corrupted_record_stops_the_page_and_is_named(tmp_path: Path) -> None:
    folder = save(tmp_path, [make([0.3])])
    [path] = folder.glob("records/*/*/*.json")
    path.write_text(path.read_text()[:100])
    with pytest.raises(ValueError, match=r"avad/toy_v-fold1-seed0\.json: not a record"):
        write_leaderboard(folder)
    assert not (folder / "README.md").exists()


def test_summary_table_is_plain_text() -> None:
    text = summary_table([make([0.25, 0.75], dataset="synth"), make([NAN], dataset="diem", modality="av")])
    lines = [line.split() for line in text.splitlines()]
    assert lines[0][-6:] == list(METRICS)
    assert lines[1] == ["toy_av", "diem", "stavis", "1", "0", "original", "1", *"------"]
    assert lines[2][-6:] == ["0.500", "0.50", "0.500", "0.500", "0.500", "0.500"]
    assert len(lines) == 3


def test_summary_table_tells_of_odd_frames() -> None:
    odd = with_frames(make([0.5, 0.5]), unfixated=3, constant=2, skipped=1, undefined={"NSS": 3, "CC": 0, "KL": 4})
    text = summary_table([odd, make([0.5], fold=2), with_frames(make([0.5], fold=3), unfixated=2)])
    assert text.splitlines()[4:] == [
        "",
        "toy_v avad stavis fold 1 seed 0 original: 20 frames scored, 3 without fixations, 2 with a constant map, "
        "1 skipped, undefined NSS 3 KL 4",
        "toy_v avad stavis fold 3 seed 0 original: 10 frames scored, 2 without fixations",
    ]


# hearing


def test_claims_of_a_network_that_hears() -> None:
    claims = hearing_claims(synth_records())
    assert len(claims) == 12
    assert [c.text for c in claims if not c.holds] == []
    gain = next(c for c in claims if c.text.startswith("toy_av beats toy_v in CC on sounding"))
    assert gain.interval is not None
    assert gain.interval.mean == pytest.approx(0.2, abs=0.01)
    assert gain.interval.n == 12


def test_claims_of_a_network_that_does_not_hear() -> None:
    failed = [c for c in hearing_claims(synth_records(gain=0.0)) if not c.holds]
    assert {c.text.split(" in ")[0].rstrip(",") for c in failed} == {"toy_av beats toy_v", "toy_av loses when muted"}
    assert all("does not lie above zero" in c.reason for c in failed)


@pytest.mark.parametrize(
    ("gone", "reason"),
    [("muted", "no record of toy_av with muted sound"), ("v", "no record of toy_v"), ("mep", "no record of mep")],
)
def test_missing_record_gives_a_claim_that_does_not_hold(gone: str, reason: str) -> None:
    left = [r for r in synth_records() if gone not in (r.sound, r.modality, r.model)]
    failed = [c for c in hearing_claims(left) if not c.holds]
    assert failed
    assert reason in {c.reason for c in failed}
    assert all(c.interval is None for c in failed)


def test_claims_without_any_record() -> None:
    [claim] = hearing_claims([make([0.5], modality="av")])
    assert (claim.holds, claim.interval) == (False, None)
    [claim] = hearing_claims(synth_records()[:1], models=["toy"])
    assert claim.reason == "no synthetic record of toy_av"


def test_maps_made_elsewhere_are_not_asked_whether_they_hear() -> None:
    maps = [
        made_elsewhere(make([0.9] * 24, model="other", modality="av", dataset="synth")),
        made_elsewhere(make([0.1] * 24, model="other", modality="v", dataset="synth")),
        made_elsewhere(make([9.0] * 24, model="mep", modality="", dataset="synth", seed=7)),
    ]
    assert hearing_claims([*maps, *synth_records()]) == hearing_claims(synth_records())
    assert hearing_table([*maps, *synth_records()]) == hearing_table(synth_records())
    assert hearing_table(maps) == []
    [claim] = hearing_claims(maps)
    assert (claim.holds, claim.reason) == (False, "no synthetic record of a network with sound")
    # Nor do they stand in for a baseline that was not run.
    without = [r for r in synth_records() if r.model != "mep"]
    assert hearing_claims([*maps, *without]) == hearing_claims(without)


def test_hearing_pairs_only_equal_folds_and_seeds() -> None:
    records = [
        make([0.5] * 4, dataset="synth", modality="av"),
        make([9.0] * 4, dataset="synth", modality="av", fold=2),
        make([0.25] * 4, dataset="synth"),
        make([7.0] * 4, dataset="synth", seed=5),
    ]
    [cc, _] = hearing_table(records)
    assert cc.av_over_v is not None
    assert cc.av_over_v.mean == 0.25
    assert cc.original_over_muted is None
    assert not cc.hears


def test_page_answers_whether_it_hears(tmp_path: Path) -> None:
    page = write_leaderboard(save(tmp_path, synth_records()))[0].read_text(encoding="utf-8")
    lines = section(page, "### Does it hear?").splitlines()
    [cc] = [line for line in lines if line.startswith("| toy") and " CC " in line]
    assert "**+0.2" in cc
    assert cc.rstrip(" |").endswith("yes")
    assert " mep " in cc
    kinds = [x for x in section(page, "### CC by kind of scene").splitlines() if x.startswith("| toy ")]
    heard = next([cell.strip() for cell in x.split("|")] for x in kinds if " av " in x)
    assert [float(cell) for cell in heard[4:8]] == pytest.approx([0.6, 0.6, 0.4, 0.4], abs=0.01)


# regressions


def test_what_was_expected_is_no_regression() -> None:
    records = [*synth_records(), make([NAN], model="blank", dataset="synth")]
    expected = expected_from(records, {"CC": 0.01, "KL": 0.1})
    assert expected["claims"] is True
    assert expected["blank_v/synth/fold1/original"]["CC"] == [None, 0.01]
    assert len(expected) == len(records) + 1
    assert regressions(records, expected) == []


def test_regressions_are_told_line_by_line() -> None:
    expected = {
        "toy_v/synth/fold1/original": {"CC": [0.5, 0.01], "NSS": [0.6, 0.2], "KL": [None, 0.1]},
        "toy_av/synth/fold1/muted": {"CC": [0.5, 0.01]},
        "claims": True,
    }
    lines = regressions([make([0.52], dataset="synth")], expected)
    assert lines == [
        "toy_av/synth/fold1/muted: expected a record, got none",
        "toy_v/synth/fold1/original CC: expected 0.5000 ± 0.01, got 0.5200",
        "toy_v/synth/fold1/original KL: expected undefined ± 0.1, got 0.5200",
        "claim: expected 'a network hears', got no: no synthetic record of a network with sound",
    ]
    nothing = regressions([make([NAN], dataset="synth")], {"toy_v/synth/fold1/original": {"CC": [0.5, 9]}})
    assert nothing == ["toy_v/synth/fold1/original CC: expected 0.5000 ± 9, got undefined"]


def test_unknown_metric_and_double_records_are_errors() -> None:
    with pytest.raises(ValueError, match="unknown metric AUC; known are CC"):
        regressions([make([0.5])], {"toy_v/avad/fold1/original": {"AUC": [1, 1]}})
    with pytest.raises(ValueError, match="unknown metric cc"):
        expected_from([], {"cc": 0.1})
    with pytest.raises(ValueError, match="one record expected, got seed 0"):
        regressions([make([0.5]), make([0.5], seed=1)], {})
    told = r"toy_v/avad/fold1/original: one record expected, got seed 0 \(paper\) and seed 1 \(maps\); compare one seed"
    with pytest.raises(ValueError, match=told):
        regressions([make([0.5]), made_elsewhere(make([0.5], seed=1))], {})


def test_protocols_are_expected_apart() -> None:
    records = [make([0.5]), make([0.6], protocol="dave", averaging="frames")]
    expected = expected_from(records, {"CC": 0.01})
    assert expected["toy_v/avad/fold1/original"]["CC"] == [0.5, 0.01]
    assert expected["toy_v/avad/fold1/original/dave"]["CC"] == [0.6, 0.01]
    assert regressions(records, expected | {"claims": False}) == []


def test_maps_made_elsewhere_can_be_expected() -> None:
    maps = made_elsewhere(make([0.5], modality="", model="other"))
    expected = expected_from([maps], {"CC": 0.01})
    assert expected == {"other/avad/fold1/original": {"CC": [0.5, 0.01]}, "claims": False}
    assert regressions([maps], expected) == []


# floors


def test_leaderboard_imports_no_torch() -> None:
    code = (
        "import sys, avsal_bench.leaderboard\n"
        "heavy = {'torch', 'lightning', 'pandas', 'scipy'} & {m.split('.')[0] for m in sys.modules}\n"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
