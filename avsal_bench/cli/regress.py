"""The command ``avsal regress``: rerun small benchmarks, and compare every score with what is expected."""

from __future__ import annotations

import os
from argparse import Namespace

from avsal_bench.bench.words import folder_options, space_of
from avsal_bench.cli.options import Commands, add_command
from avsal_bench.typed import seeds_or_all

# Heavy imports stand inside the command: `avsal --help` must answer at once.

#: What is compared when no file is named: quick, but for AVRSP's smoke training.
REGRESS = ("quick", "chance", "smoke")


EXAMPLES = """examples
  avsal regress                                                    minutes: quick, chance and smoke
  avsal regress quick                                              seconds
  avsal regress smoke --seeds all                                  each seed that has expected scores: an hour
  avsal regress vinet --update --reason "first scores of ViNet"    write down what is expected
  avsal regress smoke --update --seeds 1,2 --reason "more seeds"   of these seeds; scores of the others stay
Records on the leaderboard that this very code made are not made again; --update takes those of other code too
with --reuse-other-code."""


def add_parser(commands: Commands) -> None:
    """Add ``regress`` to the commands of ``avsal``."""
    text = "rerun small benchmarks, and compare every score with what is expected; exit 1 when one drifted"
    parser = add_command(commands, "regress", regress, text, epilog=EXAMPLES)
    folder_options(parser)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of files in benchmarks/expected (default: {' '.join(REGRESS)}); --update makes one of a new network",
    )
    parser.add_argument(
        "--seeds", type=seeds_or_all, default=[0], help="such as 0,1, or all that a file has scores of; by default 0"
    )
    parser.add_argument("--update", action="store_true", help="write the scores of now; read them before you commit")
    parser.add_argument("--reason", default="", help="why the scores move, with --update; it is kept in the file")


def regress(args: Namespace) -> int:
    """Compare the scores of reruns with those expected, or write those down."""
    # Expected scores are those of a processor; a GPU rounds otherwise. It must be said before torch looks for one.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    from avsal_bench.studies.expected import compare_expected, look_for_expected, update_expected

    if args.update and not (args.names and args.reason.strip()):
        raise ValueError('--update rewrites the files that it names, and keeps why: --update NAME --reason "..."')
    if args.reason and not args.update:
        raise ValueError("--reason says why scores are rewritten; give --update too, or leave it out")
    space = space_of(args)
    if args.update:
        for name in args.names:
            print(f"wrote {update_expected(name, space, args.reason, args.seeds)}")
        return 0
    if space.reuse_other_code:
        raise ValueError("--reuse-other-code: a check of what other code made says nothing of this one; leave it out")
    names = args.names or REGRESS
    for name in names:
        look_for_expected(name, args.seeds)  # before the first of them trains for minutes
    wrong = 0
    for name in names:
        compared = compare_expected(name, space, args.seeds)
        print(compared)
        wrong += compared.wrong
    return 1 if wrong else 0
