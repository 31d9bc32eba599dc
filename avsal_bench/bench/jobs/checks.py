"""What a network's job looks for before any work starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

from avsal_bench.bench.context import Context, Place
from avsal_bench.bench.fit import claim_stage
from avsal_bench.bench.made_of import of_test, of_training
from avsal_bench.bench.stages import Training, learns_labels, stage_options, weights_of
from avsal_bench.bench.starting import needed_weights
from avsal_bench.data.clips.sounds import partners
from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.presence import check_videos
from avsal_bench.data.labels import labels_of
from avsal_bench.data.teachers import Teacher, taught_by
from avsal_bench.evaluation.score import consistency
from avsal_bench.kept import one_look
from avsal_bench.models import create_model
from avsal_bench.models.weights.store import imported_source


def check_files(context: Context, stages: Sequence[Training], tested: Iterable[str]) -> None:
    """Look for every file that a job will read, those of the test too, before hours are spent on training."""
    names = [name for training in stages for name in needed_weights(training)]
    for name in [*names, *filter(None, [weights_of(context.job, context.recipe)])]:
        imported_source(name, context.space.weights)
    for name in {name for training in stages if learns_labels(training.stage) for name in training.stage.data}:
        for video in dataset(name).videos(context.space.root_of(name), "train", context.job.fold):
            labels_of(video)
    test_options = stage_options(context.job, context.recipe)
    with torch.device("meta"):
        switched = create_model(context.job.model, **test_options).switched_by_labels
    for name in sorted(tested) if switched else ():
        for video in dataset(name).videos(context.space.root_of(name), "test", context.job.fold):
            labels_of(video)
    density: Teacher = "density"
    parts = [(name, "train", t.stage.teacher, t.options) for t in stages for name in t.stage.data]
    parts += [(name, "test", density, test_options) for name in sorted(tested)]
    for name, part, teacher, options in parts:
        root = context.space.root_of(name)
        videos = taught_by(teacher, dataset(name).videos(root, part, context.job.fold), root)
        check_videos(videos, audio=options.get("modality") in ("av", "a"), contents=context.space.contents)
        for video in videos if part == "test" else ():
            consistency(video)


def check_made_of(context: Context, stages: Iterable[Training], missing: Iterable[Place]) -> None:
    """Look whether what is trained already, or begun, is made of what is here now, before hours are spent.

    Raises:
        ValueError: naming the folder of the first stage that is not, what differs, and the ways out.
    """
    job, recipe, space = context.job, context.recipe, context.space
    with one_look():
        for training in stages:
            if training.begun:
                claim_stage(training, of_training(training, job, space), space)
        for name, sound, _ in missing:
            of_test(job, recipe, space, name, sound)  # reads the files and the code that will be used, in good time


def check_swaps(context: Context, missing: Iterable[Place]) -> None:
    """Look whether every test video has another one whose sound it can be given, where that is asked for.

    Raises:
        ValueError: see :func:`~avsal_bench.data.clips.sounds.partners`.
    """
    for name in {name for name, sound, _ in missing if sound == "swapped"}:
        partners(dataset(name).videos(context.space.root_of(name), "test", context.job.fold))
