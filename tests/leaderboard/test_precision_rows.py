"""Rows of another precision than float32: never in one mean with others, and marked wherever they are shown."""

from dataclasses import replace

import pytest
from made_records import STORY, check, make, save, section, synth_records, whole

from avsal_bench import load_records
from avsal_bench.leaderboard.drift import drifts
from avsal_bench.leaderboard.hearing import hearing_table
from avsal_bench.leaderboard.page.readme import write_leaderboard
from avsal_bench.leaderboard.reports.latex import latex_tables
from avsal_bench.leaderboard.sound_losses import sound_losses
from avsal_bench.leaderboard.tables import rows
from avsal_bench.names import precision_word
from avsal_bench.records import read_record, read_records, record_path


def in_precision(record, precision):
    return replace(record, provenance=record.provenance | {"precision": precision})


def both(folder):
    """Three folds of a network in float32, the last of them in bfloat16 too, and what it has on each."""
    plain = [make([0.5, 0.7], fold=fold, provenance=STORY) for fold in (1, 2, 3)]
    half = in_precision(make([0.1, 0.2], fold=3, provenance=STORY), "bf16-mixed")
    save(folder, [*plain, half])
    return plain, half


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (None, ""),
        ("32-true", ""),
        ("32", ""),
        (32, ""),
        ("bf16-mixed", "bf16"),
        ("16-mixed", "fp16"),
        (16, "fp16"),
        ("64-true", "fp64"),
        ("bf16-true", "bf16-true"),
        ("in my own/way", "in-my-own-way"),
        ("..", "other"),
    ],
)
def test_what_a_row_is_marked_with(said, word):
    assert precision_word(said) == word
    record = in_precision(make([0.5]), said)
    assert record.label == ("toy" if not word else f"toy-{word}")
    assert record.network == f"{record.label}_v"


def test_no_mean_mixes_two_precisions(tmp_path):
    plain, half = both(tmp_path)
    table = rows([*plain, half])
    assert {row.head.label: (row.folds, round(row.scores["CC"].value, 6)) for row in table} == {
        "toy": ((1, 2, 3), 0.6),
        "toy-bf16": ((3,), 0.15),
    }
    # Also where one fold alone is there in float32, and the others are not.
    mixed = rows([plain[0], in_precision(plain[1], "bf16-mixed"), in_precision(plain[2], "bf16-mixed")])
    assert sorted(row.folds for row in mixed) == [(1,), (2, 3)]
    frame = load_records(tmp_path)
    assert set(zip(frame.model, frame.precision, strict=True)) == {("toy", ""), ("toy-bf16", "bf16")}
    means = frame[frame.metric == "CC"].groupby("model").value.mean()
    assert means.round(6).to_dict() == {"toy": 0.6, "toy-bf16": 0.15}


def test_the_page_and_its_tables_mark_them(tmp_path):
    both(tmp_path)
    write_leaderboard(tmp_path)
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    names = [line.split("|")[1].strip() for line in section(page, "### AVAD").splitlines() if "| paper" in line]
    assert names == ["toy", "toy-bf16‖"]
    assert "‖ tested in another precision than float32" in page
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "tested in bf16, and not in float32" in html
    assert "#row/stavis/avad/toy-bf16_v/paper" in html
    lines = (tmp_path / "leaderboard.csv").read_text(encoding="utf-8").splitlines()
    head = lines[0].split(",")
    measured = [dict(zip(head, line.split(","), strict=False)) for line in lines if line.startswith("measured")]
    assert {(one["model"], one["precision"], "not-float32" in one["mark"]) for one in measured} == {
        ("toy", "float32", False),
        ("toy-bf16", "bf16", True),
    }
    text = latex_tables(tmp_path, ["avad"], ["CC"]).text
    assert r"toy-bf16" in text
    assert r"$^{\parallel}$~tested in bf16, all others in float32." in text
    assert text.count(r"$^{\parallel}$") == 2, "in the caption, and behind the number of its row"


def test_each_has_a_place_of_its_own_and_the_old_one_is_still_read(tmp_path):
    _, half = both(tmp_path)
    names = sorted(path.name for path, _ in read_records(tmp_path / "records"))
    assert names == ["toy-bf16_v-fold3-seed0.json", *(f"toy_v-fold{k}-seed0.json" for k in (1, 2, 3))]
    place = record_path(tmp_path / "records", half.network, "avad", 3, 0, "stavis")
    old = place.with_name("toy_v-fold3-seed0.json")
    old.write_bytes(place.read_bytes())
    with pytest.raises(ValueError, match="claim the same row"):
        list(read_records(tmp_path / "records"))
    place.unlink()
    assert [one.precision for _, one in read_records(tmp_path / "records")] == ["", "", "bf16"]
    elsewhere = place.with_name("toy-fp16_v-fold3-seed0.json")
    old.rename(elsewhere)
    with pytest.raises(ValueError, match=f"holds the record of .*{place.name}; move it there"):
        list(read_records(tmp_path / "records"))
    assert read_record(elsewhere) == half


def test_expected_scores_are_those_of_float32():
    record = make([0.5], dataset="synth")
    scores = {"toy_v/synth/fold1/original": {"CC": [0.5, 0.1]}}
    assert drifts([record], scores) == []
    with pytest.raises(ValueError, match="tested in bf16, and expected scores are those of float32"):
        drifts([record, in_precision(record, "bf16-mixed")], scores)


def test_hearing_is_compared_within_a_precision():
    records = synth_records()
    halves = [in_precision(one, "bf16-mixed") for one in records if one.modality]
    found = {one.model: one for one in hearing_table([*records, *halves])}
    alone = {one.model: one for one in hearing_table(records)}
    assert found.keys() == {*alone, *(f"{model}-bf16" for model in alone)}
    for model, one in alone.items():
        assert found[model] == one
        assert found[f"{model}-bf16"].av_over_v == one.av_over_v
    unmuted = [one for one in halves if one.sound == "original"]
    assert {one.model for one in sound_losses([*records, *unmuted])} == {one.model for one in sound_losses(records)}


@pytest.mark.parametrize(("precision", "problems"), [("bf16-mixed", 0), ("fp8", 1), ("32-true", 0), (None, 0)])
def test_a_record_that_is_handed_in_names_a_precision_that_there_is(tmp_path, precision, problems):
    record = in_precision(whole(), precision)
    (path,) = save(tmp_path / "theirs", [record]).rglob("*.json")
    found = check(tmp_path / "board", [path])
    told = [line for lines in found.problems.values() for line in lines]
    assert len(told) == problems, told
    assert all("unknown precision" in line for line in told)
    if not problems:
        assert found.places[path].name.startswith("toy_v-" if precision != "bf16-mixed" else "toy-bf16_v-")
