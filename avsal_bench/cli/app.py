"""The command line: ``avsal <command>``. Each command is a few lines around a function that anyone can call."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.cli.analyse import add_analyse_command
from avsal_bench.cli.bench import add_bench_commands, folder_options, leaderboard, space_of
from avsal_bench.cli.data import add_data_commands
from avsal_bench.cli.hear import add_hear_command
from avsal_bench.cli.models import add_models_command
from avsal_bench.cli.predict import add_predict_command
from avsal_bench.cli.pseudo import add_pseudo_command
from avsal_bench.cli.publish import add_publish_commands
from avsal_bench.cli.retention import add_retention_command
from avsal_bench.cli.switch import add_switch_command
from avsal_bench.cli.weights import add_weights_commands

if TYPE_CHECKING:
    from avsal_bench.bench.evaluate import Submission

# Heavy imports stand inside the commands: `avsal --help` must answer at once.


def evaluate(args: argparse.Namespace) -> int:
    """Score maps that any code made, and put them on the leaderboard."""
    from avsal_bench.bench.evaluate import evaluate as score
    from avsal_bench.evaluation.protocol import protocol
    from avsal_bench.leaderboard.page.readme import summary_table
    from avsal_bench.records import read_record
    from avsal_bench.workers import Workers

    space = space_of(args)
    submission = _submission(args)
    rule = protocol(args.protocol)
    space.check_writable()
    with Workers(args.workers) as workers:
        path = score(submission, rule, space, workers, args.allow_missing, args.force)
    leaderboard(args)
    print(f"\n{summary_table([read_record(path)])}\n\nrecord  {path}")
    return 0


def protocols(args: argparse.Namespace) -> int:
    """Score the same maps under every protocol, side by side."""
    from avsal_bench.studies.protocols import compare_protocols
    from avsal_bench.workers import Workers

    space = space_of(args)
    submission = _submission(args)
    space.check_writable()
    with Workers(args.workers) as workers:
        text = compare_protocols(submission, space, workers, args.allow_missing, args.base, args.choices, args.csv)
    print(text)
    return 0


def synth(args: argparse.Namespace) -> int:
    """Make the embedded data set, or find it made."""
    from avsal_bench.data.synth.making import ensure_synth

    space = space_of(args)
    ensure_synth(space.synth_root)
    print(space.synth_root)
    return 0


def models(args: argparse.Namespace) -> int:
    """List networks, data sets and protocols."""
    from avsal_bench.bench.jobs import HUMAN
    from avsal_bench.data.dataset import dataset, list_datasets
    from avsal_bench.evaluation.protocol import PROTOCOLS
    from avsal_bench.models import list_models, model_entry

    print("networks")
    for name in list_models():
        entry = model_entry(name)
        print(f"  {name:<16}{', '.join(entry.modalities) or 'baseline':<12}{entry.paper}")
    print(f"  {HUMAN:<16}{'bound':<12}dave2019")
    print("data sets")
    for name in list_datasets():
        kind = "made here" if dataset(name).embedded else "AVSAL_DATA"
        print(f"  {name:<14}{'sound' if dataset(name).sound else 'no sound':<10}{kind:<12}{dataset(name).citation}")
    print("protocols (docs/protocols.md)")
    for rule in PROTOCOLS.values():
        print(f"  {rule.name:<12}{rule.source}")
    return 0


def _submission(args: argparse.Namespace) -> Submission:
    from avsal_bench.bench.evaluate import Submission
    from avsal_bench.data.dataset import resolve_name

    maps = Path(args.pred)
    name = args.name or maps.resolve().name
    return Submission(maps, name, resolve_name(args.dataset), args.fold, args.modality, args.first)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="avsal",
        description="A benchmark of audio-visual video saliency prediction.",
        epilog="First steps: `avsal bench avrsp` trains and tests on the embedded data set, in minutes on a laptop. "
        "With AVSAL_DATA naming the folder of the real sets, the same command runs the published recipe on them.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    def command(name: str, function: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        added.set_defaults(function=function)
        folder_options(added)
        return added

    add_bench_commands(commands)
    add_hear_command(commands)
    add_switch_command(commands)
    add_pseudo_command(commands)
    other = command("evaluate", evaluate, "score saliency maps that any code made, and put them on the leaderboard")
    _submission_options(other)
    other.add_argument("--protocol", default="stavis", help="how maps become scores (default: %(default)s)")
    other.add_argument("--force", action="store_true", help="replace a record of other maps of the same name")

    side = command("protocols", protocols, "score the same maps under every protocol, side by side")
    _submission_options(side)
    side.add_argument("--base", default="stavis", help="the protocol to compare with (default: %(default)s)")
    side.add_argument("--choices", action="store_true", help="also change the base one choice at a time")
    side.add_argument("--csv", metavar="FILE", help="also write the scores to this file")

    add_analyse_command(commands)
    add_predict_command(commands)
    add_retention_command(commands)
    add_publish_commands(commands)
    command("synth", synth, "make the embedded data set, if it is not there")
    data = commands.add_parser(
        "data", help="check, count, show and prepare data sets", description="Check, count, show and prepare data sets."
    )
    add_data_commands(data)
    add_models_command(commands)
    text = "list, verify and import published weights"
    add_weights_commands(commands.add_parser("weights", help=text, description=f"{text.capitalize()}."))
    command("list", models, "list networks, data sets and protocols")
    return parser


def _submission_options(parser: argparse.ArgumentParser) -> None:
    from avsal_bench.evaluation.layouts import LAYOUTS

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "One grey png, jpg or npy a frame, of any size; an npy may hold any numbers from 0 up. The maps may lie as\n"
        f"{LAYOUTS}\n"
        "Missing, unreadable, extra and constant maps are listed before any scoring. A killed run goes on with the\n"
        "next video."
    )
    parser.add_argument("--pred", required=True, metavar="DIR", help="folder of the maps")
    parser.add_argument("--dataset", required=True, metavar="SET", help="such as AVAD; `avsal list` names them")
    parser.add_argument("--fold", type=int, default=1, choices=[1, 2, 3], help="test list (default: %(default)s)")
    parser.add_argument("--name", help="of the network in tables and file names (default: that of the folder)")
    parser.add_argument("--modality", default="", choices=["v", "av", "a"], help="what the network eats, for tables")
    parser.add_argument("--first", type=int, default=1, help="number of the first frame's file (default: %(default)s)")
    parser.add_argument("--allow-missing", action="store_true", help="score what is there; the record says so")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s, one a core)"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; bad input becomes one line on stderr and exit code 2."""
    args = _parser().parse_args(argv)
    try:
        return int(args.function(args))
    except (ValueError, OSError, FloatingPointError) as error:
        if os.environ.get("AVSAL_TRACEBACK"):
            raise
        print(f"avsal {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
