"""What is wanted, what there is of it already, and one after another fetched, compared and written down."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.filesize import decimal

from avsal_bench.files import sha256
from avsal_bench.getting.archives import is_archive, unpack
from avsal_bench.getting.connection import NotSent, check_content, new_session, reason, size_of
from avsal_bench.getting.download import NOTES, RESERVE, Version, download, have, noted, part_of
from avsal_bench.getting.ledger import BY_HAND, LEDGER, Entry, Ledger, now
from avsal_bench.getting.offers import address, mirrored
from avsal_bench.getting.side_by_side import side_by_side
from avsal_bench.progress import progress

if TYPE_CHECKING:
    from requests import Session

#: Folder of what is fetched, below a data root, and below the store of weights.
DOWNLOADS = "downloads"
_UNPACKING = "unpacking-"
#: HEAD requests at a time.
_LOOKS = 8


@dataclass(frozen=True)
class Wanted:
    """A file that is to be fetched.

    Args:
        name: of the set, or of the weights; several where one archive holds several.
        what: is in it.
        url: where it is offered, as :mod:`avsal_bench.getting.offers` writes it; "" where a person fetches it.
        place: of the file in the folder of downloads.
        to: where its content goes.
        sha256: that it must have, whole or its first digits; "" for any.
        bytes: of the file, where they are known; else the server is asked.
    """

    name: str
    what: str
    url: str
    place: Path
    to: Path
    sha256: str = ""
    bytes: int | None = None

    @property
    def key(self) -> str:
        """Under which it is written down."""
        return self.url or f"by hand: {self.place.name}"


@dataclass(frozen=True)
class Looked:
    """A file that is wanted, after a look at the disk and at the server.

    Args:
        wanted: file.
        address: that it is fetched from; "" where a person does that.
        size: in bytes; None where the server does not say.
        here: bytes of it that are on the disk.
        whole: whether the file is on the disk, also when a person put it there.
    """

    wanted: Wanted
    address: str
    size: int | None
    here: int
    whole: bool

    @property
    def by_hand(self) -> bool:
        """Whether a person must fetch it."""
        return not self.address and not self.whole


def look(wanted: Sequence[Wanted], mirror: str) -> list[Looked]:
    """Look at the disk, and ask the servers for the sizes, by HEAD requests and nothing else.

    Args:
        wanted: files.
        mirror: see :func:`~avsal_bench.getting.offers.mirrored`.

    Raises:
        ValueError: for an address or a mirror that is none.
    """
    with new_session() as session:

        def work(one: Wanted, stop: threading.Event) -> Looked:
            return _look(session, mirror, one)

        found = dict(side_by_side(work, wanted, _LOOKS))
    for one in found.values():
        if isinstance(one, Exception):
            raise one
    return [one for each in wanted if isinstance(one := found[each], Looked)]


def _look(session: Session, mirror: str, wanted: Wanted) -> Looked:
    place = mirrored(address(wanted.url), mirror) if wanted.url else ""
    if place.startswith("drive:") and find_spec("gdown") is None:
        place = ""
    if wanted.place.is_file():
        size = wanted.place.stat().st_size
        return Looked(wanted, place, size, size, True)
    asked = wanted.bytes is None and place and not place.startswith("drive:")
    size_there = size_of(session, place) if asked else wanted.bytes
    return Looked(wanted, place, size_there, have(wanted.place, place), False)


def check_room(looked: Sequence[Looked], folder: Path) -> str:
    """How much is to come, and how much is free, in words.

    An archive and what is in it lie side by side for a while, so the largest one counts twice.

    Raises:
        OSError: where it does not fit.
    """
    folder = next(place for place in (folder, *folder.parents) if place.is_dir())
    to_come = [one for one in looked if one.address and not one.whole]
    rest = sum((one.size or 0) - one.here for one in to_come if one.size)
    twice = max((one.size or 0 for one in looked if is_archive(one.wanted.place.name)), default=0)
    free = shutil.disk_usage(folder).free
    unknown = sum(one.size is None for one in to_come)
    known = f"{decimal(rest)} to fetch" + (f", and {unknown} of unknown size" if unknown else "")
    if rest + twice + RESERVE > free:
        raise OSError(
            f"{folder}: {known}, with room for what is in it {decimal(rest + twice)}, and {decimal(free)} are free; "
            "free some space, name another folder, or get fewer at a time"
        )
    return f"{known}; {decimal(free)} free in {folder}"


def fetch(looked: Sequence[Looked], ledger: Ledger, parallel: int) -> Iterator[tuple[Looked, Entry | Exception]]:
    """Fetch files side by side, with one bar for all, and give each as soon as it is whole and compared.

    What is given is to be written down when the file has proved to be good: a damaged one would be held against it.

    Args:
        looked: files that can be fetched, or are whole already.
        ledger: with which what was fetched before is compared.
        parallel: downloads at a time.
    """
    sizes = [one.size for one in looked]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    here = {one.wanted.place: one.here for one in looked}
    lock = threading.Lock()
    with new_session() as session, progress("fetch", total, sum(here.values()), sizes=True) as bar:

        def tell(one: Looked, size: int) -> None:
            with lock:
                bar.advance(size - here[one.wanted.place], one.wanted.place.name)
                here[one.wanted.place] = size

        def work(one: Looked, stop: threading.Event) -> Entry:
            place = one.wanted.place
            if not one.whole:
                if one.address.startswith("drive:"):
                    version = _from_drive(one.address, place)
                else:
                    version = download(session, one.address, place, stop, lambda size: tell(one, size))
            else:
                version = noted(place) or Version(BY_HAND)
            entry = _compare(one, place if one.whole else part_of(place), version, ledger)
            if not one.whole:
                part_of(place).replace(place)
            return entry

        yield from side_by_side(work, looked, parallel)


def _compare(one: Looked, file: Path, version: Version, ledger: Ledger) -> Entry:
    """Compare a file with its declared SHA-256 and with that of the first fetch."""
    with file.open("rb") as opened:
        check_content(opened.read(64), one.address or str(file))
    wanted, digest, size = one.wanted, sha256(file), file.stat().st_size
    if not size and wanted.bytes is None:
        if one.whole:
            raise ValueError(f"{file}: is empty; delete it, and run again")
        raise NotSent(f"{one.address}: an empty file came; run the same command again later")
    if wanted.bytes not in (None, size):
        raise ValueError(f"{file}: has {size:,} bytes, and {wanted.bytes:,} were offered; delete it, and run again")
    if wanted.sha256 and not digest.startswith(wanted.sha256):
        begins = "is" if len(wanted.sha256) == 64 else "begins with"
        raise ValueError(
            f"{file}: its SHA-256 is {digest}, and that of {wanted.name} {begins} {wanted.sha256}; delete it and run "
            "again, and if that does not help, say so to its authors"
        )
    ledger.check(wanted.key, file, size, digest)
    return Entry(wanted.place.name, size, digest, now(), version.url, version.etag)


def _from_drive(url: str, place: Path) -> Version:
    """Fetch a file from Google Drive by gdown, which goes on where it stopped, and answers the page that asks."""
    import gdown

    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        gdown.download(id=url.removeprefix("drive:"), output=str(part_of(place)), quiet=True, resume=True)
    except Exception as error:  # gdown's own, those of requests, and those of its readers of pages
        raise NotSent(
            f"{url}: Google Drive does not give it ({reason(error).strip().splitlines()[0]}); often too many have "
            f"asked for it: try tomorrow, or fetch it in a browser, and put it at {place}"
        ) from error
    if not part_of(place).is_file():
        raise NotSent(f"{url}: Google Drive gives nothing; fetch it in a browser, and put it at {place}")
    return Version(url, bytes=part_of(place).stat().st_size)


@contextmanager
def unpacked(archive: Path, folder: Path) -> Iterator[Path]:
    """A folder with all that is in an archive, with a bar; it is removed at the end, with what is left in it.

    Args:
        archive: as :func:`~avsal_bench.getting.archives.unpack` takes it.
        folder: data root, or store: what is unpacked lies on its disk, so that moving it costs nothing.

    Raises:
        ValueError, OSError: as :func:`~avsal_bench.getting.archives.unpack`.
    """
    (folder / DOWNLOADS).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_UNPACKING, dir=folder / DOWNLOADS) as temporary:
        stage = Path(temporary) / "content"
        with progress("unpack", archive.stat().st_size, sizes=True) as bar:
            unpack(archive, stage, lambda steps: bar.advance(steps, archive.name))
        yield stage


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """The only process that gets things into a folder; file systems without locks let everyone in.

    What a killed process was unpacking or writing is removed.

    Raises:
        OSError: when another one does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".downloads.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"{folder}: another avsal is getting things into it; wait for that one") from None
        except OSError:
            pass
        for left in (folder / DOWNLOADS).glob(f"{_UNPACKING}*"):
            shutil.rmtree(left, ignore_errors=True)
        for left in [*folder.glob(f".{LEDGER}.*"), *(folder / DOWNLOADS).rglob(f".*{NOTES}.*")]:
            left.unlink(missing_ok=True)
        yield
