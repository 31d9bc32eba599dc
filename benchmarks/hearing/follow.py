"""Follow trainings of one recipe, seed by seed: what is heard, where the sound is lost, and which gradient comes back.

The stages before the last are trained as `avsal bench` trains them, and kept. The last one is trained anew, as there:
the same clips, steps and weights, as nothing that is measured draws a random number of the training. A seed whose CSV
is there is not trained again. benchmarks/hearing/README.md has the columns.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from followed_figure import draw_followed
from lightning import Callback, LightningModule, Trainer, seed_everything
from torch import Tensor
from torch.optim import Optimizer

from avsal_bench.bench.checkpoints import BestCheckpoint
from avsal_bench.bench.context import Context, Trained
from avsal_bench.bench.fit import fit, training_data
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.made_of import of_training
from avsal_bench.bench.plan import plan_one
from avsal_bench.bench.stages import Training, trainings
from avsal_bench.bench.starting import start_from, start_parts
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.synth.making import ensure_synth
from avsal_bench.files import fingerprint, write_atomically
from avsal_bench.metrics.functional import cc
from avsal_bench.resources import home
from avsal_bench.spec import Batch
from avsal_bench.studies.sound_path.sound_gradients import gradient_norms
from avsal_bench.studies.sound_path.sound_shares import follow_sound
from avsal_bench.studies.sound_path.watched_windows import OTHERS, SOUNDING, watched_windows
from avsal_bench.training.building import build_module
from avsal_bench.training.losses import truth_of
from avsal_bench.training.module import SaliencyModule
from avsal_bench.typed import place, seeds, whole
from avsal_bench.typed import seed as seed_number

EXAMPLES = """examples:
  python benchmarks/hearing/follow.py --model avrsp --seeds 0,1 --synth-seed 7
  python benchmarks/hearing/follow.py --model avrsp --seeds 0,1,2,3 --synth-seed 7 --watch-seed 8 \\
      --set stages.audiovisual.epochs=20 --every 100
  python benchmarks/hearing/follow.py --model vinet --seeds 0 --synth-seed 7 --windows 24

