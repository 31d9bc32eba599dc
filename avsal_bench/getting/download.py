"""One file from a server to the disk, going on where it stopped.

What has come lies in ``<name>.part``, and what the server called it in ``<name>.part.json``. A later run asks for the
rest, and only if the file is still the same one (RFC 9110: Range and If-Range); else it begins anew and says so.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.filesize import decimal

from avsal_bench.files import write_atomically
from avsal_bench.getting.connection import BrokenOff, NotSent, ask, check_content, length, number, reason

if TYPE_CHECKING:
    from requests import Response, Session

#: How the file ends that says which version of a file is being fetched.
NOTES = ".part.json"
#: Seconds to wait before each further try, after tries that brought nothing.
PAUSES = (1.0, 2.0, 4.0, 8.0)
#: Bytes that are read at once; what has come of a block is lost where a slow server falls silent.
_BLOCK = 2**14
#: Bytes after which the room on the disk is looked at again.
_ROOM = 2**25
#: Seconds of waiting that are told.
_LONG = 5.0
#: Bytes that stay free on the disk.
RESERVE = 50_000_000


@dataclass(frozen=True)
class Version:
    """What a server calls one content of a file.

    Args:
        url: that it was asked for.
        etag: a strong one; "" for none.
        modified: when it was changed, as the server writes it; "" for unknown.
        bytes: of the whole file; -1 where it does not say.
    """

    url: str
    etag: str = ""
    modified: str = ""
    bytes: int = -1

    @property
    def mark(self) -> str:
        """What ``If-Range`` takes: the strong ETag, else the date; "" where the server gave neither."""
        return self.etag or self.modified


def part_of(place: Path) -> Path:
    """Where what has come of a file lies until it is whole."""
    return place.with_name(f"{place.name}.part")


def have(place: Path, url: str) -> int:
    """Bytes of a file that an earlier run has fetched from this address, and that can be gone on with."""
    version, part = noted(place), part_of(place)
    return part.stat().st_size if version and version.url == url and version.mark and part.is_file() else 0


def download(
    session: Session,
    url: str,
    place: Path,
    stop: threading.Event,
    tell: Callable[[int], None] = lambda size: None,
    most: int | None = None,
) -> Version:
    """Fetch a file into its ``.part``, whole: the caller checks it, and moves it to its place.

    Args:
        session: of :func:`~avsal_bench.getting.connection.new_session`.
        url: of the file.
        place: of the file on the disk.
        stop: set when nobody waits for the file any more.
        tell: is told how many bytes of the file are here; fewer than before where it begins anew.
        most: bytes that it may have; None for any number.

    Returns:
        What the server called it.

    Raises:
        NotSent: when the server refuses, sends something else, or more than ``most``.
        BrokenOff: when it broke off again and again; what has come stays.
        OSError: when the disk is full, now or before the file is whole; what has come stays.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    idle, furthest = 0, have(place, url)
    while True:
        try:
            return _try(session, url, place, stop, tell, most)
        except BrokenOff as error:
            came = part_of(place).stat().st_size if part_of(place).is_file() else 0
            idle, furthest = 0 if came > furthest else idle + 1, max(came, furthest)
            if idle > len(PAUSES) or stop.is_set():
                kept = ""
                if came:
                    goes_on = have(place, url) == came
                    then = "goes on with them" if goes_on else "begins anew, as the server does not name its versions"
                    kept = f"; the {decimal(came)} that came stay, and the same command {then}"
                raise BrokenOff(f"{error}{kept}") from error
            pause = PAUSES[max(idle - 1, 0)] if PAUSES else 0.0
            if error.wait is not None and error.wait > _LONG:
                print(f"note: {error}; waiting", file=sys.stderr)
            stop.wait(pause if error.wait is None else error.wait)


def _try(
    session: Session, url: str, place: Path, stop: threading.Event, tell: Callable[[int], None], most: int | None
) -> Version:
    part, before, start = part_of(place), noted(place), have(place, url)
    if not start and part.is_file() and part.stat().st_size:
        _forget(place, tell, f"{url}: what came before is of another address, or nobody knows of which version")
    if before and start and start == before.bytes:
        return before
    asked = {"Range": f"bytes={start}-", "If-Range": before.mark} if before and start else {}
    with ask(session, url, asked) as answer:
        if answer.status_code == 416:
            _forget(place, tell, f"{url}: the server has no more of this file than what is here already")
            raise BrokenOff(f"{url}: the file has another length now")
        if answer.status_code == 206:
            version = _goes_on(answer, url, start, before)
            if version is None:
                _forget(place, tell, f"{url}: another part came than was asked for")
                raise BrokenOff(f"{url}: another part came than was asked for")
        else:
            if start:
                _forget(place, tell, f"{url}: the file was changed, or the server cannot go on in the middle")
            start = 0
            version = _version(answer, url)
        if not _as_it_is(answer.headers.get("Content-Encoding", ""), url):
            raise NotSent(f"{url}: the server packs the file on the way, though it was asked not to; name a mirror")
        _check_most(url, version.bytes, most)
        _check_room(place, version.bytes - start if version.bytes >= 0 else 0)
        write_atomically(_notes(place), json.dumps(asdict(version)))
        _receive(answer, url, part, start, stop, tell, most)
    size = part.stat().st_size
    if version.bytes >= 0 and size != version.bytes:
        raise BrokenOff(f"{url}: broke off after {size:,} of {version.bytes:,} bytes")
    return version


