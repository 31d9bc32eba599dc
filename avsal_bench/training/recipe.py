"""Recipes: how a network is trained, read from one YAML file with its presets inside.

The order of what counts: recipe, preset, command line, and nothing after. A key that means nothing is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, field, fields
from pathlib import Path
from typing import Any, Literal

from pydantic.dataclasses import dataclass
from typing_extensions import Self

from avsal_bench.data.dataset import dataset
from avsal_bench.data.setting_aside import check_stage_sets
from avsal_bench.names import unknown
from avsal_bench.schema import Count, build
from avsal_bench.spec import Sound
from avsal_bench.training.losses import LOSSES, needs_fixations
from avsal_bench.training.own_data import OwnData
from avsal_bench.training.stage import ModelName, PresetName, Sets, Stage
from avsal_bench.training.tasks import Contrast, TwoTask
from avsal_bench.yaml_files import read_setting, read_yaml


@dataclass(frozen=True, config={"extra": "forbid"})
class Recipe:
    """How one network is trained and tested.

    Args:
        model: name in the registry.
        preset: that was applied.
        network: options of the network.
        stages: of training, in order; none for a baseline.
        test: data sets to test on; one record each.
        test_batch_size: windows that are predicted at a time.
        test_backwards: whether every window of the test is that of the video played backwards, with its sound
            (mspi2024, Fig. 9); the network is called so in tables.
        folds: that are run when none are asked for.
        sounds: conditions that an audio-visual network is tested under.
        weights: published weights that are tested as they are, by modality, with ``{fold}`` where each fold has its
            own; then there are no stages.
    """

    model: ModelName
    preset: PresetName
    network: Mapping[str, Any]
    stages: tuple[Stage, ...]
    test: Sets
    test_batch_size: Count = 8
    test_backwards: bool = False
    folds: tuple[Literal[1, 2, 3, 4, 5, 6, 7, 8, 9], ...] = (1, 2, 3)
    sounds: tuple[Sound, ...] = ("original",)
    weights: Mapping[str, str] = field(default_factory=dict)

    @property
    def learnt_sets(self) -> tuple[str, ...]:
        """Sets that its stages train on."""
        return tuple(name for stage in self.stages for name in (*stage.data, *stage.stills))

    def source(self, start: str) -> tuple[str, str] | None:
        """Stage and part that a value of ``start`` names; None for published weights, whose names have no dot."""
        stage, dot, part = start.partition(".")
        return (stage, part) if dot else None

    def plain(self) -> dict[str, Any]:
        """As plain values, for a record."""
        plain = {**asdict(self), "stages": tuple(stage.plain() for stage in self.stages)}
        if not self.test_backwards:  # so that the fingerprints of recipes from before it stay
            del plain["test_backwards"]
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The recipe that a record tells: inverse of :meth:`plain`, also by way of JSON.

        Raises:
            ValueError: for what is no recipe of this version.
        """
        try:
            return build(cls, plain)
        except ValueError as error:
            raise ValueError(f"no recipe of this version ({'; '.join(str(error).splitlines())})") from error


_STAGE_KEYS = {f.name for f in fields(Stage)} - {"name"}
_SHARED_KEYS = _STAGE_KEYS - {"data", "epochs", "modality", "model", "options"}
_RECIPE_KEYS = {f.name for f in fields(Recipe)} - {"model", "preset"} | _SHARED_KEYS | {"presets"}


def list_recipes(folder: Path) -> list[str]:
    """Names of the networks that have a recipe."""
    return sorted(p.stem for p in folder.glob("*.yaml"))


def list_presets(folder: Path, model: str) -> list[str]:
    """Names of the presets of a network's recipe.

    Raises:
        FileNotFoundError: for a network without a recipe.
    """
    return list(_read(folder, model)[1])


