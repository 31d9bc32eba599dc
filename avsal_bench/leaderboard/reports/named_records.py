"""Records by the names that people type: a file, or a row as the leaderboard names it. All of one test list.

A row is named by its link on the page (``stavis/synth/avrsp_av/smoke``), by its network (``avrsp_av``, ``avrsp/av``),
as tables call it (``AVRSP (av)``), or by the name of a record's file (``avrsp_av-fold1-seed0``), with as many of the
folders above it as are needed (``synth/avrsp_av``).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from avsal_bench.leaderboard.known_facts import FactTable, facts
from avsal_bench.leaderboard.merged_records import board_records
from avsal_bench.leaderboard.tables import MAIN_PROTOCOL
from avsal_bench.names import shortened
from avsal_bench.records import Record, read_record
from avsal_bench.text import many

#: Near names that an error tells.
NEAR = 5


@dataclass(frozen=True)
class Named:
    """A record that a name stands for.

    Args:
        path: of its file.
        note: what was chosen of several, for whoever asked; "" where there was no choice.
    """

    path: Path
    note: str = ""


def named_records(names: Sequence[str], folder: Path, places: Sequence[Path] = ()) -> list[Named]:
    """The record with the true sound that each name stands for; of rows, all of one protocol, set and fold.

    Of several protocols the main one counts, and of several folds and seeds the first that all names have.

    Args:
        names: paths of files, or names of rows.
        folder: of the leaderboard, whose records are looked through for what is no file.
        places: in its stead, as :func:`~avsal_bench.leaderboard.merged_records.board_records` takes them.

    Raises:
        FileNotFoundError: for a name that no record has; it tells the nearest.
        ValueError: for a name of rows on several sets or of several presets, names without a common test list, two
            names of one record, and as :func:`~avsal_bench.leaderboard.merged_records.board_records`.
    """
    where = ", ".join(map(str, places)) or str(folder / "records")
    every: list[tuple[Path, Record]] = []
    if not all(map(_is_file, names)):
        every = list(board_records(folder, places))
    known = facts()
    meant: list[list[tuple[Path, Record]]] = []
    for name in names:
        if _is_file(name):
            meant.append([(Path(name), read_record(name))])
            continue
        found = [(path, r) for path, r in every if _wanted(name) in set(_names_of(path, r, known))]
        # A record with another sound is meant only by the name of its file.
        if not (of_row := [pair for pair in found if pair[1].sound == "original"] or found):
            raise FileNotFoundError(_nobody(name, every, known, where))
        meant.append(of_row)
    chosen = list(_of_one_list(names, meant))
    for n, one in enumerate(chosen):
        if one.path.resolve() in {other.path.resolve() for other in chosen[:n]}:
            raise ValueError(f"{names[n]}: stands for {one.path}, which another name stands for, too; name it once")
    return chosen


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # no file can have such a name
        return False


def _of_one_list(names: Sequence[str], meant: Sequence[list[tuple[Path, Record]]]) -> Iterator[Named]:
    """Of the records that each name may mean, one each: all of one test list."""
    lists = [{(r.dataset, r.fold) for _, r in found} for found in meant]
    if not (shared := set.intersection(*lists)):
        told = "; and on ".join(", ".join(f"{name} fold {k}" for name, k in sorted(one)[:8]) for one in lists)
        raise ValueError(f"{' and '.join(names)}: no test list is common to them; they are on {told}")
    if len(sets := sorted({name for name, _ in shared})) > 1:
        raise ValueError(
            f"{names[0]}: is on {many(len(sets), 'set')} ({', '.join(sets)}); say which one, such as "
            f"{sets[0]}/{names[0]}"
        )
    for name, found in zip(names, meant, strict=True):
        yield _first(name, found, min(shared))


def _first(name: str, found: Sequence[tuple[Path, Record]], test_list: tuple[str, int]) -> Named:
    """The record of the main protocol and the lowest seed on a test list, and what is said of the choice."""
    fitting = [pair for pair in found if (pair[1].dataset, pair[1].fold) == test_list]
    protocol = min((r.protocol for _, r in fitting), key=lambda one: (one != MAIN_PROTOCOL, one))
    fitting = [pair for pair in fitting if pair[1].protocol == protocol]
    if len(rows := sorted({_row(r) for _, r in fitting})) > 1:
        raise ValueError(f"{name}: is {many(len(rows), 'row')}; name one of them: {', '.join(rows)}")
    path, record = min(fitting, key=lambda pair: (pair[1].seed, pair[0].as_posix()))
    if len(found) == 1:
        return Named(path)
    return Named(path, f"{name}: fold {record.fold}, seed {record.seed}, of {many(len(found), 'record')} ({path})")


def _wanted(name: str) -> str:
    """A name as it is compared."""
    plain = unquote(name.strip().removeprefix("#").removeprefix("row/"))
    return plain.replace("\\", "/").strip("/").removesuffix(".json").casefold()


def _names_of(path: Path, r: Record, known: FactTable) -> Iterator[str]:
    """All names of a record, as they are compared."""
    # Its file, with the folders above it.
    parts = (*path.parts[-6:-1], path.stem)
    yield from ("/".join(parts[first:]).casefold() for first in range(len(parts)))
    yield _row(r).casefold()
    called = known.network(r.label).called
    human = f"{called} ({r.modality})" if r.modality else called
    for one in (r.network, f"{r.label}/{r.modality}" if r.modality else r.label, human):
        for above in ("", f"{r.dataset}/", f"{r.protocol}/{r.dataset}/"):
            yield f"{above}{one}".casefold()


def _row(r: Record) -> str:
    return f"{r.protocol}/{r.dataset}/{r.network}/{r.preset}"


def _nobody(name: str, every: Iterable[tuple[Path, Record]], known: FactTable, where: str) -> str:
    """Text of the error for a name that no record has: the nearest names of rows."""
    spelled: dict[str, str] = {}
    for path, r in every:
        row = f"{r.label}/{r.modality}" if r.modality else r.label
        for shown in (row, r.network, f"{r.dataset}/{row}", f"{r.dataset}/{r.network}", _row(r), path.stem):
            spelled.setdefault(shown.casefold(), shown)
    if not spelled:
        return f"{shortened(name)}: no such file, and there is no record in {where}; `avsal bench` writes some"
    near = difflib.get_close_matches(_wanted(name), spelled, n=NEAR, cutoff=0.5)
    some = ", ".join(spelled[one] for one in near or sorted(spelled, key=len)[:NEAR])
    said = "the nearest are" if near else "there are"
    return f"{shortened(name)}: no such file, and no row or record of {where} is called so; {said} {some}"
