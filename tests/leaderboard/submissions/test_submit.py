"""Handing in records: all that is wrong is said at once, and what is there is never replaced unasked."""

from __future__ import annotations

import json
import math
import os
import socket
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_records import STORY, check, hand_in, make, save, whole

from avsal_bench.cli import main
from avsal_bench.data.layouts.listed import listed_frames
from avsal_bench.leaderboard.submissions.publishing import publish_records
from avsal_bench.leaderboard.submissions.submit import incomplete_folds
from avsal_bench.records import METRICS, Record, mean_scores, read_record, record_path, write_record


def test_a_good_record_is_published_where_it_belongs(tmp_path: Path) -> None:
    found = hand_in(tmp_path, whole(), "deep/er/x.json")
    assert found.problems == {}
    [written] = publish_records(found, tmp_path / "board")
    assert written == tmp_path / "board/records/stavis/avad/toy_v-fold1-seed0.json"
    assert read_record(written) == whole()
    [note] = incomplete_folds(found, tmp_path / "board")
    assert (
        note == "toy_v on avad, stavis, seed 0, sound original: folds 2, 3 are missing; the row is listed as incomplete"
    )
    found = hand_in(tmp_path / "more", whole(2))
    (tmp_path / "more" / "board").symlink_to(tmp_path / "board")
    assert "fold 3 is missing" in incomplete_folds(found, tmp_path / "board")[0]


def first(record: Record, **changes: Any) -> Record:
    """With another first video, and the mean that belongs to it."""
    videos = [replace(record.videos[0], **changes), *record.videos[1:]]
    return replace(record, videos=videos, scores=mean_scores(videos))


def scored(**values: float) -> Record:
    """With other scores of the first video."""
    return first(whole(), scores=dict.fromkeys(METRICS, 0.5) | values)


FAULTS: dict[str, Record] = {
    "synth is made by this project itself": make([0.5], dataset="synth", provenance=STORY, weights=whole().weights),
    "unknown protocol 'mine'; known are stavis, vinet, stavis-chance": whole(protocol="mine"),
    "averages videos, protocol vinet averages frames": whole(protocol="vinet"),
    "unknown data set 'avda'; did you mean 'avad'": replace(whole(), dataset="avda"),
    "no test list comes with this package": replace(whole(), dataset="salicon"),
    "video V32_Dancers of the test list is missing": first(whole(), video="other"),
    "video other is not in the test list of avad, fold 1": first(whole(), video="other"),
    "video V6_Basketball1 stands in it 2 times": first(whole(), video="V6_Basketball1", frames=193),
    "video V32_Dancers: 200 frames scored, the test list has 202": first(whole(), frames=200),
    "video V32_Dancers: 2 of 202 frames had no map": first(whole(), frames=200, skipped=2),
    "NSS is 31, plausible is -5 to 30": scored(NSS=31.0),
    "KL is -0.5, plausible is 0 to 40": scored(KL=-0.5),
    "KL is 50, plausible is 0 to 40": scored(KL=50.0),
    "20 frames without CC, and 5 that nobody fixated": first(whole(), undefined={"CC": 20}, unfixated=5),
    "1 frame without sAUC, and 0 that nobody fixated": first(whole(), undefined={"sAUC": 1}),
    "CC is 0.5, and not defined in 202 of 202 frames": first(whole(), undefined={"CC": 202}, unfixated=202),
    "NSS is nan, and not defined in 3 of 202 frames": first(
        whole(), scores=dict.fromkeys(METRICS, 0.5) | {"NSS": math.nan}, undefined={"NSS": 3}
    ),
    "3 frames with a constant map, which has no CC, and 2 without CC": first(
        whole(), constant=3, undefined={"CC": 2}, unfixated=2
    ),
    "map_cc is 0.9, and compares maps of other sounds only": first(whole(), map_cc=0.9),
    "it has places, which compare scores of other sounds only": first(whole(), places={"source": [1.0, 0.5]}),
    "provenance: started is '2026-02-30T00:00:00', expected such as": whole(
        provenance=STORY | {"started": "2026-02-30T00:00:00"}
    ),
    "CC is 0.600000, the mean over its videos is 0.500000": whole(scores=dict.fromkeys(METRICS, 0.6)),
    "CC is undefined on every video": whole(value=math.nan),
    "weights: no SHA-256": whole(weights={"file": "x", "sha256": None, "parameters": 1}),
    "weights: SHA-256 'abc', expected 64 hexadecimal digits": whole(weights={"sha256": "abc", "parameters": 1}),
    "weights: None parameters": whole(weights={"sha256": "c" * 64}),
    "provenance: commit is 'abc'": whole(provenance=STORY | {"commit": "abc"}),
    "provenance: code is None; a record of this package has it": whole(provenance=STORY | {"code": None}),
    "changed since it was committed or installed": whole(provenance=STORY | {"clean": False}),
    "provenance: commit is None": whole(provenance=STORY | {"commit": None, "clean": False}),
}


