"""What several commands share: options, what they mean, and the leaderboard that is written at the end."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from avsal_bench.ending import shared_options
from avsal_bench.map_layouts import LAYOUTS
from avsal_bench.names import printable
from avsal_bench.resources import home
from avsal_bench.typed import fold, place, whole, word

if TYPE_CHECKING:
    import torch

    from avsal_bench.bench.evaluate import Submission
    from avsal_bench.bench.launch.slurm import Cluster
    from avsal_bench.data.dataset import Video
    from avsal_bench.getting.carry_out import Asked
    from avsal_bench.prediction import Predictor

#: Of a parser: what commands are added to.
Commands: TypeAlias = "argparse._SubParsersAction[ArgumentParser]"

# Heavy imports stand inside the functions: `avsal --help` must answer at once.


def add_command(
    commands: Commands,
    name: str,
    function: Callable[[Namespace], int],
    text: str,
    description: str = "",
    epilog: str | None = None,
    usage: str | None = None,
) -> ArgumentParser:
    """Add a command, and return its parser.

    Args:
        commands: of ``avsal``, or of one of its commands.
        name: as it is typed.
        function: gets the parsed arguments, and returns the exit code.
        text: a line in the list of commands.
        description: in its own help, lines as they are; by default the line.
        epilog: at the end of its help, lines as they are.
        usage: in the place of what argparse makes.
    """
    parser = commands.add_parser(
        name,
        help=text,
        description=description or f"{text[0].upper()}{text[1:]}.",
        epilog=epilog,
        usage=usage,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=function)
    shared_options(parser)
    return parser


def typed_command() -> str:
    """The command as it was typed, of paths their last part alone, as it is shown to others; at most 300 characters."""
    return " ".join(["avsal", *(shlex.quote(Path(word).name if "/" in word else word) for word in sys.argv[1:])])[:300]


def film_and_network(args: Namespace, model: str, modality: str = "") -> tuple[Video, Predictor, torch.device]:
    """The video file, the network and the device that a command with :func:`film_options` names.

    Args:
        args: of the command.
        model: that is meant where neither ``--weights`` nor ``--model`` is given.
        modality: likewise.

    Raises:
        FileNotFoundError, ValueError: as opening the film and finding the weights do.
    """
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.prediction import Running, open_film
    from avsal_bench.prediction.predictor import find_predictor

    device = Running(device=args.device).torch_device()
    video = open_film(Path(args.video), Path(args.audio) if args.audio else None)
    meant = (args.model, "") if args.weights else (args.model or model, modality)
    return video, find_predictor(workspace(runs=args.runs), args.weights, *meant, args.set), device


def need_dataset(args: Namespace, **usual: object) -> None:
    """Give options that pick of a data set what they usually are, and refuse them where no set is named.

    Args:
        args: with ``dataset``; the options are None where nobody gave them.
        usual: by the option's name.

    Raises:
        ValueError: naming an option that would be left out in silence.
    """
    for name, value in usual.items():
        given = getattr(args, name)
        if given is not None and not args.dataset:
            raise ValueError(f"--{name} {given}: picks of a data set, which --dataset names; leave it out")
        setattr(args, name, value if given is None else given)


def one_a_core(parser: argparse._ActionsContainer) -> None:
    """Add the option that says how many processes read and count."""
    text = "processes (default: %(default)s, one a core)"
    parser.add_argument("--workers", type=whole(0), default=os.cpu_count() or 1, help=text)


def submission_options(parser: ArgumentParser) -> None:
    """Add the options that name maps which any code made, and what they are of."""
    parser.epilog = (
        "One grey png, jpg or npy a frame, of any size; an npy may hold any numbers from 0 up. Or a film a video,\n"
        "whose n-th picture is the map of frame n. The maps may lie as\n"
        f"{LAYOUTS}\n"
        "Missing, unreadable, extra and constant maps are listed before any scoring. A killed run goes on with the\n"
        f"next video.\n\nexample\n  {parser.prog} --pred my_maps --dataset AVAD --fold 1 --name mymodel"
    )
    parser.add_argument("--pred", type=place, required=True, metavar="DIR", help="folder of the maps")
    parser.add_argument("--dataset", required=True, metavar="SET", help="such as AVAD; `avsal list` names them")
    parser.add_argument("--fold", type=fold, default=1, metavar="K", help="test list, from 1 (default: %(default)s)")
    parser.add_argument(
        "--name", type=word, help="of the network in tables and file names (default: that of the folder)"
    )
    parser.add_argument("--modality", default="", choices=["v", "av", "a"], help="what the network takes, for tables")
    parser.add_argument(
        "--first", type=whole(0), default=1, help="number of the first frame's file (default: %(default)s)"
    )
    parser.add_argument("--allow-missing", action="store_true", help="score what is there; the record says so")
    parser.add_argument("--any-shape", action="store_true", help="score maps that look transposed, cut or letterboxed")
    one_a_core(parser)


def submission_of(args: Namespace) -> Submission:
    """The maps that :func:`submission_options` name."""
    from avsal_bench.bench.evaluate import Submission
    from avsal_bench.data.dataset import resolve_name

    maps = Path(args.pred)
    name = args.name or maps.resolve().name
    return Submission(maps, name, resolve_name(args.dataset), args.fold, args.modality, args.first, args.any_shape)


def network_options(parser: ArgumentParser, weights: str) -> argparse._ArgumentGroup:
    """Add the options that find trained weights; ``weights`` is the help of the first."""
    network = parser.add_argument_group("network")
    network.add_argument("--weights", default="", metavar="W", help=weights)
    network.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as network.frames=16")
    network.add_argument("--runs", type=place, help="folder of checkpoints (default: runs)")
    return network


def film_options(parser: ArgumentParser) -> None:
    """Add the options that name what is heard with a video file, and where the network runs."""
    sound = parser.add_argument_group("sound").add_mutually_exclusive_group()
    sound.add_argument(
        "--audio", type=place, metavar="WAV", help="sound in a file of its own (default: the video's own track)"
    )
    sound.add_argument("--muted", action="store_true", help="let the network hear silence")
    parser.add_argument(
        "--device", default="auto", help="cpu, cuda or cuda:<n>; auto is a GPU where there is one (default: auto)"
    )


def precision_option(parser: argparse._ActionsContainer) -> None:
    """Add the option that says what a network predicts in."""
    text = (
        "bf16 or fp16 on a GPU, bf16 also on a CPU with AMX or AVX512-BF16: faster, and nearly the same maps "
        "(default: %(default)s; docs/speed.md says how near)"
    )
    parser.add_argument("--precision", default="32-true", metavar="P", help=text)


def store_option(parser: ArgumentParser) -> None:
    """Add the option that names the folder of imported weights."""
    text = "folder of imported weights (environment: AVSAL_WEIGHTS)"
    parser.add_argument("--weights-store", type=place, metavar="DIR", help=text)


def store_of(args: Namespace) -> Path:
    """The folder that :func:`store_option` names."""
    from avsal_bench.bench.workspace import workspace

    return Path(args.weights_store) if args.weights_store else workspace().weights


def set_options(parser: ArgumentParser, several: bool = True) -> None:
    """Add the options that say where data sets lie; with ``several``, also those that name some."""
    if several:
        text = "data sets, or six (default: all whose folder is there; else synth)"
        parser.add_argument("sets", nargs="*", metavar="SET", help=text)
    group = parser.add_argument_group("folders and machine")
    text = "of the real data sets (environment: AVSAL_DATA)"
    group.add_argument("--root", "--data-root", type=place, dest="data_root", help=text)
    group.add_argument("--synth-root", type=place, help="of the embedded data set (default: data/synth)")
    one_a_core(group)


def roots_of(args: Namespace) -> dict[str, Path]:
    """The sets that :func:`set_options` name, each with its root."""
    from avsal_bench.bench.sets import asked_sets
    from avsal_bench.bench.workspace import workspace

    return asked_sets(args.sets, workspace(args.data_root, args.synth_root))


def getting_options(parser: ArgumentParser) -> None:
    """Add the options that say how things are fetched."""
    group = parser.add_argument_group("fetching")
    text = "say what would be fetched, from where, how large, under which terms; ask servers for sizes only (HEAD)"
    group.add_argument("--dry-run", action="store_true", help=text)
    text = "accept the terms that are printed; which ones, and when, is written into downloads.json"
    group.add_argument("--accept", action="store_true", help=text)
    text = "downloads at a time (default: %(default)s)"
    group.add_argument("--parallel", type=whole(1, 16), default=4, metavar="N", help=text)
    text = "a mirror: files below the names of their hosts, as `wget -x` puts them (environment: AVSAL_MIRROR)"
    group.add_argument("--from", dest="mirror", type=word, metavar="URL", help=text)
    group.add_argument("--keep", action="store_true", help="keep what was downloaded after it was unpacked or imported")


def asked_of(args: Namespace) -> Asked:
    """The options of :func:`getting_options`."""
    from avsal_bench.getting.carry_out import Asked
    from avsal_bench.getting.offers import mirror_of

    return Asked(args.accept, args.dry_run, args.parallel, mirror_of(args.mirror), args.keep)


def cluster_options(parser: ArgumentParser) -> None:
    """Add the options that :func:`cluster_of` reads."""
    group = parser.add_argument_group("SLURM (docs/cluster.md)", "for each job of the array, with --launcher slurm")
    group.add_argument("--partition", default="", help="by default that of the cluster")
    group.add_argument(
        "--gpus", type=whole(0), default=0, metavar="N", help="on each node, one process each (default: 0)"
    )
    group.add_argument("--time", type=whole(1), default=24 * 60, metavar="MINUTES", help="limit (default: %(default)s)")
    group.add_argument("--cpus", type=whole(0), default=0, metavar="N", help="of a process (default: 1 + --workers)")
    group.add_argument("--mem", type=whole(0), default=0, metavar="GB", help="on each node")
    group.add_argument("--account", default="", help="that pays, where the cluster asks for one")
    group.add_argument("--constraint", default="", help="of the nodes, such as a100")
    group.add_argument(
        "--array-parallel", type=whole(1), default=64, metavar="N", help="jobs at once (default: %(default)s)"
    )
    group.add_argument(
        "--slurm", action="append", default=[], metavar="KEY=VALUE", help="any option of sbatch, such as qos=low"
    )
    group.add_argument("--wait", action="store_true", help="wait for the array, and say which jobs failed or were lost")


def cluster_of(args: Namespace) -> Cluster:
    """The options of :func:`cluster_options`, and ``--devices``, ``--nodes`` and ``--workers``.

    Raises:
        ValueError: for ``--devices`` that are not one for each of ``--gpus``, and for ``--slurm`` without ``=``.
    """
    from avsal_bench.bench.launch.slurm import Cluster

    if args.gpus and args.devices not in ("auto", args.gpus):
        raise ValueError(f"--gpus {args.gpus} and --devices {args.devices} differ; leave --devices out")
    if wrong := [word for word in args.slurm if "=" not in word]:
        raise ValueError(f"--slurm {wrong[0]}: expected KEY=VALUE, such as qos=low")
    return Cluster(
        args.partition,
        args.gpus,
        args.nodes,
        args.gpus or (1 if args.devices == "auto" else int(args.devices)),
        args.time,
        args.cpus or 1 + args.workers,
        args.mem,
        args.account,
        args.constraint,
        args.array_parallel,
        dict(word.split("=", 1) for word in args.slurm),
    )


def leaderboard_folder(args: Namespace) -> Path:
    """Folder of the leaderboard, without looking for anything else."""
    return Path(args.leaderboard) if args.leaderboard else home() / "leaderboard"


def records_option(parser: argparse._ActionsContainer, text: str) -> None:
    """Add the option that says where records lie, if not in the leaderboard's folder; ``text`` ends its help."""
    parser.add_argument(
        "--records",
        type=place,
        action="append",
        default=[],
        metavar="PLACE",
        help="where records lie: a folder, an archive (.zip, .tar.gz), or the address of one, such as "
        f"https://github.com/OWNER/REPO/archive/REF.tar.gz; several times for several. {text}",
    )


