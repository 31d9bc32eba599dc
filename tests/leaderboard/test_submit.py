"""Handing in records: all that is wrong is said at once, and what is there is never replaced unasked."""

from __future__ import annotations

import json
import math
import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import make, save
from PIL import Image

from avsal_bench.cli import main
from avsal_bench.data.layouts.listed import listed_frames
from avsal_bench.files import write_atomically
from avsal_bench.leaderboard.publishing import check_pictures, publish_records
from avsal_bench.leaderboard.submit import Submission, check_submission, incomplete_folds
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
    [written] = publish_records(found, tmp_path / "board")
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


def scored(**values: float) -> Record:
    """With other scores of the first video."""
    return first(whole(), scores=dict.fromkeys(METRICS, 0.5) | values)


FAULTS: dict[str, Record] = {
    "synth is made by this project itself": make([0.5], dataset="synth", provenance=STORY, weights=whole().weights),
    "unknown protocol 'mine'; known are stavis, vinet": whole(protocol="mine"),
    "averages videos, protocol vinet averages frames": whole(protocol="vinet"),
    "unknown data set 'avda'; did you mean 'avad'": whole(dataset="avda"),
    "no test list comes with this package": whole(dataset="salicon"),
    "video V32_Dancers of the test list is missing": first(whole(), video="other"),
    "video other is not in the test list of avad, fold 1": first(whole(), video="other"),
    "video V6_Basketball1 stands in it 2 times": first(whole(), video="V6_Basketball1", frames=193),
    "video V32_Dancers: 200 frames scored, the test list has 202": first(whole(), frames=200),
    "video V32_Dancers: 2 of 202 frames had no map": first(whole(), frames=200, skipped=2),
    "NSS is 31, plausible is -5 to 30": scored(NSS=31.0),
    "KL is -0.5, plausible is 0 to 40": scored(KL=-0.5),
    "KL is 50, plausible is 0 to 40": scored(KL=50.0),
    "20 frames without CC, and 5 that nobody fixated": first(whole(), undefined={"CC": 20}, unfixated=5),
    "1 frames without sAUC, and 0 that nobody fixated": first(whole(), undefined={"sAUC": 1}),
    "CC is 0.5, and not defined in 202 of 202 frames": first(whole(), undefined={"CC": 202}, unfixated=202),
    "NSS is nan, and not defined in 3 of 202 frames": first(
        whole(), scores=dict.fromkeys(METRICS, 0.5) | {"NSS": math.nan}, undefined={"NSS": 3}
    ),
    "3 frames with a constant map, which has no CC, and 2 without CC": first(
        whole(), constant=3, undefined={"CC": 2}, unfixated=2
    ),
    "map_cc is 0.9, and compares maps of other sounds only": first(whole(), map_cc=0.9),
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
    "made from a tree with uncommitted changes": whole(provenance=STORY | {"clean": False}),
}


@pytest.mark.parametrize("told", FAULTS)
def test_each_fault_is_found(told: str, tmp_path: Path) -> None:
    found = hand_in(tmp_path, FAULTS[told])
    assert found.records == {}
    [problems] = found.problems.values()
    assert any(told in problem for problem in problems), problems
    with pytest.raises(ValueError, match="nothing is published"):
        publish_records(found, tmp_path / "board")


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


def test_pictures_come_along_when_asked_for_and_are_written_anew(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    jpg = Image.fromarray(np.full((40, 60, 3), 90, dtype=np.uint8))
    jpg.save(tmp_path / "in" / "a.jpg", exif=_exif("a secret"), comment=b"<script>")
    found = hand_in(tmp_path, whole())
    place = publish_records(found, tmp_path / "board")[0]
    assert not place.with_suffix(".jpg").exists()
    place.unlink()
    assert publish_records(found, tmp_path / "board", pictures=True) == [place, place.with_suffix(".jpg")]
    content = place.with_suffix(".jpg").read_bytes()
    assert b"secret" not in content
    assert b"script" not in content
    with Image.open(place.with_suffix(".jpg")) as published:
        assert (published.size, published.getpixel((5, 5))) == ((60, 40), (90, 90, 90))
        assert not published.getexif()
    assert sorted(p.name for p in place.parent.iterdir()) == [place.with_suffix(".jpg").name, place.name]


def _exif(text: str) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = text
    return exif


def _png(path: Path) -> None:
    Image.new("L", (8, 8)).save(path, "PNG")


def _large(path: Path) -> None:
    Image.new("L", (7_000, 6_000)).save(path, "JPEG", quality=1)


def _cut(path: Path) -> None:
    Image.effect_noise((400, 400), 90).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:2000])


