"""Analyses of records: by category, over time, best and worst videos, at the sounding thing, between the bounds."""

import csv
import dataclasses
import json
import math
import re

import numpy as np
import pytest
from made_boards import rich_record
from made_records import NAN, make, save
from PIL import Image

from avsal_bench.cli import main
from avsal_bench.leaderboard.analysis import (
    bounds_beside,
    by_category,
    cases,
    find_results,
    labels,
    over_time,
    read_analysed,
    relative,
    relative_scores,
)
from avsal_bench.leaderboard.page.board import read_board
from avsal_bench.leaderboard.page.panels import parts
from avsal_bench.leaderboard.tables import rows
from avsal_bench.records import METRICS, mean_scores, video_to_json


def a_record(model="stavis", modality="av", quality=0.5, fold=1, dataset="synth"):
    return rich_record(model, modality, dataset, fold, 0, quality, 24)


def places(folder, records):
    return sorted((save(folder, records) / "records").rglob("*.json"))


# the relative scale


def test_the_relative_scale_is_0_at_the_floor_and_1_at_the_ceiling():
    assert relative(0.2, 0.2, 0.8) == 0
    assert relative(0.8, 0.2, 0.8) == 1
    assert relative(0.1, 0.2, 0.8) == pytest.approx(-1 / 6)
    assert relative(2.5, 2.5, 1.0, higher=False) == 0
    assert relative(1.0, 2.5, 1.0, higher=False) == 1


@pytest.mark.parametrize("bounds", [(0.5, 0.5), (0.8, 0.2), (NAN, 0.5), (0.5, NAN)])
def test_there_is_no_scale_where_the_ceiling_is_not_above_the_floor(bounds):
    assert math.isnan(relative(0.6, *bounds))


def bounded(**changes):
    return [
        make([0.5, 0.7], model="toy", **changes),
        make([0.2, 0.2], model="mep", modality="", **changes),
        make([0.8, 1.0], model="human_infinite", modality="", **changes),
    ]


def test_a_row_is_placed_between_the_bounds_of_the_same_videos():
    table = rows(bounded())
    toy = next(row for row in table if row.head.model == "toy")
    found = relative_scores(toy, table)
    assert found["CC"] == pytest.approx((0.6 - 0.2) / (0.9 - 0.2))
    assert math.isnan(found["KL"]), "a higher KL is worse, so human is below mep here"
    assert relative_scores(toy, [toy]) == {}
    assert relative_scores(toy, rows([*bounded()[:2], *bounded(fold=2)[2:]])) == {}, "human on other videos"
    assert relative_scores(toy, rows([*bounded()[:2], *bounded(dataset="etmd")[2:]])) == {}


def test_bounds_of_more_folds_count_with_the_folds_of_the_row():
    toy, mep, human = bounded()
    more = [
        make([0.4, 0.4], model="mep", modality="", fold=2),
        make([0.9, 0.9], model="human_infinite", modality="", fold=2),
    ]
    table = rows([toy, mep, human, *more])
    row = next(row for row in table if row.head.model == "toy")
    assert relative_scores(row, table)["CC"] == pytest.approx((0.6 - 0.2) / (0.9 - 0.2))
    both = rows([toy, make([0.6, 0.6], fold=2), mep, human])
    row = next(row for row in both if row.head.model == "toy")
    assert row.folds == (1, 2)
    assert relative_scores(row, both) == {}, "the bounds lack a fold"


def panels(board):
    """What the panels of all rows show, by their names."""
    return {row: panel for name, part in parts(board) if name.startswith("rows/") for row, panel in part.items()}


def test_the_page_has_the_relative_scale_where_both_bounds_exist(tmp_path):
    board = read_board(save(tmp_path / "a", bounded()))
    shown = {key.split("/")[2]: row["relative"] for key, row in panels(board).items()}
    assert shown["toy_v"]["CC"] == pytest.approx(0.5714, abs=1e-4)
    assert (shown["mep"]["CC"], shown["human_infinite"]["CC"], shown["toy_v"]["KL"]) == (0, 1, None)
    without = panels(read_board(save(tmp_path / "b", bounded()[:2])))
    assert [row["relative"] for row in without.values()] == [{}, {}]