def records_of(args: Namespace) -> list[Path]:
    """The folders and files that :func:`records_option` names, with what was said of them printed.

    Raises:
        ValueError, OSError: as :func:`~avsal_bench.leaderboard.record_places.local_places`.
    """
    if not args.records:
        return []
    from avsal_bench.leaderboard.record_places import local_places

    places, notes = local_places(args.records, Path(args.runs) if args.runs else None)
    for note in notes:
        print(f"note: {printable(note)}")
    return places


def publish(folder: Path, places: Sequence[Path] = ()) -> None:
    """Generate the pages of a leaderboard, which may be new, and say what was written and what it is made of.

    Args:
        folder: of the leaderboard.
        places: of records, in the stead of its own.

    Raises:
        OSError: when the folder cannot be written.
    """
    from avsal_bench.files import check_writable
    from avsal_bench.leaderboard.given_files import own_files
    from avsal_bench.leaderboard.page.readme import write_leaderboard
    from avsal_bench.records import stray_records

    check_writable([folder], advice="see --leaderboard")
    for path in stray_records(folder / "records") if not places else ():
        print(f"note: {path}: left by another program, and ignored")
    for path in own_files(folder):
        print(f"note: {path} is used in the place of the one that comes with avsal-bench")
    for path in write_leaderboard(folder, places):
        print(f"wrote {path}")
