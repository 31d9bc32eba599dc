"""Where a job works and on what: words of the command line, read, and written for another process. Cheap to import."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.bench.job import recipe_options
from avsal_bench.bench.sharing.started import by_torchrun
from avsal_bench.text import many
from avsal_bench.typed import listed, place, whole

if TYPE_CHECKING:
    from avsal_bench.bench.machine import Machine
    from avsal_bench.bench.workspace import Workspace

# Heavy imports stand inside the functions: a command line must answer `--help` at once.

#: Options that name folders.
FOLDERS = ("data_root", "synth_root", "runs", "leaderboard")


def folder_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name folders."""
    group = parser.add_argument_group("folders")
    group.add_argument("--data-root", type=place, help="folder of the real data sets (environment: AVSAL_DATA)")
    group.add_argument("--synth-root", type=place, help="folder of the embedded data set (default: data/synth)")
    group.add_argument("--runs", type=place, help="checkpoints, logs and single results (default: runs)")
    group.add_argument("--leaderboard", type=place, help="records and generated pages (default: leaderboard)")
    text = "use records and trained stages that other code or other libraries made; new records say so"
    group.add_argument("--reuse-other-code", action="store_true", help=text)


def space_of(args: argparse.Namespace) -> Workspace:
    """The folders that the options name.

    Raises:
        FileNotFoundError: when there is no repository around the package.
    """
    from avsal_bench.bench.workspace import workspace

    return replace(workspace(*(getattr(args, name) for name in FOLDERS)), reuse_other_code=args.reuse_other_code)


def machine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what a job runs on."""
    group = parser.add_argument_group("machine")
    group.add_argument("--devices", type=_devices, default="auto", help="GPUs or processes (default: %(default)s)")
    group.add_argument("--nodes", type=whole(1), default=1, help="machines (default: %(default)s)")
    text = (
        "bf16, fp16 or another of Lightning (default: %(default)s); on a GPU for all, on a CPU with AMX or AVX512-BF16 "
        "bf16 for tests of what is trained. Tests in another precision have rows of their own (docs/speed.md)"
    )
    group.add_argument("--precision", default="32-true", metavar="P", help=text)
    group.add_argument(
        "--clips-a-device",
        type=whole(1),
        metavar="N",
        help="at a time, where memory is short; steps stay those of the recipe",
    )
    group.add_argument("--compile", action="store_true", help="compile networks; faster after a slow first step")
    group.add_argument(
        "--workers", type=whole(0), default=default_workers(), help="reading processes (default: %(default)s)"
    )
    group.add_argument(
        "--keep-maps",
        nargs="?",
        const="png",
        choices=["png", "npy", "mp4", "mkv"],
        help="write the predicted maps beside the results: in 8 bits (png, the default), as float32 (npy), or a film a "
        "video, in the form of challenges (mp4) or without loss (mkv)",
    )


def run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `avsal bench` and `avsal run` share, but for those of folders."""
    recipe_options(parser)
    logger_option(parser)
    machine_options(parser)


def preset_of(args: argparse.Namespace, space: Workspace) -> str:
    """The preset that is asked for, else the paper's where there is real data, else the smoke test."""
    return args.preset or ("paper" if space.data_root else "smoke")


def logger_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the loggers of a training."""
    parser.add_argument("--logger", type=listed, metavar="NAMES", help="of training: csv, tensorboard, wandb")


def default_workers() -> int:
    """Reading processes where nobody says how many."""
    return min(8, (os.cpu_count() or 1) // 2)


def machine_of(args: argparse.Namespace) -> Machine:
    """The machine that the options name, and torchrun where it started this process.

    Raises:
        ValueError: when the options and torchrun differ, and for variables of torchrun that are half set.
    """
    from avsal_bench.bench.machine import Machine

    devices, nodes = args.devices, args.nodes
    if started := by_torchrun():
        devices, nodes = started
        if (args.devices, args.nodes) not in (("auto", 1), (devices, nodes)):
            raise ValueError(
                f"torchrun started {many(devices, 'process', plural='processes')} on each of {many(nodes, 'node')}, "
                f"and --devices {args.devices} --nodes {args.nodes} say otherwise; leave them out"
            )
    logger = () if args.logger is None else (tuple(args.logger),)
    return Machine(
        devices, nodes, args.precision, args.workers, args.keep_maps, args.clips_a_device, args.compile, *logger
    )


def common_words(args: argparse.Namespace, devices: int | str | None = None) -> list[str]:
    """Words that all jobs of a plan share: its machine and its folders, these as absolute paths.

    Args:
        args: of a parser with the options of this module.
        devices: in the place of those of ``args``.
    """
    words = ["--nodes", str(args.nodes), "--precision", args.precision, "--workers", str(args.workers)]
    words += ["--devices", str(args.devices if devices is None else devices)]
    words += ["--keep-maps", args.keep_maps] if args.keep_maps else []
    words += ["--clips-a-device", str(args.clips_a_device)] if args.clips_a_device else []
    words += ["--compile"] if args.compile else []
    words += ["--reuse-other-code"] if args.reuse_other_code else []
    words += ["--logger", ",".join(args.logger)] if args.logger is not None else []
    for name in FOLDERS:
        value = getattr(args, name)
        words += [f"--{name.replace('_', '-')}", str(Path(value).absolute())] if value else []
    return words


def _devices(text: str) -> int | str:
    try:
        return text if text == "auto" else whole(1)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}; or auto, which is all GPUs, or one process without one") from None