# numbers


def test_scores_by_category_are_means_over_its_videos():
    [row] = rows([make({f"v{i}": float(i) for i in range(8)}, dataset="synth")])
    found = by_category([row], "CC")
    assert list(found) == ["all", "timbre", "pulse", "offscreen", "silent"]
    assert [found[kind][0].value for kind in found] == [3.5, 2, 3, 4, 5]
    assert found["all"][0].low < 3.5 < found["all"][0].high


def curved(name, cc, category=""):
    video = make({name: 0.5}).videos[0]
    curve = dict.fromkeys(METRICS, cc)
    return dataclasses.replace(video, curve=curve, category=category)


def test_over_time_every_video_counts_once_and_gaps_are_left_out():
    videos = [curved("a", [0.2] * 20), curved("b", [0.6] * 10 + [NAN] * 10)]
    record = dataclasses.replace(make([]), videos=videos, scores=mean_scores(videos))
    [row] = rows([record])
    found = over_time(row, "CC")
    assert [part.mean for part in found] == [pytest.approx(0.4)] * 10 + [pytest.approx(0.2)] * 10
    assert (found[0].low, found[0].high, found[0].n) == (pytest.approx(0.2), pytest.approx(0.6), 2)
    assert math.isnan(found[10].low)


def test_records_without_curves_have_nothing_over_time():
    [row] = rows([make([0.5, 0.6])])
    with pytest.raises(ValueError, match="no scores over time; run it anew"):
        over_time(row, "CC")


def test_a_metric_that_no_frame_defines_is_a_gap_and_no_error(tmp_path, synth_root, capsys):
    record = a_record()
    videos = [
        dataclasses.replace(v, scores=v.scores | {"CC": NAN}, curve=v.curve | {"CC": [NAN] * 20}) for v in record.videos
    ]
    dead = dataclasses.replace(record, videos=videos, scores=mean_scores(videos))
    [row] = rows([dead])
    assert all(math.isnan(part.mean) for part in over_time(row, "CC"))
    for metric in ("NSS", "CC"):
        named = places(tmp_path / "board", [dead])
        assert analyse(*named, "--metric", metric, "-o", tmp_path / metric, "--synth-root", synth_root) == 0
        assert (tmp_path / metric / "categories.png").is_file()
    assert re.search(r"\n\| stavis_av +(\| +- +){4}\|", capsys.readouterr().out), "quarters of the time"


def test_best_and_worst_videos():
    [row] = rows([make({f"v{i}": i / 10 for i in range(8)})])
    found = [(c.word, c.video) for c in cases(row, "CC")]
    assert found == [*(("best", v) for v in ("v7", "v6", "v5")), *(("worst", v) for v in ("v0", "v1", "v2"))]
    assert [c.video for c in cases(row, "KL")[:3]] == ["v0", "v1", "v2"], "a low KL is good"
    [row] = rows([make({f"v{i}": i / 10 for i in range(5)}, dataset="synth")])
    found = [(c.category, c.word, c.video) for c in cases(row, "CC")]
    assert found == [
        ("timbre", "best", "v4"),
        ("timbre", "worst", "v0"),
        *((kind, "best", f"v{i}") for i, kind in enumerate(("pulse", "offscreen", "silent"), start=1)),
    ]


def test_undefined_videos_are_no_cases():
    [row] = rows([make({"a": NAN, "b": 0.5})])
    assert [c.video for c in cases(row, "CC")] == ["b"]


def test_names_of_rows_are_short_and_unlike_each_other():
    table = rows(
        [make([0.5], model="a"), make([0.5], model="a", preset="smoke"), make([0.5], model="b", sound="muted")]
    )
    assert sorted(labels(table)) == ["a_v (paper)", "a_v (smoke)", "b_v, muted"]


