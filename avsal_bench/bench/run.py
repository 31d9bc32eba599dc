"""Run one job: fit its stages, test it on every set, write the records. What is done is skipped."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import torch

from avsal_bench.bench.callbacks import PredictProgress
from avsal_bench.bench.fit import Context as Context
from avsal_bench.bench.fit import Trained as Trained
from avsal_bench.bench.fit import fit as fit
from avsal_bench.bench.fit import learns_labels
from avsal_bench.bench.jobs.human import run_human
from avsal_bench.bench.listening import Listener
from avsal_bench.bench.machine import Machine as Machine
from avsal_bench.bench.machine import compile_network
from avsal_bench.bench.plan import (
    HUMAN,
    Job,
    Training,
    model_label,
    records_of,
    stage_options,
    test_folder,
    trainings,
    weights_of,
)
from avsal_bench.bench.provenance import peak_memory_mb, provenance, sha256
from avsal_bench.bench.starting import check_parts, needed_weights, network_state
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.clips.sounds import partners
from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.presence import check_videos
from avsal_bench.data.labels import labels_of
from avsal_bench.data.teachers import Teacher, taught_by
from avsal_bench.evaluation.picture import draw_gallery
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import consistency, read_results
from avsal_bench.evaluation.score_videos import ScoreVideos
from avsal_bench.models import Network, create_model
from avsal_bench.models.weights.store import imported_source, load_weights
from avsal_bench.progress import progress
from avsal_bench.records import Record, mean_scores, read_record, write_record
from avsal_bench.spec import Sound
from avsal_bench.training.module import SaliencyModule
from avsal_bench.training.recipe import Recipe


def run_job(job: Job, space: Workspace, machine: Machine) -> list[Path]:
    """Do what is not done of a job, and return the paths of all its records."""
    context = Context(job, job.recipe(space), space, machine)
    places = list(records_of(job, context.recipe, space))
    missing = [place for place in places if not is_done(place[2], context.recipe)]
    redraw_galleries(context, [place for place in places if place not in missing])
    if not missing:
        print(f"{job.name}: all {len(places)} records are there")
        return [path for _, _, path in places]
    if job.model == HUMAN:
        run_human(job, context.recipe, space, missing, machine.workers)
        return [path for _, _, path in places]
    stages = trainings(job, context.recipe, space)
    check_files(context, stages, {name for name, _, _ in missing})
    check_swaps(context, missing)
    check_parts(stages)
    trained = Trained()
    for training in stages:
        trained = fit(context, training, trained)
    test_all(context, trained, missing)
    return [path for _, _, path in places]


def redraw_galleries(context: Context, done: Iterable[tuple[str, Sound, Path]]) -> None:
    """Draw the lost galleries of records that are there, where the pictures of single videos still are."""
    for name, sound, path in done:
        if sound == "original" and not path.with_suffix(".jpg").is_file():
            folder = test_folder(context.job, context.recipe, context.space, name, sound)
            draw_gallery(read_record(path).videos, folder, path.with_suffix(".jpg"))


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
        check_videos(videos, audio=options.get("modality") in ("av", "a"))
        for video in videos if part == "test" else ():
            consistency(video)


def check_swaps(context: Context, missing: Iterable[tuple[str, Sound, Path]]) -> None:
    """Look whether every test video has another one whose sound it can be given, where that is asked for.

    Raises:
        ValueError: see :func:`~avsal_bench.data.clips.sounds.partners`.
    """
    for name in {name for name, sound, _ in missing if sound == "swapped"}:
        partners(dataset(name).videos(context.space.root_of(name), "test", context.job.fold))


def is_done(path: Path, recipe: Recipe) -> bool:
    """Whether a record is there.

    Raises:
        ValueError: when another recipe made it; nobody's result is replaced or passed off as another's.
    """
    if not path.is_file():
        return False
    if read_record(path).recipe != json.loads(json.dumps(recipe.plain())):
        raise ValueError(
            f"{path} was made by another recipe than {recipe.model}, preset {recipe.preset}, is now; "
            "replace it with `avsal bench --force`, or keep it and choose another --leaderboard"
        )
    return True


def test_all(context: Context, trained: Trained, missing: Iterable[tuple[str, Sound, Path]]) -> None:
    """Test on each data set, with all its sounds at once: frames are read once, and maps can be compared."""
    tested: dict[str, dict[Sound, Path]] = {}
    for name, sound, path in missing:
        tested.setdefault(name, {})[sound] = path
    for name, paths in tested.items():
        test(context, trained, name, paths)


def test(context: Context, trained: Trained, name: str, paths: Mapping[Sound, Path]) -> None:
    """Predict every frame of the test videos of one set, score them, and write a record for each sound.

    The true sound is heard in every test: maps with another one are compared with those with it.
    """
    job, recipe, space = context.job, context.recipe, context.space
    story = provenance(space.home)
    others: list[Sound] = [sound for sound in paths if sound != "original"]
    kind = Listener if others else SaliencyModule
    module = kind(job.model, stage_options(job, recipe), {}, {}, {}, job.seed)
    weights: dict[str, Any]
    if trained.checkpoint is not None:
        module.net.load_state_dict(network_state(trained.checkpoint), strict=True)
        weights = {"file": trained.checkpoint.name, "sha256": sha256(trained.checkpoint)}
    elif published := weights_of(job, recipe):
        weights = load_weights(module.net, published, space.weights)
    else:
        weights = {"file": None, "sha256": None}
    rules = protocol(job.protocol)
    spec = module.net.spec
    if rules.script_audio and spec.audio is not None and module.net.script_audio is not None:
        spec = replace(spec, audio=module.net.script_audio)
    if context.machine.compile:
        compile_network(module.net)
    data = context.data(
        [name], spec, test_batch_size=recipe.test_batch_size, others=others, labels=module.net.switched_by_labels
    )
    folders = {sound: test_folder(job, recipe, space, name, sound) for sound in paths}
    found = [{f"{name}/{v.video}" for v, _ in read_results(folder)} for folder in folders.values()]
    data.skip = set.intersection(*found)
    title = f"test {job.name} on {name}" + (f", sounds {', '.join(paths)}" if others else "")
    scored = [folders.get("original"), *(folders[sound] for sound in others)]
    scorer = ScoreVideos(data.listed("test"), scored, rules, context.machine.keep_maps)
    trainer = context.machine.trainer(logger=False, callbacks=[scorer, PredictProgress(title)])
    began = time.monotonic()
    if data.test_videos():
        if module.net.observes:
            observe_training_maps(module.net, data)
        trainer.predict(module, data, return_predictions=False)
    trainer.strategy.barrier()
    if not trainer.is_global_zero:
        return
    story |= {"test_seconds": round(time.monotonic() - began, 1), "peak_memory_mb": peak_memory_mb()}
    story |= {"compiled": context.machine.compile}
    whose = {key: video.key for key, video in partners(data.listed("test")).items()} if "swapped" in paths else {}
    for sound, path in paths.items():
        results = {v.video: v for v, _ in read_results(folders[sound])}
        videos = [results[v.name] for v in data.listed("test")]
        record = Record(
            model=model_label(job, recipe),
            modality=job.modality,
            dataset=name,
            fold=job.fold,
            seed=job.seed,
            protocol=job.protocol,
            preset=job.preset,
            sound=sound,
            averaging=rules.averaging,
            scores=mean_scores(videos, rules.averaging),
            videos=videos,
            synthetic=dataset(name).embedded,
            recipe=recipe.plain(),
            weights=weights | {"parameters": sum(p.numel() for p in module.net.parameters())},
            provenance=story | {"fits": trained.fits} | ({"partners": whose} if sound == "swapped" else {}),
        )
        if sound == "original":
            draw_gallery(videos, folders[sound], path.with_suffix(".jpg"))
        write_record(path, record)


def observe_training_maps(net: Network, data: SaliencyDataModule) -> None:
    """Show a baseline every saliency map of the training part."""
    loader = data.densities_dataloader()
    with progress("training maps", len(loader)) as bar:
        for densities in loader:
            net.observe(densities)
            bar.advance()


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
