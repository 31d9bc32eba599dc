"""One process at a time in a folder that jobs share, on one machine or on several with one file system.

Lock files are numbered. Who wants the folder makes the file of the next number, which only one process can, looks
again, and steps back if any other file is there than those it had found dead. So a dead one needs no removal before
its place is taken, and no two waiters can take it.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from avsal_bench.bench.sharing.processes import Process, alive, this_process

#: Seconds between two touches of a lock file by its holder.
BEAT = 20.0
#: A holder on another machine that has not touched its file for so many seconds is dead.
STALE = 300.0
#: Seconds between two looks of a waiter, and between two lines that say whom it waits for.
LOOK, SAY = 2.0, 60.0


@dataclass(frozen=True)
class _Found:
    """A lock file as it was seen: it is another one, or its holder lives, when any of this changes."""

    name: str
    text: str
    touched: int

    def holder(self) -> tuple[Process, str] | None:
        """Process and start; None for a file whose holder has not written it yet."""
        try:
            plain = json.loads(self.text)
            return Process(**plain["process"]), plain["start"]
        except (ValueError, KeyError, TypeError):
            return None


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Wait until this process alone works in ``folder``, and keep it until the block ends, also by an exception.

    The lock of a process that died on this machine is taken over at once; that of another machine when it has not been
    touched for :data:`STALE` seconds, by the clock of the file system that both share.

    Args:
        folder: made if it is not there; it then holds a file ``.lock-<number>``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = -SAY
    while (held := _take(folder)) is None:
        if time.monotonic() - said >= SAY:
            said = time.monotonic()
            print(f"waiting for {folder.name}, {_who(folder)}", flush=True)
        time.sleep(LOOK * random.uniform(0.5, 1))
    with _keep(*held):
        yield


@contextmanager
def claim(folder: Path) -> Iterator[bool]:
    """As :func:`hold`, but without waiting: gives False when another process works in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    held = _take(folder)
    if held is None:
        yield False
        return
    with _keep(*held):
        yield True


@contextmanager
def _keep(path: Path, file: int) -> Iterator[None]:
    ended = threading.Event()
    beats = threading.Thread(target=_beat, args=(file, ended), name="lock", daemon=True)
    beats.start()
    try:
        yield
    finally:
        ended.set()
        beats.join()
        _release(path, file)


def _take(folder: Path) -> tuple[Path, int] | None:
    """Lock file and its open descriptor; None when another process has the folder."""
    before = _look(folder)
    if not all(_is_dead(found, folder) for found in before):
        return None
    path = folder / f".lock-{1 + max((int(found.name.rpartition('-')[2]) for found in before), default=0)}"
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
    except FileExistsError:
        return None
    start = datetime.now(UTC).isoformat(timespec="seconds")
    os.write(file, json.dumps({"process": asdict(this_process()), "start": start}).encode())
    others = [found for found in _look(folder) if found.name != path.name]
    if not set(others) <= set(before):
        _release(path, file)
        return None
    for found in others:
        (folder / found.name).unlink(missing_ok=True)
    return path, file


def _look(folder: Path) -> list[_Found]:
    """All lock files of a folder."""
    seen = []
    for path in sorted(folder.glob(".lock-*")):
        try:
            seen.append(_Found(path.name, path.read_text(encoding="utf-8"), path.stat().st_mtime_ns))
        except FileNotFoundError:
            continue
    return seen


def _is_dead(found: _Found, folder: Path) -> bool:
    holder = found.holder()
    lives = None if holder is None else alive(holder[0])
    if lives is None:
        return _now(folder) - found.touched / 1e9 > STALE
    return not lives


def _now(folder: Path) -> float:
    """The time by the clock that the files of a folder are touched by; those of two machines may differ."""
    with tempfile.TemporaryFile(dir=folder, prefix=".clock-") as file:
        file.write(b".")
        file.flush()
        return os.fstat(file.fileno()).st_mtime


def _who(folder: Path) -> str:
    """Who has a folder, in words."""
    holders = [found.holder() for found in _look(folder) if not _is_dead(found, folder)]
    return (
        ", ".join(f"held by {h[0]} since {h[1]}" if h else "held by a process that starts" for h in holders) or "free"
    )


def _beat(file: int, ended: threading.Event) -> None:
    while not ended.wait(BEAT):
        os.utime(file)


def _release(path: Path, file: int) -> None:
    """Remove a lock file if it is still ours: another process may have taken us for dead."""
    try:
        if os.path.samestat(os.fstat(file), path.stat()):
            path.unlink()
    except FileNotFoundError:
        pass
    finally:
        os.close(file)