def load_recipe(
    folder: Path, model: str, preset: str, overrides: Sequence[str] = (), own: OwnData | None = None
) -> Recipe:
    """Read ``<folder>/<model>.yaml``, apply a preset, own data, then ``key=value`` overrides from the command line.

    Keys of a stage that stand at the top of the file hold for all stages. A preset is a mapping of the same
    form as the file; what it names replaces what the file says, mappings key by key.

    Args:
        folder: ``benchmarks/recipes``.
        model: name of the network, and of the file.
        preset: one of ``presets``.
        overrides: such as ``stages.audiovisual.epochs=2``; the value is read as YAML.
        own: data in the place of the preset's, which make another preset of it.

    Raises:
        FileNotFoundError: for a network without a recipe.
        ValueError: for an unknown preset, key or name, with the nearest one; and for what is missing, of another type
            or out of its range. Each is told in a line of its own, with file and preset.
    """
    path = folder / f"{model}.yaml"
    plain, presets = _read(folder, model)
    if preset not in presets:
        raise ValueError(f"{path}: {unknown('preset', preset, presets)}")
    try:
        typed = [*map(_parse_override, overrides)]
        _merge(plain, _mapping(presets[preset], "preset"))
        if own is not None:
            _merge(plain, own.changes(model, plain))
        for over in typed:
            _merge(plain, over)
        recipe = _build(model, preset if own is None else own.preset(preset), plain)
        _check_fits(recipe, typed)
        return recipe
    except (ValueError, KeyError) as error:
        raise ValueError("\n".join(f"{path}, preset {preset}: {line}" for line in str(error).splitlines())) from error


def own_preset_of(folder: Path, model: str, preset: str, own: OwnData) -> dict[str, Any]:
    """The preset that own data make of another, in the form of a file, whole.

    Raises:
        ValueError, FileNotFoundError: as :func:`load_recipe`.
    """
    load_recipe(folder, model, preset, own=own)
    plain, presets = _read(folder, model)
    changes = deepcopy(_mapping(presets[preset], "preset"))
    _merge(plain, changes)
    _merge(changes, own.changes(model, plain))
    return changes


def takes(folder: Path, model: str, override: str, options: Collection[str]) -> bool:
    """Whether a ``key=value`` override says anything to a network: a key of its recipe, a stage, or an option of it.

    Args:
        folder: as for :func:`load_recipe`.
        model: name of the network.
        override: the words.
        options: names of what the network takes.

    Raises:
        FileNotFoundError: for a network without a recipe.
        ValueError: for words of another form.
    """
    plain, _ = _read(folder, model)
    key, *rest = read_setting(override, "stages.audiovisual.epochs=2")[0].split(".")
    stages = plain.get("stages") or {}
    if key == "network":
        return not rest or rest[0] in options
    if key == "stages":
        return bool(stages) and (not rest or rest[0] in stages)
    return bool(stages) if key in _SHARED_KEYS else key in _RECIPE_KEYS - {"presets"}