One thread. Rows go to <out>/<model>-<fingerprint of recipe, data and options>/seed<k>.csv while it trains, the last and
the best weights beside them, and the figure of all seeds that are there to seeds.png."""

Row = dict[str, float]


@dataclass(frozen=True)
class Watched:
    """The windows that a training is watched on.

    Args:
        windows: with ``others`` as of :data:`OTHERS`.
        heard: whether the sound decides where people look, by window.
    """

    windows: list[Batch]
    heard: list[bool]


class Follow(Callback):
    """Writes a row every so many steps, and before the first."""

    def __init__(self, path: Path, watched: Watched, kinds: dict[str, bool], every: int, depth: int) -> None:
        self.path, self.watched, self.kinds, self.every, self.depth = path, watched, kinds, every, depth
        self.rows: list[Row] = []
        self.losses: dict[bool, list[float]] = {True: [], False: []}
        self.squares: list[dict[str, float]] = []
        self.began = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Watch the network as it starts, and the losses of its batches from now on."""
        assert isinstance(pl_module, SaliencyModule)
        self._listen(pl_module)
        self._row(trainer, pl_module)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Take down the gradient, before it is clipped."""
        assert isinstance(pl_module, SaliencyModule)
        self.squares.append({name: norm**2 for name, norm in gradient_norms(pl_module.net).items()})

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Add a row where one is due."""
        assert isinstance(pl_module, SaliencyModule)
        step = trainer.global_step
        if step != self.rows[-1]["step"] and (
            step % self.every == 0 or step >= int(trainer.estimated_stepping_batches)
        ):
            self._row(trainer, pl_module)

    def _listen(self, module: SaliencyModule) -> None:
        """Take down the loss of the sounding and of the other clips of each training batch; nothing is run for it."""
        whole_loss = module.output_loss

        def listening(output: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
            if torch.is_grad_enabled() and len(output) == len(batch["video"]):
                with torch.no_grad():
                    for item, (name, video) in enumerate(zip(batch["dataset"], batch["video"], strict=True)):
                        parts = {"density": _item(batch["density"], item), "fixated": _item(batch["fixated"], item)}
                        one: Batch = {**batch, **parts}  # type: ignore[typeddict-item]
                        loss = whole_loss(output[item : item + 1].detach(), one)[0]
                        self.losses[self.kinds[f"{name}/{video}"]].append(float(loss))
            return whole_loss(output, batch)

        module.output_loss = listening  # type: ignore[method-assign,assignment]

    def _row(self, trainer: Trainer, module: SaliencyModule) -> None:
        row: Row = {"step": trainer.global_step, "epoch": trainer.current_epoch + 1}
        row |= {"seconds": round(time.monotonic() - self.began, 1), "lr": trainer.optimizers[0].param_groups[-1]["lr"]}
        for heard, name in ((True, "sounding"), (False, "others")):
            row[f"train_loss/{name}"] = _mean(self.losses[heard])
            row |= scores(
                module, [w for w, h in zip(self.watched.windows, self.watched.heard, strict=True) if h is heard], name
            )
        for part in gradient_norms(module.net):
            row[f"gradient/{part}"] = math.sqrt(_mean([one[part] for one in self.squares]))
        heard_windows = [w for w, h in zip(self.watched.windows, self.watched.heard, strict=True) if h]
        path = follow_sound(module, heard_windows, OTHERS.index("swapped"), "swapped", self.depth, scenes=1)
        row |= {f"share/{part.name}": math.nan if part.share is None else part.share for part in path.parts}
        row |= {f"ways/{part.name}": part.ways for part in path.parts}
        row["map_cc"] = path.map_cc
        self.losses, self.squares = {True: [], False: []}, []
        self.rows.append(row)
        write_rows(self.path, self.rows)
        told = " ".join(
            f"{key} {row[key]:.3f}" for key in ("cc/sounding", "cc_swapped/sounding", "share/map", "ways/map")
        )
        print(f"{self.path.stem}: step {row['step']:.0f}, {told}", flush=True)


def scores(module: SaliencyModule, windows: Sequence[Batch], name: str) -> Row:
    """Loss of some windows, and the CC of their maps with the truth, with each sound."""
    found: dict[str, list[float]] = {}
    training = module.training
    module.eval()
    with torch.random.fork_rng([]), torch.no_grad():
        torch.manual_seed(0)
        for window in windows:
            frames = module.normalised(window)
            sounds = {
                "cc": window["audio"],
                **dict(zip((f"cc_{s}" for s in OTHERS), window["others"].unbind(1), strict=True)),
            }
            for key, audio in sounds.items():
                assert audio is not None, "a network that hears"
                output = module.net(frames, audio.contiguous())
                saliency = module.map_of(output)
                found.setdefault(f"{key}/{name}", []).append(float(cc(saliency, truth_of(window, saliency).density)))
                if key == "cc":
                    found.setdefault(f"val_loss/{name}", []).append(float(module.output_loss(output, window)[0]))
    module.train(training)
    return {key: _mean(values) for key, values in found.items()}


def _item(value: Tensor | None, item: int) -> Tensor | None:
    return None if value is None else value[item : item + 1]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return math.fsum(known) / len(known) if known else math.nan


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV: a column for each name that any of them has, empty where one has none."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: f"{value:.6g}" for key, value in row.items() if math.isfinite(value)} for row in rows)
    write_atomically(path, text.getvalue())


def watched(data: SaliencyDataModule, count: int, other_seed: int | None) -> Watched:
    """Windows of the validation videos; or of the test list of an embedded set of another seed.

    Raises:
        ValueError: where none of them is of a scene whose sound decides where people look.
    """
    videos, among = data.val_videos(), data.listed("train")
    if other_seed is not None:
        root = synth_of(other_seed)
        videos = among = dataset("synth").videos(root, "test", 1)
    by_kind = {kind: [video for video in videos if (video.category in SOUNDING) is kind] for kind in (True, False)}
    if not by_kind[True]:
        raise ValueError("no sounding scene among the validation videos; watch another embedded set with --watch-seed")
    found: list[Batch] = []
    heard: list[bool] = []
    for kind, of_kind in by_kind.items():
        if not of_kind:
            continue
        share = count * 2 // 3 if kind else count - count * 2 // 3
        new = watched_windows(of_kind, data.spec, max(1, share), among=among)
        found += new
        heard += [kind] * len(new)
    return Watched(found, heard)


def synth_of(seed: int) -> Path:
    """Root of the embedded set of a seed, made where it is not there."""
    root = home() / "data" / f"synth-seed{seed}"
    ensure_synth(root, seed)
    return root


def main() -> int:
    """Train, and write rows and figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="an audio-visual network, such as avrsp")
    parser.add_argument("--preset", default="smoke", help="of its recipe (default: %(default)s)")
    parser.add_argument("--seeds", type=seeds, default=[0], help="of weights and draws, such as 0,1 (default: 0)")
    parser.add_argument(
        "--synth-seed", type=seed_number, default=0, help="of the embedded set to train on (default: 0)"
    )
    text = "watch on the test list of the embedded set of this seed (default: on the validation videos of the training)"
    parser.add_argument("--watch-seed", type=seed_number, help=text)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override the recipe")
    parser.add_argument("--every", type=whole(1), default=50, help="steps between two rows (default: %(default)s)")
    parser.add_argument("--windows", type=whole(3), default=48, help="that are watched (default: %(default)s)")
    parser.add_argument("--depth", type=whole(1), default=2, help="of parts whose share is told (default: %(default)s)")
    parser.add_argument("--out", type=place, help="folder (default: runs/follow)")
    parser.add_argument("--reuse-other-code", action="store_true", help="use earlier stages that other code trained")
    args = parser.parse_args()
    if args.watch_seed == args.synth_seed:
        parser.error(f"--watch-seed {args.watch_seed} is the set that is trained on; give another, or leave it out")

    torch.set_num_threads(1)
    out = Path(args.out) if args.out else home() / "runs" / "follow"
    root = synth_of(args.synth_seed)
    space = Workspace(home(), None, root, out / "runs", out / "leaderboard", args.reuse_other_code)
    folder = None
    for seed in args.seeds:
        folder = follow_seed(space, out, args, seed)
        draw_followed(sorted(folder.glob("seed*.csv")), folder / "seeds.png", f"{args.model}, {args.preset}")
    print(folder / "seeds.png" if folder else "nothing to do")
    return 0


def follow_seed(space: Workspace, out: Path, args: argparse.Namespace, seed: int) -> Path:
    """Follow the training of one seed unless it was; gives the folder of its CSV.

    Raises:
        ValueError: for a network, preset or override that is not known, and one without a stage that hears.
    """
    machine = Machine(devices=1, logger=())
    job = plan_one(space, args.model, args.preset, "stavis", modality="av", seed=seed, overrides=args.set)
    context = Context(job, job.recipe(space), space, machine)
    stages = trainings(job, context.recipe, space)
    if not stages or stages[-1].options.get("modality") != "av":
        raise ValueError(f"{args.model}, preset {args.preset}: no stage of it trains an audio-visual network")
    # Without the seed, so that all seeds lie in one folder.
    same = trainings(replace(job, seed=0), context.recipe, space)[-1].folder.name
    watch = {"windows": args.windows, "every": args.every, "depth": args.depth, "watch_seed": args.watch_seed}
    folder = out / f"{args.model}-{fingerprint({'training': same, **watch})[:8]}"
    done = folder / f"seed{seed}.csv"
    if done.is_file():
        print(f"{done}: is there; remove it to train again", flush=True)
        return folder
    before = Trained()
    for stage in stages[:-1]:
        before = fit(context, stage, before, partial(of_training, stage, job, space))
    folder.mkdir(parents=True, exist_ok=True)
    train(context, stages[-1], folder / f"seed{seed}", args)
    (folder / f"seed{seed}-so-far.csv").rename(done)
    return folder


def train(context: Context, training: Training, stem: Path, args: argparse.Namespace) -> None:
    """Train the last stage as `avsal bench` does, and watch it."""
    stage, machine = training.stage, context.machine
    seed_everything(context.job.seed, verbose=False)
    module = build_module(stage, training.model, training.options, context.job.seed)
    if training.before is not None:
        start_from(module.net, training.before.best)
    start_parts(training, module.net, context.space.weights)
    data = training_data(context, stage, module.net.spec)
    share = machine.share(stage, sum(data.epoch_counts()), 1)
    data.config, data.accumulate = replace(data.config, batch_size=share.clips), share.batches
    kinds = {video.key: video.category in SOUNDING for video in _all_videos(data)}
    watch = watched(data, args.windows, args.watch_seed)
    follow = Follow(stem.with_name(f"{stem.name}-so-far.csv"), watch, kinds, args.every, args.depth)
    best = BestCheckpoint(stem, "best", monitor="val/loss", save_on_train_epoch_end=True, enable_version_counter=False)
    trainer = machine.trainer(
        max_epochs=stage.epochs,
        gradient_clip_val=stage.clip_gradient,
        sync_batchnorm=stage.sync_batchnorm,
        accumulate_grad_batches=share.batches,
        logger=False,
        callbacks=[best, follow],
        default_root_dir=stem,
    )
    trainer.fit(module, data)
    trainer.save_checkpoint(stem / "last.ckpt")


def _all_videos(data: SaliencyDataModule) -> list[Video]:
    return [*data.fit_videos(), *data.val_videos()]


if __name__ == "__main__":
    sys.exit(main())