def test_pictures_are_those_of_the_very_test(tmp_path):
    record = a_record()
    folders = [tmp_path / "stages" / name / "test" / "stavis-synth-fold1-original" for name in ("a", "b", "c")]
    last = record.videos[-1]
    other = dataclasses.replace(last, scores=last.scores | {"CC": 0.123})
    for folder, scores in zip(folders[:2], (other, last), strict=True):
        folder.mkdir(parents=True)
        for video in (*record.videos[:-1], scores):
            (folder / f"{video.video}.json").write_text(json.dumps({"video": video_to_json(video)}), encoding="utf-8")
    assert find_results(record, tmp_path) == folders[1]
    (folders[1] / f"{last.video}.json").write_text("{", encoding="utf-8")
    assert find_results(record, tmp_path) is None
    assert find_results(record, tmp_path / "nowhere") is None


# the command


def analyse(*words):
    return main(["analyse", *map(str, words)])


def test_records_side_by_side_give_text_tables_and_pictures(tmp_path, synth_root, capsys):
    records = [a_record(), a_record(modality="v", quality=0.45), a_record("mep", "", 0.2)]
    named = places(tmp_path / "board", records)
    save(tmp_path / "board", [a_record("human_infinite", "", 0.9)])
    runs = tmp_path / "runs"
    record = records[0]
    folder = runs / "stages" / "stavis_av" / "test" / "stavis-synth-fold1-original"
    folder.mkdir(parents=True)
    for video in record.videos:
        (folder / f"{video.video}.json").write_text(json.dumps({"video": video_to_json(video)}), encoding="utf-8")
        Image.new("RGB", (288, 288), "green").save(folder / f"{video.video}.png")
    assert analyse(*named, "--runs", runs, "--synth-root", synth_root, "--metric", "cc") == 0
    out = runs / "analyses" / "stavis-synth"
    said = capsys.readouterr().out
    for part in ("By category", "Over time", "Best and worst videos", "Contextual NSS", "Between the bounds"):
        assert f"## {part}" in said
    assert "says nothing about real videos" in said
    assert "stavis_av: no maps of fold 1, seed 0 are there; bench it with --keep-maps" in said
    assert "![" not in said
    assert "![By category](categories.png)" in (out / "analysis.md").read_text(encoding="utf-8")
    pictures = sorted(path.name for path in out.glob("*.png"))
    assert pictures == ["cases-stavis_av.png", "categories.png", "time.png"]
    assert "## Analysis of variance" in said
    assert f"- stavis_v: {named[2]}: the record has no scores of single frames; test it anew" in said
    assert "- stavis_v: no maps of fold 1, seed 0 are there; bench it with --keep-maps" in said
    for name in pictures:
        assert np.asarray(Image.open(out / name).convert("L")).std() > 5
    tables = {path.name: list(csv.DictReader(path.open(encoding="utf-8"))) for path in out.glob("*.csv")}
    variance = {"variance.csv", "variance_pairs.csv"}
    assert set(tables) == {"categories.csv", "time.csv", "cases.csv", "relative.csv"} | variance
    units = {(line["factor"], line["within"]) for line in tables["variance.csv"] if line["metric"] == "CC"}
    assert units == {
        *(("network", kind) for kind in ("all", "timbre", "pulse", "offscreen", "silent")),
        *(("category", name) for name in ("stavis_av", "stavis_v", "mep")),
    }
    assert {line["metric"] for line in tables["variance_pairs.csv"]} == {"CC"}, "the others have no table of pairs"
    assert len(tables["categories.csv"]) == 3 * 5 * len(METRICS)
    assert len(tables["time.csv"]) == 3 * 20 * len(METRICS)
    assert {line["picture"] for line in tables["cases.csv"] if line["network"] == "stavis_av"} == {"there"}
    assert {line["picture"] for line in tables["cases.csv"] if line["network"] == "stavis_v"} == {"gone"}
    mep = {line["metric"]: line["relative"] for line in tables["relative.csv"] if line["network"] == "mep"}
    assert set(mep.values()) == {"0.0"}