def _receive(
    answer: Response,
    url: str,
    part: Path,
    start: int,
    stop: threading.Event,
    tell: Callable[[int], None],
    most: int | None,
) -> None:
    """Put what comes behind what is there."""
    from urllib3.exceptions import HTTPError

    with part.open("ab" if start else "wb", buffering=0) as file:
        first = not start
        while not stop.is_set():
            try:
                block = answer.raw.read(_BLOCK, decode_content=False)
            except (HTTPError, OSError, ValueError) as error:  # ValueError: chunks of a negative length
                raise BrokenOff(f"{url}: broke off after {part.stat().st_size:,} bytes ({reason(error)})") from error
            if not block:
                break
            if first:
                check_content(block, url)
                first = False
            _check_most(url, start + len(block), most)
            view = memoryview(block)
            while view:
                view = view[file.write(view) :]
            if start // _ROOM < (start + len(block)) // _ROOM:  # who says no length may send without an end
                _check_room(part, 0)
            start += len(block)
            tell(start)
        os.fsync(file.fileno())
    if stop.is_set():
        raise BrokenOff(f"{url}: interrupted")


def _goes_on(answer: Response, url: str, start: int, before: Version | None) -> Version | None:
    """The version of an answer that goes on at ``start``; None where it is another part, or another file."""
    text = answer.headers.get("Content-Range", "")
    found, _, total = text.removeprefix("bytes ").partition("/")
    size = -1 if (whole := number(total)) is None else whole
    here = _version(answer, url)
    if before is None or not found.startswith(f"{start}-"):
        return None
    marks = ((before.etag, here.etag), (before.modified, here.modified))
    other = any(then and now and then != now for then, now in marks)
    if other or (before.bytes >= 0 and size not in (-1, before.bytes)):
        return None
    return Version(url, before.etag, before.modified, before.bytes if size < 0 else size)


def _version(answer: Response, url: str) -> Version:
    etag = answer.headers.get("ETag", "")
    size = length(answer)
    strong = "" if etag.startswith("W/") else etag
    return Version(url, strong, answer.headers.get("Last-Modified", ""), -1 if size is None else size)


def _as_it_is(encoding: str, url: str) -> bool:
    """Whether what comes are the bytes of the file; many servers write gzip for a file that is one itself."""
    own = ("gzip", "x-gzip") if url.lower().endswith((".gz", ".tgz")) else ()
    return encoding.strip().lower() in ("", "identity", *own)


def _check_most(url: str, size: int, most: int | None) -> None:
    if most is not None and size > most:
        raise NotSent(f"{url}: has more than {decimal(most)}, which is more than is fetched of such a file")


def _check_room(place: Path, needed: int) -> None:
    free = shutil.disk_usage(place.parent).free
    if needed + RESERVE > free:
        raise OSError(
            f"{place}: {decimal(needed)} are to come, and {decimal(free)} are free in {place.parent}; free some space, "
            "and run the same command again, which goes on"
        )


def _forget(place: Path, tell: Callable[[int], None], why: str) -> None:
    """Begin anew, and say so."""
    print(f"note: {why}; it begins anew", file=sys.stderr)
    part_of(place).unlink(missing_ok=True)
    _notes(place).unlink(missing_ok=True)
    tell(0)


def forget(place: Path) -> None:
    """Remove what lies beside a file until it is fetched and finished."""
    _notes(place).unlink(missing_ok=True)


def is_unfinished(place: Path) -> bool:
    """Whether a file was fetched whole, and the run that did so ended before it was done with it."""
    return place.is_file() and noted(place) is not None


def _notes(place: Path) -> Path:
    return place.with_name(f"{place.name}{NOTES}")


def noted(place: Path) -> Version | None:
    """What was noted of a file that is fetched, or was; None where there is nothing, or nothing that can be read."""
    try:
        found = json.loads(_notes(place).read_text(encoding="utf-8"))
        version = Version(**found)
        texts = all(isinstance(text, str) for text in (version.url, version.etag, version.modified))
        return version if texts and isinstance(version.bytes, int) else None
    except (OSError, ValueError, TypeError):
        return None
