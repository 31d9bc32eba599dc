"""Where the recipe of a network lies: beside the plug-in that registers it, in ``./recipes``, or in the package."""

from __future__ import annotations

from pathlib import Path

from avsal_bench.plugins import load_plugins, registered_in
from avsal_bench.plugins.plugin import Sources
from avsal_bench.resources import resource

#: Name of a folder of recipes, beside a plug-in's file and in the working folder.
RECIPES = "recipes"
_PACKAGE = Path(__file__).resolve().parents[1]


def recipe_folder(model: str) -> Path:
    """The folder that holds ``<model>.yaml``; the first that does of :func:`recipe_folders`.

    Raises:
        FileNotFoundError: saying where it was looked for.
    """
    folders = recipe_folders(model)
    for folder in folders:
        if (folder / f"{model}.yaml").is_file():
            return folder
    known = ", ".join(sorted(path.stem for path in resource(RECIPES).glob("*.yaml")))
    raise FileNotFoundError(
        f"no recipe {model}.yaml in {', '.join(map(str, folders))}; the package has recipes for {known}. That of a "
        "plug-in's network lies beside the plug-in, which --plugin or AVSAL_PLUGINS names"
    )


def recipe_folders(model: str) -> list[Path]:
    """Where the recipe of a network is looked for, in this order.

    Beside the file outside the package that registers the network, and in a folder ``recipes`` there; where this file
    belongs to a package, likewise in the folders of the packages around it; in ``./recipes``; in the package.
    """
    file = registered_in("model", model)
    if file is None:
        load_plugins()
        file = registered_in("model", model)
    beside: list[Path] = []
    if file is not None and _PACKAGE not in file.parents:
        beside = list(dict.fromkeys([file.parent, *reversed(Sources(file).packages)]))
    own = [place for folder in beside for place in (folder, folder / RECIPES)]
    return [*own, Path(RECIPES).absolute(), resource(RECIPES)]
