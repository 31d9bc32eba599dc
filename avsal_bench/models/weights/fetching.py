"""`avsal weights get`: published weights fetched from their authors, and imported as any file of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from avsal_bench.getting.archives import is_archive
from avsal_bench.getting.carry_out import DONE, FAILED, Asked, carry_out
from avsal_bench.getting.offers import last_step, terms
from avsal_bench.getting.wanted import DOWNLOADS, Wanted, unpacked
from avsal_bench.models.published_weights import WeightsFile
from avsal_bench.models.weights.offered import list_weights, weights_owner
from avsal_bench.names import unknown


def get_weights(names: Sequence[str], store: Path, asked: Asked) -> int:
    """Fetch published weights and import them into a store; those that are there are left alone.

    Args:
        names: of weights, or of networks and encoders, which stand for all of theirs.
        store: folder of imported weights.
        asked: how.

    Returns:
        The exit code.

    Raises:
        ValueError: for an unknown name, before anything is fetched.
        OSError: when the store cannot be written, or has no room.
    """
    code, lacking = DONE, []
    for entry in _meant(names):
        if entry.unreadable:
            code = FAILED
            print(f"{entry.name}: {entry.file} {entry.unreadable}")
        elif (store / f"{entry.name}.pt").is_file():
            print(f"{entry.name}: is imported already, in {store}")
        else:
            lacking.append(entry)
    if not lacking:
        return code
    files = {_wanted(group, store): group for group in _together(lacking)}
    accept = {entry.name: terms(entry.licence, entry.source) for entry in lacking}
    steps = {file.name: _steps(group[0], file.place) for file, group in files.items()}
    fetched = carry_out([*files], store, asked, accept, steps, lambda file, path: _import(files[file], path, store))
    return FAILED if FAILED in (code, fetched) else fetched


def _meant(names: Sequence[str]) -> list[WeightsFile]:
    """The weights of some names; a network's or an encoder's stands for all of its own."""
    known = list_weights()
    owners = {name: weights_owner(name) for name in known}
    found: dict[str, WeightsFile] = {}
    for name in names:
        its = [name] if name in known else [one for one, owner in owners.items() if owner == name]
        if not its:
            raise ValueError(unknown("weights", name, {*known, *owners.values()}))
        found |= {one: known[one] for one in its}
    return [*found.values()]


def _together(entries: Sequence[WeightsFile]) -> list[list[WeightsFile]]:
    """Weights, those of one archive together."""
    groups: dict[str, list[WeightsFile]] = {}
    for entry in entries:
        groups.setdefault(entry.online if is_archive(entry.online) else entry.name, []).append(entry)
    return [*groups.values()]


def _wanted(group: Sequence[WeightsFile], store: Path) -> Wanted:
    first = group[0]
    archive = is_archive(first.online)
    file = first.online.rsplit("/", 1)[1] if archive else first.file
    known = "" if archive or first.sha256 == "unknown" else first.sha256
    names = ", ".join(entry.name for entry in group)
    return Wanted(names, "weights", first.online, store / DOWNLOADS / file, store, known)


def _steps(entry: WeightsFile, place: Path) -> tuple[str, ...]:
    fetch = f"fetch {entry.file} in a browser from its authors: {entry.source}"
    return entry.steps or (fetch, last_step([place]))


def _import(group: Sequence[WeightsFile], path: Path, store: Path) -> str:
    """Import a file, or those that are wanted of an archive."""
    if not is_archive(path.name):
        return _imported({path: group[0].name}, store)
    names = {entry.file: entry.name for entry in group}
    with unpacked(path, store) as content:
        files = {one: names[one.name] for one in sorted(content.rglob("*")) if one.name in names and one.is_file()}
        if missing := sorted(set(names.values()) - set(files.values())):
            raise ValueError(f"{path}: holds no file of {', '.join(missing)} ({', '.join(names)})")
        return _imported(files, store)


def _imported(files: dict[Path, str], store: Path) -> str:
    from avsal_bench.models.weights.store import Found, import_weights

    reports = import_weights(Found(files, [], []), store)
    if failed := [report.detail for report in reports if report.outcome == "failed"]:
        raise ValueError("; ".join(failed))
    return "; ".join(f"{report.outcome} ({report.detail})" for report in reports)
