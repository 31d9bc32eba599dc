"""What a network's job looks for before any work starts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from avsal_bench.bench.context import Context, Place
from avsal_bench.bench.fit import claim_stage
from avsal_bench.bench.jobs.needs import Needs
from avsal_bench.bench.made_of import of_test, of_training
from avsal_bench.bench.sets import videos_of
from avsal_bench.bench.stages import Training, has_stage, hears, learns_labels, observed_sets, stage_options, weights_of
from avsal_bench.bench.starting import needed_weights
from avsal_bench.data.clips.sounds import swaps_of
from avsal_bench.data.dataset import dataset
from avsal_bench.data.face_places import FacePlaces
from avsal_bench.data.setting_aside import need_training
from avsal_bench.data.teachers import taught_by
from avsal_bench.data.utterances.speech_commands import check_release, folder_of_release
from avsal_bench.evaluation.contextual import has_regions
from avsal_bench.kept import once, one_look
from avsal_bench.models import Network, create_model
from avsal_bench.training.losses import needs_fixations


def needs_of_stages(context: Context, needs: Needs) -> None:
    """Note every set that is not there at all, of all stages: the first one would hide the others."""
    space, job = context.space, context.job
    for stage in context.recipe.stages:
        if not has_stage(job.modality, stage):
            continue
        for name in (*stage.data, *(stage.stills if job.modality != "a" else ())):
            with needs.noted():
                videos_of(space, name, "train", job.fold)
        if stage.utterances:
            with needs.noted():
                folder_of_release(space.data_root, stage.utterances)


def needs_of_network(context: Context, stages: Sequence[Training], tested: Iterable[str], needs: Needs) -> None:
    """Note every file that a job will read, those of the test too, and every weight."""
    job, tested = context.job, sorted(tested)
    for training in stages:
        with needs.noted():
            key = ("weights", training.model, _text(training.options), _text(training.stage.start))
            needs.weights |= dict.fromkeys(once(key, partial(needed_weights, training)))
    if published := weights_of(job, context.recipe):
        needs.weights[published] = None
    test_options = stage_options(job, context.recipe)
    net = once(("network", job.model, _text(test_options)), lambda: _without_numbers(job.model, test_options))
    if context.recipe.test_backwards and net.spec.walk == "frames":
        with needs.noted():
            raise ValueError(
                f"{job.model} goes through a video frame by frame, so it cannot be tested backwards; leave out "
                "test_backwards"
            )
    for training in stages:
        parts = ["frames", "maps", "fixations", *_heard(training.options)]
        parts += ["labels"] if learns_labels(training.stage) else []
        for name in training.stage.data:
            with needs.noted():
                for part in dataset(name).decided_by(training.stage.validation):
                    listed = videos_of(context.space, name, part, job.fold)
                    listed = need_training(dataset(name), listed) if part == "train" else listed
                    needs.read(taught_by(training.stage.teacher, listed, context.space.root_of(name)), *parts)
        if training.stage.utterances:
            with needs.noted():
                check_release(context.space.data_root, training.stage.utterances, int(training.options.get("words", 0)))
        for name in training.stage.stills:
            with needs.noted():
                images = need_training(dataset(name), videos_of(context.space, name, "train", job.fold))
                needs.read(images, "frames", "maps", *(("fixations",) if needs_fixations(training.stage.loss) else ()))
    labels = "labels" if net.switched_by_labels else "consistency"
    for name in tested:
        with needs.noted():
            videos = videos_of(context.space, name, "test", job.fold)
            needs.read(videos, "frames", "maps", "fixations", labels, *_heard(test_options))
        for shown in observed_sets(job, context.recipe, name):
            with needs.noted():
                needs.read(videos_of(context.space, shown, "train", job.fold), "maps")


def _text(plain: Mapping[str, Any]) -> str:
    return json.dumps(plain, sort_keys=True, default=str)


def _without_numbers(model: str, options: Mapping[str, Any]) -> Network:
    with torch.device("meta"):
        return create_model(model, **options)


def _heard(options: Mapping[str, Any]) -> list[str]:
    return ["sound"] if hears(options) else []


def check_files(context: Context, stages: Sequence[Training], tested: Iterable[str]) -> None:
    """Look for every file that a job will read, those of the test too, before hours are spent on training.

    Raises:
        FileNotFoundError, ValueError: as :meth:`Needs.check`.
    """
    needs = Needs(context.space)
    needs_of_network(context, stages, tested, needs)
    needs.check()


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

    And where another sound than the true one is heard, whether the files of faces can be read, if there are any.

    Raises:
        FileNotFoundError, ValueError: see :func:`~avsal_bench.data.clips.sounds.swaps_of`; naming a file of faces.
    """
    for name in {name for name, sound, _ in missing if sound != "original"}:
        sounds = [sound for of_set, sound, _ in missing if of_set == name]
        videos = videos_of(context.space, name, "test", context.job.fold)
        swaps_of(videos, sounds)
        for video in videos:
            if video.faces and has_regions(video, context.space.root_of(name)):
                FacePlaces(video)
