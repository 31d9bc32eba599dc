"""What a plan asks of each model: its recipe, the words that make it, its sets, modalities and folds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from avsal_bench.bench.job import Job, own_data
from avsal_bench.bench.jobs import kind_of
from avsal_bench.bench.stages import trainings, weights_of
from avsal_bench.bench.starting import needed_weights
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import FOLDS, common_folds, dataset, expand
from avsal_bench.models.weights.store import imported_source
from avsal_bench.training.recipe import Recipe, list_presets, load_recipe, takes
from avsal_bench.training.recipe_folder import recipe_folder

#: The preset of published training, and that of small networks that start from random weights.
USUAL, SMALL = "paper", "smoke"
#: Networks without training that every bench runs along: no score says anything without them.
BASELINES = ("centre", "mep")


@dataclass(frozen=True)
class Line:
    """What all jobs of one model share: its recipe, and the words that make it."""

    model: str
    preset: str
    recipe: Recipe
    words: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    own: tuple[str, ...] = ()

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the sets that it is tested on."""
        return self.datasets or self.recipe.test


def asked_lines(
    space: Workspace,
    models: Sequence[str],
    preset: str,
    modalities: Sequence[str],
    overrides: Sequence[str],
    datasets: Sequence[str],
    own: Sequence[str],
    preset_asked: bool,
) -> list[Line]:
    """Each model that is asked for, after the baselines beside them; arguments as of ``make_plan``.

    Raises:
        ValueError, FileNotFoundError: as ``make_plan``.
    """
    data = own_data(own)
    if data is not None and not any(trains(model, preset) for model in models):
        raise ValueError(f"--train {','.join(data.train)}: {', '.join(models)} trains nothing; test it with --datasets")
    own_sets = data is not None or any(dataset(name).described for name in expand(datasets))
    # On sets of one's own baselines are the same whatever preset trains others: one record for all of them.
    untrained = USUAL if own_sets and space.data_root is not None else preset
    lines = []
    for model, words in shared_out(overrides, models).items():
        if data is None or not trains(model, preset):
            base = preset_of_model(model, preset if modalities_of(model) else untrained)
            recipe = load_recipe(recipe_folder(model), model, base, words)
            sets = tested_sets(recipe, datasets or (data.test if data else ()))
            lines.append(Line(model, base, recipe, words, sets))
            continue
        base = preset if preset_asked or not is_small(space, model, preset, words, modalities, own) else SMALL
        recipe = load_recipe(recipe_folder(model), model, base, words, data)
        lines.append(Line(model, base, recipe, words, tested_sets(recipe, datasets), tuple(own)))
    names = tuple(dict.fromkeys(name for line in lines for name in line.sets))
    return [*(beside(model, untrained, names, datasets) for model in BASELINES if model not in models), *lines]


def is_small(
    space: Workspace, model: str, preset: str, words: tuple[str, ...], modalities: Sequence[str], own: Sequence[str]
) -> bool:
    """Whether a network is trained on own data as in ``smoke``, as the weights that its preset starts from lack."""
    if not trains(model, preset) or SMALL not in list_presets(recipe_folder(model), model):
        return False
    recipe = load_recipe(recipe_folder(model), model, preset, words, own_data(own))
    jobs = [
        Job(model, m, 1, 0, preset, "stavis", words, (), (), tuple(own)) for m in chosen_modalities(recipe, modalities)
    ]
    return any(missing_weights(job, space) for job in jobs)


def missing_weights(job: Job, space: Workspace) -> list[str]:
    """Names of the published weights that a job starts from or tests, and that are not imported.

    Raises:
        ValueError, FileNotFoundError: as :func:`~avsal_bench.bench.stages.trainings`.
    """
    recipe = job.recipe(space)
    needed = [name for training in trainings(job, recipe, space) for name in needed_weights(training)]
    needed += filter(None, [weights_of(job, recipe)])
    lacking = []
    for name in dict.fromkeys(needed):
        try:
            imported_source(name, space.weights)
        except FileNotFoundError:
            lacking.append(name)
    return lacking


