"""What was fetched, when and from where, with its SHA-256; and which terms were accepted: a file beside the data."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from avsal_bench.files import regular_file, write_atomically
from avsal_bench.plain_values import not_plain, read_plain

#: Its name in a data root, and in the store of weights.
LEDGER = "downloads.json"
#: The source of a file that a person fetched.
BY_HAND = "put there by hand"
#: Largest file that is read.
_MOST = 20_000_000


@dataclass(frozen=True)
class Entry:
    """One file as it was fetched the first time.

    Args:
        file: its name.
        bytes: its length.
        sha256: of its content.
        fetched: when, in UTC.
        source: the address that it came from: the declared one, or that on a mirror.
        etag: what the server called this version of the file; "" where it did not say.
    """

    file: str
    bytes: int
    sha256: str
    fetched: str
    source: str
    etag: str = ""


class Ledger:
    """Reads and writes ``downloads.json`` in a folder. Entries stand under the declared address, whatever the mirror.

    Raises:
        ValueError: naming the file, when it is damaged or another program's.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LEDGER
        self._seen = _stamp(self.path)
        self._lock = threading.Lock()
        self._files: dict[str, Entry] = {}
        self._accepted: dict[str, dict[str, str]] = {}
        if self.path.exists():
            self._read()

    def _read(self) -> None:
        try:
            found = read_plain(regular_file(self.path, _MOST, links=True).read_bytes())
            if problem := not_plain(found, self.path.name):
                raise ValueError(problem)
            for url, entry in found["files"].items():
                self._files[url] = _entry(entry)
            for name, one in found["accepted"].items():
                self._accepted[name] = {"terms": _text(one["terms"]), "when": _text(one["when"])}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            said = str(error)
            if not isinstance(error, ValueError):
                said = 'expected {"files": {address: entry}, "accepted": {name: {"terms", "when"}}}'
            raise ValueError(
                f"{self.path}: not as `avsal data get` and `avsal weights get` write it ({said}); mend it, or move it "
                "away, and the SHA-256 of what is fetched next are written down anew"
            ) from error

    def check_still(self) -> None:
        """Compare the file with what was read: another process may have got things while this one asked servers.

        Raises:
            OSError: when it is another one now.
        """
        if _stamp(self.path) != self._seen:
            raise OSError(
                f"{self.path.parent}: another avsal has got things into it just now; run the same command again"
            )

    def known(self, url: str) -> Entry | None:
        """What was written down when the file was fetched the first time."""
        return self._files.get(url)

    def check(self, url: str, file: Path, size: int, digest: str) -> None:
        """Compare a file with what was written down at the first fetch.

        Raises:
            ValueError: with both digests, and what to do.
        """
        first = self.known(url)
        if first is not None and first.sha256 != digest:
            raise ValueError(
                f"{file}: is not what was fetched from {url} on {first.fetched}: SHA-256 {digest} ({size:,} bytes), "
                f"and then {first.sha256} ({first.bytes:,} bytes). If its authors say that they changed it, delete its "
                f"entry in {self.path} and run again; if not, delete {file} and run again"
            )

    def write_down(self, entries: Mapping[str, Entry]) -> None:
        """Keep what was fetched, by address; the first entry of an address stays."""
        with self._lock:
            self._files = {**entries, **self._files}
            self._write()

    def accepted(self, name: str, text: str) -> bool:
        """Whether these very terms were accepted."""
        return self._accepted.get(name, {}).get("terms") == text

    def accept(self, name: str, text: str) -> None:
        """Write down that these terms were accepted now."""
        with self._lock:
            if not self.accepted(name, text):
                self._accepted[name] = {"terms": text, "when": now()}
                self._write()

    def _write(self) -> None:
        files = {url: asdict(entry) for url, entry in sorted(self._files.items())}
        text = json.dumps({"files": files, "accepted": self._accepted}, indent=1, ensure_ascii=False)
        write_atomically(self.path, f"{text}\n")


def _stamp(path: Path) -> tuple[int, int] | None:
    """What tells one file from the next that is put in its place."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _entry(found: Any) -> Entry:
    entry = Entry(**found)
    size = entry.bytes
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError(f"bytes {size!r}")
    for value in (entry.file, entry.sha256, entry.fetched, entry.source, entry.etag):
        _text(value)
    if len(entry.sha256) != 64:
        raise ValueError(f"sha256 {entry.sha256!r}")
    return entry


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} where a text is expected")
    return value
