"""Names that a package hands on from its modules, imported when they are asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Later:
    """A function of a heavy module, which is imported when the function is called.

    Args:
        module: name of the module.
        name: of the function in it.

    >>> Later("math", "sqrt")(4.0)
    2.0
    """

    module: str
    name: str

    def __call__(self, *args: Any, **options: Any) -> Any:
        """What the function gives."""
        return getattr(import_module(self.module), self.name)(*args, **options)


def lazily(package: str, places: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package (PEP 562) whose names come from heavy modules.

    >>> getattr_, dir_ = lazily("avsal_bench.lazy", {"sqrt": "math"})
    >>> getattr_("sqrt")(4.0)
    2.0

    Args:
        package: ``__name__`` of the package.
        places: by each name the module that it comes from; a name that is the last part of its module is that module.
    """

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(places[name])
        found = module if places[name] == f"{package}.{name}" else getattr(module, name)
        setattr(sys.modules[package], name, found)
        return found

    def names() -> list[str]:
        here = vars(sys.modules[package])
        return sorted({*places, *here.get("__all__", ()), *(name for name in here if name.startswith("__"))})

    return get, names
