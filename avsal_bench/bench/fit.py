"""Fit the stages of a job. What is done is skipped, what was interrupted goes on."""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer, seed_everything
from torch import Tensor, nn

from avsal_bench.bench.callbacks import Curve, FitProgress
from avsal_bench.bench.checkpoints import BestCheckpoint, epochs_of
from avsal_bench.bench.computing.compiling import compile_network
from avsal_bench.bench.computing.silent_norms import SilentNorms
from avsal_bench.bench.context import Context, Trained
from avsal_bench.bench.loggers import open_loggers
from avsal_bench.bench.machine import Share, batch_norms
from avsal_bench.bench.provenance import peak_memory_mb, provenance
from avsal_bench.bench.seen.trained_on import learnt_of
from avsal_bench.bench.sharing.turns import agreed, take_turn
from avsal_bench.bench.stages import Training, learns_labels
from avsal_bench.bench.starting import start_from, start_parts
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.prepared import maps_are_prepared
from avsal_bench.data.files.whole_films.truth_films import cost_of_a_map
from avsal_bench.data.utterances.word_batches import WordConfig, WordDataModule
from avsal_bench.files import write_atomically
from avsal_bench.kept import MadeOf, claim
from avsal_bench.spec import ClipSpec
from avsal_bench.text import many
from avsal_bench.training.building import build_module
from avsal_bench.training.losses import needs_fixations
from avsal_bench.training.stage import Stage

# Lightning says at INFO what the bars and the record say, and warns of what is done here on purpose.
logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
for _on_purpose in (
    "Checkpoint directory .* exists and is not empty",  # a run goes on in its folder
    "You are using a custom batch sampler",  # VideoBatches gives every window; a test counts them
    "The '.*_dataloader' does not have many workers",  # --workers says how many
    "`isinstance\\(treespec, LeafSpec\\)` is deprecated",  # inside Lightning
    "The `srun` command is available on your system",  # Machine.trainer looks whether the tasks are those asked for
):
    warnings.filterwarnings("ignore", message=_on_purpose)
if not torch.cuda.is_available():
    # Its order is fixed on a CPU; tasednet.py says what a GPU does.
    warnings.filterwarnings("ignore", message="max_unpooling3d_forward_out does not have a deterministic")


def fit(context: Context, training: Training, before: Trained, made_of: Callable[[], MadeOf]) -> Trained:
    """Train one stage from what the stages before gave; or go on with it, or find it done.

    Of the jobs that share a stage one trains it, and the others wait for it.

    Args:
        context: of the job.
        training: the stage.
        before: what the stages before gave.
        made_of: gives the fingerprint of all that decides the weights.

    Raises:
        ValueError: in all processes, as :func:`claim_stage`.
    """
    job, stage, folder = context.job, training.stage, training.folder
    curve = Curve()
    checkpoints = BestCheckpoint(
        folder, "best", monitor="val/loss", save_last=True, save_on_train_epoch_end=True, enable_version_counter=False
    )
    with open_loggers(context.machine.logger, folder, f"{job.name}, {stage.name}") as loggers:
        trainer = context.machine.trainer(
            idle=stage.side > 0,  # side outputs are left out in the last epoch
            max_epochs=stage.epochs,
            reload_dataloaders_every_n_epochs=int(bool(stage.stills)),  # epochs of clips and of stills differ in length
            gradient_clip_val=stage.clip_gradient,
            sync_batchnorm=stage.sync_batchnorm,
            log_every_n_steps=1,
            logger=loggers,
            callbacks=[
                checkpoints,
                curve,
                FitProgress(f"fit {job.name}, {stage.name}"),
                *([SilentNorms()] if stage.hears == "muted" else []),
            ],
            default_root_dir=folder,
        )
        with take_turn(folder, trainer):
            # The first process looks for all: another machine may see a file later.
            done = agreed(trainer, lambda: _look_for(context, training, made_of))
            story = done or _fit(context, training, trainer, checkpoints, curve)
    return Trained(training.best, [*before.fits, story])


def _look_for(context: Context, training: Training, made_of: Callable[[], MadeOf]) -> dict[str, Any] | None:
    """The story of a stage that is done; None for one that is not."""
    claim_stage(training, made_of(), context.space)
    return read_story(training.folder)


def claim_stage(training: Training, made_of: MadeOf, space: Workspace) -> None:
    """Note what a stage is made of, or look whether one that was begun is made of the same.

    Raises:
        ValueError: naming the folder, what differs, and the ways out.
    """
    ways = "train it anew with --force, or keep it and choose another --runs"
    claim(training.folder, training.begun, made_of, ways, space.reuse_other_code)


def read_story(folder: Path) -> dict[str, Any] | None:
    """What is told of a stage that is done; None for one that is not.

    Raises:
        ValueError: naming the file, when it is damaged.
    """
    path = folder / "done.json"
    if not path.is_file():
        return None
    try:
        story = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda word: None)  # NaN is not JSON
        if isinstance(story, dict):
            return story
        raise ValueError("no mapping")
    except ValueError as error:
        raise ValueError(
            f"{path}: damaged ({error}); remove it, and the training goes on from its last checkpoint; or do all anew "
            "with --force"
        ) from error