def _read(folder: Path, model: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a file says, and its presets."""
    path = folder / f"{model}.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"no recipe {path}; there are recipes for {', '.join(list_recipes(folder))}")
    plain = _mapping(read_yaml(path), str(path))
    return plain, _mapping(plain.pop("presets", None), f"{path}: presets")


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict | None):
        raise ValueError(f"{where}: expected a mapping, got {value!r}")
    return value or {}


def _build(model: str, preset: str, plain: dict[str, Any]) -> Recipe:
    _check_each("key", plain, _RECIPE_KEYS, "recipe: ")
    shared = {key: plain.pop(key) for key in list(plain) if key in _SHARED_KEYS}
    network = _mapping(plain.pop("network", None), "network")
    listed = _mapping(plain.pop("stages", None), "stages").items()
    stages = tuple(_stage(name, shared, own, network) for name, own in listed if own is not None)  # null: left out
    recipe = build(Recipe, {**plain, "model": model, "preset": preset, "network": network, "stages": stages})
    _check_names(recipe)
    return recipe


def _check_fits(recipe: Recipe, overrides: Sequence[Mapping[str, Any]]) -> None:
    """Find an override of the command line that changes nothing."""
    for key in {key for override in overrides for key in override} if not recipe.stages else ():
        if key in _SHARED_KEYS:
            raise ValueError(f"--set {key} is of training, and nothing is trained here; leave it out")


def _check_names(recipe: Recipe) -> None:
    """Find a name that nothing bears now, not after the first stage."""
    for key, kept in {"test": recipe.test, "folds": recipe.folds, "sounds": recipe.sounds}.items():
        if not kept or len(set(kept)) < len(kept):
            raise ValueError(f"{key}: expected at least one, and each once; got {list(kept)}")
    for name in (*recipe.test, *recipe.learnt_sets):
        for fold in recipe.folds:
            dataset(name).check_fold(fold)
    if "modality" in recipe.network:
        raise ValueError("network.modality: the modality is that of the job; say --modality")
    for stage in recipe.stages:
        if not stage.epochs and not stage.start:
            why = "epochs: 0 trains nothing, and puts a network together of what its parts `start` from"
            raise ValueError(f"stage {stage.name!r}: {why}; name those, or train for 1 epoch or more")
        _check_each("loss", stage.loss, LOSSES)
        build(TwoTask, stage.two_task, f"stage {stage.name!r}: two_task")
        build(Contrast, stage.contrast or {}, f"stage {stage.name!r}: contrast")
        if stage.contrast and stage.training != "contrast":
            raise ValueError(f"stage {stage.name!r}: contrast is of training: contrast, and not of {stage.training}")
        check_stage_sets(stage, recipe.test)
        if stage.training == "every_frame" and needs_fixations(stage.loss):
            raise ValueError(f"stage {stage.name!r}: nss is of the target frame alone; say training: mean_of_frames")
        if stage.model and stage.model != recipe.model and stage.modality == "job":
            raise ValueError(f"stage {stage.name!r} trains {stage.model}: say in which modality, such as `modality: v`")
    for number, stage in enumerate(recipe.stages):
        earlier = [before.name for before in recipe.stages[:number]]
        sources = filter(None, map(recipe.source, stage.start.values()))
        _check_each(f"earlier stage in `start` of {stage.name!r}", [name for name, _ in sources], earlier)
    if recipe.stages and recipe.stages[-1].model not in ("", recipe.model):
        raise ValueError(f"the last stage, {recipe.stages[-1].name!r}, must train {recipe.model}, which is tested")
    if recipe.weights and recipe.stages:
        raise ValueError("published weights are tested as they are: give `weights` or `stages`, not both")


def _check_each(what: str, names: Iterable[object], known: Collection[object], where: str = "") -> None:
    for name in names:
        if name not in known:
            raise ValueError(where + unknown(what, name, known))


def _stage(name: str, shared: dict[str, Any], own: Any, network: Mapping[str, Any]) -> Stage:
    where = f"stage {name!r}"
    _check_each("key", _mapping(own, where), _STAGE_KEYS, f"{where}: ")
    merged = {**shared, **own}
    for key in ("data", "epochs"):
        if merged.get(key) is None:
            raise ValueError(f"{where} lacks {key!r}; one that a preset leaves out (null) must be given whole")
    # A preset that starts from nothing says null, of all parts or of one.
    start = _mapping(merged.pop("start", None), f"{where}: start").items()
    merged["start"] = {part: str(source).format(**network) for part, source in start if source is not None}
    return build(Stage, {**merged, "name": name}, where)


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    """Put ``over`` into ``base`` key by key. A mapping with a ``name`` replaces one with another name whole."""
    for key, value in over.items():
        if not isinstance(value, Mapping):
            base[key] = value
        elif isinstance(old := base.get(key), dict) and value.get("name", old.get("name")) == old.get("name"):
            _merge(old, value)
        else:
            base[key] = dict(value)


def _parse_override(text: str) -> dict[str, Any]:
    """``a.b=1`` as a nested mapping.

    >>> _parse_override("stages.visual.epochs=2")
    {'stages': {'visual': {'epochs': 2}}}
    """
    key, nested = read_setting(text, "stages.audiovisual.epochs=2")
    for part in reversed(key.split(".")):
        nested = {part: nested}
    return dict(nested)
