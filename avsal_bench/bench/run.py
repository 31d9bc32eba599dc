"""Run one job: see what is missing, look for all it needs, and let its kind make it. What is done is skipped."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import get_args

from avsal_bench.bench.computing.precision import FLOAT32
from avsal_bench.bench.context import Context, Place
from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs import kind_of
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import is_done, records_of
from avsal_bench.bench.stages import test_folder, trainings
from avsal_bench.bench.workspace import Workspace
from avsal_bench.evaluation.picture import draw_gallery
from avsal_bench.evaluation.score import Results
from avsal_bench.kept import one_look
from avsal_bench.names import precision_word
from avsal_bench.records import read_record
from avsal_bench.spec import Sound


def run_job(job: Job, space: Workspace, machine: Machine) -> list[Path]:
    """Do what is not done of a job, and return the paths of all its records.

    Raises:
        ValueError, FileNotFoundError: before any work, for what is missing or does not fit together.
    """
    if job.modality:
        job = replace(job, precision=precision_word(machine.precision))
    else:
        machine = replace(machine, precision=FLOAT32)  # nothing is won with a baseline
    context = Context(job, job.recipe(space), space, machine)
    places = list(records_of(job, context.recipe, space))
    with one_look():
        missing = [place for place in places if not is_done(job, context.recipe, space, place)]
    redraw_galleries(context, [place for place in places if place not in missing])
    if missing or job.train_only:
        kind = kind_of(job.model)
        kind.check(context, missing)
        kind.make(context, missing)
    else:
        print(f"{job.name}: all records are there")
    return [path for _, _, path in places]


def redraw_galleries(context: Context, done: Iterable[Place]) -> None:
    """Draw the lost galleries of records that are there, where the pictures of single videos still are."""
    for name, sound, path in done:
        if sound == "original" and not path.with_suffix(".jpg").is_file():
            job, recipe, space = context.job, context.recipe, context.space
            folder = test_folder(job, recipe, space, name, sound)
            made = kind_of(job.model).made_of(job, recipe, space, name, sound)
            if Results(folder, made.videos).read().keys() == made.videos.keys():  # else they are pictures of others
                draw_gallery(read_record(path).videos, folder, path.with_suffix(".jpg"))


def forget(job: Job, space: Workspace) -> None:
    """Remove the records of a job and all it left behind, so that it runs anew."""
    recipe = job.recipe(space)
    # Under every sound: records of weights that are gone say nothing beside those of others.
    for name, sound, path in records_of(replace(job, sounds=get_args(Sound)), recipe, space):
        path.unlink(missing_ok=True)
        path.with_suffix(".jpg").unlink(missing_ok=True)
        shutil.rmtree(test_folder(job, recipe, space, name, sound), ignore_errors=True)
    for training in trainings(job, recipe, space):
        shutil.rmtree(training.folder, ignore_errors=True)
