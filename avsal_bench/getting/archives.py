"""Archives of strangers: opened into a folder of their own, files only, whatever else is in them.

Nothing is written outside that folder, no link and no device is made, no more is written than the disk has room for,
and what other programs left (:mod:`avsal_bench.strays`, such as ``__MACOSX``) stays out.
"""

from __future__ import annotations

import errno
import gzip
import lzma
import shutil
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from rich.filesize import decimal

from avsal_bench.getting.download import RESERVE
from avsal_bench.names import safe_name, shortened
from avsal_bench.strays import LEFT
from avsal_bench.text import many

#: How archives that are opened here end, and those that are not.
OPENED = (".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz", ".zip")
CLOSED = (".7z", ".rar")
#: Times that the content of an archive may be larger than it: pictures and sound do not shrink, maps at most so much.
MOST_TIMES = 300
#: Files of one archive, folders in one another, and bytes that any archive may hold whatever its own size.
_MOST_FILES, _DEEPEST, _ALLOWED = 2_000_000, 30, 10_000_000
_BLOCK = 2**20
#: What the readers of archives raise where one is damaged.
_DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError),
    *(EOFError, NotImplementedError, UnicodeError, RuntimeError),
)
#: Bytes of a long name or of other words about a member of a tar; what has more is no name.
_LONGEST_WORDS = 100_000
_WORDS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


class NoRoom(OSError):
    """The disk has no room for what is in an archive."""


@dataclass(frozen=True)
class Only:
    """What is taken out of an archive that holds other things too, such as a whole repository.

    Args:
        wanted: whether a file is taken, by its path in the archive. Links among these are an error, others are not.
        most_files: that are taken.
        most_bytes: of all that are taken together.
        most_each: bytes of one.
    """

    wanted: Callable[[PurePosixPath], bool]
    most_files: int
    most_bytes: int
    most_each: int


@dataclass(frozen=True)
class _Member:
    """A file in an archive; ``odd`` says what it is where that is none, and ``link`` that it has another's content."""

    name: str
    size: int
    open: Callable[[], IO[bytes] | None]
    odd: str = ""
    link: bool = False


