"""Which code made something: a hash over the modules that decide it, without their comments and docstrings."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from uuid import uuid4

#: Of this package, whose modules are followed whoever imports them.
OWN = __name__.partition(".")[0]

#: Code that nobody can read again, such as that of a notebook, is never the same as another process had.
_UNREADABLE = f"unreadable {uuid4().hex}"


def code_of(*parts: object, files: Iterable[Path] = (), without: Iterable[ModuleType] = ()) -> str:
    """SHA-256 of the code that some functions and classes are made of; a mended comment or docstring changes nothing.

    Their modules count, and what these import from this package or from beside them, and so on. Of a package that only
    hands on names, the modules count that the names come from.

    Args:
        parts: functions and classes.
        files: that count alone, without what they import.
        without: modules that decide nothing, such as those that draw progress bars; they are not followed.
    """
    names = frozenset(str(getattr(part, "__module__", "")) for part in parts)
    found = {f"{path.parent.name}/{path.name}": _digest(path) for path in files}
    for name, path in closure(names, frozenset(module.__name__ for module in without)).items():
        found[name] = _digest(path) if path is not None else _UNREADABLE
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()


def versions_of(*libraries: str) -> dict[str, str]:
    """Releases of some libraries as parts of a fingerprint, without the build: a GPU machine reads what a CPU made."""
    return {f"library {name}": _release(name) for name in libraries}


@cache
def _release(name: str) -> str:
    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return "none"


@cache
def closure(names: frozenset[str], without: frozenset[str] = frozenset()) -> dict[str, Path | None]:
    """Files of some modules and of all that they import; None for a module without a file.

    Args:
        names: dotted names of modules that were imported.
        without: names of modules that are not followed.
    """
    found: dict[str, Path | None] = {}
    left = sorted(names - without)
    places = tuple(sorted({place for name in (OWN, *names) if (place := _place(name))}))
    while left:
        name = left.pop()
        if name in found:
            continue
        path = found[name] = _file(name, places)
        if path is not None:
            left += sorted(_imports(name, path, places) - without)
    return found


#: A folder that holds top packages and modules, and the name of the one there that counts.
Place = tuple[Path, str]


def _place(name: str) -> Place | None:
    """Where the top package of a module lies that was imported."""
    top = name.partition(".")[0]
    file = getattr(sys.modules.get(top), "__file__", None)
    if file is None:
        return None
    path = Path(file)
    return (path.parent.parent if path.name == "__init__.py" else path.parent), top


def _file(name: str, places: Sequence[Place]) -> Path | None:
    """File of a module, of a package its ``__init__.py``; None for one from elsewhere.

    What lies beside a network counts like the network, but for where all libraries lie.
    """
    for folder, top in places:
        if name.partition(".")[0] != top and "site-packages" in folder.parts:
            continue
        path = folder.joinpath(*name.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
    return None


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


@cache
def _digest(path: Path) -> str:
    """SHA-256 of the code of a file, without what is there for readers alone.

    It is read once a process: what runs is the code of its start, whoever writes to the file meanwhile.
    """
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            lines = getattr(node, name, None)
            if isinstance(lines, list):
                setattr(node, name, [line for line in lines if not _is_text(line)])
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_text(line: ast.AST) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


@cache
def _imports(name: str, path: Path, places: tuple[Place, ...]) -> frozenset[str]:
    """Modules that a module takes names from, as far as their files lie in this package or in ``places``."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in _running(_tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if _file(alias.name, places)}
        elif isinstance(node, ast.ImportFrom):
            source = _source(node, package)
            found |= {known for alias in node.names if (known := _resolve(source, alias.name, places))}
    return frozenset(found)


def _source(node: ast.ImportFrom, package: str) -> str:
    parts = package.split(".")
    base = parts[: len(parts) + 1 - node.level] if node.level else []
    return ".".join([*base, *filter(None, [node.module])])


def _running(tree: ast.AST) -> Iterable[ast.AST]:
    """All nodes but those that only type checkers see."""
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop()
        yield node
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            left += node.orelse
        else:
            left += ast.iter_child_nodes(node)


def _resolve(source: str, name: str, places: tuple[Place, ...]) -> str:
    """The module that a name comes from which is imported from ``source``; "" for one that is not followed."""
    if _file(f"{source}.{name}", places):
        return f"{source}.{name}"
    path = _file(source, places)
    if path is None:
        return ""
    if path.name == "__init__.py":
        for node in ast.walk(_tree(path)):  # also what it hands on when it is asked for, which type checkers are told
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return _resolve(_source(node, source), alias.name, places)
    return source
