"""Run one job: fit its stages, test it on every set, write the records. What is done is skipped."""

from __future__ import annotations

import json
import logging
import shutil
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint

from avsal_bench.bench.callbacks import Curve, FitProgress, PredictProgress
from avsal_bench.bench.checkpoints import epochs_of
from avsal_bench.bench.loggers import open_loggers
from avsal_bench.bench.machine import Machine as Machine
from avsal_bench.bench.machine import Share, batch_norms, compile_network
from avsal_bench.bench.plan import (
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
from avsal_bench.bench.starting import check_parts, needed_weights, network_state, start_from, start_parts
from avsal_bench.bench.turns import take_turn
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.datamodule import SaliencyDataModule
from avsal_bench.data.dataset import dataset
from avsal_bench.data.presence import check_videos
from avsal_bench.evaluation.picture import draw_gallery
from avsal_bench.evaluation.predict import ScoreVideos
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import read_results
from avsal_bench.models import Network
from avsal_bench.models.weights_store import imported_source, load_weights
from avsal_bench.progress import progress
from avsal_bench.records import Record, mean_scores, read_record, write_atomically, write_record
from avsal_bench.spec import ClipSpec, Sound
from avsal_bench.training.alternating import AlternatingModule
from avsal_bench.training.losses import needs_fixations
from avsal_bench.training.module import SaliencyModule
from avsal_bench.training.recipe import Recipe, Stage
from avsal_bench.training.recipe import Training as Kind

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


#: What trains a stage, by what its recipe says.
MODULES: dict[Kind, type[SaliencyModule]] = {"clips": SaliencyModule, "alternating": AlternatingModule}


@dataclass(frozen=True)
class Context:
    """What all parts of a job need: the job, its resolved recipe, the folders, the machine."""

    job: Job
    recipe: Recipe
    space: Workspace
    machine: Machine

    def data(self, names: Iterable[str], spec: ClipSpec, **options: Any) -> SaliencyDataModule:
        """The data module of some data sets, with the clips of a network."""
        roots = {name: self.space.root_of(name) for name in names}
        data = SaliencyDataModule(roots, spec, self.job.fold, num_workers=self.machine.workers, **options)
        data.test_batch_size = self.machine.windows(data.test_batch_size)
        return data


@dataclass
class Trained:
    """What training gave so far: the best checkpoint of the last stage, and the story of every stage."""

    checkpoint: Path | None = None
    fits: list[dict[str, Any]] = field(default_factory=list)


def run_job(job: Job, space: Workspace, machine: Machine) -> list[Path]:
    """Do what is not done of a job, and return the paths of all its records."""
    context = Context(job, job.recipe(space), space, machine)
    places = list(records_of(job, context.recipe, space))
    missing = [place for place in places if not is_done(place[2], context.recipe)]
    redraw_galleries(context, [place for place in places if place not in missing])
    if not missing:
        print(f"{job.name}: all {len(places)} records are there")
        return [path for _, _, path in places]
    stages = trainings(job, context.recipe, space)
    check_files(context, stages, {name for name, _, _ in missing})
    check_parts(stages)
    trained = Trained()
    for training in stages:
        trained = fit(context, training, trained)
    for name, sound, path in missing:
        test(context, trained, name, sound, path)
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
    parts = [(name, "train", training.options) for training in stages for name in training.stage.data]
    parts += [(name, "test", stage_options(context.job, context.recipe)) for name in sorted(tested)]
    for name, part, options in parts:
        videos = dataset(name).videos(context.space.root_of(name), part, context.job.fold)
        check_videos(videos, audio=options.get("modality") in ("av", "a"))


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


def fit(context: Context, training: Training, before: Trained) -> Trained:
    """Train one stage from what the stages before gave; or go on with it, or find it done.

    Of the jobs that share a stage one trains it, and the others wait for it.
    """
    job, stage, folder = context.job, training.stage, training.folder
    curve = Curve()
    checkpoints = ModelCheckpoint(
        folder, "best", monitor="val/loss", save_last=True, save_on_train_epoch_end=True, enable_version_counter=False
    )
    with open_loggers(context.machine.logger, folder, f"{job.name}, {stage.name}") as loggers:
        trainer = context.machine.trainer(
            idle=stage.side > 0,  # side outputs are left out in the last epoch
            max_epochs=stage.epochs,
            gradient_clip_val=stage.clip_gradient,
            sync_batchnorm=stage.sync_batchnorm,
            log_every_n_steps=1,
            logger=loggers,
            callbacks=[checkpoints, curve, FitProgress(f"fit {job.name}, {stage.name}")],
            default_root_dir=folder,
        )
        with take_turn(folder, trainer):
            # The first process looks for all: another machine may see a file later.
            done = trainer.strategy.broadcast(read_story(folder) if trainer.is_global_zero else None)
            story = done or _fit(context, training, trainer, checkpoints, curve)
    return Trained(training.best, [*before.fits, story])


def read_story(folder: Path) -> dict[str, Any] | None:
    """What is told of a stage that is done; None for one that is not."""
    path = folder / "done.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _fit(
    context: Context, training: Training, trainer: Trainer, checkpoints: ModelCheckpoint, curve: Curve
) -> dict[str, Any]:
    """Train a stage, and tell how."""
    job, stage, machine = context.job, training.stage, context.machine
    last = training.folder / "last.ckpt"
    resumed: bool = trainer.strategy.broadcast(last.is_file())
    story = provenance(context.space.home)
    # Here, and not once a job: the stages before may have been trained in this process, or in another.
    seed_everything(job.seed, verbose=False)
    module = MODULES[stage.training](
        training.model,
        training.options,
        stage.loss,
        stage.optimizer,
        stage.schedule,
        job.seed,
        stage.side,
        stage.auxiliary,
    )
    if training.before is not None:
        start_from(module.net, training.before.best)
    started = start_parts(training, module.net, context.space.weights)
    data = context.data(
        stage.data,
        module.net.spec,
        clips_per_video=stage.clips_per_video,
        clips_every=stage.clips_every,
        flip=stage.flip,
        val_fraction=stage.val_fraction,
        val_stride=stage.val_stride,
        fixations=needs_fixations(stage.loss),
        seed=job.seed,
        first_epoch=epochs_of(last) if resumed else 0,
    )
    share = machine.share(stage, sum(data.epoch_counts()), trainer.world_size)
    data.batch_size, data.accumulate = share
    trainer.accumulate_grad_batches = share.batches
    if trainer.is_global_zero:
        say_prepared(data)
        say_share(share, stage, trainer.world_size, batch_norms(module.net))
    if machine.compile:
        compile_network(module.net)
    began = time.monotonic()
    trainer.fit(module, data, ckpt_path=last if resumed else None, weights_only=True)
    story |= {
        "stage": stage.name,
        "network": training.network,
        "start": started,
        "steps": trainer.global_step,
        "processes": trainer.world_size,
        "share": share._asdict(),
        "compiled": machine.compile,
        "curve": curve.points,
        "seconds": round(time.monotonic() - began, 1),
        "peak_memory_mb": peak_memory_mb(),
        "best_val_loss": float(checkpoints.best_model_score or float("nan")),
    }
    if trainer.is_global_zero:
        write_atomically(training.folder / "done.json", json.dumps(story, indent=1) + "\n")
    trainer.strategy.barrier()
    return story


