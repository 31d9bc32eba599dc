"""Looking something up by its name, in the package and in plug-ins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from avsal_bench.names import pick
from avsal_bench.plugins.importing import load_plugins

T = TypeVar("T")


def find(what: str, name: str, registry: Mapping[str, T]) -> T:
    """What is registered under a name; plug-ins are loaded before a name is called unknown.

    Raises:
        ValueError: for an unknown name, with the nearest one; and for a plug-in that fails.
    """
    if name not in registry:
        load_plugins()
    return pick(what, name, registry)