NO_PICTURES: dict[str, Callable[[Path], Any]] = {
    "html": lambda path: path.write_text("<html><script>alert(1)</script>"),
    "html behind the first bytes of a picture": lambda path: path.write_bytes(b"\xff\xd8\xff\xe0<script>"),
    "png": _png,
    "empty": lambda path: path.write_bytes(b""),
    "cut short": _cut,
    "too many pixels": _large,
    "too many bytes": lambda path: os.truncate(path, 10**9) if path.touch() is None else None,
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to a picture elsewhere": lambda path: path.symlink_to(_elsewhere(path)),
    "a link to nothing": lambda path: path.symlink_to(path.parent / "nothing.jpg"),
}


def _elsewhere(path: Path) -> Path:
    other = path.parents[1] / "private.jpg"
    Image.new("RGB", (8, 8)).save(other)
    return other


@pytest.mark.parametrize("kind", NO_PICTURES)
def test_what_is_no_picture_is_refused_by_name_and_nothing_is_published(kind: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    NO_PICTURES[kind](tmp_path / "in" / "b.jpg")
    write_record(tmp_path / "in" / "b.json", whole(2))
    found = hand_in(tmp_path, whole())
    check_pictures(found)
    told = {path.stem: problems for path, problems in found.problems.items()}
    assert list(told) == ["b"]
    assert "b.jpg" in str(told) or "link" in str(told) or "pipe" in str(told)
    board = tmp_path / "board"
    with pytest.raises(ValueError, match="nothing is published"):
        publish_records(found, board, pictures=True)
    found.problems.clear()
    found.records[tmp_path / "in/b.json"], found.places[tmp_path / "in/b.json"] = whole(2), board / "records/x/y/z.json"
    with pytest.raises((ValueError, OSError), match=r"b\.jpg"):
        publish_records(found, board, pictures=True)
    assert not any(board.rglob("*"))


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


def test_human_infinite_may_leave_frames_out(tmp_path: Path) -> None:
    """Some observers look where others do not."""
    record = first(whole(model="human_infinite", modality=""), undefined={"CC": 3})
    assert hand_in(tmp_path, record).problems == {}


class Stop(BaseException):
    """An interruption."""


def snapshot(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("error", [ValueError("no page"), OSError("disk full"), Stop()])
def test_a_page_that_cannot_be_made_leaves_the_leaderboard_as_it_was(error: BaseException, tmp_path: Path) -> None:
    board = save(tmp_path / "board", [make([0.5], model="other")])
    before = snapshot(board)

    def build(folder: Path) -> None:
        assert read_record(folder / "records/stavis/avad/toy_v-fold1-seed0.json") == whole()
        (folder / "README.md").write_text("half a page")
        (folder / "published.csv").unlink()
        raise error

    found = hand_in(tmp_path, whole())
    with pytest.raises(type(error)):
        publish_records(found, board, build)
    assert snapshot(board) == before


@pytest.mark.parametrize("moved", range(4))
def test_an_interruption_while_files_are_moved_undoes_it(
    moved: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = save(tmp_path / "board", [whole()])
    (board / "README.md").write_text("old page")
    (board / "old.html").write_text("old details")
    before = snapshot(board)
    write_record(tmp_path / "in" / "b.json", whole(2))
    found = hand_in(tmp_path, whole(value=0.6), reason="a bug")
    replace_file, moves = Path.replace, []

    def stop(self: Path, target: Path) -> Path:
        if ".submit-" in str(self) and "/new/" in str(self) and ".submit-" not in str(target):
            moves.append(target)
            if len(moves) > moved:
                raise Stop
        return replace_file(self, target)

    def build(folder: Path) -> None:
        write_atomically(folder / "README.md", "new page")
        write_atomically(folder / "details/row.html", "new details")
        (folder / "old.html").unlink()

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(Stop):
        publish_records(found, board, build)
    assert snapshot(board) == before
    monkeypatch.setattr(Path, "replace", replace_file)
    written = publish_records(found, board, build)
    assert {p.name for p in written} == {
        "toy_v-fold1-seed0.json",
        "toy_v-fold2-seed0.json",
        "README.md",
        "row.html",
    }
    assert snapshot(board)["README.md"] == b"new page"
    assert not (board / "old.html").exists()
    assert not any(p.name.startswith(".") for p in board.iterdir())


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
