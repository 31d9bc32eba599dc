"""The plan: model x modality x fold x seed becomes a list of jobs. A job trains once and gives a record a data set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import dataset, expand
from avsal_bench.data.teachers import made_of
from avsal_bench.models import model_entry
from avsal_bench.models.weights.store import imported_source
from avsal_bench.names import pick, unknown
from avsal_bench.records import network_name, record_path
from avsal_bench.spec import Sound
from avsal_bench.training.recipe import Recipe, Stage, list_presets, load_recipe

#: Networks without training that every bench runs along: no score says anything without them.
BASELINES = ("centre", "mep")
#: Half of the observers against the other half: planned and recorded like a network, tested by ``bench/jobs/human.py``.
HUMAN = "human_infinite"


@dataclass(frozen=True)
class Job:
    """What is trained once, and tested on every set of its recipe, or on some of them.

    ``datasets`` and ``sounds`` only choose which records are made now; without ``sounds`` an audio-visual network is
    tested under those of its recipe. They are no part of the recipe, nor of what a record says, so the others can be
    made another day from the same weights.
    """

    model: str
    modality: str
    fold: int
    seed: int
    preset: str
    protocol: str
    overrides: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    sounds: tuple[Sound, ...] = ()

    @property
    def network(self) -> str:
        """Name in file names and tables."""
        return network_name(self.model, self.modality)

    @property
    def name(self) -> str:
        """Name of the job."""
        return f"{self.network}-fold{self.fold}-seed{self.seed}"

    @property
    def key(self) -> str:
        """Name of its files: that of the job, and a fingerprint of all that makes it, whatever is tested now."""
        return f"{self.name}-{_fingerprint(arguments=replace(self, datasets=(), sounds=()).arguments())[:8]}"

    def recipe(self, space: Workspace) -> Recipe:
        """The resolved recipe."""
        return load_recipe(space.recipes, self.model, self.preset, self.overrides)

    def arguments(self) -> list[str]:
        """Arguments of ``avsal run`` for this job."""
        words = [self.model, "--fold", str(self.fold), "--seed", str(self.seed), "--preset", self.preset]
        words += ["--protocol", self.protocol]
        words += ["--modality", self.modality] if self.modality else []
        words += ["--datasets", ",".join(self.datasets)] if self.datasets else []
        words += ["--sound", ",".join(self.sounds)] if self.sounds else []
        return words + [word for override in self.overrides for word in ("--set", override)]


def make_plan(
    space: Workspace,
    models: Sequence[str],
    preset: str,
    protocol: str,
    *,
    modalities: Sequence[str] = (),
    folds: Sequence[int] = (),
    seeds: Sequence[int] = (0,),
    overrides: Sequence[str] = (),
    datasets: Sequence[str] = (),
    sounds: Sequence[str] = (),
) -> list[Job]:
    """All jobs of some models, the baselines first; the fold varies slowest.

    Args:
        space: folders.
        models: names in the registry.
        preset: of the recipes.
        protocol: of the scores.
        modalities: only these.
        folds: in the place of those of the first model's recipe.
        seeds: of training; a network without training has the first alone.
        overrides: of the recipes, but not of the baselines'.
        datasets: only these of the sets that a recipe tests.
        sounds: that audio-visual networks are tested with, in the place of those of their recipes.

    Raises:
        ValueError, FileNotFoundError: for an unknown model, preset, modality, data set or sound, a set that a recipe
            does not test, or a model without a recipe.
    """
    heard = asked_sounds(sounds)
    for model in models:
        modalities_of(model)
    jobs = []
    names = [*(b for b in BASELINES if b not in models), *models]
    presets = {model: _preset(space, model, preset) for model in names}
    recipes = {model: load_recipe(space.recipes, model, presets[model], _own(model, overrides)) for model in names}
    tested = {model: tested_sets(recipes[model], datasets) for model in names}
    own_folds = folds or recipes[models[0]].folds
    for fold in own_folds:
        for model in names:
            for modality in _modalities(recipes[model], modalities):
                for seed in seeds if recipes[model].stages else (0,):
                    own = _own(model, overrides)
                    sets = tested[model]
                    jobs.append(Job(model, modality, fold, seed, presets[model], protocol, own, sets, heard))
    return jobs


def tested_sets(recipe: Recipe, wanted: Sequence[str]) -> tuple[str, ...]:
    """Names of the sets that are asked for; none for all sets of the recipe.

    Raises:
        ValueError: for an unknown set, and for one that the recipe does not test.
    """
    names = tuple(expand(wanted))
    if others := [name for name in names if name not in recipe.test]:
        known = ", ".join(recipe.test)
        raise ValueError(f"{recipe.model}, preset {recipe.preset}, is not tested on {others[0]}; it is on: {known}")
    return names


def asked_sounds(wanted: Sequence[str]) -> tuple[Sound, ...]:
    """Sounds that are asked for, each once, the true one first.

    Raises:
        ValueError: for an unknown one.
    """
    known = get_args(Sound)
    for name in wanted:
        if name not in known:
            raise ValueError(unknown("sound", name, known))
    return tuple(sound for sound in known if sound in wanted)


def _preset(space: Workspace, model: str, preset: str) -> str:
    """The preset asked for; for a baseline whose recipe does not have it, the paper's."""
    return "paper" if model in BASELINES and preset not in list_presets(space.recipes, model) else preset


def _own(model: str, overrides: Sequence[str]) -> tuple[str, ...]:
    """Overrides of the command line are for the networks under test, not for the baselines beside them."""
    return () if model in BASELINES else tuple(overrides)


