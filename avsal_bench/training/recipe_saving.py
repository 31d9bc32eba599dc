"""A preset for data of one's own, written into a file of recipes where a person can change it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from avsal_bench.files import write_atomically
from avsal_bench.training.own_data import OwnData
from avsal_bench.training.recipe import own_preset_of
from avsal_bench.training.recipe_folder import recipe_folder
from avsal_bench.yaml_files import read_yaml


def save_recipe(folder: Path, model: str, preset: str, own: OwnData) -> tuple[Path, str]:
    """Write ``<folder>/<model>.yaml``: the recipe of a network, and in it the preset that own data make of another.

    The file keeps its comments. One that is there and is the very recipe of the network, as ``./recipes`` holds it,
    gets one preset more.

    Args:
        folder: made if it is not there; ``recipes`` in the working folder is where recipes are looked for.
        model: name of the network.
        preset: that is changed.
        own: the data, and how it is trained on them.

    Returns:
        The file, and the name of the preset in it.

    Raises:
        ValueError: for a file that is there and another recipe, or has the preset already; and as ``load_recipe``.
        OSError: for a file that cannot be written.
    """
    source, path, name = recipe_folder(model) / f"{model}.yaml", folder / f"{model}.yaml", own.preset(preset)
    if path.exists() and not path.samefile(source):
        raise ValueError(f"{path}: there is another recipe; move it away, or name another folder")
    changes = own_preset_of(recipe_folder(model), model, preset, own)
    plain: dict[str, Any] = read_yaml(source)
    if name in plain["presets"]:
        raise ValueError(f"{path}: has a preset {name!r}; change it there, and bench it with --preset {name}")
    plain["presets"][name] = changes
    folder.mkdir(parents=True, exist_ok=True)
    text = source.read_text(encoding="utf-8").rstrip("\n") + "\n" + _block(name, changes)
    try:
        whole = _parsed(text) == plain
    except (ValueError, yaml.YAMLError):
        whole = False
    # Presets stand at the end of most files; a file that ends otherwise loses its comments.
    write_atomically(path, text if whole else yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
    return path, name


def _block(name: str, changes: dict[str, Any]) -> str:
    dumped = yaml.safe_dump({name: changes}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    return "".join(f"  {line}\n" for line in dumped.splitlines())


def _parsed(text: str) -> Any:
    return yaml.safe_load(text)
