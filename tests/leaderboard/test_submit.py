"""Handing in records: all that is wrong is said at once, and what is there is never replaced unasked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_records import make, save

from avsal_bench.cli import main
from avsal_bench.data.layouts.listed import listed_frames
from avsal_bench.leaderboard.submit import Submission, check_submission, incomplete_folds, publish_records
from avsal_bench.records import METRICS, Record, VideoScores, mean_scores, read_record, record_path, write_record

STORY = {
    "version": "0.1.0",
    "commit": "a" * 40,
    "code": "b" * 64,
    "clean": True,
    "started": "2026-01-01T00:00:00+00:00",
    "python": "3.11.2",
    "torch": "2.11.0",
    "device": "a processor",
    "command": "avsal run",
    "fits": [],
}


def whole(fold: int = 1, value: float = 0.5, **changes: Any) -> Record:
    """A record of AVAD with nothing against it."""
    frames = listed_frames("avad", fold)
    assert frames is not None
    videos = [VideoScores(name, n, dict.fromkeys(METRICS, value), {}) for name, n in frames.items()]
    weights = {"file": "best.ckpt", "sha256": "c" * 64, "parameters": 10}
    record = make([value], fold=fold, videos=videos, scores=mean_scores(videos), weights=weights, provenance=STORY)
    return replace(record, **changes)


def hand_in(folder: Path, record: Record, name: str = "a.json", reason: str | None = None) -> Submission:
    path = folder / "in" / name
    write_record(path, record)
    return check(folder, [folder / "in"], reason)


def check(folder: Path, paths: list[Path], reason: str | None = None) -> Submission:
    averaging: Mapping[str, Any] = {"stavis": "videos", "vinet": "frames"}
    return check_submission(paths, folder / "board", averaging, listed_frames, reason)


def test_a_good_record_is_published_where_it_belongs(tmp_path: Path) -> None:
    found = hand_in(tmp_path, whole(), "deep/er/x.json")
    assert found.problems == {}
    [written] = publish_records(found)
    assert written == tmp_path / "board/records/stavis/avad/toy_v-fold1-seed0.json"
    assert read_record(written) == whole()
    [note] = incomplete_folds(found, tmp_path / "board")
    assert (
        note == "toy_v on avad, stavis, seed 0, sound original: folds 2, 3 are missing; the row is listed as incomplete"
    )
    found = hand_in(tmp_path / "more", whole(2))
    (tmp_path / "more" / "board").symlink_to(tmp_path / "board")
    assert "folds 3 are missing" in incomplete_folds(found, tmp_path / "board")[0]


def first(record: Record, **changes: Any) -> Record:
    """With another first video, and the mean that belongs to it."""
    videos = [replace(record.videos[0], **changes), *record.videos[1:]]
    return replace(record, videos=videos, scores=mean_scores(videos))


FAULTS: dict[str, Record] = {
    "synth is made by this project itself": make([0.5], dataset="synth", provenance=STORY, weights=whole().weights),
    "model '../x': expected letters": whole(model="../x"),
    "modality 'x': expected": whole(modality="x"),
    "sound 'loud': expected": whole(sound="loud"),
    "seed -1: expected": whole(seed=-1),
    "unknown protocol 'mine'; known are stavis, vinet": whole(protocol="mine"),
    "averages videos, protocol vinet averages frames": whole(protocol="vinet"),
    "unknown data set 'avda'; did you mean 'avad'": whole(dataset="avda"),
    "fold 4, expected 1, 2 or 3": replace(whole(), fold=4),
    "no test list comes with this package": whole(dataset="salicon"),
    "video V32_Dancers of the test list is missing": first(whole(), video="other"),
    "video other is not in the test list of avad, fold 1": first(whole(), video="other"),
    "video V6_Basketball1 stands in it 2 times": first(whole(), video="V6_Basketball1", frames=193),
    "video V32_Dancers: 200 frames scored, the test list has 202": first(whole(), frames=200),
    "video V32_Dancers: 2 of 202 frames had no map": first(whole(), frames=200, skipped=2),
    "video V32_Dancers: 300 frames without fixations, of 202 frames": first(whole(), unfixated=300),
    "CC is 1.2, plausible is -1 to 1": whole(value=1.2),
    "NSS is 31, plausible is -5 to 30": whole(value=31.0),
    "KL is -0.5, plausible is 0 to 40": whole(value=-0.5),
    "CC is 0.600000, the mean over its videos is 0.500000": whole(scores=dict.fromkeys(METRICS, 0.6)),
    "CC is undefined on every video": whole(value=float("nan")),
    "weights: no SHA-256": whole(weights={"file": "x", "sha256": None, "parameters": 1}),
    "weights: SHA-256 'abc', expected 64 hexadecimal digits": whole(weights={"sha256": "abc", "parameters": 1}),
    "weights: None parameters": whole(weights={"sha256": "c" * 64}),
    "provenance: commit is 'abc'": whole(provenance=STORY | {"commit": "abc"}),
    "provenance: code is None; a record of this package has it": whole(provenance=STORY | {"code": None}),
    "made from a tree with uncommitted changes": whole(provenance=STORY | {"clean": False}),
}


@pytest.mark.parametrize("told", FAULTS)
def test_each_fault_is_found(told: str, tmp_path: Path) -> None:
    found = hand_in(tmp_path, FAULTS[told])
    assert found.records == {}
    [problems] = found.problems.values()
    assert any(told in problem for problem in problems), problems
    with pytest.raises(ValueError, match="nothing is published"):
        publish_records(found)


def test_all_faults_are_said_at_once(tmp_path: Path) -> None:
    record = first(whole(weights={}, provenance={}, seed=-1), frames=3)
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
    assert publish_records(found) == [place]
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


def test_pictures_come_along_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"frames")
    found = hand_in(tmp_path, whole())
    place = publish_records(found)[0]
    assert not place.with_suffix(".jpg").exists()
    place.unlink()
    assert publish_records(found, pictures=True) == [place, place.with_suffix(".jpg")]
    assert place.with_suffix(".jpg").read_bytes() == b"frames"
    assert sorted(p.name for p in place.parent.iterdir()) == [place.with_suffix(".jpg").name, place.name]


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

    write_record(tmp_path / "bad.json", whole(seed=-1))
    assert main(["submit", str(tmp_path / "bad.json"), str(tmp_path / "mine.json"), *board]) == 1
    out = capsys.readouterr().out
    assert "bad.json: seed -1: expected a whole number" in out
    assert "mine.json: " in out
    assert "2 of 2 files cannot be published; nothing was changed" in out
    assert main(["submit", *board]) == 2
    assert main(["submit", str(tmp_path / "none.json"), *board]) == 2
    assert "no such file or folder" in capsys.readouterr().err
