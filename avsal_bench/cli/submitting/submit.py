"""The command ``avsal submit``: check records, and put them on the leaderboard."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from avsal_bench.bench.words import folder_options
from avsal_bench.cli.options import Commands, add_command, leaderboard_folder
from avsal_bench.names import printable
from avsal_bench.text import many
from avsal_bench.typed import place

# Heavy imports stand inside the command: `avsal --help` must answer at once.

EXAMPLES = """All that is wrong is listed at once. A folder is taken whole or not at all.

examples
  avsal submit --check runs/my_records      only look
  avsal submit runs/my_records              add them, and make the leaderboard anew
  avsal submit --check                      look at the records of the leaderboard
  avsal submit --schema > record.json       the form of a record"""


def add_parser(commands: Commands) -> None:
    """Add ``submit`` to the commands of ``avsal``."""
    parser = add_command(commands, "submit", submit, "check records and put them on the leaderboard", epilog=EXAMPLES)
    folder_options(parser)
    parser.add_argument(
        "paths", type=place, nargs="*", metavar="RECORD", help="records, or folders of them, however deep"
    )
    parser.add_argument("--check", action="store_true", help="only check; without RECORD those of the leaderboard")
    parser.add_argument("--replace", metavar="REASON", help="put them in the place of records that are there, and why")
    parser.add_argument(
        "--pictures",
        action="store_true",
        help="also the pictures beside the records; they show frames of the sets: may those be published?",
    )
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of a record, and do nothing else")


def submit(args: Namespace) -> int:
    """Check records, say all that is wrong with them, and publish them when nothing is."""
    if args.schema:
        return _print_schema()
    from avsal_bench.data.layouts.listed import listed_frames
    from avsal_bench.evaluation.protocol import list_protocols, protocol
    from avsal_bench.files import check_writable
    from avsal_bench.leaderboard.page.readme import write_leaderboard
    from avsal_bench.leaderboard.submissions.publishing import check_pictures, publish_records
    from avsal_bench.leaderboard.submissions.submit import check_submission, incomplete_folds

    folder = leaderboard_folder(args)
    rules = {name: protocol(name) for name in list_protocols()}
    averaging = {name: rule.averaging for name, rule in rules.items()}
    if not args.paths and not args.check:
        raise ValueError("name records or folders of them; only --check alone looks at those of the leaderboard")
    own = folder / "records"
    paths = [Path(path) for path in args.paths] or ([own] if own.is_dir() else [])
    blank_counts = [name for name, rule in rules.items() if rule.blank == "chance" or rule.formulas == "crowdsal"]
    found = check_submission(paths, folder, averaging, listed_frames, args.replace, blank_counts)
    if args.pictures:
        check_pictures(found)
    for path, problems in found.problems.items():
        for problem in problems:
            print(printable(f"{path}: {problem}"))
    for path in found.strays:
        print(printable(f"note: {path}: left by another program, and ignored"))
    for line in incomplete_folds(found, folder):
        print(f"note: {line}")
    if found.problems:
        bad = len(found.problems)
        print(f"{bad} of {many(bad + len(found.records), 'file')} cannot be published; nothing was changed")
        return 1
    if args.paths and not found.records:
        raise ValueError(f"no record in {', '.join(args.paths)}; records are files called .json")
    print(f"{many(len(found.records), 'record')}, nothing against them")
    if args.check:
        return 0

    check_writable([folder], found.places.values(), "see --leaderboard")
    written = publish_records(found, folder, write_leaderboard, args.pictures)
    print("\ncommit these:")
    for path in written:
        print(f"  {path}")
    if args.replace:
        print(f"and say in the commit why records were replaced: {args.replace}")
    return 0


def _print_schema() -> int:
    from avsal_bench.record_form import json_schema

    print(json.dumps(json_schema(), indent=1))
    return 0
