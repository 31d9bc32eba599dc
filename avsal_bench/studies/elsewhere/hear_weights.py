"""How much of a score comes from hearing, of weights without a record here: a file of one's own, or published ones."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from avsal_bench.bench.context import Context
from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs.checks import check_files, check_swaps
from avsal_bench.bench.jobs.testing import module_to_test, predict_and_score
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.made_of import of_test
from avsal_bench.bench.provenance import provenance
from avsal_bench.bench.results import write_result
from avsal_bench.bench.seen.saying import asked_words
from avsal_bench.bench.seen.trained_on import of_checkpoint, published, said
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import dataset
from avsal_bench.data.labels import story_of_labels
from avsal_bench.data.layouts.lists import story_of_lists
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.scores_of import Made
from avsal_bench.kept import one_look, require_same
from avsal_bench.models.weights.offered import list_weights
from avsal_bench.names import network_name, plain_label, plain_name, precision_word
from avsal_bench.prediction.predictor import Predictor, find_predictor
from avsal_bench.record_story import same_but_sound
from avsal_bench.records import MAPS_PRESET, Record, read_record, record_path, write_record
from avsal_bench.spec import Sound
from avsal_bench.training.recipe import Recipe

#: In the name of a file of weights, or of published ones: the fold that is tested.
FOLD = "{fold}"


@dataclass(frozen=True)
class WeightsHeard:
    """Weights of anyone, and what they are tested on.

    Args:
        weights: a checkpoint of a training here, a file in its authors' form, or the name of imported weights; with
            ``{fold}`` where each fold has its own.
        dataset: name of the data set.
        folds: test lists, from 1.
        model: name of the network in the registry; of a checkpoint and of imported weights it only has to agree.
        name: of the row in tables and file names; "" for that of the weights.
        settings: options of the network, such as ``network.width=16``.
        protocol: of the scores.
        trained_on: words of ``--trained-on``; None for what is known of the weights.

    Raises:
        ValueError: for a name that is not fit for a file.
    """

    weights: str
    dataset: str
    folds: tuple[int, ...] = (1,)
    model: str = ""
    name: str = ""
    settings: tuple[str, ...] = ()
    protocol: str = "stavis"
    trained_on: str | None = None

    def __post_init__(self) -> None:
        if self.name:
            plain_name("the network's --name", self.name)

    def of_fold(self, fold: int) -> str:
        """The weights of a fold."""
        return self.weights.replace(FOLD, str(fold))

    @property
    def label(self) -> str:
        """Name of the row: of a file its own, or that of its folder, where its own is that of every training's."""
        if self.name or self.weights in list_weights():
            return self.name or self.weights
        path = Path(self.weights.replace(FOLD, ""))
        return plain_label(path.resolve().parent.name if path.stem in ("best", "last") else path.stem)


@dataclass(frozen=True)
class _Trial:
    """The weights of one fold, under test.

    Args:
        asked: what is asked for.
        predictor: the network with these weights.
        context: a job without a training, and without a recipe but for the network's options.
    """

    asked: WeightsHeard
    predictor: Predictor
    context: Context

    @property
    def sha256(self) -> str:
        """Of the file of weights."""
        assert self.predictor.sha256 is not None, "no baseline"
        return self.predictor.sha256

    @cached_property
    def network(self) -> str:
        """Name in file names."""
        precision = self.context.job.precision
        label = f"{self.asked.label}-{precision}" if precision else self.asked.label
        return network_name(label, self.context.job.modality)

    def path(self, sound: Sound) -> Path:
        """Of the record."""
        job, records = self.context.job, self.context.space.records
        return record_path(records, self.network, self.asked.dataset, job.fold, job.seed, job.protocol, sound)

    def folder(self, sound: Sound) -> Path:
        """Where the results of single videos lie."""
        job, runs = self.context.job, self.context.space.runs
        return runs / "evaluate" / f"{self.network}-{self.asked.dataset}-fold{job.fold}" / f"{job.protocol}-{sound}"

    def made(self, sounds: Sequence[Sound]) -> dict[Sound, Made]:
        """What the test with each of some sounds is made of."""
        job, recipe, space = self.context.job, self.context.recipe, self.context.space
        with one_look():
            tests = {sound: of_test(job, recipe, space, self.asked.dataset, sound) for sound in sounds}
        own = {"weights": self.sha256}
        return {
            sound: Made({**one.whole, **own}, {video: {**parts, **own} for video, parts in one.videos.items()})
            for sound, one in tests.items()
        }

    def trained_on(self) -> Mapping[str, Any]:
        """What is known of the training behind the weights, or what somebody says of it."""
        where = self.asked.dataset, self.context.job.fold, self.context.space
        if self.asked.trained_on is not None:
            return said(asked_words(self.asked.trained_on, self.context.job.fold), *where)
        if self.predictor.source in list_weights():
            return published(self.predictor.source, *where)
        return of_checkpoint(Path(self.predictor.source), *where)


