"""The command ``avsal protocols``: the same maps under every protocol."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from avsal_bench.bench.words import folder_options, space_of
from avsal_bench.cli.options import Commands, add_command, submission_of, submission_options
from avsal_bench.typed import place


def add_parser(commands: Commands) -> None:
    """Add ``protocols`` to the commands of ``avsal``."""
    text = "score the same maps under every protocol, side by side"
    parser = add_command(commands, "protocols", protocols, text)
    folder_options(parser)
    submission_options(parser)
    parser.add_argument("--base", default="stavis", help="the protocol to compare with (default: %(default)s)")
    parser.add_argument("--choices", action="store_true", help="also change the base one choice at a time")
    parser.add_argument("--csv", type=place, metavar="FILE", help="also write the scores to this file")


def protocols(args: Namespace) -> int:
    """Score the same maps under every protocol, side by side."""
    from avsal_bench.studies.protocols import compare_protocols
    from avsal_bench.workers import Workers

    space = space_of(args)
    submission = submission_of(args)
    space.check_writable(files=[Path(args.csv)] if args.csv else [])
    with Workers(args.workers) as workers:
        print(compare_protocols(submission, space, workers, args.allow_missing, args.base, args.choices, args.csv))
    return 0
