"""Networks whose sound is followed: of a record, of any weights, or as they start; and the videos to follow it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from lightning import seed_everything
from torch import nn

from avsal_bench.bench.context import Context, Trained
from avsal_bench.bench.fit import training_data
from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs.testing import load_tested
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import plan_one
from avsal_bench.bench.stages import stage_options, trainings
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.dataset import Video, dataset, resolve_name
from avsal_bench.models.diffusion import DiffusionNetwork
from avsal_bench.models.weights.loading import open_safely
from avsal_bench.prediction.predictor import Predictor, find_predictor
from avsal_bench.records import read_record
from avsal_bench.spec import Batch
from avsal_bench.studies.hear import find_weights, why_not
from avsal_bench.studies.sound_path.watched_windows import on_device
from avsal_bench.training.building import build_module
from avsal_bench.training.denoising import DenoisingModule
from avsal_bench.training.losses import LOSSES
from avsal_bench.training.module import SaliencyModule
from avsal_bench.training.recipe import Recipe
from avsal_bench.training.stage import Stage

#: What any weights are followed with, whose training is not known: KL, clips of a batch.
LOSS, BATCH = {"kl": 1.0}, 8
#: Batches that norms of an untrained network know.
KNOWN = 8


@dataclass(frozen=True)
class Source:
    """A network whose sound is followed.

    Args:
        name: of the network, as tables have it.
        weights: where they come from.
        sha256: of their file.
        dataset: whose test videos are watched.
        module: the network with its weights, and the loss that it learns by.
        videos: the test list.
        training: clips that it learns from.
    """

    name: str
    weights: str
    sha256: str
    dataset: str
    module: SaliencyModule
    videos: Sequence[Video]
    training: SaliencyDataModule

    def batches(self, count: int, device: torch.device) -> list[Batch]:
        """The first training batches of an epoch that have clips of two videos or more.

        Raises:
            ValueError: for a set without training videos, and where no batch has clips of two.
        """
        several = (batch for batch in self.training.train_dataloader() if len(_videos_of(batch)) > 1)
        found = [on_device(batch, device) for batch in islice(several, count)]
        if count and not found:
            raise ValueError(f"{self.name}: no training batch has clips of two videos, whose sounds could be swapped")
        return found


def _videos_of(batch: Any) -> set[tuple[str, str]]:
    return set(zip(batch["dataset"], batch["video"], strict=True))


def of_record(path: Path, space: Workspace) -> Source:
    """The network of a record: its weights by their SHA-256, its recipe's loss and training clips.

    Raises:
        ValueError, FileNotFoundError: naming the file, for what is no record of a network that hears, and for weights
            that are gone or others by now.
    """
    record = read_record(path)
    if told := why_not(record):
        raise ValueError(f"{path}: {told}")
    try:
        recipe = Recipe.from_plain(record.recipe)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; bench the network anew, with --force") from error
    job = Job(recipe.model, record.modality, record.fold, record.seed, record.preset, record.protocol)
    context = Context(job, recipe, space, Machine(devices=1, logger=()))
    checkpoint = find_weights(path, record, context)
    stages = trainings(job, recipe, space)
    videos = dataset(record.dataset).videos(space.root_of(record.dataset), "test", record.fold)
    if stages:
        stage = stages[-1].stage
        module = build_module(stage, stages[-1].model, stages[-1].options, job.seed)
        training = _training_of(context, stage, module)
    else:
        module = SaliencyModule(job.model, stage_options(job, recipe), LOSS)
        training = _clips_of(space, record.dataset, record.fold, module)
    loaded = load_tested(module.net, context, Trained(checkpoint))
    return Source(record.label, str(loaded["file"]), str(loaded["sha256"]), record.dataset, module, videos, training)


def of_weights(space: Workspace, weights: str, model: str, settings: Sequence[str], name: str, fold: int) -> Source:
    """The network of any weights: a checkpoint, a file in its authors' form, or imported weights by their name.

    Args:
        space: folders.
        weights: see :func:`~avsal_bench.prediction.predictor.find_predictor`.
        model: its name in the registry, for a file that does not say it.
        settings: options such as ``network.frames=16``, likewise.
        name: of a data set, whose test videos are watched, and whose training clips it is given.
        fold: of that.

    Raises:
        ValueError, FileNotFoundError: naming what is not known, not there, does not fit, or does not hear.
    """
    predictor = find_predictor(space, weights, model, "", settings)
    if not predictor.hears:
        raise ValueError(f"{predictor.source}: {predictor.name} takes no sound, so there is none to follow")
    known = resolve_name(name)
    module = _learning(predictor)
    videos = dataset(known).videos(space.root_of(known), "test", fold)
    training = _clips_of(space, known, fold, module)
    return Source(predictor.name, predictor.source, str(predictor.sha256), known, module, videos, training)


def of_start(space: Workspace, model: str, preset: str, settings: Sequence[str], seed: int = 0) -> Source:
    """A network as its own weights start, without any training, and with batch norms that know their input.

    Stages before the last, and published weights that the last starts from, are left out: what is looked at is the
    design and its initial values. Norms get the mean statistics of some training batches; at their own start, all that
    goes through them in eval mode is next to nothing.

    Args:
        space: folders.
        model: its name in the registry.
        preset: of its recipe.
        settings: overrides of the recipe, such as ``network.width=16``.
        seed: of the weights.

    Raises:
        ValueError, FileNotFoundError: for what is not known, does not hear, or is not there.
    """
    job = plan_one(space, model, preset, "stavis", modality="av", seed=seed, overrides=settings)
    context = Context(job, job.recipe(space), space, Machine(devices=1, logger=()))
    stages = trainings(job, context.recipe, space)
    if not stages or stages[-1].options.get("modality") != "av":
        raise ValueError(f"{model}, preset {preset}: no stage of it trains an audio-visual network")
    last = stages[-1]
    seed_everything(seed, verbose=False)
    module = build_module(last.stage, last.model, last.options, seed)
    training = _training_of(context, last.stage, module)
    name = context.recipe.test[0]
    videos = dataset(name).videos(space.root_of(name), "test", job.fold)
    source = Source(job.network, f"untrained, seed {seed}", "", name, module, videos, training)
    know_norms(module, source.batches(KNOWN, module.device))
    return source


def know_norms(module: SaliencyModule, batches: Sequence[Batch]) -> None:
    """Give batch norms the mean statistics of some batches, and change nothing else."""
    norms = [part for part in module.net.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    before, training = [norm.momentum for norm in norms], module.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over batches
    module.train()
    with torch.no_grad():
        for batch in batches:
            module.net(module.normalised(batch), batch["audio"])
    module.train(training)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum


def _training_of(context: Context, stage: Stage, module: SaliencyModule) -> SaliencyDataModule:
    """The clips of a stage, in batches of its size."""
    training = training_data(context, stage, module.net.spec)
    clips = min(stage.batch_size, sum(training.epoch_counts()))
    training.config = replace(training.config, batch_size=clips)
    return training


def _learning(predictor: Predictor) -> SaliencyModule:
    """The module of a predictor with a loss: that of its checkpoint, where it says one that is known."""
    if isinstance(predictor.module.net, DiffusionNetwork):
        module: SaliencyModule = DenoisingModule(predictor.model, predictor.options, {"sse": 1.0}, {}, {})
        module.net = predictor.module.net
        return module
    module, path = predictor.module, Path(predictor.source)
    content: Any = open_safely(path, "give other --weights") if path.is_file() else {}
    kept = content.get("hyper_parameters", {}) if isinstance(content, dict) else {}
    told = kept.get("loss") if isinstance(kept, dict) else None
    module.loss = dict(told) if isinstance(told, dict) and told and told.keys() <= LOSSES.keys() - {"nss"} else LOSS
    return module


def _clips_of(space: Workspace, name: str, fold: int, module: SaliencyModule) -> SaliencyDataModule:
    """Clips of the training list of a set."""
    config = DataConfig({name: space.root_of(name)}, fold, batch_size=BATCH)
    return SaliencyDataModule(replace(config, clips_per_video=2), module.net.spec)
