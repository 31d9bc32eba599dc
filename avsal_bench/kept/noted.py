"""What was found out about single files, noted on the disk under their sizes and times: found out once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from avsal_bench.files import text_sha256, write_atomically
from avsal_bench.kept.contents import LONG, READERS, REST
from avsal_bench.progress import progress

#: Files to look into from which on a bar says how far it is.
SHOWN = LONG // 10
#: The folder of notes; None keeps nothing.
_memory: list[Path | None] = [None]


def note_in(folder: Path | None) -> None:
    """Keep what :func:`noted` finds out in this folder from now on; it is made when it is needed."""
    _memory[0] = folder


#: Within :func:`at_once` the notes that were read, by folder and kind, and those of them that are to be written.
_together: dict[tuple[Path, str], dict[str, Any]] | None = None
_changed: set[tuple[Path, str]] = set()


@contextmanager
def at_once() -> Iterator[None]:
    """Within the block the notes on a folder are read once, and written once at its end, however often one asks."""
    global _together
    if _together is not None:
        yield
        return
    _together = {}
    try:
        yield
    finally:
        notes, _together = _together, None
        for folder, kind in _changed:
            _put(folder, kind, notes[folder, kind])
        _changed.clear()


def noted(
    paths: Sequence[Path],
    kind: str,
    find: Callable[[Path], Sequence[Any]],
    title: str,
    fits: Callable[[Path, list[Any]], bool] = lambda path, values: True,
    readers: int = READERS,
) -> list[list[Any]]:
    """What ``find`` says of each file; of a file that nobody wrote to since it was asked, what it said then.

    Args:
        paths: of files. Those that cannot be found are handed to ``find``, whose errors pass through.
        kind: of what is found out, with the number of its form: ``film-1``.
        find: numbers, texts and truth values of a file; asked by several threads.
        title: of the bar that is shown where there are many.
        fits: whether what was noted of a file answers what is asked now.
        readers: threads that ask.
    """
    known: dict[Path, dict[str, Any]] = {folder: _read(folder, kind) for folder in {path.parent for path in paths}}
    stamps = {path: _stamp(path) for path in paths}
    found: dict[Path, list[Any]] = {}
    for path, stamp in stamps.items():
        kept = known[path.parent].get(path.name)
        if stamp and isinstance(kept, list) and len(kept) == 2 and kept[0] == stamp and fits(path, kept[1]):
            found[path] = kept[1]
    lacking = [path for path in stamps if path not in found]
    if not lacking:
        return [found[path] for path in paths]
    bar = progress(title, len(lacking)) if len(lacking) >= SHOWN else nullcontext()
    try:
        # No thread is left when others fork.
        with bar as told, ThreadPoolExecutor(readers) if readers > 1 else nullcontext() as pool:
            answers = map(find, lacking) if pool is None else pool.map(find, lacking)
            for path, values in zip(lacking, answers, strict=True):
                found[path] = list(values)
                if told is not None:
                    told.advance()
    finally:
        _write(kind, {path: found[path] for path in lacking if path in found}, stamps)
    return [found[path] for path in paths]


def _stamp(path: Path) -> list[int]:
    """Size, times and number of a file; nothing where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _place(folder: Path, kind: str) -> Path | None:
    memory = _memory[0]
    return memory / f"{text_sha256(f'{folder.resolve()}')[:40]}.{kind}.json" if memory else None


def _read(folder: Path, kind: str) -> dict[str, Any]:
    """What was noted of the files of a folder; nothing where the notes are damaged."""
    place = _place(folder, kind)
    if place is None:
        return {}
    if _together is not None and (folder, kind) in _together:
        return _together[folder, kind]
    kept: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        read = json.loads(place.read_text(encoding="utf-8"))
        kept = read if isinstance(read, dict) else {}
    if _together is not None:
        _together[folder, kind] = kept
    return kept


def _write(kind: str, found: dict[Path, list[Any]], stamps: dict[Path, list[int]]) -> None:
    """Note what was found; where that cannot be written, it is found out again."""
    # Within a tick of the clock of a file system a file could change without another time.
    rested = time.time_ns() - REST
    for folder in {path.parent for path in found}:
        new = {
            path.name: [stamps[path], values]
            for path, values in found.items()
            if path.parent == folder and stamps[path] and max(stamps[path][1:3]) < rested
        }
        if not new or _memory[0] is None:
            continue
        if _together is None:
            _put(folder, kind, _read(folder, kind) | new)
        else:
            _read(folder, kind).update(new)
            _changed.add((folder, kind))


def _put(folder: Path, kind: str, notes: dict[str, Any]) -> None:
    """Write the notes on the files of a folder that are there still."""
    place = _place(folder, kind)
    with suppress(OSError):
        there = set(os.listdir(folder))  # noqa: PTH208 - names alone, of thousands
        if place is not None:
            write_atomically(place, json.dumps({name: note for name, note in notes.items() if name in there}))