@pytest.mark.parametrize("told", FAULTS)
def test_each_fault_is_found(told: str, tmp_path: Path) -> None:
    found = hand_in(tmp_path, FAULTS[told])
    assert found.records == {}
    [problems] = found.problems.values()
    assert any(told in problem for problem in problems), problems
    with pytest.raises(ValueError, match="nothing is published"):
        publish_records(found, tmp_path / "board")


def test_a_record_of_an_installed_package_has_no_commit_and_is_published(tmp_path: Path) -> None:
    found = hand_in(tmp_path, whole(provenance=STORY | {"commit": None}))
    assert found.problems == {}
    assert len(publish_records(found, tmp_path / "board")) == 1


def test_all_faults_are_said_at_once(tmp_path: Path) -> None:
    record = first(whole(weights={}, provenance={}, protocol="mine"), frames=3)
    [problems] = hand_in(tmp_path, record).problems.values()
    assert len(problems) > 10


def test_a_baseline_and_maps_of_other_code_need_no_weights(tmp_path: Path) -> None:
    nothing = {"file": None, "sha256": None, "parameters": None}
    write_record(tmp_path / "in" / "base.json", whole(modality="", weights=nothing))
    assert hand_in(tmp_path, whole(preset="maps", weights=nothing)).problems == {}


def test_files_that_are_no_record_are_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("hello")
    (tmp_path / "in" / "old.json").write_text(json.dumps({"schema": 1}))
    (tmp_path / "in" / "a.jpg").write_bytes(b"picture of a.json")
    (tmp_path / "in" / "b.jpg").write_bytes(b"picture of nothing")
    found = hand_in(tmp_path, whole())
    assert len(found.records) == 1
    assert {path.name for path in found.problems} == {"notes.txt", "old.json", "b.jpg"}
    assert "schema 1, this version reads" in found.problems[tmp_path / "in" / "old.json"][0]
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        check(tmp_path, [tmp_path / "nowhere"])


def test_two_files_of_one_row_are_both_named(tmp_path: Path) -> None:
    write_record(tmp_path / "in" / "b.json", whole(value=0.4))
    found = hand_in(tmp_path, whole())
    assert found.problems == {tmp_path / "in/b.json": [f"claims the same row as {tmp_path / 'in/a.json'}"]}


def test_a_record_that_is_there_is_replaced_with_a_reason_only(tmp_path: Path) -> None:
    place = record_path(tmp_path / "board" / "records", "toy_v", "avad", 1, 0, "stavis")
    write_record(place, whole())
    [[problem]] = hand_in(tmp_path, whole(value=0.6)).problems.values()
    assert problem == f'{place} is there already; to put this one in its place give --replace "why"'
    with pytest.raises(ValueError, match="say why records are replaced"):
        hand_in(tmp_path, whole(value=0.6), reason=" ")
    found = hand_in(tmp_path, whole(value=0.6), reason="the old one had a bug")
    assert publish_records(found, tmp_path / "board") == [place]
    story = read_record(place).provenance["replaces"]
    assert story["reason"] == "the old one had a bug"
    assert len(story["sha256"]) == 64


