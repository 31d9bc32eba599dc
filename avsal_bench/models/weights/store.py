"""The store: a folder of imported weights, one file each, under our names.

Nothing is downloaded here: people fetch the files from their authors, or let ``avsal weights get`` do so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from avsal_bench.files import sha256, whole_file
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.weights.loading import Loaded, load_published, open_safely
from avsal_bench.models.weights.offered import build_for, list_weights, published_weights
from avsal_bench.names import unknown
from avsal_bench.progress import progress
from avsal_bench.text import many

#: How archives are called that may hold weights, and files that may be weights under another name. They are
#: mentioned, not opened.
_ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip", ".7z", ".rar")
_OTHERS = (".pt", ".pth", ".pkl", ".ckpt", ".safetensors")


class Checked(NamedTuple):
    """A file of published weights that was opened and fits."""

    name: str
    sha256: str
    loaded: Loaded
    state: dict[str, Tensor]
    """Ours."""


class Report(NamedTuple):
    """What became of one file."""

    file: Path
    name: str
    outcome: str
    """``fits``, ``imported``, ``replaced`` (an import of another file), ``already imported``, or ``failed``."""
    detail: str
    """Checksum and number of entries; or the reason."""


class Found(NamedTuple):
    """What lies in a folder."""

    files: dict[Path, str]
    """Files of published weights, and the names of the weights."""
    archives: list[Path]
    """Archives, which may hold some."""
    others: list[Path]
    """Files that look like weights, of no known name."""


def find_weights(place: Path, name: str | None = None) -> Found:
    """Find files of published weights by their file names, in a folder and all below it.

    Args:
        place: a folder, or one file.
        name: of the weights in that one file, whatever it is called.

    Raises:
        FileNotFoundError: when there is no such place.
        ValueError: for a file that no weights are called like, a folder without any, and an unknown name.
    """
    if not place.exists():
        raise FileNotFoundError(f"{place}: no such file or folder; expected files that you fetched from their authors")
    known = {entry.file: entry.name for entry in list_weights().values()}
    if name is not None:
        if place.is_dir():
            raise ValueError(f"{place}: is a folder, and {name} is one file ({published_weights(name).file}); name it")
        return Found({place: published_weights(name).name}, [], [])
    if place.is_file():
        if place.name not in known:
            raise ValueError(f"{unknown('file', place.name, known)}; if you renamed it, say what it is with --as NAME")
        return Found({place: known[place.name]}, [], [])
    inside = sorted(path for path in place.rglob("*") if path.is_file())
    files = {path: known[path.name] for path in inside if path.name in known}
    archives = [path for path in inside if path.name.endswith(_ARCHIVES) and path not in files]
    others = [path for path in inside if path.name.endswith(_OTHERS) and path not in files]
    if not (files or archives or others):
        raise ValueError(f"{place}: no file of weights lies below it; `avsal weights list` says where to fetch some")
    return Found(files, archives, others)


def check_weights(path: Path, name: str) -> Checked:
    """Open a file of published weights, compare its checksum where one is known, and load it strictly.

    Raises:
        FileNotFoundError, ValueError: saying what is wrong with the file.
    """
    entry = _readable_weights(name)
    digest = sha256(path)
    if entry.sha256 != "unknown" and not digest.startswith(entry.sha256):
        begins = "is" if len(entry.sha256) == 64 else "begins with"
        raise ValueError(
            f"{path}: its SHA-256 is {digest}, and that of {name} {begins} {entry.sha256}; "
            f"fetch it again ({entry.source})"
        )
    net = build_for(name)
    loaded = load_published(net, path, entry.rename)
    return Checked(name, digest, loaded, net.state_dict())


def verify_weights(found: Found) -> list[Report]:
    """Check files of published weights, and write nothing; see :func:`check_weights`."""
    return _each("verify", found, lambda path, name: ("fits", _detail(check_weights(path, name))))


def import_weights(found: Found, store: Path) -> list[Report]:
    """Check files of published weights, and keep each in the store under our names, as ``<store>/<name>.pt``.

    A file that was imported before is skipped, known by its SHA-256; one that fails does not stop the others.
    """
    return _each("import", found, lambda path, name: _import(path, name, store))


def imported_source(name: str, store: Path) -> dict[str, str]:
    """Where imported weights come from, as :func:`load_weights` says; nothing is loaded.

    Raises:
        FileNotFoundError, ValueError: as for :func:`load_weights`.
    """
    path = _imported(name, store)
    return _source(path, path.stat().st_mtime_ns)


def load_weights(module: nn.Module, name: str, store: Path) -> dict[str, str]:
    """Load imported weights strictly into the network or backbone that they belong to.

    A backbone that may do without a part of them says so by its ``rename_stored``.

    Returns:
        Where they come from: ``name``, and ``file`` and ``sha256`` of the authors' file.

    Raises:
        FileNotFoundError: when they were not imported; it says where they are offered.
        ValueError: when the stored file is damaged, or does not fit; or when the authors' cannot be opened here.
    """
    path = _imported(name, store)
    state, source = _stored(path)
    try:
        load_published(module, state, getattr(module, "rename_stored", lambda key, value: (key, value)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}\nimported by another version? delete it, and import again") from error
    return source


def _readable_weights(name: str) -> PublishedWeights:
    """As :func:`published_weights`, of a file that can be opened."""
    entry = published_weights(name)
    if entry.unreadable:
        raise ValueError(f"{name}: {entry.file} {entry.unreadable}")
    return entry


def _imported(name: str, store: Path) -> Path:
    """The file of imported weights."""
    entry = _readable_weights(name)
    path = store / f"{name}.pt"
    if not path.is_file():
        raise FileNotFoundError(
            f"{name}: not in {store}. Fetch {entry.file} from its authors ({entry.source}; licence: {entry.licence}), "
            "then `avsal weights import FOLDER`, the folder being where it lies; or let "
            f"`avsal weights get {name}` do both"
        )
    return path


def _each(title: str, found: Found, work: Callable[[Path, str], tuple[str, str]]) -> list[Report]:
    """Do the work for each file; what is wrong with one becomes its report."""
    reports = []
    with progress(title, len(found.files)) as bar:
        for path, name in found.files.items():
            twins = [str(other) for other, its in found.files.items() if its == name and other != path]
            try:
                if twins:
                    raise ValueError(f"{path}: also at {', '.join(twins)}; give one of them")
                reports.append(Report(path, name, *work(path, name)))
            except (ValueError, OSError) as error:
                reports.append(Report(path, name, "failed", str(error)))
            bar.advance(note=name)
    return reports


def _import(path: Path, name: str, store: Path) -> tuple[str, str]:
    target = store / f"{name}.pt"
    outcome = "imported"
    if target.is_file():
        outcome = "replaced"
        digest = sha256(path)
        with suppress(ValueError):  # a damaged one is replaced
            if _stored(target)[1]["sha256"] == digest:
                return "already imported", f"sha256 {digest}"
    checked = check_weights(path, name)
    source = {"name": name, "file": path.name, "sha256": checked.sha256}
    _save_atomically({"state_dict": checked.state, "source": source}, target)
    return outcome, _detail(checked)


def _detail(checked: Checked) -> str:
    loaded, idle = len(checked.loaded.loaded), len(checked.loaded.without_effect)
    return f"sha256 {checked.sha256}, {many(loaded, 'entry', plural='entries')}" + (
        f", {idle} more without effect" if idle else ""
    )


def _stored(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """State dict and source in a file of the store."""
    content = open_safely(path)
    if not isinstance(content, dict) or content.keys() != {"state_dict", "source"}:
        raise ValueError(f"{path}: not written by `avsal weights import`; delete it, and import the authors' file")
    return content["state_dict"], content["source"]


@lru_cache(maxsize=64)
def _source(path: Path, changed: int) -> dict[str, str]:
    """Source in a file of the store as it was at a time, in nanoseconds."""
    return _stored(path)[1]


def _save_atomically(content: object, path: Path) -> None:
    with whole_file(path) as temporary, temporary.open("wb") as file:
        torch.save(content, file)
