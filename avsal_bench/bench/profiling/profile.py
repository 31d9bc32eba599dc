"""Time some batches of a job's test and of its training, part by part; nothing is left behind."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from lightning import Trainer, seed_everything

from avsal_bench.bench.callbacks import FitProgress, PredictProgress
from avsal_bench.bench.computing.compiling import can_compile, compile_network
from avsal_bench.bench.computing.decoding import check_decoding
from avsal_bench.bench.computing.precision import FLOAT32
from avsal_bench.bench.context import Context
from avsal_bench.bench.fit import channels_last, training_data
from avsal_bench.bench.jobs.testing import data_to_predict
from avsal_bench.bench.profiling.watching import Spent, watch_run
from avsal_bench.bench.stages import Training, stage_options, trainings
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.clips.stream import Brought, Stream, Wanted
from avsal_bench.data.dataset import Video
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import Results
from avsal_bench.evaluation.score_videos import FINISHING, ScoreVideos
from avsal_bench.models import Network
from avsal_bench.text import many
from avsal_bench.training.building import build_module
from avsal_bench.training.module import SaliencyModule

#: Batches before those that are timed: memory is taken, kernels are chosen and compiled, readers start.
WARM = 2


@dataclass(frozen=True)
class Profile:
    """Of one test, or of one stage of training.

    Args:
        title: what it is of.
        spent: seconds by part.
        item: what a batch holds several of.
        device: where the network was.
        prepared: videos whose frames come prepared, and those whose frames could.
        size: of frames, height and width.
        workers: processes that read.
        precision: full name.
        learns: whether the network has weights; a baseline is always tested in float32.
        compiles: whether compiling is left to turn on, and does something.
        kept_maps: whether maps were written.
    """

    title: str
    spent: Spent
    item: str
    device: str
    prepared: tuple[int, int]
    size: tuple[int, int]
    workers: int
    precision: str
    learns: bool
    compiles: bool
    kept_maps: bool


class SomeWindows(SaliencyDataModule):
    """The windows of some frames of the test videos, enough for so many batches.

    They are those from the T-th frame of a video on, if it has more: the reverse windows before are few, and cost more.
    """

    def choose(self, batches: int) -> list[Video]:
        """Choose frames for so many batches, and return the videos as they are then scored: they end with the last."""
        self.chosen: list[Wanted] = []
        size, left, ending = self.config.test_batch_size, batches, []
        for i, video in enumerate(self.test_videos()):
            first = min(self.spec.window_frames, video.n_frames)
            frames = range(first, min(video.n_frames, first + left * size - 1) + 1)
            if left > 0:
                self.chosen.append((i, frames))
                ending.append(replace(video, n_frames=frames[-1], labels=None))
                left -= -(-len(frames) // size)
        return ending

    def predict_dataloader(self) -> Stream:
        """The windows that were chosen; the same ones in each process."""
        return self._stream(self.test_videos(), self.chosen, Brought(labels=self.config.labels))


def profiles(context: Context, batches: int) -> Iterator[Profile | str]:
    """Of a job, where the time of a test and of a training goes: its first set, and its last stage.

    Args:
        context: of the job; it has a network.
        batches: that are timed of each, after ``WARM`` others.

    Yields:
        What was found, or why one of the two is not there; nothing in processes other than the first.

    Raises:
        FileNotFoundError, ValueError: as in a test and in a training.
    """
    job, recipe = context.job, context.recipe
    if not job.modality:  # as a bench tests baselines
        context = replace(context, machine=replace(context.machine, precision=FLOAT32))
    check_decoding(job.decode)
    name = (job.datasets or recipe.test)[0]
    if found := profile_test(context, name, batches):
        yield found
    stages = trainings(job, recipe, context.space)
    if not stages:
        yield f"{job.network} is not trained by its recipe, so there is no training to time"
    elif not context.machine.trains:
        yield f"a CPU does not train with precision {context.machine.precision}, so no training was timed"
    elif found := profile_training(context, stages[-1], batches):
        yield found


def profile_test(context: Context, name: str, batches: int) -> Profile | None:
    """Time some batches of a test on a set, by a network with the weights that it starts with.

    Parts that overlap in a test on a GPU (scoring, and the network at the next batch) are done one after the other.

    Args:
        context: of the job.
        name: of the set.
        batches: that are timed.

    Returns:
        What was found; None in processes other than the first.

    Raises:
        FileNotFoundError, ValueError: as in a test.
    """
    job = context.job
    title = f"test of {job.network} on {name}"
    seed_everything(job.seed, verbose=False)
    module = SaliencyModule(job.model, stage_options(job, context.recipe), {}, {}, {}, job.seed)
    usual = data_to_predict(context, module, [name])
    data = SomeWindows(usual.config, usual.spec)
    videos = data.choose(WARM + batches)
    if module.net.observes:
        _observe(module.net, data)
    with tempfile.TemporaryDirectory() as folder:
        progress = PredictProgress(f"profile a {title}")
        trainer = context.machine.trainer(logger=False, callbacks=[progress], default_root_dir=folder)
        results = Results(Path(folder), {video.name: {} for video in videos})
        scores = ScoreVideos(videos, results, protocol(job.protocol), context.machine.keep_maps, at_once=True)
        trainer.callbacks.insert(0, scores)  # type: ignore[attr-defined]
        spent = watch_run(trainer, WARM, lambda: trainer.predict(module, data, return_predictions=False))
    # What is done once a video counts by the frames of the whole of it, of which few were predicted.
    finishing, whole = spent.seconds.pop(FINISHING, 0.0), sum(data.test_videos()[i].n_frames for i, _ in data.chosen)
    spent.seconds["writing"] = spent.seconds.get("writing", 0.0) + finishing * min(1.0, spent.items / whole)
    return _profile(context, trainer, title, spent, "window", data, can_compile(module.net, predicts=True))


def profile_training(context: Context, training: Training, batches: int) -> Profile | None:
    """Time some batches of a stage, from random weights; as :func:`profile_test`."""
    job, stage, machine = context.job, training.stage, context.machine
    title = f"training of {training.network}, stage {stage.name}"
    seed_everything(job.seed, verbose=False)
    module = build_module(stage, training.model, training.options, job.seed)
    with tempfile.TemporaryDirectory() as folder:
        trainer = machine.trainer(
            idle=stage.side > 0,
            max_epochs=1,
            limit_train_batches=WARM + batches,
            limit_val_batches=0,
            gradient_clip_val=stage.clip_gradient,
            sync_batchnorm=stage.sync_batchnorm,
            enable_checkpointing=False,
            logger=False,
            callbacks=[FitProgress(f"profile a {title}")],
            default_root_dir=folder,
        )
        data = training_data(context, stage, module.net.spec)
        share = machine.share(stage, sum(data.epoch_counts()), trainer.world_size)
        data.config, data.accumulate = replace(data.config, batch_size=share.clips), share.batches
        trainer.accumulate_grad_batches = share.batches
        if trainer.strategy.root_device.type == "cuda":
            channels_last(module.net)
        if machine.compile:
            compile_network(module.net)
        spent = watch_run(trainer, WARM, lambda: trainer.fit(module, data))
    return _profile(context, trainer, title, spent, "clip", data, True)


def _observe(net: Network, data: SaliencyDataModule) -> None:
    """Show a baseline some saliency maps of the training part."""
    net.observe(next(iter(data.densities_dataloader())))


def _profile(
    context: Context,
    trainer: Trainer,
    title: str,
    spent: Spent,
    item: str,
    data: SaliencyDataModule,
    can_be_compiled: bool,
) -> Profile | None:
    if not trainer.is_global_zero:
        return None
    machine, device = context.machine, trainer.strategy.root_device
    on_gpu = device.type == "cuda"
    return Profile(
        title=title,
        spent=spent,
        item=item,
        device=torch.cuda.get_device_name(device) if on_gpu else f"CPU, {many(torch.get_num_threads(), 'thread')}",
        prepared=data.prepared_count(),
        size=data.spec.size,
        workers=machine.workers,
        precision=machine.precision,
        learns=bool(context.job.modality),
        compiles=on_gpu and can_be_compiled and not machine.compile,
        kept_maps=item == "window" and machine.keep_maps is not None,
    )
