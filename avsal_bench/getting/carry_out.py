"""The way of both `get` commands: say what, from where, how large and under which terms; then do it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal

from avsal_bench.ending import what_to_do
from avsal_bench.getting.download import forget
from avsal_bench.getting.ledger import BY_HAND, Ledger
from avsal_bench.getting.wanted import Looked, Wanted, alone, check_room, fetch, look
from avsal_bench.names import printable
from avsal_bench.text import many, text_table

#: Lines of the table.
_ROWS = 40
#: Seconds between two times that what was fetched is written down.
_WRITTEN = 1.0
#: Exit codes: all is there; something failed; something was not fetched, as it needs whoever asked.
DONE, FAILED, NEEDS_YOU = 0, 1, 3


@dataclass(frozen=True)
class Asked:
    """What a user asked for besides names.

    Args:
        accept: whether the terms are accepted that are printed.
        dry_run: whether to say what would be done, and do nothing.
        parallel: downloads at a time.
        mirror: address of a mirror; "" for none.
        keep: whether archives stay when they are unpacked.
    """

    accept: bool = False
    dry_run: bool = False
    parallel: int = 4
    mirror: str = ""
    keep: bool = False


def carry_out(
    wanted: Sequence[Wanted],
    folder: Path,
    asked: Asked,
    terms: Mapping[str, str],
    steps: Mapping[str, Sequence[str]],
    finish: Callable[[Wanted, Path], str],
) -> int:
    """Fetch what is wanted, and finish each file as it comes; what fails does not stop the others.

    Args:
        wanted: files.
        folder: data root, or store of weights: ``downloads.json`` lies in it.
        asked: how.
        terms: that must be accepted, by name.
        steps: what a person does for each that only a person can fetch, by name.
        finish: unpacks or imports a file, and says what became of it in a line.

    Returns:
        ``DONE``, ``FAILED`` or ``NEEDS_YOU``.

    Raises:
        ValueError, OSError: before anything is fetched, for what is wrong in the folder, or has no room in it.
    """
    ledger = Ledger(folder)
    looked = look(wanted, asked.mirror)
    print(_table(looked))
    ready = [one for one in looked if not one.by_hand]
    by_hand = _by_hand([one for one in looked if one.by_hand], steps, terms)
    if by_hand:
        print(by_hand)
    if ready:
        print(f"\n{check_room(ready, folder)}")
    missing = {name: text for name, text in terms.items() if _names(ready, name) and not ledger.accepted(name, text)}
    for text in dict.fromkeys(missing.values()):
        print(f"\nterms of {', '.join(name for name, its in missing.items() if its == text)}: {text}")
    if asked.dry_run:
        print("\nnothing was fetched: --dry-run asks servers for sizes only (HEAD)")
        return DONE
    if not ready:
        return NEEDS_YOU
    if missing and not asked.accept:
        print(
            f"\nnothing was fetched: read the terms of {', '.join(missing)} above; with --accept you say that you did, "
            f"and accept them. What was accepted, and when, is written into {ledger.path}",
            file=sys.stderr,
        )
        return NEEDS_YOU
    with alone(folder):
        ledger.check_still()
        for name, text in missing.items():
            ledger.accept(name, text)
        failed = _fetch(ready, ledger, asked, finish)
    return FAILED if failed else NEEDS_YOU if by_hand else DONE


def _fetch(ready: Sequence[Looked], ledger: Ledger, asked: Asked, finish: Callable[[Wanted, Path], str]) -> int:
    """How many failed."""
    failed, good, written = 0, {}, time.monotonic()
    try:
        for one, came in [*fetch(ready, ledger, asked.parallel)]:  # all of them first, as work has bars of its own
            label = f"{one.wanted.name} {one.wanted.what}".strip()
            try:
                if isinstance(came, Exception):
                    raise came
                said = finish(one.wanted, one.wanted.place)
            except (ValueError, OSError) as error:
                failed += 1
                print(printable(f"FAILED {label}: {what_to_do(error)}"), file=sys.stderr)
                continue
            good[one.wanted.key] = came
            # Before the archive goes, as it cannot be read again; of many small files not each, as all are written.
            if one.wanted.place.is_file() or time.monotonic() > written + _WRITTEN:
                ledger.write_down(good)
                good, written = {}, time.monotonic()
            first = ledger.known(one.wanted.key) or came
            if not asked.keep and first.source != BY_HAND:  # what a person fetched is theirs, and stays
                one.wanted.place.unlink(missing_ok=True)
            forget(one.wanted.place)
            print(f"{label}: {said}")
    finally:
        if good:
            ledger.write_down(good)
    print(f"{many(len(ready), 'file')}, {failed} failed")
    return failed


def _names(looked: Sequence[Looked], name: str) -> bool:
    return any(name in one.wanted.name.split(", ") for one in looked)


def _table(looked: Sequence[Looked]) -> str:
    rows = []
    for one in looked[:_ROWS]:
        size = "unknown" if one.size is None else decimal(one.size)
        here = "whole" if one.whole else decimal(one.here) if one.here else "no"
        source = one.address or (BY_HAND if one.whole else "by hand, see below")
        first, *others = one.wanted.name.split(", ")
        rows.append(
            [
                f"{first} and {len(others)} more" if others else first,
                one.wanted.what,
                size,
                here,
                source,
                str(one.wanted.to),
            ]
        )
    table = text_table(["name", "part", "size", "here", "from", "to"], rows, numbers=[2, 3])
    if rest := looked[_ROWS:]:
        table += f"\nand {len(rest)} more, of {decimal(sum(one.size or 0 for one in rest))}"
    silent = any(one.size is None and one.address for one in looked)
    return f"{table}\nunknown: the server does not say, or did not answer" if silent else table


def _by_hand(looked: Sequence[Looked], steps: Mapping[str, Sequence[str]], terms: Mapping[str, str]) -> str:
    """What a person does, numbered, and under which terms."""
    blocks = []
    for name in dict.fromkeys(one.wanted.name for one in looked):
        numbered = "\n".join(f"  {number}. {line}" for number, line in enumerate(steps[name], 1))
        blocks.append(f"\n{name} needs a person:\n{numbered}\nterms of {name}: {terms[name.split(', ')[0]]}")
    return "\n".join(blocks)
