"""The parser of all commands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from avsal_bench import __version__
from avsal_bench.cli.analyse import add_parser as add_analyse
from avsal_bench.cli.bench import add_parser as add_bench
from avsal_bench.cli.card import add_parser as add_card
from avsal_bench.cli.data import add_parser as add_data
from avsal_bench.cli.evaluate import add_parser as add_evaluate
from avsal_bench.cli.handing_on.export import add_parser as add_export
from avsal_bench.cli.hear import add_parser as add_hear
from avsal_bench.cli.leaderboard import add_parser as add_leaderboard
from avsal_bench.cli.list import add_parser as add_list
from avsal_bench.cli.looking.show_record import add_parser as add_show
from avsal_bench.cli.models import add_parser as add_models
from avsal_bench.cli.predict import add_parser as add_predict
from avsal_bench.cli.protocols import add_parser as add_protocols
from avsal_bench.cli.pseudo import add_parser as add_pseudo
from avsal_bench.cli.regress import add_parser as add_regress
from avsal_bench.cli.retention import add_parser as add_retention
from avsal_bench.cli.run import add_parser as add_run
from avsal_bench.cli.study import add_parser as add_study
from avsal_bench.cli.submitting.submit import add_parser as add_submit
from avsal_bench.cli.submitting.submit_challenge import add_parser as add_submit_challenge
from avsal_bench.cli.switch import add_parser as add_switch
from avsal_bench.cli.synth import add_parser as add_synth
from avsal_bench.cli.weights import add_parser as add_weights
from avsal_bench.ending import exit_code, parsed, shared_options

#: In the order of `avsal --help`: what most come for, what looks closer, and what few need.
COMMANDS = (
    *(add_bench, add_evaluate, add_predict, add_leaderboard, add_list, add_models, add_data, add_weights, add_submit),
    *(add_submit_challenge, add_card, add_show),
    *(add_hear, add_study, add_protocols, add_analyse, add_regress),
    *(add_export, add_run, add_synth, add_switch, add_pseudo, add_retention),
)

FIRST_STEPS = """first steps
  avsal bench avrsp                                        train and test on the embedded set, minutes on a laptop
  avsal evaluate --pred my_maps --dataset AVAD --fold 1    score maps that any code made
  avsal predict film.mp4 -o look.mp4                       maps for a video, with the network trained last
  avsal leaderboard                                        then open leaderboard/index.html
With AVSAL_DATA naming the folder of real sets, `avsal bench` runs the published recipes on them.
`avsal <command> --help` has the options of a command, and examples.

Exit codes: 0 done, 1 something failed or found, 2 what you gave is wrong or missing, 70 a fault of avsal."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code and the words of an error are those of :mod:`avsal_bench.ending`."""
    args = parsed(_parser(), argv)
    return exit_code(f"avsal {args.command}", args.function, args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="avsal",
        description="A benchmark of audio-visual video saliency prediction.",
        epilog=FIRST_STEPS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shared_options(parser)
    parser.add_argument("--version", action="version", version=f"avsal {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for add in COMMANDS:
        add(commands)
    return parser
