"""The way of a submission onto the leaderboard: whole or not at all, also where the page cannot be made afterwards."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from avsal_bench.data.plain_arrays import MOST_BYTES as MOST_PACKED
from avsal_bench.files import regular_file
from avsal_bench.leaderboard.by_frame.packed_scores import packed_path
from avsal_bench.leaderboard.submissions.problem import Problem
from avsal_bench.leaderboard.submissions.submit import Submission, is_same
from avsal_bench.progress import progress
from avsal_bench.records import write_record
from avsal_bench.text import many

#: Of a picture beside a record: bytes of its file, and pixels.
MOST_BYTES, MOST_PIXELS = 20_000_000, 40_000_000

#: Makes the pages of the leaderboard in a folder, and names the files written.
Build = Callable[[Path], object]


def publish_records(
    found: Submission, folder: Path, build: Build = lambda folder: None, pictures: bool = False
) -> list[Path]:
    """Put the records where they belong, with the pages made of them and of those that are there; or change nothing.

    All is made in a folder of its own first. Where anything fails, or the process is interrupted, the leaderboard is as
    it was before.

    Args:
        found: without problems.
        folder: of the leaderboard.
        build: makes its pages.
        pictures: whether to publish the ``.jpg`` beside each record too. They show frames of the sets.

    Returns:
        The files written.

    Raises:
        ValueError: when there are problems; naming a picture that is none; and as ``build`` does.
        OSError: when the folder cannot be written.
    """
    if found.problems:
        raise ValueError(
            f"{many(len(found.problems), 'file', 'have')} problems; nothing is published before they are solved"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with (
        _alone(folder),
        tempfile.TemporaryDirectory(prefix=".submit-", dir=folder, ignore_cleanup_errors=True) as temporary,
    ):
        _check_places(found)
        stage, kept = Path(temporary) / "new", Path(temporary) / "old"
        _mirror(folder, stage)
        written = list(_write(found, folder, stage, pictures))
        before = _files(stage)
        build(stage)
        after = _files(stage)
        pages = [path for path, stamp in after.items() if before.get(path) != stamp]
        _exchange([*written, *pages], before.keys() - after.keys(), stage, folder, kept)
    return [folder / path for path in [*written, *pages]]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process publishes into a folder; the end of a process frees it, however it ends."""
    held = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # of file systems without locks
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _check_places(found: Submission) -> None:
    """Raise ValueError where another submission was published since this one was checked."""
    for path, record in found.records.items():
        place = found.places[path]
        if place.exists() and not is_same(path, place) and "replaces" not in record.provenance:
            raise ValueError(f"{place} was put there by somebody else just now; nothing was changed, check again")


def check_pictures(found: Submission) -> None:
    """Look at the picture beside each record, and move records with one that is none to the problems."""
    with tempfile.TemporaryDirectory() as folder, progress("pictures", len(found.records)) as bar:
        for path in [*found.records]:
            if os.path.lexists(path.with_suffix(".jpg")):
                try:
                    clean_picture(path.with_suffix(".jpg"), Path(folder) / "picture.jpg")
                except (ValueError, OSError) as error:
                    found.problems[path] = [Problem(str(error), "leave the picture out, or make it anew")]
                    del found.records[path], found.places[path]
            bar.advance()


def clean_picture(path: Path, to: Path) -> None:
    """Write a picture anew as JPEG: what is no picture, and what lies in the file besides it, does not come along.

    Raises:
        ValueError: naming a file that is no JPEG, no regular file, or too large.
    """
    regular_file(path, MOST_BYTES)
    try:
        with Image.open(path, formats=("JPEG",)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                size = f"{picture.width} x {picture.height}"
                raise ValueError(f"{path}: {size} pixels, at most {MOST_PIXELS:,} are published; make it smaller")
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: no JPEG picture, or a damaged one; make it anew, or leave it out") from error
    bare = Image.new("RGB", upright.size)
    bare.paste(upright)
    bare.save(to, "JPEG", quality=90, optimize=True)


def _mirror(folder: Path, stage: Path) -> None:
    """The leaderboard again, without copying: what is written into it takes the place of a name, not of a content."""
    stage.mkdir()
    for path in _files(folder):
        (stage / path).parent.mkdir(parents=True, exist_ok=True)
        _link(folder / path, stage / path)


def _files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Files below a folder, hidden ones left out, each with what changes when it is written anew."""
    found = {}
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(place) / name for name in sorted(files) if not name.startswith(".")):
            if path.is_file():
                stat = path.stat()
                found[path.relative_to(folder)] = (stat.st_ino, stat.st_mtime_ns)
    return found


def _link(path: Path, place: Path) -> None:
    try:
        place.hardlink_to(path.resolve())
    except OSError:  # another file system, or one without links
        shutil.copy2(path, place)


def _write(found: Submission, folder: Path, stage: Path, pictures: bool) -> Iterator[Path]:
    """Write records, the frame scores beside them, and pictures into the stage; gives their places below the folder."""
    with progress("records", len(found.records)) as bar:
        for path, record in found.records.items():
            place = found.places[path].relative_to(folder)
            picture = path.with_suffix(".jpg")
            if not is_same(path, found.places[path]):
                write_record(stage / place, record)
                yield place
                if os.path.lexists(frames := packed_path(path)):
                    packed_path(stage / place).unlink(missing_ok=True)  # its content has another name too
                    shutil.copyfile(regular_file(frames, MOST_PACKED), packed_path(stage / place))
                    yield packed_path(place)
                if pictures and os.path.lexists(picture):
                    (stage / place).with_suffix(".jpg").unlink(missing_ok=True)  # its content has another name too
                    clean_picture(picture, (stage / place).with_suffix(".jpg"))
                    yield place.with_suffix(".jpg")
            bar.advance(note=record.network)


def _exchange(new: Iterable[Path], gone: Iterable[Path], stage: Path, folder: Path, kept: Path) -> None:
    """Move files from the stage into the folder, and out of it those that are gone; or leave all as it was."""
    begun: list[Path] = []
    try:
        for path in new:
            _keep(folder / path, kept / path)
            begun.append(path)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (stage / path).replace(folder / path)
        for path in gone:
            _keep(folder / path, kept / path)
            begun.append(path)
            (folder / path).unlink(missing_ok=True)
    except BaseException:  # an interruption too
        for path in begun:
            if (kept / path).exists():
                (kept / path).replace(folder / path)
            else:
                (folder / path).unlink(missing_ok=True)
        raise


def _keep(path: Path, place: Path) -> None:
    if path.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        _link(path, place)
