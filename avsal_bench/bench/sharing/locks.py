"""One process at a time in a folder that jobs share, on one machine or on several with one file system.

Lock files are numbered. Who wants the folder makes the file of the next number, which only one process can, looks
again, and steps back if any other file is there than those it had found dead. So a dead one needs no removal before
its place is taken, and no two waiters can take it.
"""

from __future__ import annotations

import json
import os
import random
import re
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from avsal_bench.bench.sharing.processes import Process, alive, this_process

#: Seconds between two touches of a lock file by its holder.
BEAT = 20.0
#: A holder on another machine whose file has not changed for so many seconds, as this process saw it, is dead. The time
#: that the file bears counts for nothing: clocks of two machines may differ by any amount, forwards and backwards.
STALE = 300.0
#: Seconds between two looks of a waiter, and between two lines that say whom it waits for.
LOOK, SAY = 2.0, 60.0


_NAME = re.compile(r"\.lock-(\d{1,9})")


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
            return Process(**plain["process"]), str(plain["start"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return None


#: By the path of a lock file of another machine: how it looked, and since when.
_SEEN: dict[Path, tuple[_Found, float]] = {}


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Wait until this process alone works in ``folder``, and keep it until the block ends, also by an exception.

    The lock of a process that died on this machine is taken over at once; that of another machine when it has not
    changed for :data:`STALE` seconds before the eyes of this process.

    Args:
        folder: made if it is not there; it then holds a file ``.lock-<number>``.

    Raises:
        ValueError: naming what lies in the place of a lock file and is no file.
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
    path = folder / f".lock-{1 + max((int(found.name.removeprefix('.lock-')) for found in before), default=0)}"
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
    except FileExistsError:
        return None
    start = datetime.now(timezone.utc).isoformat(timespec="seconds")
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
    for path in sorted(path for path in folder.glob(".lock-*") if _NAME.fullmatch(path.name)):
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(path.lstat().st_mode):  # reading a pipe would wait for ever
                raise ValueError(f"{path}: expected a lock file, and this is none; remove it")
            text = path.read_text(encoding="utf-8", errors="replace")
            seen.append(_Found(path.name, text, path.stat().st_mtime_ns))
    return seen


def _is_dead(found: _Found, folder: Path) -> bool:
    holder = found.holder()
    lives = None if holder is None else alive(holder[0])
    if lives is not None:
        return not lives
    path = (folder / found.name).absolute()
    before, since = _SEEN.get(path, (None, 0.0))
    if before != found:
        _SEEN[path] = (found, time.monotonic())
        return False
    return time.monotonic() - since > STALE


def _who(folder: Path) -> str:
    """Who has a folder, in words."""
    holders = [found.holder() for found in _look(folder) if not _is_dead(found, folder)]
    told = [f"held by {h[0]} since {h[1]}" if h else "held by a process that starts" for h in holders]
    far = any(h is None or alive(h[0]) is None for h in holders)
    end = f"; it is taken over when {STALE:.0f} s have passed without a sign of life" if far else ""
    return f"{', '.join(told)}{end}" if told else "free"


def _beat(file: int, ended: threading.Event) -> None:
    while not ended.wait(BEAT):
        with suppress(OSError):  # of a file system that is away for a while
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
