"""The way of submissions onto the leaderboard: whole or not at all, and nothing that the page cannot show."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import CHANGES, changed, check, hand_in, make, places, save, whole
from PIL import Image

from avsal_bench.files import write_atomically
from avsal_bench.leaderboard.analysis import Contextual
from avsal_bench.leaderboard.page import write_leaderboard
from avsal_bench.leaderboard.reports.analysis_report import Analysis, write_analysis
from avsal_bench.leaderboard.reports.latex import latex_tables
from avsal_bench.leaderboard.submissions.publishing import check_pictures, publish_records
from avsal_bench.leaderboard.tables import rows
from avsal_bench.records import CURVE_PARTS, METRICS, read_record, read_records, write_record


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


# whatever is accepted can be shown


def _plain(folder: Path) -> dict[str, Any]:
    """The plain values of a whole record of a small set with something in every field."""
    record = whole(dataset="etmd")
    first = replace(
        record.videos[0],
        category="talk",
        unfixated=2,
        undefined={"NSS": 2},
        curve={metric: [0.5] * CURVE_PARTS for metric in METRICS},
        consistent=dict.fromkeys(METRICS, 0.5),
        consistent_frames=5,
    )
    fit = {"stage": "one", "network": "stavis", "seconds": 5.0, "curve": [{"epoch": 1, "train/loss": 0.5, "lr": 0.1}]}
    story = record.provenance | {"fits": [fit], "made_of": {"code": "abc"}, "threads": 4, "test_seconds": 5.5}
    recipe = {"stages": {"one": {"lr": 0.1}}}
    write_record(
        folder / "a.json", replace(record, videos=[first, *record.videos[1:]], provenance=story, recipe=recipe)
    )
    return dict(json.loads((folder / "a.json").read_text(encoding="utf-8")))


def _show_what_is_accepted(folder: Path, names: list[str]) -> tuple[int, int]:
    """Hand in a record for each change of each field, publish what is accepted, and draw all there is of it.

    Returns:
        How many were tried, and how many accepted.
    """
    plain = _plain(folder)
    (folder / "in").mkdir()
    tried = [(place, name) for place in places(plain) for name in names]
    for number, (place, name) in enumerate(tried):
        other = changed(plain | {"model": f"m{number}"}, place, CHANGES[name])
        (folder / "in" / f"{number}.json").write_text(json.dumps(other), encoding="utf-8")
    found = check(folder, [folder / "in"])
    for problems in found.problems.values():
        assert all(text.isprintable() for text in problems)
    found.problems.clear()
    board = save(folder / "board", [])
    (board / "references.bib").write_text("", encoding="utf-8")
    publish_records(found, board, write_leaderboard)
    latex_tables(board, ["etmd"])
    records = [record for _, record in read_records(board / "records")]
    assert len(records) == len(found.records)
    curved = [r for r in records if r.videos[0].curve][:3]
    write_analysis(Analysis(rows(curved), "CC", [{}] * 3, [Contextual({}, "none")] * 3), folder / "analysis")
    return len(tried), len(records)


def test_whatever_is_accepted_can_be_shown(tmp_path: Path) -> None:
    tried, accepted = _show_what_is_accepted(tmp_path, list(CHANGES)[::6])
    assert tried > 400
    assert 10 < accepted < tried / 3


@pytest.mark.slow
def test_whatever_is_accepted_of_all_changes_can_be_shown(tmp_path: Path) -> None:
    tried, accepted = _show_what_is_accepted(tmp_path, list(CHANGES))
    assert tried > 3000
    assert 100 < accepted < tried / 3


def test_two_submissions_at_once_take_turns_and_neither_is_lost(tmp_path: Path) -> None:
    """The second waits for the first, and its own record joins that one."""
    records = {"1": whole(1), "2": whole(2), "late": whole(1, 0.4)}
    for name, record in records.items():
        write_record(tmp_path / "in" / f"{name}.json", record)
    *found, late = (check(tmp_path, [tmp_path / "in" / f"{name}.json"]) for name in records)
    inside: list[Path] = []
    most: list[int] = []

    def build(folder: Path) -> None:
        inside.append(folder)
        most.append(len(inside))
        time.sleep(0.1)
        inside.pop()

    board = tmp_path / "board"
    threads = [threading.Thread(target=publish_records, args=(one, board, build)) for one in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1]
    assert len(list((board / "records").rglob("*.json"))) == 2
    with pytest.raises(ValueError, match="was put there by somebody else just now"):
        publish_records(late, board, build)
    assert most == [1, 1]
