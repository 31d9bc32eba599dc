"""Files that are there whole or not at all, and what tells one content from another. Standard library only."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

#: Bytes that are read at once of a file that is hashed.
_BLOCK = 2**20


@contextmanager
def whole_file(path: Path, suffix: str = "") -> Iterator[Path]:
    """A temporary file beside ``path`` that goes to the disk and is moved there when the block ends well; else removed.

    Args:
        path: of the file, which is there whole or as it was before. Its folder is made if it is not there.
        suffix: of the temporary file, where what writes it goes by that. Readers of folders would take what a killed
            process leaves for a file of theirs, so give none of theirs.

    Raises:
        OSError: naming the folder, when it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=suffix, dir=path.parent)
    except OSError as error:
        raise OSError(error.errno, f"cannot write {path.name} ({error.strerror})", str(path.parent)) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` to a file, all of it or nothing; see :func:`whole_file`."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_writable(
    folders: Iterable[Path] = (), files: Iterable[Path] = (), advice: str = "name another place"
) -> None:
    """Try whether folders and files can be written, before the work starts that they are for. Makes nothing.

    Of what is not there yet, the nearest folder above it that is there must take a file.

    Args:
        folders: that files will be written into.
        files: that will be written.
        advice: the end of the error, which says how to name another place.

    Raises:
        OSError: naming the first that cannot be written, and why.
    """
    files = list(files)
    if taken := [file for file in files if file.is_dir()]:
        raise IsADirectoryError(f"cannot write to {taken[0]} (it is a folder); {advice}")
    for place, there in [*((folder, folder) for folder in folders), *((file, file.parent) for file in files)]:
        while not os.path.lexists(there) and there != there.parent:
            there = there.parent
        try:
            with tempfile.TemporaryFile(dir=there):
                pass
        except OSError as error:
            where = "" if there == place else f"{there}: "
            raise OSError(f"cannot write to {place} ({where}{error.strerror or error}); {advice}") from error


def regular_file(path: Path, most_bytes: int | None = None, *, links: bool = False) -> Path:
    """The path again, of a file that may be opened and read to its end.

    A pipe would be waited for without an end, and a device read without one.

    Args:
        path: of a file that may come from anyone.
        most_bytes: that it may have; None for any number.
        links: whether a symbolic link is followed. Files that a user names may be links; those that came in a
            stranger's folder may not, as they would stand for any file of this machine.

    Raises:
        FileNotFoundError: naming it, when there is none, or a link leads nowhere.
        ValueError: naming it, when it is something else than a regular file, a link that is not followed, or too large.
    """
    try:
        found = path.stat() if links else path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"missing file {path}") from None
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path} is {_kind(found.st_mode)}, not a regular file; put the file itself in its place")
    if most_bytes is not None and found.st_size > most_bytes:
        raise ValueError(f"{path} has {found.st_size:,} bytes, at most {most_bytes:,} are read")
    return path


def _kind(mode: int) -> str:
    """What lies on the disk where a file is expected, in words."""
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "no file")


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def text_sha256(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hexadecimal.

    >>> text_sha256("gaze")[:8]
    'b8b0e7ef'
    """
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(plain: object) -> str:
    """SHA-256 of plain values as JSON, in hexadecimal; the order of a dictionary's keys does not count.

    >>> fingerprint({"a": 1, "b": (2, 3)}) == fingerprint({"b": [2, 3], "a": 1})
    True
    """
    return text_sha256(json.dumps(plain, sort_keys=True, default=list))
