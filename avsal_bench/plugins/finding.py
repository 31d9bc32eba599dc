"""Looking something up by its name, in the package and in plug-ins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from avsal_bench.names import unknown
from avsal_bench.plugins.importing import load_plugins

T = TypeVar("T")


def find(what: str, name: str, registry: Mapping[str, T]) -> T:
    """What is registered under a name; plug-ins are loaded before a name is called unknown.

    Raises:
        ValueError: for an unknown name, with the nearest one; and for a plug-in that fails.
    """
    if name not in registry:
        load_plugins()
    if name not in registry:
        raise ValueError(unknown_here(what, name, registry))
    return registry[name]


def unknown_here(what: str, name: str, known: Iterable[str]) -> str:
    """Text of the error for a name that neither the package nor a plug-in has; it says how one's own is brought."""
    return f"{unknown(what, name, known)}; a {what} of your own comes with --plugin FILE.py"