class _Header(tarfile.TarInfo):
    """A member of a tar whose damage is an error: tarfile takes a damaged header in the middle for the end."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> tarfile.TarInfo:  # type: ignore[override]
        try:
            found = super().fromtarfile(tar)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError, tarfile.SubsequentHeaderError) as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(str(error)) from error
        except tarfile.EmptyHeaderError as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError("it ends in the middle") from error
        except (ValueError, IndexError, OverflowError) as error:  # of a map of holes that is none
            raise tarfile.ReadError(f"a header in it is damaged: {error}") from error
        if found.size < 0:  # it leads back to what was read before, for ever
            raise tarfile.ReadError(f"a file in it has {found.size:,} bytes")
        return found

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> tarfile.TarInfo:  # type: ignore[override]
        found = super().frombuf(buf, encoding, errors)
        if found.size < 0:
            raise tarfile.ReadError(f"a file in it has {found.size:,} bytes")
        if found.type in _WORDS and found.size > _LONGEST_WORDS:
            raise tarfile.ReadError(f"a name in it has {found.size:,} letters")
        return found


def is_archive(name: str) -> bool:
    """Whether a file of that name is unpacked here; ``.pth.tar`` is a habit of authors, and no archive."""
    return name.lower().endswith(OPENED) and not name.lower().endswith((".pth.tar", ".pt.tar"))


def unpack(
    archive: Path, folder: Path, tell: Callable[[int], None] = lambda steps: None, only: Only | None = None
) -> int:
    """Unpack the files of an archive into a new folder.

    Args:
        archive: a file ending in one of ``OPENED``.
        folder: that is made; where anything fails it is removed.
        tell: is told how many bytes of the archive were read.
        only: what is taken; None for all of it.

    Returns:
        How many files were unpacked.

    Raises:
        ValueError: naming the archive, where it is damaged, or holds what no set of files holds: a path that leads
            out, a link that leads out, a device, a name twice, or far more than it could, or than ``only`` allows.
        OSError: when the disk has no room for what is in it.
    """
    if archive.name.lower().endswith(CLOSED):
        raise ValueError(
            f"{archive}: is not unpacked here; unpack it with 7z or unrar, into the folder that `get` names"
        )
    if not is_archive(archive.name):
        raise ValueError(f"{archive}: no archive that is known here ({' '.join(OPENED)})")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        return _unpack(archive, folder, tell, only)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        # bz2 raises an OSError without a number, and zipfile looks for what stands before the start
        if isinstance(error, _DAMAGE) or (type(error) is OSError and error.errno in (None, errno.EINVAL)):
            said = str(error).splitlines()[0].rstrip(":") if str(error) else type(error).__name__
            raise ValueError(f"{archive}: cut off or damaged ({said}); delete it, and fetch it again") from error
        raise


def _unpack(archive: Path, folder: Path, tell: Callable[[int], None], only: Only | None) -> int:
    most = archive.stat().st_size * MOST_TIMES + _ALLOWED
    names: set[str] = set()
    listed = held = written = 0
    with _opened(archive, tell) as members:
        for member in members:
            listed, held = listed + 1, held + member.size  # what is passed over is unpacked too on the way
            if listed > _MOST_FILES or held > most:
                told = f"over {many(listed, 'file')} of {decimal(held)}, from {decimal(archive.stat().st_size)}"
                raise ValueError(
                    f"{archive}: holds {told}: a bomb, or no set of videos; if you know better, unpack it by hand"
                )
            try:
                path = safe_path(member.name)
            except ValueError as error:
                said = f"{shortened(member.name)}, which may not be unpacked ({error}), so nothing was"
                raise ValueError(f"{archive}: holds {said}; ask its authors") from None
            if path is None or (only and not only.wanted(path)):
                continue
            if member.odd or (only and member.link):
                raise ValueError(f"{archive}: {shortened(member.name)} is {member.odd or 'a link'}; ask its authors")
            spelled = unicodedata.normalize("NFC", path.as_posix())
            if spelled in names:
                raise ValueError(f"{archive}: {shortened(member.name)} is in it twice; ask its authors")
            names.add(spelled)
            written += member.size
            if only:
                _check_most(archive, member, len(names), written, only)
            free = shutil.disk_usage(folder).free
            if member.size + RESERVE > free:
                room = f"{decimal(free)} are free in {folder.parent}, after {decimal(written - member.size)} of it"
                raise NoRoom(
                    f"{archive}: no room for {shortened(member.name)} ({decimal(member.size)}; {room}); free some "
                    "space, and run again"
                )
            _write(archive, member, folder / path)
    return len(names)


def _check_most(archive: Path, member: _Member, files: int, written: int, only: Only) -> None:
    if member.size > only.most_each:
        said = f"{shortened(member.name)} has {decimal(member.size)}, and at most {decimal(only.most_each)} are read"
    elif files > only.most_files:
        said = f"more than {many(only.most_files, 'file')} of the kind that is read"
    elif written > only.most_bytes:
        said = f"more than {decimal(only.most_bytes)} of what is read"
    else:
        return
    raise ValueError(f"{archive}: holds too much: {said}; nothing was taken out of it")


def _write(archive: Path, member: _Member, place: Path) -> None:
    content = member.open()
    if content is None:
        raise ValueError(f"{archive}: {shortened(member.name)} is a link to what is no file; ask its authors")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        file = place.open("xb")
    except (FileExistsError, NotADirectoryError):
        raise ValueError(
            f"{archive}: {shortened(member.name)} is in it twice, or as a file and a folder; ask its authors"
        ) from None
    came = 0
    with content, file:
        while block := content.read(_BLOCK):
            came += len(block)
            if came > member.size:
                break
            file.write(block)
    if came != member.size:
        raise EOFError(f"{shortened(member.name)} has another length than it says")


def safe_path(name: str) -> PurePosixPath | None:
    """The path of a file of strangers below a folder; None for what other programs left, and for what is hidden.

    Raises:
        ValueError: where it leads out, or is no path of files here.
    """
    path = PurePosixPath(name)
    parts = [part for part in path.parts if part != "."]
    if path.is_absolute() or ".." in parts or not parts or len(parts) > _DEEPEST:
        raise ValueError("the path leads out of the folder, or is too deep")
    if any(part.startswith(".") or part.lower() in LEFT for part in parts):
        return None
    for part in parts:
        safe_name("name", part)
    return PurePosixPath(*parts)


@contextmanager
def _opened(archive: Path, tell: Callable[[int], None]) -> Iterator[Iterator[_Member]]:
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as found:
            yield _of_zip(archive, found, tell)
    else:
        with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r:*", tarinfo=_Header) as tar:
            yield _of_tar(archive, tar, file, tell)


def _of_zip(archive: Path, found: zipfile.ZipFile, tell: Callable[[int], None]) -> Iterator[_Member]:
    for info in found.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        odd = "" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else "a link or a device"
        if info.flag_bits & 1:
            raise ValueError(f"{archive}: {shortened(info.filename)} is locked with a password; unpack it by hand")
        if odd or not info.is_dir():
            yield _Member(info.filename, info.file_size, lambda info=info: found.open(info), odd)  # type: ignore[misc]
        tell(info.compress_size)


def _of_tar(archive: Path, tar: tarfile.TarFile, file: IO[bytes], tell: Callable[[int], None]) -> Iterator[_Member]:
    """The files of a tar; links to files in it come last, as copies, as their content stands elsewhere."""
    links: list[tarfile.TarInfo] = []
    before = 0
    for info in tar:
        if info.isfile():
            yield _Member(info.name, info.size, lambda info=info: tar.extractfile(info))  # type: ignore[misc]
        elif info.islnk() or info.issym():
            links.append(info)
        elif not info.isdir():
            yield _Member(info.name, 0, lambda: None, "a device or a pipe")
        here = file.tell()
        tell(here - before)
        before = here
    while tar.fileobj is not None and (block := tar.fileobj.read(_BLOCK)):  # to the end, where the checksum is compared
        if block.strip(b"\0"):
            said = "more stands behind its end, such as another archive, and would be lost"
            raise ValueError(f"{archive}: {said}; unpack it by hand (tar --ignore-zeros)")
    files = {info.name.removeprefix("./"): info for info in tar.getmembers() if info.isfile()}
    for info in links:
        target = files.get(_target(info))
        if target is None:
            odd = f"a link to {shortened(info.linkname)}, which is no file in it"
            yield _Member(info.name, 0, lambda: None, odd, link=True)
        else:
            yield _Member(info.name, target.size, lambda target=target: tar.extractfile(target), link=True)  # type: ignore[misc]


def _target(info: tarfile.TarInfo) -> str:
    """The name in the archive that a link leads to; "" where it leads out."""
    parts: list[str] = [] if info.islnk() else list(PurePosixPath(info.name).parent.parts)
    for part in PurePosixPath(info.linkname).parts:
        if part == "/":
            return ""
        if part == "..":
            if not parts:
                return ""
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(part for part in parts if part != ".")