def _fit(
    context: Context, training: Training, trainer: Trainer, checkpoints: BestCheckpoint, curve: Curve
) -> dict[str, Any]:
    """Train a stage, and tell how."""
    job, stage, machine = context.job, training.stage, context.machine
    machine.check_training(job.name)
    last = training.folder / "last.ckpt"
    resumed: bool = trainer.strategy.broadcast(last.exists())
    story = provenance()
    # Here, and not once a job: the stages before may have been trained in this process, or in another.
    seed_everything(job.seed, verbose=False)
    module = build_module(stage, training.model, training.options, job.seed)
    if training.before is not None:
        start_from(module.net, training.before.best)
    started = start_parts(training, module.net, context.space.weights)
    data: SaliencyDataModule | WordDataModule = (word_data if stage.utterances else training_data)(
        context, stage, module.net.spec
    )
    data.first_epoch = epochs_of(last, module) if resumed else 0
    share = machine.share(stage, sum(data.epoch_counts()), trainer.world_size)
    data.config = replace(data.config, batch_size=share.clips)
    data.accumulate = share.batches
    trainer.accumulate_grad_batches = share.batches
    if trainer.is_global_zero:
        if isinstance(data, SaliencyDataModule):
            say_prepared(data)
            say_decoded(data)
        say_share(share, stage, trainer.world_size, batch_norms(module.net))
    if trainer.strategy.root_device.type == "cuda":
        channels_last(module.net)
    if machine.compile:
        compile_network(module.net)
    began = time.monotonic()
    trainer.fit(module, data, ckpt_path=last if resumed else None, weights_only=True)
    if not stage.epochs:
        trainer.save_checkpoint(training.best)
    story |= {
        "stage": stage.name,
        "network": training.network,
        "start": started,
        "trained_on": learnt_of(training, job.fold, context.space).plain(),
        "steps": trainer.global_step,
        "processes": trainer.world_size,
        "share": share._asdict(),
        "compiled": machine.compile,
        "precision": machine.precision,
        **({"decode": job.decode} if job.decode else {}),
        "curve": curve.points,
        "seconds": round(time.monotonic() - began, 1),
        "peak_memory_mb": peak_memory_mb(),
        "best_val_loss": _finite(checkpoints.best_model_score),
    }
    if trainer.is_global_zero:
        write_atomically(training.folder / "done.json", json.dumps(story, indent=1) + "\n")
    trainer.strategy.barrier()
    return story


def channels_last(net: nn.Module) -> None:
    """Lay out weights of 2D and 3D convolutions with channels last, so that what goes through them is too.

    For a GPU, whose matrix units want them so; values stay as they are, and sums change in their last digits. On a CPU
    trainings stay as they were.
    """
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for part in net.modules():
        if isinstance(part, nn.Conv2d | nn.Conv3d):
            part.weight.data = part.weight.data.contiguous(memory_format=formats[part.weight.ndim])


def training_data(context: Context, stage: Stage, spec: ClipSpec) -> SaliencyDataModule:
    """The clips that a stage trains a network of this spec on."""
    return context.data(
        stage.data,
        spec,
        clips_per_video=stage.clips_per_video,
        clips_every=stage.clips_every,
        flip=stage.flip,
        val_fraction=stage.val_fraction,
        validation=stage.validation,
        val_stride=stage.val_stride,
        fixations=needs_fixations(stage.loss),
        labels=learns_labels(stage),
        every_frame=stage.training in ("every_frame", "mean_of_frames"),
        teacher=stage.teacher,
        hears=stage.hears,
        val_muted=stage.val_muted,
        stills={name: context.space.root_of(name) for name in stage.stills},
        decode_on_device=bool(context.job.decode),
        seed=context.job.seed,
    )


def word_data(context: Context, stage: Stage, spec: ClipSpec) -> WordDataModule:
    """The spoken words that a stage trains an encoder of sound on."""
    assert spec.audio is not None, "the network hears"
    root, workers = context.space.data_root, context.machine.workers
    return WordDataModule(WordConfig(root, stage.utterances, seed=context.job.seed, num_workers=workers), spec.audio)


def _finite(value: Tensor | None) -> float | None:
    """A number for JSON; None where there is none, or it is not finite."""
    return None if value is None or not value.isfinite() else float(value)


def say_share(share: Share, stage: Stage, processes: int, norms: int) -> None:
    """Say what batch norms see of a batch, where that is not the whole of it."""
    seen = share.clips * (processes if stage.sync_batchnorm else 1)
    if norms and seen < stage.batch_size:
        advice = "; sync_batchnorm in the recipe would share them" if processes > 1 and not stage.sync_batchnorm else ""
        print(
            f"{many(norms, 'batch norm', 'learn')} from {many(seen, 'clip')} at a time, not {stage.batch_size}{advice}",
            flush=True,
        )


def say_prepared(data: SaliencyDataModule) -> None:
    """Say whether reading is fast, once a stage; slow reading is what keeps a GPU waiting."""
    prepared, videos = data.prepared_count()
    if not prepared and all(dataset(name).embedded or dataset(name).stills for name in data.config.roots):
        return  # small pictures, read as fast; stills, which have no prepared form
    if not data.spec.plain_frames:
        print("frames are resized as the network's authors do it, which no prepared form holds", flush=True)
        return
    where = f"frames of {prepared} of {many(videos, 'video')} come prepared"
    size = "x".join(map(str, data.spec.size))
    advice = "" if prepared == videos else f"; `avsal data prepare --size {size}` would read the others faster"
    print(where + advice, flush=True)
    slow = [video for video in data.fit_videos() if not maps_are_prepared(video, data.spec.size)]
    if slow:
        print(f"maps of {many(len(slow), 'video')} to train on are films: {cost_of_a_map(slow[0], size)}", flush=True)


def say_decoded(data: SaliencyDataModule) -> None:
    """Say whose pictures are decoded where the network is, where a training asks for that."""
    if data.config.decode_on_device:
        encoded, videos = data.encoded_count()
        others = "" if encoded == videos else "; others come prepared, or are PNG or video files, and are read as usual"
        if data.spec.filter != "bilinear" or data.spec.pictures:
            others = "; all are read as usual, as no GPU resizes frames as this network's authors do it"
        print(f"the GPU decodes frames of {encoded} of {many(videos, 'video')} to train on{others}", flush=True)
