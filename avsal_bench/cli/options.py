"""Options of a run: what the command line asks for, and the words that hand it on to another process."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avsal_bench.bench.machine import Machine

# Heavy imports stand inside the functions: a command line must answer `--help` at once.


def folder_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name folders."""
    group = parser.add_argument_group("folders")
    group.add_argument("--data-root", help="folder of the real data sets (environment: AVSAL_DATA)")
    group.add_argument("--synth-root", help="folder of the embedded data set (default: data/synth)")
    group.add_argument("--runs", help="checkpoints, logs and single results (default: runs)")
    group.add_argument("--leaderboard", help="records and generated pages (default: leaderboard)")


def run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `avsal bench` and `avsal run` share."""
    parser.add_argument("--preset", help="of the recipe (default: paper with real data, else smoke)")
    parser.add_argument("--protocol", default="stavis", help="how maps become scores (default: %(default)s)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override the recipe, such as stages.visual.epochs=2",
    )
    parser.add_argument(
        "--datasets", type=_words, default=[], help="only these of the sets that the recipe tests, such as diem,avad"
    )
    sound_option(parser, "test audio-visual networks with these sounds, not those of their recipes")
    parser.add_argument("--logger", type=_words, metavar="NAMES", help="of training: csv, tensorboard, wandb")
    machine_options(parser)


def sound_option(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the option that names what networks hear in a test."""
    parser.add_argument(
        "--sound", type=_words, default=[], metavar="NAMES", help=f"{text}: original,muted,swapped,shifted,noise"
    )


def machine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what a job runs on."""
    group = parser.add_argument_group("machine")
    group.add_argument("--devices", type=_devices, default="auto", help="GPUs or processes (default: %(default)s)")
    group.add_argument("--nodes", type=int, default=1, help="machines (default: %(default)s)")
    group.add_argument("--precision", default="32-true", help="of Lightning, such as bf16-mixed (default: %(default)s)")
    group.add_argument(
        "--clips-a-device",
        type=int,
        metavar="N",
        help="at a time, where memory is short; steps stay those of the recipe",
    )
    group.add_argument("--compile", action="store_true", help="compile networks; faster after a slow first step")
    group.add_argument(
        "--workers", type=int, default=default_workers(), help="reading processes (default: %(default)s)"
    )
    group.add_argument(
        "--keep-maps",
        nargs="?",
        const="png",
        choices=["png", "npy"],
        help="write the predicted maps beside the results: in 8 bits (png, the default) or as float32 (npy)",
    )


def default_workers() -> int:
    """Reading processes where nobody says how many."""
    return min(8, (os.cpu_count() or 1) // 2)


def machine_of(args: argparse.Namespace) -> Machine:
    """The machine that the options name, and torchrun where it started this process.

    Raises:
        ValueError: when the options and torchrun differ.
    """
    from avsal_bench.bench.machine import Machine

    devices, nodes = args.devices, args.nodes
    if started := os.environ.get("LOCAL_WORLD_SIZE"):  # by torchrun, which says how many there are
        devices, nodes = int(started), int(os.environ["WORLD_SIZE"]) // int(started)
        if (args.devices, args.nodes) not in (("auto", 1), (devices, nodes)):
            raise ValueError(
                f"torchrun started {devices} processes on each of {nodes} nodes, "
                f"and --devices {args.devices} --nodes {args.nodes} say otherwise; leave them out"
            )
    logger = () if args.logger is None else (tuple(args.logger),)
    return Machine(
        devices, nodes, args.precision, args.workers, args.keep_maps, args.clips_a_device, args.compile, *logger
    )


def words_of(args: argparse.Namespace) -> list[str]:
    """Arguments that the jobs of a bench inherit, with absolute folders."""
    words = ["--nodes", str(args.nodes), "--precision", args.precision, "--workers", str(args.workers)]
    words += ["--devices", str(args.devices)] if args.launcher == "local" else []
    words += ["--keep-maps", args.keep_maps] if args.keep_maps else []
    words += ["--clips-a-device", str(args.clips_a_device)] if args.clips_a_device else []
    words += ["--compile"] if args.compile else []
    words += ["--logger", ",".join(args.logger)] if args.logger is not None else []
    for option in ("data_root", "synth_root", "runs", "leaderboard"):
        value = getattr(args, option)
        words += [f"--{option.replace('_', '-')}", str(Path(value).absolute())] if value else []
    return words


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def numbers(text: str) -> list[int]:
    """Numbers with commas between them, as the type of an option."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected numbers such as 1,2,3, got {text!r}") from None


def _devices(text: str) -> int | str:
    return int(text) if text.isdigit() else text
