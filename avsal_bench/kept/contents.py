"""What files hold, as SHA-256: read once, and known again by their sizes and times as long as nobody writes to them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from avsal_bench.files import sha256, text_sha256
from avsal_bench.progress import progress

#: Files or bytes to read from which on a bar says how far it is.
LONG, LARGE = 2000, 2**29
#: Nanoseconds that a file must have rested before its SHA-256 is noted: within a tick of the clock of a file system it
#: could change without another time.
REST = 2_000_000_000
#: Files that are read at a time; a network's disk answers slowly.
READERS = 8


@dataclass(frozen=True)
class Files:
    """Some files of a folder, whose order counts.

    Args:
        folder: of all of them.
        names: of the files.
    """

    folder: Path
    names: tuple[str, ...]

    @classmethod
    def one(cls, path: Path) -> Files:
        """A single file."""
        return cls(path.parent, (path.name,))


#: What was seen within :func:`one_look`: digests of files, and what :func:`once` was asked for.
_seen: dict[Any, Any] | None = None
T = TypeVar("T")


@contextmanager
def one_look() -> Iterator[None]:
    """Within the block files are looked at once, however often they are asked for: it is one moment."""
    global _seen
    before = _seen
    _seen = {} if before is None else before
    try:
        yield
    finally:
        _seen = before


def once(key: Hashable, make: Callable[[], T]) -> T:
    """What ``make`` gives; within :func:`one_look` it is made once for each key."""
    if _seen is None:
        return make()
    if key not in _seen:
        _seen[key] = make()
    found: T = _seen[key]
    return found


class Contents:
    """SHA-256 of files, with a memory on the disk that several processes share.

    A file is known again by its name, size, times and number; one that was only touched is read again, and found the
    same. A folder that was copied is read, and found the same too.

    Args:
        memory: folder of what is known; made when it is needed. None keeps nothing.
    """

    def __init__(self, memory: Path | None) -> None:
        self.memory = memory

    def sha256(self, files: Files) -> str:
        """As :meth:`digests`, of one."""
        return self.digests([files])[0]

    def digests(self, wanted: Sequence[Files]) -> list[str]:
        """For each a SHA-256 over the contents of its files in their order; of a single file, that of the file.

        Names do not count. Of several processes that ask for the same files one reads them.

        Raises:
            FileNotFoundError: naming a missing file.
            ValueError: naming what is no regular file, and a folder whose files change meanwhile.
        """
        found = dict.fromkeys(wanted, "")
        looks: dict[Files, Look] = {}
        for files in found:
            if _seen is not None and files in _seen:
                found[files] = _seen[files]
            else:
                looks[files] = look_at(files)
                found[files] = self._known(files, looks[files])
        if any(not digest for digest in found.values()):
            with self._alone():
                left = {}
                for files in (files for files, digest in found.items() if not digest):
                    found[files] = self._known(files, looks[files])  # by another process, meanwhile
                    if not found[files]:
                        left[files] = looks[files]
                for files, digest in _read(left):
                    found[files] = digest
                    self._note(files, looks[files], digest)
        if _seen is not None:
            _seen.update(found)
        return [found[files] for files in wanted]

    def _place(self, files: Files) -> Path:
        assert self.memory is not None, "asked for where there is a memory"
        text = f"{files.folder.resolve()}\0" + "\0".join(files.names)
        return self.memory / f"{text_sha256(text)[:40]}.sha256"

    def _known(self, files: Files, look: Look) -> str:
        """What was noted of these very files; "" for nothing."""
        if self.memory is None:
            return ""
        try:
            kept = json.loads(self._place(files).read_text(encoding="utf-8"))
            return str(kept["sha256"]) if kept["quick"] == look.quick else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _note(self, files: Files, look: Look, digest: str) -> None:
        """Note a digest; without waiting for the disk, as one that is lost is found again."""
        if self.memory is None or time.time_ns() - look.newest < REST:
            return
        place = self._place(files)
        with tempfile.NamedTemporaryFile("w", dir=place.parent, prefix=".new-", delete=False) as file:
            file.write(json.dumps({"quick": look.quick, "sha256": digest}))
        Path(file.name).replace(place)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process reads at a time; the system frees the lock of one that died."""
        if self.memory is None:
            yield
            return
        self.memory.mkdir(parents=True, exist_ok=True)
        with (self.memory / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("another process reads the files of the data; waiting for it", file=sys.stderr, flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            except OSError:
                pass  # a file system without locks: the work is done twice, and comes out the same
            yield


@dataclass(frozen=True)
class Look:
    """What a look at some files tells without reading them.

    Args:
        quick: SHA-256 over their names, sizes, times and numbers.
        bytes: in all.
        newest: time of them, in nanoseconds.
    """

    quick: str
    bytes: int
    newest: int


def look_at(files: Files) -> Look:
    """Look at files, without reading them.

    Raises:
        FileNotFoundError, ValueError: as :meth:`Contents.digests`.
    """
    text = hashlib.sha256()
    total = newest = 0
    folder = str(files.folder)
    for name in files.names:
        path = f"{folder}{os.sep}{name}"
        try:
            found = os.stat(path)  # noqa: PTH116 - a path a file would take twice the time
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(f"missing file {path}") from None
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path}: no regular file; put the file itself there")
        total += found.st_size
        newest = max(newest, found.st_mtime_ns, found.st_ctime_ns)
        # The time of the last change of any kind, too: a program can set the other one.
        line = f"{name}\0{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}\n"
        text.update(line.encode("utf-8", "surrogateescape"))
    return Look(text.hexdigest(), total, newest)


def _read(looks: dict[Files, Look]) -> Iterator[tuple[Files, str]]:
    """The digest of each, with a bar where it takes long."""
    count = sum(len(files.names) for files in looks)
    shown = count >= LONG or sum(look.bytes for look in looks.values()) >= LARGE
    bar = progress("read the files of the data once", count) if shown else nullcontext()
    # No thread is left when others fork.
    with bar as told, ThreadPoolExecutor(READERS) as readers:
        for files, look in looks.items():
            each = list(readers.map(sha256, map(files.folder.joinpath, files.names)))
            if look_at(files) != look:
                raise ValueError(f"{files.folder}: its files change while they are read; run again when they rest")
            yield files, each[0] if len(each) == 1 else text_sha256("".join(each))
            if told is not None:
                told.advance(len(each), files.folder.name)