def hear_weights(
    asked: WeightsHeard, space: Workspace, machine: Machine, sounds: Sequence[Sound], force: bool = False
) -> list[Record]:
    """Test weights with the true sound and with others, and write a record for each fold and sound.

    What is there, made of the same, is not tested again; a killed test goes on with the next video. Everything is
    looked for before the first test.

    Args:
        asked: the weights, and what they are tested on.
        space: folders.
        machine: what runs the tests.
        sounds: that are asked for; the true sound is always one of them.
        force: test everything anew, and replace records that are there.

    Raises:
        ValueError: for weights that do not fit, or of a network that does not both see and hear; for a record of
            anything else in the place; as the checks of data do.
        FileNotFoundError: for weights that are not there, and for missing files of a data set.
    """
    every: tuple[Sound, ...] = ("original", *(sound for sound in sounds if sound != "original"))
    protocol(asked.protocol)  # an unknown one is an error
    for fold in asked.folds:
        dataset(asked.dataset).check_fold(fold)
    found = {weights: _found(asked, weights, space) for weights in dict.fromkeys(map(asked.of_fold, asked.folds))}
    trials = [_trial(asked, fold, found[asked.of_fold(fold)], space, machine, every) for fold in asked.folds]
    space.check_writable(files=[trial.path(sound) for trial in trials for sound in every])
    missing = {}
    for trial in trials:
        check_files(trial.context, [], {asked.dataset})
        missing[trial.context.job.fold] = left = [s for s in every if force or not _is_there(trial, s)]
        check_swaps(trial.context, [(asked.dataset, sound, trial.path(sound)) for sound in left])
    for trial in trials:
        if force:
            for sound in every:
                shutil.rmtree(trial.folder(sound), ignore_errors=True)
        if left := missing[trial.context.job.fold]:
            _test(trial, left)
    return [read_record(path) for trial in trials for sound in every if (path := trial.path(sound)).is_file()]


def _found(asked: WeightsHeard, weights: str, space: Workspace) -> Predictor:
    """The network with some weights; ValueError unless it sees and hears."""
    predictor = find_predictor(space, weights, asked.model, "", asked.settings)
    net = predictor.module.net
    if predictor.sha256 is None:
        raise ValueError(f"{predictor.name} is a baseline: it hears nothing, so it loses nothing with another sound")
    if net.spec.audio is None:
        raise ValueError(
            f"{weights}: {predictor.name} takes no sound; it hears nothing, so it loses nothing with another sound, "
            "exactly"
        )
    if not net.sees:
        raise ValueError(f"{weights}: {predictor.name} takes sound alone; what hearing adds is asked of who sees, too")
    return predictor


def _trial(
    asked: WeightsHeard,
    fold: int,
    predictor: Predictor,
    space: Workspace,
    machine: Machine,
    sounds: tuple[Sound, ...],
) -> _Trial:
    options = {key: value for key, value in predictor.options.items() if key != "modality"}
    recipe = Recipe(predictor.model, MAPS_PRESET, options, (), (asked.dataset,))
    precision = precision_word(machine.precision)
    job = Job(
        *(predictor.model, "av", fold, 0, MAPS_PRESET, asked.protocol),
        datasets=(asked.dataset,),
        sounds=sounds,
        precision=precision,
    )
    return _Trial(asked, predictor, Context(job, recipe, space, machine))


def _is_there(trial: _Trial, sound: Sound) -> bool:
    """Whether a record is there, of these weights and made of what is here now; what it was trained on is told anew
    where somebody says it.

    Raises:
        ValueError: for a record of anything else.
    """
    path = trial.path(sound)
    if not path.is_file():
        return False
    there = read_record(path)
    ways = "test anew with --force, or choose another --name"
    if there.preset != MAPS_PRESET or there.weights.get("sha256") != trial.sha256:
        raise ValueError(
            f"{path} is there, and is not of the weights {trial.predictor.source} (SHA-256 {trial.sha256}); {ways}"
        )
    made = trial.made([sound])[sound].whole
    require_same(str(path), there.provenance.get("made_of"), made, ways, trial.context.space.reuse_other_code)
    if trial.asked.trained_on is not None:  # the scores stay as they are
        write_record(path, replace(there, provenance=there.provenance | {"trained_on": trial.trained_on()}))
    return True


def _test(trial: _Trial, sounds: Sequence[Sound]) -> None:
    """Test weights with some sounds, and write the records."""
    context, name = trial.context, trial.asked.dataset
    job, space = context.job, context.space
    story = provenance() | {"fits": []}
    module = module_to_test(job.model, trial.predictor.options, 0, sounds)
    module.net.load_state_dict(trial.predictor.module.net.state_dict())
    parameters = sum(p.numel() for p in module.net.parameters())
    tested = predict_and_score(context, module, name, sounds, partial(trial.made, sounds), trial.folder)
    if tested is None:
        return
    story |= {**tested.story, **story_of_lists(space.root_of(name), dataset(name), job.fold)}
    story |= story_of_labels(dataset(name).videos(space.root_of(name), "test", job.fold))
    story |= {"trained_on": trial.trained_on(), **same_but_sound("network", trial.sha256)}
    for sound in sounds:
        write_result(
            trial.path(sound),
            tested.videos[sound],
            protocol(job.protocol),
            story | tested.of_sound(sound) | {"made_of": dict(tested.made[sound].whole)},
            model=trial.asked.label,
            modality=job.modality,
            dataset=name,
            fold=job.fold,
            preset=MAPS_PRESET,
            parameters=parameters,
            sound=sound,
            weights={"file": Path(trial.predictor.source).name, "sha256": trial.sha256},
            results=trial.folder(sound),
            gallery=sound == "original",
        )