def test_tables_stand_where_the_videos_of_a_record_are_not_there(tmp_path, synth_root, capsys):
    recipe = {"network": {"splits": 1, "degree": {"synth": 5}}}
    [path] = places(tmp_path / "board", [dataclasses.replace(a_record("human_infinite", "", 0.9), recipe=recipe)])
    assert analyse(path, "-o", tmp_path / "out", "--synth-root", synth_root) == 0
    said = capsys.readouterr().out
    assert "## By category" in said
    assert "- human_infinite: " in said


def test_folds_of_one_network_make_one_row(tmp_path):
    paths = places(tmp_path / "board", [a_record(fold=k) for k in (1, 2, 3)])
    [row] = read_analysed(paths)
    assert row.complete
    assert len({case.record.fold for case in cases(row, "CC")}) > 1


def test_bounds_are_found_beside_the_records(tmp_path):
    records = [a_record(), a_record("mep", "", 0.2), a_record("human_infinite", "", 0.9)]
    by_name = {path.stem.partition("-")[0]: path for path in places(tmp_path / "board", records)}
    path = by_name["stavis_av"]
    assert [row.head.model for row in bounds_beside([path, by_name["mep"]])] == ["human_infinite", "mep"]
    others = places(tmp_path / "other", [a_record("vinet"), a_record("mep", "", 0.3)])
    beside = bounds_beside([path, *others])
    assert sorted(row.head.model for row in beside) == ["human_infinite", "mep", "mep"], "those of each board apart"


def test_a_copy_of_a_record_is_an_error(tmp_path, capsys):
    [path] = places(tmp_path / "board", [a_record()])
    copy = tmp_path / "copy.json"
    copy.write_bytes(path.read_bytes())
    assert analyse(path, copy) == 2
    said = capsys.readouterr().err
    assert "stavis_av on synth, seed 0: one record a fold expected, got folds (1, 1)" in said
    assert said.count("\n") == 1


def test_records_without_curves_stop_the_command_in_one_line(tmp_path, synth_root, capsys):
    [path] = places(tmp_path / "board", [make([0.5, 0.6], dataset="synth")])
    assert analyse(path, "-o", tmp_path / "out", "--synth-root", synth_root) == 2
    said = capsys.readouterr().err
    assert "toy_v on synth: its records have no scores over time; run it anew" in said
    assert said.count("\n") == 1


def test_records_that_do_not_compare_are_an_error(tmp_path, capsys):
    one, other = places(tmp_path / "board", [a_record(), a_record(dataset="avad")])
    assert analyse(one, other) == 2
    assert "one data set and protocol" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nowhere.json"], "no file nowhere.json; records lie in"),
        (["{path}", "{path}"], "is given twice"),
        (["{path}", "--metric", "CCC"], "unknown metric 'ccc'; did you mean 'cc'"),
        (["{text}"], "not a record"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, words, error):
    [path] = places(tmp_path / "board", [a_record()])
    (tmp_path / "text.json").write_text("hello", encoding="utf-8")
    assert analyse(*(word.format(path=path, text=tmp_path / "text.json") for word in words)) == 2
    said = capsys.readouterr().err
    assert error in said
    assert said.count("\n") == 1


def test_a_record_without_videos_and_too_many_networks_are_errors(tmp_path):
    empty = dataclasses.replace(make([0.5]), videos=[], scores=dict.fromkeys(METRICS, NAN))
    with pytest.raises(ValueError, match="a record without videos"):
        read_analysed(places(tmp_path / "empty", [empty]))
    with pytest.raises(ValueError, match="11 networks; at most 10"):
        read_analysed(places(tmp_path / "many", [a_record(f"net{n}") for n in range(11)]))
