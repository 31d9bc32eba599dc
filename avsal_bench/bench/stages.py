"""The stages of a job, resolved: what each trains, from what, and the folder where it and its tests lie."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from avsal_bench.bench.job import HUMAN, Job
from avsal_bench.bench.sets import videos_of
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import Validation, dataset
from avsal_bench.data.teachers import made_of
from avsal_bench.files import fingerprint
from avsal_bench.kept import once
from avsal_bench.models import create_model, model_entry
from avsal_bench.models.weights.store import imported_source
from avsal_bench.names import BACKWARDS, pick
from avsal_bench.records import network_name
from avsal_bench.training.recipe import Recipe
from avsal_bench.training.stage import Stage
from avsal_bench.training.tasks import TwoTask


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
    def begun(self) -> bool:
        """Whether there is something of it on the disk that a run would go on with."""
        return any((self.folder / name).is_file() for name in ("done.json", "best.ckpt", "last.ckpt"))

    @property
    def done(self) -> bool:
        """Whether it is trained."""
        return (self.folder / "done.json").is_file()

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
    # What only another modality needs starts nothing of this one.
    left_out = {stage.name for stage in recipe.stages if stage.utterances and not has_stage(job.modality, stage)}
    for stage in recipe.stages:
        if not has_stage(job.modality, stage):
            continue
        model, options = stage.model or job.model, stage_options(job, recipe, stage)
        if options.get("modality") == "a":  # which does not see
            stage = replace(stage, stills=())
        before = next((t for t in reversed(resolved.values()) if t.model == model and not t.stage.utterances), None)
        sources = {part: recipe.source(start) for part, start in stage.start.items()}
        sources = {part: one for part, one in sources.items() if one is None or one[0] not in left_out}
        parts = {
            part: (pick(f"stage of {job.name}", source[0], resolved), source[1])
            for part, source in sources.items()
            if source is not None
        }
        fingerprint = _fingerprint(
            model=model,
            options=options,
            stage=_deciding(stage, options),
            seed=job.seed,
            videos=[_list_of(space, name, job.fold, stage.validation) for name in stage.data],
            parent=before.folder.name if before else "",
            parts={part: [training.folder.name, source] for part, (training, source) in parts.items()},
            **({"stills": [_list_of(space, n, job.fold) for n in stage.stills]} if stage.stills else {}),
            **({"pseudo": [made_of(n, space.root_of(n)) for n in stage.data]} if stage.teacher == "pseudo" else {}),
            **({"decode": job.decode} if job.decode else {}),
        )
        network = network_name(model, str(options.get("modality", "")))
        folder = space.runs / "stages" / f"{network}-{stage.name}-{fingerprint}"
        resolved[stage.name] = Training(stage, model, options, folder, before, parts)
    return list(resolved.values())


def has_stage(modality: str, stage: Stage) -> bool:
    """Whether jobs of a modality have a stage: one may be for ``av`` alone, and one on words is for those that hear."""
    return not (stage.modality == "av" != modality or (stage.utterances and modality == "v"))


def _deciding(stage: Stage, options: Mapping[str, Any]) -> dict[str, Any]:
    """What of a stage decides its result: what hears nothing is the same stage, whatever there is to hear."""
    return (stage if hears(options) else replace(stage, hears="original", val_muted=False)).plain()


def hears(options: Mapping[str, Any]) -> bool:
    """Whether a network of these options takes sound."""
    return options.get("modality") in ("av", "a")


def learns_labels(stage: Stage) -> bool:
    """Whether a stage trains on labels of consistency."""
    return stage.training == "two_task" and TwoTask.from_plain(stage.two_task).supervision == "labels"


def weights_of(job: Job, recipe: Recipe) -> str | None:
    """Name of the published weights that a job tests; None where it trains its own, or has none."""
    pattern = recipe.weights.get(job.modality)
    return None if pattern is None else pattern.format(fold=job.fold)


def stage_options(job: Job, recipe: Recipe, stage: Stage | None = None) -> dict[str, Any]:
    """Options of the network in a stage, or (None) when it is tested."""
    modality = job.modality if stage is None or stage.modality == "job" else stage.modality
    options = dict(recipe.network) if stage is None or stage.model in ("", job.model) else {}
    return options | (dict(stage.options) if stage else {}) | ({"modality": modality} if modality else {})


def observed_sets(job: Job, recipe: Recipe, name: str) -> tuple[str, ...]:
    """The sets whose training maps a baseline is shown before it is tested on a set; none for a network that learns.

    One that pools (:attr:`~avsal_bench.models.Network.pools`) is shown those of all sets that its recipe tests, however
    few of them are tested now.
    """
    if job.model == HUMAN:
        return ()
    options = stage_options(job, recipe)

    def kind() -> tuple[bool, bool]:
        with torch.device("meta"):
            net = create_model(job.model, **options)
        return net.observes, net.pools

    observes, pools = once(("observes", job.model, json.dumps(options, sort_keys=True, default=str)), kind)
    return (tuple(dict.fromkeys((*recipe.test, name))) if pools else (name,)) if observes else ()


def network_label(job: Job, recipe: Recipe) -> str:
    """Name of a network in records and tables: that in the registry, and the variant that the recipe's options make.

    So the records of one network with another encoder or fusion stand beside each other, such as those of ``mspi`` and
    ``mspi-s3d``.
    """
    label = model_entry(job.model).label(stage_options(job, recipe))
    return f"{label}-{BACKWARDS}" if recipe.test_backwards else label


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
            videos=None if published else _seen_lists(job, recipe, space, name),
            weights=imported_source(published, space.weights) if published else None,
        )
        folder = space.runs / "stages" / f"{job.network}-{seen}"
    precision = f"-{job.precision}" if job.precision else ""
    backwards = f"-{BACKWARDS}" if recipe.test_backwards else ""
    return folder / "test" / f"{job.protocol}-{name}-fold{job.fold}-{sound}{precision}{backwards}"


def _seen_lists(job: Job, recipe: Recipe, space: Workspace, name: str) -> list[Any]:
    """What identifies the training parts of the sets that a baseline is shown; of most that of the tested set."""
    others = [one for one in observed_sets(job, recipe, name) if one != name]
    own = _list_of(space, name, job.fold)
    return [own, *(_list_of(space, one, job.fold) for one in others)] if others else own


def _list_of(space: Workspace, name: str, fold: int, validation: Validation = "set_aside") -> list[Any]:
    """What identifies a training part: its list, and for an embedded set the version of its maker."""
    root = space.root_of(name)
    marker = root / "synth.json"
    version = marker.read_text(encoding="utf-8") if dataset(name).embedded else ""
    videos = videos_of(space, name, "train", fold)
    listed = [[v.name, v.n_frames, v.fps] for v in videos]
    if (part := dataset(name).validated_on(validation)) == "train":
        return [name, version, *listed]
    validated = [[v.name, v.n_frames, v.fps] for v in videos_of(space, name, part, fold)]
    return [name, version, {"train": listed, "val": validated}]


def _fingerprint(**parts: Any) -> str:
    return fingerprint(parts)[:12]
