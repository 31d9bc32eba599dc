"""What files of networks and encoders say of them, read without running them: to list them takes no torch."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, TypeGuard

from avsal_bench.models.published_weights import WeightsFile
from avsal_bench.spec import Modality

#: What else is read of ``register_model``, in the order of the fields.
_OF_CODE = ("title", "code", "code_licence")


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a network before its file is imported.

    Args:
        name: of the model.
        paper: key of the paper.
        modalities: that ``modality=`` may name; empty for a baseline, which takes none.
        weights: that the authors offer.
        module: dotted name of its file.
        title: name for people; "" for the name itself.
        code: ``owner/repo`` of the authors' code; "" where there is none.
        code_licence: of that code; ``not stated`` where its repository states none, "" where nobody looked.
    """

    name: str
    paper: str
    modalities: tuple[Modality, ...]
    weights: tuple[WeightsFile, ...]
    module: str
    title: str = ""
    code: str = ""
    code_licence: str = ""

    @property
    def file(self) -> str:
        """Its file, where the package lies that it belongs to."""
        return str(Path(__file__).parents[2].joinpath(*self.module.split(".")).with_suffix(".py"))


def models_in(package: str, folders: Iterable[str]) -> dict[str, ModelFacts]:
    """The networks of the files in the folders of a package, by name; packages in them are left out.

    Raises:
        ValueError: naming file and line of what is not written out, and a name that stands twice.
    """
    found: dict[str, ModelFacts] = {}
    for module, path in _files(folders):
        tree = ast.parse(path.read_bytes())
        constants = _Constants(tree)
        weights = _weights(tree, constants, path)
        for call in _decorators(tree, "register_model"):
            given = _written_out(call, ("name",), {"name", "paper", "modalities", *_OF_CODE}, constants, path)
            name = given["name"]
            if name in found:
                raise ValueError(f"{path}:{call.lineno}: model {name!r} is registered twice, see {found[name].module}")
            found[name] = ModelFacts(
                name,
                given.get("paper", ""),
                given.get("modalities", ()),
                weights,
                f"{package}.{module}",
                *(given.get(word, "") for word in _OF_CODE),
            )
            weights = ()  # of a file with several networks, they are the first one's
    return found


def weights_in(folders: Iterable[str]) -> dict[str, tuple[WeightsFile, ...]]:
    """Published weights that the files in some folders name, by the file's name without suffix.

    Raises:
        ValueError: naming file and line of what is not written out.
    """
    trees = {module: (ast.parse(path.read_bytes()), path) for module, path in _files(folders)}
    return {module: _weights(tree, _Constants(tree), path) for module, (tree, path) in trees.items()}


def _files(folders: Iterable[str]) -> Iterator[tuple[str, Path]]:
    for folder in folders:
        for module in iter_modules([folder]):
            if not module.ispkg:
                yield module.name, Path(folder, f"{module.name}.py")


def _weights(tree: ast.Module, constants: _Constants, path: Path) -> tuple[WeightsFile, ...]:
    names = tuple(field.name for field in fields(WeightsFile))
    return tuple(
        WeightsFile(**_written_out(node, names, {*names}, constants, path))
        for node in ast.walk(tree)
        if _calls(node, "PublishedWeights")
    )


def _decorators(tree: ast.Module, name: str) -> Iterator[ast.Call]:
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            for call in node.decorator_list:
                if _calls(call, name):
                    yield call


def _calls(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _written_out(
    call: ast.Call, positional: tuple[str, ...], wanted: set[str], constants: _Constants, path: Path
) -> dict[str, Any]:
    """The wanted arguments of a call, which are literals or names that stand for literals in the file."""
    given = dict(zip(positional, call.args, strict=False)) | {word.arg: word.value for word in call.keywords}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name in wanted:
            try:
                values[name] = ast.literal_eval(constants.visit(value))
            except ValueError:
                raise ValueError(
                    f"{path}:{value.lineno}: {name} is read without running the file; write it out, as text, a number, "
                    "a tuple or a dict of them, or the name of such a constant of the file"
                ) from None
    return values


class _Constants(ast.NodeTransformer):
    """Puts what a name stands for, at the top of its file, in the place of the name."""

    def __init__(self, tree: ast.Module) -> None:
        self.values = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self.visit(self.values[node.id]) if node.id in self.values else node
