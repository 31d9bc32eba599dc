"""The network of a record with its weights, ready to predict the test videos of that record once more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from avsal_bench.bench.context import Context, Trained
from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs import kind_of
from avsal_bench.bench.jobs.testing import load_tested, module_to_test, observe_training_maps, tested_spec
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.sets import videos_of
from avsal_bench.bench.stages import observed_sets, stage_options, trainings, weights_of
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import Video
from avsal_bench.leaderboard.known_facts import facts
from avsal_bench.models import model_entry
from avsal_bench.prediction.predicting import Running, predict_maps
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.records import MAPS_PRESET, Record, read_record
from avsal_bench.spec import ClipSpec
from avsal_bench.studies.hear import find_weights
from avsal_bench.training.recipe import Recipe


@dataclass(frozen=True)
class Recorded:
    """A record, and the network that made it.

    Args:
        path: of the record.
        record: its content.
        context: its job and recipe.
        predictor: the network with its weights.
        running: how it predicts.
        spec: of its windows in the record's test.
        videos: the test list.
    """

    path: Path
    record: Record
    context: Context
    predictor: Predictor
    running: Running
    spec: ClipSpec
    videos: list[Video]

    @property
    def label(self) -> str:
        """Name of the network for people, such as ``AVRSP (av)``."""
        called = facts().network(self.record.label).called
        return f"{called} ({self.record.modality})" if self.record.modality else called

    def maps(self, video: Video, frames: Sequence[int]) -> Iterator[tuple[list[int], Tensor]]:
        """Maps of some frames with the true sound, as :func:`~avsal_bench.prediction.predicting.predict_maps`."""
        return predict_maps(self.predictor, video, frames, self.running, spec=self.spec)


def recorded_network(path: Path, space: Workspace, machine: Machine, device: str = "auto") -> Recorded:
    """Read a record, and find and load the weights that it was made with.

    Args:
        path: of the record, with the true sound; it may lie anywhere.
        space: folders of data, runs and imported weights.
        machine: what predicts.
        device: as :class:`~avsal_bench.prediction.predicting.Running` has it.

    Raises:
        FileNotFoundError: for a missing record, weights that are gone, and missing data.
        ValueError: naming the record: for one of maps or of people, weights that are not those of the record, and a
            recipe that is no longer read.
    """
    record = read_record(path)
    if told := why_no_network(record):
        raise ValueError(f"{path}: {told}")
    try:
        recipe = Recipe.from_plain(record.recipe)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; bench the network anew, with --force") from error
    r = record
    machine = replace(machine, precision=r.provenance.get("precision") or machine.precision)
    computed = r.precision, str(r.provenance.get("decode") or "")
    job = Job(
        recipe.model, r.modality, r.fold, r.seed, r.preset, r.protocol, (), (r.dataset,), ("original",), (), *computed
    )
    context = Context(job, recipe, space, machine)
    options = stage_options(job, recipe)
    videos = videos_of(space, r.dataset, "test", r.fold)
    module = module_to_test(recipe.model, options, r.seed, ("original",))
    if trainings(job, recipe, space) or weights_of(job, recipe):
        weights = load_tested(module.net, context, Trained(find_weights(path, r, context)))
    else:
        weights = {"file": None, "sha256": None}  # a baseline
    if module.net.observes:
        shown = observed_sets(job, recipe, r.dataset)
        observe_training_maps(module.net, context.data(shown, module.net.spec))
    running = Running(None, device, machine.workers, str(machine.precision))
    predictor = Predictor(recipe.model, dict(options), module, str(path), weights["sha256"])
    return Recorded(path, record, context, predictor, running, tested_spec(module.net, context), videos)


def why_no_network(record: Record) -> str:
    """Why a record has no network that could predict again; "" where it has one."""
    if record.preset == MAPS_PRESET:
        return (
            "is of maps or weights without a training or recipe here, so there is no network that could predict again; "
            "predict a video with `avsal predict VIDEO --weights W -o FOLDER --view`"
        )
    if not kind_of(record.model).has_network:
        return "is of people, not of a network; there is nothing that could predict"
    if record.sound != "original":
        return f"is of the sound {record.sound}; name the record with the true sound, beside it"
    try:
        model_entry(str(record.recipe.get("model", record.model)))
    except ValueError as error:
        return f"{error}; load the plug-in that has it (AVSAL_PLUGINS)"
    return ""
