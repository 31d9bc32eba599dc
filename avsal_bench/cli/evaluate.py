"""The command ``avsal evaluate``: score maps that any code made."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

from avsal_bench.bench.words import folder_options, space_of
from avsal_bench.cli.options import Commands, add_command, publish, submission_of, submission_options
from avsal_bench.typed import word


def add_parser(commands: Commands) -> None:
    """Add ``evaluate`` to the commands of ``avsal``."""
    text = "score saliency maps that any code made, and put them on the leaderboard"
    parser = add_command(commands, "evaluate", evaluate, text)
    folder_options(parser)
    submission_options(parser)
    parser.add_argument(
        "--trained-on",
        type=word,
        metavar="SETS",
        help="what made the maps was trained on: data sets, such as dhf1k,avad, whose training part of this fold is "
        "meant (or avad/train/2); collections such as kinetics400; other:<name>; or nothing. Told in the record; the "
        "leaderboard says zero-shot or not (default: unknown)",
    )
    parser.add_argument("--protocol", default="stavis", help="how maps become scores (default: %(default)s)")
    parser.add_argument(
        "--force", action="store_true", help="score everything anew, and replace the record of this name"
    )


def evaluate(args: Namespace) -> int:
    """Score maps that any code made, and put them on the leaderboard."""
    from avsal_bench.bench.evaluate import evaluate as score
    from avsal_bench.bench.seen.saying import asked_words
    from avsal_bench.evaluation.protocol import protocol
    from avsal_bench.leaderboard.page.readme import summary_table
    from avsal_bench.records import read_record
    from avsal_bench.workers import Workers

    space = space_of(args)
    submission = submission_of(args)
    if args.trained_on is not None:
        submission = replace(submission, trained_on=asked_words(args.trained_on, args.fold))
    rule = protocol(args.protocol)
    with Workers(args.workers) as workers:
        path = score(submission, rule, space, workers, args.allow_missing, args.force)
    publish(space.leaderboard)
    print(f"\n{summary_table([read_record(path)])}\n\nrecord  {path}")
    return 0
