"""Where records lie: in a folder, in an archive, or in an archive at an address. One rule for all who read records.

Of an archive, such as a whole repository, only files called ``.json`` and ``.frames.npy`` are taken out, within
:data:`TAKEN`; they are kept below the runs under the SHA-256 of the archive. Which of them are records,
:mod:`.merged_records` says.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from avsal_bench.getting.archives import CLOSED, Only, is_archive
from avsal_bench.getting.kept_archive import Kept, is_address, kept_archive, kept_file
from avsal_bench.getting.offers import mirror_of
from avsal_bench.leaderboard.by_frame.packed_scores import PACKED
from avsal_bench.plain_values import MOST_BYTES
from avsal_bench.resources import home

#: What is taken out of an archive, and how much at the most.
TAKEN = Only(
    lambda path: path.name.endswith((".json", PACKED)),
    most_files=40_000,
    most_bytes=4_000_000_000,
    most_each=MOST_BYTES,
)


def local_places(places: Sequence[str | os.PathLike[str]], runs: Path | None = None) -> tuple[list[Path], list[str]]:
    """Folders and files on this disk with what is meant by each place.

    An address is fetched; that is the only case in which a connection is opened.

    Args:
        places: folders, files, archives (``.zip``, ``.tar.gz``, ...), or addresses of archives that begin with
            ``https:``, such as ``https://github.com/OWNER/REPO/archive/REF.tar.gz``.
        runs: folder of the runs, below which content of archives is kept; None for the usual one.

    Returns:
        As many as ``places``; and notes for whoever asked, such as which SHA-256 was fetched.

    Raises:
        FileNotFoundError: for what is not there, and for an archive without a record.
        ValueError: as :func:`~avsal_bench.getting.kept_archive.kept_archive`, and for a kind of archive that is not
            opened here.
        OSError: where an address does not answer, and no copy is kept.
    """
    cache = (runs or home() / "runs") / "records" / "files"
    found, notes = [], []
    for place in places:
        kept = _kept(os.fspath(place), cache)
        if kept is not None and next(kept.folder.rglob("*.json"), None) is None:
            raise FileNotFoundError(f"{os.fspath(place)}: no record in it; records are .json files of `avsal bench`")
        found.append(Path(place) if kept is None else kept.folder)
        notes += [kept.note] if kept and kept.note else []
    return found, notes


def is_elsewhere(place: str | os.PathLike[str]) -> bool:
    """Whether a place is an archive or an address, and no folder or file of records."""
    text = os.fspath(place)
    return is_address(text) or (
        (text.lower().endswith((*CLOSED, ".zip")) or is_archive(text)) and not Path(text).is_dir()
    )


def _kept(text: str, cache: Path) -> Kept | None:
    if not is_elsewhere(text):
        if not Path(text).exists():
            raise FileNotFoundError(
                f"no such file or folder: {text}; records lie in a folder, an archive, or at an address https://..."
            )
        return None
    if is_address(text):
        return kept_archive(text, cache, TAKEN, mirror_of(None))
    if not Path(text).is_file():
        raise FileNotFoundError(f"no such archive: {text}")
    return kept_file(Path(text), cache, TAKEN)