def beside(model: str, preset: str, sets: Sequence[str], datasets: Sequence[str]) -> Line:
    """A baseline beside the models that are asked for, on their sets."""
    base = preset_of_model(model, preset)
    recipe = load_recipe(recipe_folder(model), model, base)
    if not datasets and set(sets) == set(recipe.test):
        return Line(model, base, recipe)
    with suppress(ValueError):
        return Line(model, base, recipe, datasets=tested_sets(recipe, sets))
    words = (f"test={json.dumps(list(sets))}",)  # sets that its recipe does not name
    return Line(model, base, load_recipe(recipe_folder(model), model, base, words), words)


def folds_of(line: Line, usual: Sequence[int]) -> Sequence[int]:
    """Folds that are run when none are asked for: one, where they would be the same again on a set of one's own."""
    if line.own:
        return line.recipe.folds
    names = {*line.sets, *line.recipe.learnt_sets}
    if any(dataset(name).folds for name in names) or not any(dataset(name).described for name in line.sets):
        return common_folds(names) if tuple(usual) == FOLDS else usual
    return tuple(usual[:1])


def trains(model: str, preset: str) -> bool:
    """Whether a preset of a network, or of a baseline that one that it has, has stages of training.

    Raises:
        ValueError, FileNotFoundError: as :func:`~avsal_bench.training.recipe.load_recipe`.
    """
    return bool(load_recipe(recipe_folder(model), model, preset_of_model(model, preset)).stages)


def shared_out(overrides: Sequence[str], models: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The overrides of each model: those that it takes.

    What none takes is the first model's, whose recipe says what is wrong with it, and what it has.
    """
    found: dict[str, tuple[str, ...]] = dict.fromkeys(models, ())
    for override in overrides:
        takers = [
            model for model in models if takes(recipe_folder(model), model, override, kind_of(model).options(model))
        ]
        for model in takers or models[:1]:
            found[model] += (override,)
    return found


def modalities_of(model: str) -> tuple[str, ...]:
    """Modalities of a network; none for a baseline.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    return kind_of(model).modalities(model)


def chosen_modalities(recipe: Recipe, wanted: Sequence[str]) -> tuple[str, ...]:
    """Modalities of a network that a plan has, those of ``wanted`` if there are any; "" for a baseline.

    Raises:
        ValueError: for one that the network does not have, or has no published weights for.
    """
    known: tuple[str, ...] = modalities_of(recipe.model)
    if not known:
        return ("",)
    if unknown := [m for m in wanted if m not in known]:
        raise ValueError(f"{recipe.model} has no modality {unknown[0]!r}; it has: {', '.join(known)}")
    if recipe.weights:
        known = tuple(m for m in known if m in recipe.weights)
    chosen = tuple(m for m in known if not wanted or m in wanted)
    if not chosen:
        offered = ", ".join(recipe.weights)
        raise ValueError(f"{recipe.model}, preset {recipe.preset}: published weights are known for {offered} only")
    return chosen


def tested_sets(recipe: Recipe, wanted: Sequence[str]) -> tuple[str, ...]:
    """Names of the sets that are asked for; none for all sets of the recipe.

    A set that a data root describes is tested with any recipe: no recipe of the package can name it.

    Raises:
        ValueError: for an unknown set, and for one of the package that the recipe does not test.
    """
    names = tuple(expand(wanted))
    if others := [name for name in names if name not in recipe.test and dataset(name).described is None]:
        known = ", ".join(recipe.test)
        raise ValueError(f"{recipe.model}, preset {recipe.preset}, is not tested on {others[0]}; it is on: {known}")
    return names


def preset_of_model(model: str, preset: str) -> str:
    """The preset asked for; for a baseline whose recipe does not have it, the paper's."""
    return "paper" if model in BASELINES and preset not in list_presets(recipe_folder(model), model) else preset
