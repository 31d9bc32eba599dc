"""Look-ups by name, and what to say when nobody has that name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


def pick(what: str, name: str, known: Mapping[str, T]) -> T:
    """The entry of that name.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    if name not in known:
        raise ValueError(unknown(what, name, known))
    return known[name]


def unknown(what: str, name: object, known: Iterable[object]) -> str:
    """Text of the error for an unknown name: the nearest one, and all of them.

    >>> unknown("model", "stavi", ["vinet", "stavis"])
    "unknown model 'stavi'; did you mean 'stavis'? known: stavis, vinet"
    """
    names = sorted(str(k) for k in known)
    spelled = {known_name.lower(): known_name for known_name in names}
    near = difflib.get_close_matches(str(name).lower(), spelled, n=1)
    hint = f"did you mean {spelled[near[0]]!r}? " if near else ""
    return f"unknown {what} {name!r}; {hint}known: {', '.join(names) or 'none'}"