def test_a_record_of_the_leaderboard_must_lie_in_its_place(tmp_path: Path) -> None:
    records = tmp_path / "board" / "records"
    write_record(records / "stavis/avad/toy_v-fold1-seed0.json", whole())
    assert check(tmp_path, [records]).problems == {}
    write_record(records / "stavis/avad/wrong.json", whole(2))
    [[problem]] = check(tmp_path, [records]).problems.values()
    assert problem.startswith("lies where another record belongs; its place is ")
    assert problem.endswith("toy_v-fold2-seed0.json")


STRANGE: dict[str, Callable[[Path], Any]] = {
    "a pipe": os.mkfifo,
    "a symbolic link": lambda path: path.symlink_to("/dev/zero"),
    "a symbolic link ": lambda path: path.symlink_to("/etc/hostname"),
    "a symbolic link  ": lambda path: path.symlink_to("/etc", target_is_directory=True),
    "a symbolic link   ": lambda path: path.symlink_to("nothing"),
    "a socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
}


@pytest.mark.parametrize("told", STRANGE)
@pytest.mark.parametrize("name", ["b.json", "deep/b.json"])
def test_only_regular_files_of_a_submission_are_opened(told: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as short:  # the name of a socket has few letters
        folder = Path(short)
        (folder / "in" / name).parent.mkdir(parents=True)
        STRANGE[told](folder / "in" / name)
        found = hand_in(folder, whole())
        [[path, [problem]]] = found.problems.items()
        assert path == folder / "in" / name
        assert told.strip() in problem


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "pipe"])
def test_what_is_named_must_be_a_file_too(path: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    [[problem]] = check(tmp_path, [tmp_path / path]).problems.values()
    assert "not a regular file" in problem


def test_a_submission_has_a_largest_number_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avsal_bench.leaderboard.submissions.handed_in.MOST_FILES", 2)
    for name in ("b.json", "c.json"):
        write_record(tmp_path / "in" / name, whole())
    with pytest.raises(ValueError, match="more than 2 files; hand them in as several submissions"):
        hand_in(tmp_path, whole())


def test_a_record_has_a_largest_size(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.json").touch()
    os.truncate(tmp_path / "in" / "b.json", 10**11)
    [[problem]] = hand_in(tmp_path, whole()).problems.values()
    assert "has 100,000,000,000 bytes, at most 64,000,000 are read" in problem


def test_what_other_programs_leave_is_ignored_and_named(tmp_path: Path) -> None:
    for name in ("._a.json", ".DS_Store", "__MACOSX/a.json", ".ipynb_checkpoints/a.json", "a (1).json"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text("left")
    found = hand_in(tmp_path, whole())
    assert found.problems == {}
    names = ["._a.json", ".DS_Store", ".ipynb_checkpoints", "__MACOSX", "a (1).json"]
    assert sorted(p.name for p in found.strays) == sorted(names)


def test_names_that_differ_in_case_only_are_one_name(tmp_path: Path) -> None:
    write_record(tmp_path / "in" / "b.json", whole(model="Toy"))
    [[problem]] = hand_in(tmp_path, whole()).problems.values()
    assert problem.startswith("claims the same row as")
    write_record(tmp_path / "board/records/stavis/avad/toy_v-fold1-seed0.json", whole())
    (tmp_path / "in" / "a.json").unlink()
    [[problem]] = check(tmp_path, [tmp_path / "in"]).problems.values()
    assert "is called as" in problem
    assert "but for upper and lower case" in problem


def test_a_single_fixated_frame_has_no_shuffled_score(tmp_path: Path) -> None:
    record = whole()
    frames = record.videos[0].frames
    scores = dict.fromkeys(METRICS, 0.5) | {"sAUC": math.nan}
    undefined = {"NSS": frames - 1, "AUC-J": frames - 1, "sAUC": frames}
    assert hand_in(tmp_path, first(record, scores=scores, undefined=undefined, unfixated=frames - 1)).problems == {}


def test_constant_maps_may_count_as_chance(tmp_path: Path) -> None:
    assert hand_in(tmp_path, first(whole(protocol="stavis-chance"), constant=20)).problems == {}
    [[problem]] = hand_in(tmp_path, first(whole(protocol="stavis-chance"), undefined={"CC": 20})).problems.values()
    assert "a protocol that counts these as chance, such as stavis-chance" in problem


def test_areas_above_1_and_constant_maps_have_scores_under_crowdsal(tmp_path: Path) -> None:
    """By its formulas, as docs/protocols.md says."""
    scores = dict.fromkeys(METRICS, 0.5) | {"AUC-J": 1.2}
    record = first(whole(protocol="crowdsal"), constant=20, scores=scores)
    folder, paths = tmp_path / "in", [str(tmp_path / "in")]
    write_record(folder / "a.json", record)
    assert main(["submit", *paths, "--check", "--leaderboard", str(tmp_path / "board")]) == 0


def test_human_infinite_may_leave_frames_out(tmp_path: Path) -> None:
    """Some observers look where others do not."""
    record = first(whole(model="human_infinite", modality=""), undefined={"CC": 3})
    assert hand_in(tmp_path, record).problems == {}


def test_lists_are_known_for_the_sets_that_are_published_on() -> None:
    for name in ("diem", "coutrot1", "coutrot2", "avad", "etmd", "summe", "dhf1k"):
        for fold in (1, 2, 3):
            assert listed_frames(name, fold)
    assert listed_frames("diem", 1) == listed_frames("diem", 3)
    assert (listed_frames("dhf1k", 2) or {})["0601"] == 739
    assert listed_frames("salicon", 1) is None


# the command


def test_the_command_publishes_and_says_what_to_commit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = ["--leaderboard", str(save(tmp_path / "board", []))]
    write_record(tmp_path / "mine.json", whole())
    assert main(["submit", str(tmp_path / "mine.json"), "--check", *board]) == 0
    assert not (tmp_path / "board" / "records").exists()
    assert main(["submit", str(tmp_path / "mine.json"), *board]) == 0
    out = capsys.readouterr().out
    assert "note: toy_v on avad" in out
    assert "records/stavis/avad/toy_v-fold1-seed0.json" in out.split("commit these")[1]
    assert "| toy " in (tmp_path / "board" / "README.md").read_text(encoding="utf-8")
    assert main(["submit", "--check", *board]) == 0, "those of the leaderboard"

    write_record(tmp_path / "bad.json", whole())
    (tmp_path / "bad.json").write_text((tmp_path / "bad.json").read_text().replace('"seed": 0', '"seed": -1'))
    assert main(["submit", str(tmp_path / "bad.json"), str(tmp_path / "mine.json"), *board]) == 1
    out = capsys.readouterr().out
    assert "bad.json: not a record (seed should be greater than or equal to 0; got -1)" in out
    assert "mine.json: " in out
    assert "2 of 2 files cannot be published; nothing was changed" in out
    assert main(["submit", *board]) == 2
    assert main(["submit", str(tmp_path / "none.json"), *board]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert main(["submit", str(tmp_path / "board"), *board]) == 1, "tables are no records"
    (tmp_path / "empty").mkdir()
    assert main(["submit", str(tmp_path / "empty"), *board]) == 2
    assert "no record in" in capsys.readouterr().err


def test_a_new_leaderboard_shows_what_papers_print(tmp_path: Path) -> None:
    write_record(tmp_path / "mine.json", whole())
    folder = tmp_path / "a new" / "board"
    assert main(["submit", str(tmp_path / "mine.json"), "--leaderboard", str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == {"records", "README.md", "index.html", "leaderboard.csv"}
    assert "## Published" in (folder / "README.md").read_text(encoding="utf-8")


def test_names_of_files_cannot_move_the_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = ["--leaderboard", str(save(tmp_path / "board", []))]
    (tmp_path / "in").mkdir()
    for name in (b"\xff\x1b[2J.json", b"._\x1b[2J.json"):
        (Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/" + name))).write_text("{}")
    assert main(["submit", str(tmp_path / "in"), *board]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\udcff\\x1b[2J.json: not a record" in out
