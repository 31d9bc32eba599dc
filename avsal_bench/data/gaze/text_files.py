"""Gaze as others publish it: text files, one an observer and video, somewhere below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from avsal_bench.files import regular_file
from avsal_bench.strays import strays

#: Bytes of a text file of one observer and one video at most: an hour at a thousand samples a second has fewer.
MOST_BYTES = 2**28


def files_below(folder: Path) -> Iterator[Path]:
    """All files below a folder, in the order of their paths; links are followed, each folder is looked at once.

    Raises:
        FileNotFoundError: when there is no such folder.
        NotADirectoryError: when it is a file.
    """
    if not folder.is_dir():
        if folder.exists():
            raise NotADirectoryError(f"{folder} is a file; name the folder that holds the files of gaze, unpacked")
        raise FileNotFoundError(f"no folder {folder}; name the one that holds the files of gaze")
    seen: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        found = Path(place).stat()
        if (found.st_dev, found.st_ino) in seen:  # two links to one folder, or one to a folder above
            folders[:] = []
            continue
        seen.add((found.st_dev, found.st_ino))
        left = strays([*folders, *names])
        folders[:] = sorted(name for name in folders if name not in left)
        yield from (Path(place) / name for name in sorted(names) if name not in left)


def one_an_observer(known: dict[str, Path], observer: str, path: Path) -> None:
    """Keep the file of an observer; the same file, or another with the same content, is kept once.

    Args:
        known: files by observer, of one video; it grows.
        observer: whose file it is.
        path: of the file.

    Raises:
        FileNotFoundError, ValueError: naming both files of one observer that differ, or one that is no file.
    """
    other = known.setdefault(observer, path)
    if other == path or path.samefile(other):
        return
    if regular_file(path, MOST_BYTES, links=True).read_bytes() != regular_file(other, links=True).read_bytes():
        raise ValueError(f"{path}: observer {observer!r} has another file, {other}, which differs; keep one")


def lines_of(path: Path) -> list[str]:
    """The lines of a text file, whatever ends them, and without the mark that some programs begin a file with.

    Raises:
        FileNotFoundError, ValueError: naming the file, also when it is no text.
    """
    data = regular_file(path, MOST_BYTES, links=True).read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError(f"{path}: not a text file of numbers in UTF-8; fetch it again, or save it as UTF-8")
    return text.splitlines()


def some(words: Sequence[str], most: int = 3) -> str:
    """The first few of many words, and how many more there are.

    >>> some(["a", "b", "c", "d", "e"]), some(["a", "b"])
    ('a, b, c and 2 more', 'a, b')
    """
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"


def cut_off(path: Path, lines: list[str], number: int) -> str:
    """What an error of a line adds where it is the last one and has no end: the file was cut off there."""
    if number < len(lines) or path.read_bytes()[-1:] in (b"\n", b"\r"):
        return ""
    return "; it is the last line and has no end, so the file was cut off: fetch it again"
