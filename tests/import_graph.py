"""Which module of a package imports which: at the top, in functions, by a name in a string, by walking a folder."""

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

Graph = dict[str, set[str]]


def modules(root: Path) -> dict[str, Path]:
    """File of every module of the package in folder ``root``, by its dotted name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = [root.name, *path.relative_to(root).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def import_graph(root: Path) -> Graph:
    """All modules of the package in folder ``root``, each with the modules of the package that it names.

    A name in a string counts like an import, whether it goes to ``import_module``, to ``python -m`` or elsewhere; so
    does every file of a folder that is walked by its ``__path__``. Docstrings do not count.
    """
    known = modules(root)
    return {name: _names(name, path, known) - {name} for name, path in known.items()}


def _names(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    local: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            for alias in node.names:
                found.add(f"{source}.{alias.name}")
                local[alias.asname or alias.name] = f"{source}.{alias.name}"
    docs = {id(part) for part in _docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            found |= set(re.findall(rf"(?<![\w./-]){package.split('.')[0]}(?:\.\w+)+", node.value))
        elif isinstance(node, ast.Name) and node.id == "__path__":
            found |= _files_of(package, known)
        elif isinstance(node, ast.Attribute) and node.attr == "__path__" and isinstance(node.value, ast.Name):
            found |= _files_of(local.get(node.value.id, ""), known)
    return {module for module in (_nearest(one, known) for one in found) if module}


def _docstrings(tree: ast.Module) -> list[ast.expr]:
    """Strings that stand alone: docstrings, of modules, classes, functions and fields."""
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]


def _files_of(package: str, known: dict[str, Path]) -> set[str]:
    return {name for name in known if name.rpartition(".")[0] == package}


def _nearest(name: str, known: dict[str, Path]) -> str:
    """The module that a dotted name belongs to; "" for one outside the package."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def cycle(graph: Graph) -> list[str]:
    """Modules that import each other in a circle; none where there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def chain(graph: Graph, among: set[str]) -> list[str]:
    """The longest chain of imports from one to the next of some modules, without circles."""

    @cache
    def longest(name: str) -> tuple[str, ...]:
        return (name, *max((longest(other) for other in graph[name] & among), key=len, default=()))

    return list(max(map(longest, sorted(among)), key=len, default=()))