def say_share(share: Share, stage: Stage, processes: int, norms: int) -> None:
    """Say what batch norms see of a batch, where that is not the whole of it."""
    seen = share.clips * (processes if stage.sync_batchnorm else 1)
    if norms and seen < stage.batch_size:
        advice = "; sync_batchnorm in the recipe would share them" if processes > 1 and not stage.sync_batchnorm else ""
        print(f"{norms} batch norms learn from {seen} clips at a time, not {stage.batch_size}{advice}", flush=True)


def say_prepared(data: SaliencyDataModule) -> None:
    """Say whether reading is fast, once a stage; slow reading is what keeps a GPU waiting."""
    prepared, videos = data.prepared_count()
    if not prepared and all(dataset(name).embedded for name in data.roots):
        return  # small pictures, read as fast
    if not data.spec.antialias:
        print("frames are resized as the network's authors do it, which no prepared form holds", flush=True)
        return
    where = f"frames of {prepared} of {videos} videos come prepared"
    size = "x".join(map(str, data.spec.size))
    advice = "" if prepared == videos else f"; `avsal data prepare --size {size}` would read the others faster"
    print(where + advice, flush=True)


def test(context: Context, trained: Trained, name: str, sound: Sound, path: Path) -> None:
    """Predict every frame of the test videos of one set, score them, and write the record."""
    job, recipe, space = context.job, context.recipe, context.space
    story = provenance(space.home)
    module = SaliencyModule(job.model, stage_options(job, recipe), {}, {}, {}, job.seed)
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
    data = context.data([name], spec, test_batch_size=recipe.test_batch_size, sound=sound)
    folder = test_folder(job, recipe, space, name, sound)
    data.skip = {f"{name}/{v.video}" for v, _ in read_results(folder)}
    title = f"test {job.name} on {name}" + ("" if sound == "original" else f", sound {sound}")
    scorer = ScoreVideos(data.listed("test"), folder, rules, context.machine.keep_maps)
    trainer = context.machine.trainer(logger=False, callbacks=[scorer, PredictProgress(title)])
    began = time.monotonic()
    if data.test_videos():
        if module.net.observes:
            observe_training_maps(module.net, data)
        trainer.predict(module, data, return_predictions=False)
    trainer.strategy.barrier()
    if not trainer.is_global_zero:
        return
    results = {v.video: v for v, _ in read_results(folder)}
    videos = [results[v.name] for v in data.listed("test")]
    story |= {"test_seconds": round(time.monotonic() - began, 1), "peak_memory_mb": peak_memory_mb()}
    story |= {"compiled": context.machine.compile}
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
        provenance=story | {"fits": trained.fits},
    )
    if sound == "original":
        draw_gallery(videos, folder, path.with_suffix(".jpg"))
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
    for name, sound, path in records_of(job, recipe, space):
        path.unlink(missing_ok=True)
        path.with_suffix(".jpg").unlink(missing_ok=True)
        shutil.rmtree(test_folder(job, recipe, space, name, sound), ignore_errors=True)
    for training in trainings(job, recipe, space):
        shutil.rmtree(training.folder, ignore_errors=True)
