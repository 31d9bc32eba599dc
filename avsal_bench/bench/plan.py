"""The plan: model x modality x fold x seed becomes a list of jobs. A job trains once and gives a record a data set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

from avsal_bench.bench.computing.decoding import check_decoding
from avsal_bench.bench.context import Place
from avsal_bench.bench.job import Job, own_data
from avsal_bench.bench.jobs import kind_of
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.planning.asked import (
    SMALL,
    asked_lines,
    chosen_modalities,
    folds_of,
    missing_weights,
    modalities_of,
    tested_sets,
)
from avsal_bench.bench.seen.trained_on import seen_test_videos
from avsal_bench.bench.sets import videos_of
from avsal_bench.bench.stages import has_stage, stage_options, trainings
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.clips.sampler import clip_counts, of_stills
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.setting_aside import fit_and_val
from avsal_bench.data.utterances.speech_commands import read_utterances
from avsal_bench.evaluation.protocol import protocol as rules_of
from avsal_bench.kept import one_look, require_same
from avsal_bench.names import unknown
from avsal_bench.records import Record, network_name, read_record, record_path
from avsal_bench.spec import Sound
from avsal_bench.training.building import check_network, check_stage
from avsal_bench.training.recipe import Recipe, load_recipe
from avsal_bench.training.recipe_folder import recipe_folder
from avsal_bench.training.stage import Stage
from avsal_bench.typed import LARGEST_SEED, MOST_FOLDS


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
    own: Sequence[str] = (),
    preset_asked: bool = True,
    precision: str = "",
    decode: str = "",
) -> list[Job]:
    """All jobs of some models, the baselines first; the fold varies slowest.

    The baselines beside are tested on what the models are tested on.

    Args:
        space: folders.
        models: names in the registry.
        preset: of the recipes.
        protocol: of the scores.
        modalities: only these.
        folds: in the place of those of the first model's recipe; of what is the same in each of them, the first.
        seeds: of training; a network without training has the first alone.
        overrides: of the recipes; each of those models that take it.
        datasets: only these of the sets that a recipe tests.
        sounds: that audio-visual networks are tested with, in the place of those of their recipes.
        own: data in the place of the preset's, as words of :func:`~avsal_bench.bench.job.own_words`. Who trains nothing
            is tested on them.
        preset_asked: whether a person chose the preset. If nobody did, own data train the small network of ``smoke``
            where published weights that the preset starts from are not imported.
        precision: of the tests, as :func:`~avsal_bench.names.precision_word` has it. Baselines are always tested in
            float32.
        decode: of the trainings, see :class:`~avsal_bench.bench.job.Job`.

    Raises:
        ValueError, FileNotFoundError: for an unknown model, preset, modality, data set or sound, a set that a recipe
            does not test, an override that no model takes, a model without a recipe, or ``decode`` where nothing is
            trained.
    """
    heard = asked_sounds(sounds)
    for model in models:
        modalities_of(model)
    for what, given in {"model": models, "fold": folds, "seed": seeds}.items():
        _check_once(what, given)
    _check_numbers(folds, seeds)
    lines = asked_lines(space, models, preset, modalities, overrides, datasets, own, preset_asked)
    wanted = [
        folds or folds_of(line, next(one.recipe.folds for one in lines if one.model == models[0])) for line in lines
    ]
    jobs = [
        Job(
            *(line.model, modality, fold, seed, line.preset, protocol),
            *(line.words, line.datasets, heard, line.own),
            precision if modality else "",
            decode if line.recipe.stages else "",
        )
        for fold in folds or sorted({fold for of_line in wanted for fold in of_line})
        for line, of_line in zip(lines, wanted, strict=True)
        if fold in of_line
        for modality in chosen_modalities(line.recipe, modalities)
        for seed in (seeds if line.recipe.stages else (0,))
    ]
    if decode and not any(job.decode for job in jobs):
        raise ValueError(f"--decode {decode}: {', '.join(models)} trains nothing; leave it out")
    for line, of_line in zip(lines, wanted, strict=True):
        for name in dict.fromkeys((*line.sets, *line.recipe.learnt_sets)):
            for fold in of_line:
                dataset(name).check_fold(fold)
    recipes = {line.model: line.recipe for line in lines}
    for job in jobs:
        check_recipe(job, recipes[job.model])
    return jobs


def notes_of(jobs: Sequence[Job], space: Workspace, preset: str) -> list[str]:
    """What a person should know of a plan before it runs: networks that ``smoke`` trains, as weights are not imported,
    and trainings that hold videos which are tested.

    Args:
        jobs: of the plan.
        space: folders.
        preset: that is usual.
    """
    lacking: dict[str, dict[str, None]] = {}
    for job in jobs:
        if job.own and job.preset != preset:
            lacking.setdefault(job.model, {}).update(dict.fromkeys(missing_weights(replace(job, preset=preset), space)))
    return [
        f"{model} trains as in its preset {SMALL}: a small network, from random weights, because {', '.join(names)} "
        f"{'is' if len(names) == 1 else 'are'} not imported (`avsal weights list`); --preset {preset} asks for them"
        for model, names in lacking.items()
        if names
    ] + _seen_notes(jobs, space)


def _seen_notes(jobs: Sequence[Job], space: Workspace) -> list[str]:
    """Jobs whose training holds videos that they test; of seeds, which train on the same, one speaks for all."""
    found: dict[str, None] = {}
    with one_look():
        for job in {replace(job, seed=0): job for job in reversed(jobs)}.values():
            recipe = job.recipe(space)
            if kind_of(job.model).has_network:
                names = dict.fromkeys(name for name, _, _ in records_of(job, recipe, space))
                found |= dict.fromkeys(seen_test_videos(job, recipe, space, names))
    return list(found)


def plan_one(
    space: Workspace,
    model: str,
    preset: str,
    protocol: str,
    *,
    modality: str = "",
    fold: int = 1,
    seed: int = 0,
    overrides: Sequence[str] = (),
    datasets: Sequence[str] = (),
    sounds: Sequence[str] = (),
    own: Sequence[str] = (),
    precision: str = "",
    decode: str = "",
    train_only: bool = False,
) -> Job:
    """The job that ``avsal run`` names; without a modality, of the richest that the network has.

    Raises:
        ValueError, FileNotFoundError: as :func:`make_plan`.
    """
    rules_of(protocol)
    modality = modality or next(reversed(modalities_of(model)), "")
    recipe = load_recipe(recipe_folder(model), model, preset, overrides, own_data(own))
    sets, heard = tested_sets(recipe, datasets), asked_sounds(sounds)
    _check_numbers([fold], [seed])
    if decode and not recipe.stages:
        raise ValueError(f"--decode {decode}: {model} trains nothing; leave it out")
    if train_only and not recipe.stages:
        raise ValueError(f"--train-only: {model} trains nothing in its preset {preset}; leave it out, and it is tested")
    computed = precision if modality else "", decode, train_only
    job = Job(model, modality, fold, seed, preset, protocol, tuple(overrides), sets, heard, tuple(own), *computed)
    if modality:
        chosen_modalities(recipe, [modality])
    return job


def check_recipe(job: Job, recipe: Recipe) -> None:
    """Look whether what a job trains and tests can be made: networks, optimisers, schedules; nothing is read or run.

    Raises:
        ValueError: naming what does not fit.
    """
    if not kind_of(job.model).has_network:
        return
    for stage in recipe.stages:
        if has_stage(job.modality, stage):
            check_stage(stage, stage.model or job.model, stage_options(job, recipe, stage))
    check_network(job.model, stage_options(job, recipe))


def check_machine(
    jobs: Sequence[Job], space: Workspace, machine: Machine, here: bool = True, anew: bool = False
) -> None:
    """Look whether jobs can be made, and run on a machine: all that would be refused after a while otherwise.

    Args:
        jobs: of a plan.
        space: folders.
        machine: what they run on.
        here: whether it is this one, and not one of a cluster.
        anew: whether what is trained will be trained again.

    Raises:
        ValueError: as :func:`check_recipe`, :meth:`Machine.check` and, where something is left to train,
            :meth:`Machine.check_training` and :func:`check_decoding`; and for a batch that the processes cannot share
            out evenly.
    """
    for job in jobs:
        check_recipe(job, job.recipe(space))
    if here:
        machine.check()
    trains = not here or machine.trains
    if trains and machine.processes == 1 and not any(job.decode for job in jobs):
        return
    for job in jobs:
        for training in trainings(job, job.recipe(space), space):
            if anew or not training.done:
                if here:
                    check_decoding(job.decode)
                if not trains:
                    machine.check_training(job.name, anew=training.done)
                if machine.processes > 1:
                    machine.share(training.stage, epoch_clips(training.stage, job.fold, space), machine.processes)


def epoch_clips(stage: Stage, fold: int, space: Workspace) -> int:
    """Training clips of an epoch of a stage, from the fold lists alone; or its spoken words."""
    if stage.utterances:
        return len(read_utterances(space.data_root, stage.utterances, "train"))
    videos: list[Video] = []
    for name in stage.data:
        listed = partial(videos_of, space, name, fold=fold)
        videos += fit_and_val(dataset(name), listed, stage.val_fraction, stage.validation)[0]
    return sum(clip_counts(videos, stage.clips_per_video, stage.clips_every))


def stage_clips(stage: Stage, fold: int, space: Workspace) -> list[int]:
    """Training clips of each epoch of a stage; every second one has those of its stills, where it has sets of them."""
    clips = epoch_clips(stage, fold, space)
    images = sum(len(videos_of(space, name, "train", fold)) for name in stage.stills)
    return [images if stage.stills and of_stills(epoch) else clips for epoch in range(stage.epochs)]


def _check_once(what: str, asked: Sequence[object]) -> None:
    if twice := [one for one in asked if list(asked).count(one) > 1]:
        raise ValueError(f"{what} {twice[0]} is asked for twice; once is enough")


def _check_numbers(folds: Sequence[int], seeds: Sequence[int]) -> None:
    if strange := [fold for fold in folds if fold not in range(1, MOST_FOLDS + 1)]:
        raise ValueError(f"fold {strange[0]}: expected a whole number from 1 to {MOST_FOLDS}")
    if strange := [seed for seed in seeds if not 0 <= seed <= LARGEST_SEED]:
        raise ValueError(f"seed {strange[0]}: expected a whole number from 0 to {LARGEST_SEED}")


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


def records_of(job: Job, recipe: Recipe, space: Workspace) -> Iterator[Place]:
    """Data set, sound condition and path of every record of a job; none of one that only trains."""
    if job.train_only:
        return
    label = kind_of(job.model).label(job, recipe)
    network = network_name(f"{label}-{job.precision}" if job.precision else label, job.modality)
    # A network that hears nothing is given one sound: no other would change a score of it.
    sounds: tuple[Sound, ...] = job.sounds or recipe.sounds if job.modality == "av" else ("original",)
    asked = job.datasets or recipe.test
    for name in (name for name in dict.fromkeys((*recipe.test, *job.datasets)) if name in asked):
        for sound in sounds:
            path = record_path(space.records, network, name, job.fold, job.seed, job.protocol, sound)
            yield name, sound, path


def check_same_recipe(path: Path, job: Job, recipe: Recipe) -> Record:
    """A record that is there, of a recipe as it is now, and of what decodes for the job.

    Raises:
        ValueError: for what is no record, one of another precision, of another decoder, and one of another recipe;
            nobody's result is replaced.
    """
    record = read_record(path)
    plain = network_name(record.model, record.modality)
    if record.precision and path.name.startswith(f"{plain}-fold"):  # once, the precision was no part of a name
        place = path.with_name(path.name.replace(plain, record.network, 1))
        raise ValueError(f"{path}: was tested in {record.precision}, and not in float32; move it to {place}")
    if (decode := record.provenance.get("decode") or "cpu") != (job.decode or "cpu"):
        raise ValueError(
            f"{path} is of a training whose pictures the {decode} decoded; say --decode {decode}, replace it with "
            "`avsal bench --force`, or keep it and choose another --leaderboard"
        )
    if record.recipe != json.loads(json.dumps(recipe.plain())):
        raise ValueError(
            f"{path} was made by another recipe than {recipe.model}, preset {recipe.preset}, is now; "
            "replace it with `avsal bench --force`, or keep it and choose another --leaderboard"
        )
    return record


def is_done(job: Job, recipe: Recipe, space: Workspace, place: Place) -> bool:
    """Whether a record of a job is there, made of the very data, list, recipe, protocol, weights and code of now.

    Raises:
        ValueError: when it was made of anything else; nobody's result is replaced or passed off as another's.
        FileNotFoundError: naming a file of the data that is gone, so that nobody can tell.
    """
    name, sound, path = place
    if not path.is_file():
        return False
    record = check_same_recipe(path, job, recipe)
    ways = (
        "do all of it anew with `avsal bench --force`, remove this record to test again with the weights that are "
        "there, or keep it and choose another --leaderboard"
    )
    now = kind_of(job.model).made_of(job, recipe, space, name, sound).whole
    require_same(str(path), record.provenance.get("made_of"), now, ways, space.reuse_other_code)
    return True
