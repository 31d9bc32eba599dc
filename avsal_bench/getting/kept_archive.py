"""What is taken out of an archive, kept under the SHA-256 of it: of a file here, or of one at an address.

An address is asked each time, as what lies there may change, and what lay there the last time is used where it does not
answer. ``#sha256=...`` behind an address pins what is meant: no other content is taken, and a kept one without asking.
"""

from __future__ import annotations

import json
import re
import tempfile
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from avsal_bench.files import regular_file, sha256, text_sha256, write_atomically
from avsal_bench.getting.archives import OPENED, Only, is_archive, unpack
from avsal_bench.getting.connection import BrokenOff, ask, new_session
from avsal_bench.getting.download import download, part_of
from avsal_bench.getting.ledger import now
from avsal_bench.getting.offers import mirrored
from avsal_bench.names import shortened
from avsal_bench.plain_values import read_plain

if TYPE_CHECKING:
    from requests import Session

#: Largest archive that is fetched or opened, in bytes.
MOST_BYTES = 500_000_000
#: What pins the content of an address.
_PIN = "sha256="
_DIGEST = re.compile(r"[0-9a-f]{64}")
#: Bytes of what is noted of an address.
_NOTED = 20_000


@dataclass(frozen=True)
class Kept:
    """What is here of an archive.

    Args:
        folder: with what was taken out of it.
        sha256: of the archive.
        note: for whoever asked, such as that a copy is used; "" for nothing.
    """

    folder: Path
    sha256: str
    note: str = ""


@dataclass(frozen=True)
class _Noted:
    """What lay at an address the last time, under its SHA-256, and when."""

    url: str
    sha256: str
    fetched: str
    etag: str = ""


def is_address(text: str) -> bool:
    """Whether a text is an address, and no path.

    >>> is_address("https://host.org/a.zip"), is_address("a.zip"), is_address("file:///a.zip")
    (True, False, True)
    """
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


def kept_file(archive: Path, cache: Path, only: Only) -> Kept:
    """What is wanted of an archive on the disk.

    Args:
        archive: its file.
        cache: folder of what is kept; it is made.
        only: what is taken out.

    Raises:
        FileNotFoundError: for none.
        ValueError: naming it, where it is too large, no archive, damaged, or holds what may not be unpacked.
    """
    digest = sha256(regular_file(archive, MOST_BYTES, links=True))
    return Kept(_taken(archive, digest, cache, only), digest)


def kept_archive(url: str, cache: Path, only: Only, mirror: str = "") -> Kept:
    """What is wanted of the archive at an address: of what lies there now, else of what lay there the last time.

    Args:
        url: begins with ``https:``, and its path ends as archives do; ``#sha256=<64 digits>`` behind it pins what is
            meant.
        cache: folder of what is kept; it is made.
        only: what is taken out.
        mirror: see :func:`~avsal_bench.getting.offers.mirrored`.

    Raises:
        ValueError: for what is no such address, for another content than the pinned one, and as :func:`kept_file`.
        OSError: where it cannot be fetched, and nothing of it is kept.
    """
    bare, pin = _address(url)
    noted = _noted(bare, cache)
    if pin and (cache / pin).is_dir():
        return Kept(cache / pin, pin, f"{bare}: the kept copy is used, as its SHA-256 was named")
    copy = noted if noted and (cache / noted.sha256).is_dir() else None
    try:
        with new_session() as session:
            address = mirrored(bare, mirror)
            etag = _etag(session, address, patient=copy is None)
            if copy and etag and etag == copy.etag and not pin:
                return Kept(cache / copy.sha256, copy.sha256)
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".fetching-", dir=cache) as folder:
                file = Path(folder) / PurePosixPath(urlsplit(bare).path).name
                download(session, address, file, threading.Event(), most=MOST_BYTES)
                part_of(file).replace(file)
                return _fetched(bare, pin, file, etag, cache, only, copy)
    except OSError as error:
        if copy is None or pin:
            raise
        return Kept(
            cache / copy.sha256,
            copy.sha256,
            f"{error}; what was fetched on {copy.fetched} is used, SHA-256 {copy.sha256}",
        )


def _fetched(url: str, pin: str, file: Path, etag: str, cache: Path, only: Only, before: _Noted | None) -> Kept:
    digest = sha256(file)
    if pin and digest != pin:
        raise ValueError(f"{url}: its SHA-256 is {digest}, and {pin} was asked for; is it another version by now?")
    try:
        folder = _taken(file, digest, cache, only)
    except ValueError as error:  # the file is gone when this is read
        raise ValueError(str(error).replace(str(file), url)) from error
    write_atomically(_notes(url, cache), json.dumps(asdict(_Noted(url, digest, now(), etag))))
    note = f"{url}: SHA-256 {digest}"
    if before and before.sha256 != digest:
        note = f"{url}: has changed since {before.fetched}: SHA-256 {digest}, then {before.sha256}"
    return Kept(folder, digest, note)


def _taken(archive: Path, digest: str, cache: Path, only: Only) -> Path:
    """The folder of what is taken out of an archive, which is there whole or not at all."""
    place = cache / digest
    if not place.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=cache) as temporary:
            content = Path(temporary) / "content"
            unpack(archive, content, only=only)
            with suppress(OSError):  # another process was faster
                content.rename(place)
        if not place.is_dir():
            raise OSError(f"{cache}: {digest} could not be put there; is another file in its place?")
    return place


def _address(url: str) -> tuple[str, str]:
    """The address without what pins it, and the pinned SHA-256."""
    bare, _, fragment = url.partition("#")
    wanted = "expected https://..., such as https://github.com/OWNER/REPO/archive/REF.tar.gz"
    try:
        parts = urlsplit(bare)
        odd = parts.scheme != "https" or not parts.hostname or parts.username or parts.password
    except ValueError:
        odd = True
    if odd or not bare.isprintable() or " " in bare:
        shown = re.sub(r"//[^/]*@", "//...@", bare)  # a password is shown to nobody
        raise ValueError(f"{shortened(shown, 200)}: {wanted}, without a name and a password in it")
    if not is_archive(parts.path):
        raise ValueError(f"{bare}: no archive by its name ({' '.join(OPENED)}); {wanted}")
    pin = fragment.removeprefix(_PIN) if fragment.startswith(_PIN) else ""
    if fragment and not _DIGEST.fullmatch(pin):
        raise ValueError(f"{bare}: expected #sha256= and 64 hexadecimal digits behind it, got #{shortened(fragment)}")
    return bare, pin


def _etag(session: Session, address: str, patient: bool) -> str:
    """What the server calls the content now; "" where it does not say.

    Raises:
        BrokenOff: where it does not answer, and ``patient`` is false: a kept copy does as well.
    """
    try:
        with ask(session, address, {}, "HEAD") as found:
            return str(found.headers.get("ETag", ""))[:200]
    except BrokenOff:
        if not patient:
            raise
    except OSError:  # many servers refuse to answer this way; the file itself is asked for next
        pass
    return ""


def _notes(url: str, cache: Path) -> Path:
    return cache / f"{text_sha256(url)[:32]}.json"


def _noted(url: str, cache: Path) -> _Noted | None:
    """What is noted of an address; None for nothing, and for notes that cannot be read: they are written anew."""
    try:
        noted = _Noted(**read_plain(regular_file(_notes(url, cache), _NOTED).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    texts = all(isinstance(text, str) for text in asdict(noted).values())
    return noted if texts and noted.url == url and _DIGEST.fullmatch(noted.sha256) else None