def modalities_of(model: str) -> tuple[str, ...]:
    """Modalities of a network; none for a baseline.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    return () if model == HUMAN else model_entry(model).modalities


def _modalities(recipe: Recipe, wanted: Sequence[str]) -> tuple[str, ...]:
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


def weights_of(job: Job, recipe: Recipe) -> str | None:
    """Name of the published weights that a job tests; None where it trains its own, or has none."""
    pattern = recipe.weights.get(job.modality)
    return None if pattern is None else pattern.format(fold=job.fold)


def model_label(job: Job, recipe: Recipe) -> str:
    """Name of the model in records and tables: that in the registry, and the variant that the recipe's options make.

    So the records of one network with another encoder or fusion stand beside each other, such as those of ``mspi`` and
    ``mspi-s3d``.
    """
    return job.model if job.model == HUMAN else model_entry(job.model).label(stage_options(job, recipe))


def records_of(job: Job, recipe: Recipe, space: Workspace) -> Iterator[tuple[str, Sound, Path]]:
    """Data set, sound condition and path of every record of a job."""
    network = network_name(model_label(job, recipe), job.modality)
    # A network that hears nothing is given one sound: no other would change a score of it.
    sounds: tuple[Sound, ...] = job.sounds or recipe.sounds if job.modality == "av" else ("original",)
    for name in (name for name in recipe.test if not job.datasets or name in job.datasets):
        for sound in sounds:
            path = record_path(space.records, network, name, job.fold, job.seed, job.protocol, sound)
            yield name, sound, path


@dataclass(frozen=True)
class Training:
    """One stage of one job, resolved: what must be trained, from what, and where it lies.

    The folder's name ends in a fingerprint of everything the weights depend on: network, stage, seed, training
    videos, and the stages that it starts from. So jobs that share a stage (the visual one on a set without folds, or
    one that trains an image encoder) train it once.

    Args:
        stage: of the recipe.
        model: that the stage trains.
        options: of that network.
        folder: where it lies.
        before: the stage that it goes on from.
        parts: for each part that starts from another stage's network: that stage, and which part of its network.
    """

    stage: Stage
    model: str
    options: dict[str, Any]
    folder: Path
    before: Training | None = None
    parts: Mapping[str, tuple[Training, str]] = field(default_factory=dict)

    @property
    def network(self) -> str:
        """Name of the network that the stage trains."""
        return network_name(self.model, str(self.options.get("modality", "")))

    @property
    def best(self) -> Path:
        """Its checkpoint that the next stages start from, once it is trained."""
        return self.folder / "best.ckpt"


def trainings(job: Job, recipe: Recipe, space: Workspace) -> list[Training]:
    """The stages of a job in order.

    Raises:
        ValueError: for a part that is to start from a stage that this job does not have.
    """
    resolved: dict[str, Training] = {}
    for stage in recipe.stages:
        if stage.modality == "av" != job.modality:
            continue
        model, options = stage.model or job.model, stage_options(job, recipe, stage)
        before = next((t for t in reversed(resolved.values()) if t.model == model), None)
        sources = {part: recipe.source(start) for part, start in stage.start.items()}
        parts = {
            part: (pick(f"stage of {job.name}", source[0], resolved), source[1])
            for part, source in sources.items()
            if source is not None
        }
        fingerprint = _fingerprint(
            model=model,
            options=options,
            stage=asdict(stage),
            seed=job.seed,
            videos=[_list_of(space, name, job.fold) for name in stage.data],
            parent=before.folder.name if before else "",
            parts={part: [training.folder.name, source] for part, (training, source) in parts.items()},
            **({"pseudo": [made_of(n, space.root_of(n)) for n in stage.data]} if stage.teacher == "pseudo" else {}),
        )
        network = network_name(model, str(options.get("modality", "")))
        folder = space.runs / "stages" / f"{network}-{stage.name}-{fingerprint}"
        resolved[stage.name] = Training(stage, model, options, folder, before, parts)
    return list(resolved.values())


def stage_options(job: Job, recipe: Recipe, stage: Stage | None = None) -> dict[str, Any]:
    """Options of the network in a stage, or (None) when it is tested."""
    modality = job.modality if stage is None or stage.modality == "job" else stage.modality
    options = dict(recipe.network) if stage is None or stage.model in ("", job.model) else {}
    return options | (dict(stage.options) if stage else {}) | ({"modality": modality} if modality else {})


def test_folder(job: Job, recipe: Recipe, space: Workspace, name: str, sound: str) -> Path:
    """Where the results of single videos lie, beside the weights that they come from."""
    stages = trainings(job, recipe, space)
    if stages:
        folder = stages[-1].folder
    else:
        published = weights_of(job, recipe)
        seen = _fingerprint(
            options=dict(recipe.network),
            # Of published weights the file counts, and not what a baseline would have seen.
            videos=None if published else _list_of(space, name, job.fold),
            weights=imported_source(published, space.weights) if published else None,
        )
        folder = space.runs / "stages" / f"{job.network}-{seen}"
    return folder / "test" / f"{job.protocol}-{name}-fold{job.fold}-{sound}"


def _list_of(space: Workspace, name: str, fold: int) -> list[Any]:
    """What identifies a training part: its list, and for an embedded set the version of its maker."""
    root = space.root_of(name)
    marker = root / "synth.json"
    version = marker.read_text(encoding="utf-8") if dataset(name).embedded else ""
    videos = dataset(name).videos(root, "train", fold)
    return [name, version, *([v.name, v.n_frames, v.fps] for v in videos)]


def _fingerprint(**parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=list).encode()).hexdigest()[:12]
