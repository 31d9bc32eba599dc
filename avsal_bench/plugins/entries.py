"""What is registered under a name, and by which file: the one rule for networks, data sets, protocols and metrics."""

from __future__ import annotations

import sys
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from avsal_bench.names import plain_name

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Entry:
    """What was registered where.

    Args:
        what: it is, such as ``model``.
        name: of it.
        file: that registered it.
        registry: that holds it.
    """

    what: str
    name: str
    file: str
    registry: MutableMapping[str, Any]


_ENTRIES: dict[tuple[str, str], Entry] = {}


def enter(what: str, name: str, thing: T, registry: MutableMapping[str, T], own: str = "") -> None:
    """Register something under its name. The file is noted that called the function which calls this one.

    Args:
        what: it is, for errors, such as ``model``.
        name: of ASCII letters, digits and . _ + - only.
        thing: that is registered.
        registry: that it goes to.
        own: file of the package that registers this name once it is imported; "" where there is none.

    Raises:
        ValueError: for a name that is registered already, with both files, and for a name of other characters.
    """
    file = sys._getframe(2).f_code.co_filename
    before = _ENTRIES.get((what, name))
    first = before.file if before else own
    if name in registry or (first and Path(first).resolve() != Path(file).resolve()):
        places = f"in {file}" if first == file else f"in {first} and in {file}"
        raise ValueError(f"{what} {name!r} is registered twice: {places}; rename one of them")
    plain_name(what, name)
    registry[name] = thing
    _ENTRIES[what, name] = Entry(what, name, file, registry)


def registered_in(what: str, name: str) -> Path | None:
    """The file that registered something; None where nothing did, or code that is in no file."""
    entry = _ENTRIES.get((what, name))
    path = Path(entry.file).absolute() if entry else None
    return path if path and path.is_file() else None


def entered() -> tuple[Entry, ...]:
    """All that was registered so far, in its order."""
    return tuple(_ENTRIES.values())


def take_back(entries: Iterable[Entry]) -> None:
    """Remove what was registered, such as by a plug-in that failed afterwards."""
    for entry in entries:
        del _ENTRIES[entry.what, entry.name]
        entry.registry.pop(entry.name, None)
