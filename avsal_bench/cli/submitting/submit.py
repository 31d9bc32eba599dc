"""The command ``avsal submit``: check records, and put them on the leaderboard."""

from __future__ import annotations

import json
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.bench.words import folder_options
from avsal_bench.cli.options import Commands, add_command, leaderboard_folder
from avsal_bench.names import printable
from avsal_bench.text import many
from avsal_bench.typed import place, word

if TYPE_CHECKING:
    from avsal_bench.leaderboard.submissions.submit import Submission

# Heavy imports stand inside the command: `avsal --help` must answer at once.

EXAMPLES = """All that is wrong is listed at once. A folder is taken whole or not at all.

examples
  avsal submit --check runs/my_records      only look
  avsal submit --check theirs.zip --markdown table.md
                                            what is wrong, or how the rows would stand, as a table
  avsal submit runs/my_records              add them, and make the leaderboard anew
  avsal submit --check                      look at the records of the leaderboard
  avsal submit --check --commits origin/main..HEAD
                                            look at what your branch brings, as the pull request will be
  avsal submit --schema > record.json       the form of a record"""


def add_parser(commands: Commands) -> None:
    """Add ``submit`` to the commands of ``avsal``."""
    parser = add_command(commands, "submit", submit, "check records and put them on the leaderboard", epilog=EXAMPLES)
    folder_options(parser)
    parser.add_argument(
        "paths",
        type=place,
        nargs="*",
        metavar="RECORD",
        help="records, or folders of them, however deep; with --check also archives, and addresses of them",
    )
    parser.add_argument("--check", action="store_true", help="only check; without RECORD those of the leaderboard")
    parser.add_argument("--replace", metavar="REASON", help="put them in the place of records that are there, and why")
    parser.add_argument(
        "--pictures",
        action="store_true",
        help="also the pictures beside the records; they show frames of the sets: may those be published?",
    )
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of a record, and do nothing else")
    group = parser.add_argument_group("reports, with --check")
    text = "also write what is wrong with each file and what to do, and how each row would stand, as JSON"
    group.add_argument("--json", type=place, metavar="FILE", help=text)
    group.add_argument("--markdown", type=place, metavar="FILE", help="the same as tables in Markdown")
    text = "look at the records that commits bring, as git has them; nothing of them is checked out or run"
    group.add_argument("--commits", type=word, metavar="BASE..HEAD", help=text)


def submit(args: Namespace) -> int:
    """Check records, say all that is wrong with them, and publish them when nothing is."""
    if args.schema:
        return _print_schema()
    _check_options(args)
    if args.check:
        with tempfile.TemporaryDirectory(prefix="avsal-check-") as temporary:
            return _check(args, Path(temporary).resolve())
    from avsal_bench.files import check_writable
    from avsal_bench.leaderboard.by_frame.packed_scores import PACKED
    from avsal_bench.leaderboard.page.readme import write_leaderboard
    from avsal_bench.leaderboard.submissions.publishing import publish_records

    folder = leaderboard_folder(args)
    found = _look(args, [Path(path) for path in args.paths], folder)
    if _say(args, found, folder):
        return 1
    check_writable([folder], found.places.values(), "see --leaderboard")
    written = publish_records(found, folder, write_leaderboard, args.pictures)
    kept = [path for path in written if path.name.endswith(PACKED)]
    print("\ncommit these:")
    for path in written:
        if path not in kept:
            print(f"  {path}")
    if kept:
        print(f"not {many(len(kept), 'file')} of frame scores ({PACKED}), too large for a repository")
    if args.replace:
        print(f"and say in the commit why records were replaced: {args.replace}")
    return 0


def _check_options(args: Namespace) -> None:
    """Raise ValueError for options that do not go together."""
    if not args.paths and not args.check:
        raise ValueError("name records or folders of them; only --check alone looks at those of the leaderboard")
    for option in ("json", "markdown", "commits"):
        if getattr(args, option) and not args.check:
            raise ValueError(f"--{option} goes with --check")
    if args.commits and args.paths:
        raise ValueError(f"--commits {args.commits} says which records are meant; leave {args.paths[0]} out")


def _look(args: Namespace, paths: Sequence[Path], folder: Path) -> Submission:
    """All that is wrong with files."""
    from avsal_bench.data.layouts.listed import listed_frames
    from avsal_bench.evaluation.protocol import list_protocols, protocol
    from avsal_bench.leaderboard.submissions.publishing import check_pictures
    from avsal_bench.leaderboard.submissions.submit import check_submission

    rules = {name: protocol(name) for name in list_protocols()}
    averaging = {name: rule.averaging for name, rule in rules.items()}
    blank_counts = [name for name, rule in rules.items() if rule.blank == "chance" or rule.formulas == "crowdsal"]
    found = check_submission(paths, folder, averaging, listed_frames, args.replace, blank_counts)
    if args.pictures:
        check_pictures(found)
    return found


def _say(args: Namespace, found: Submission, folder: Path, roots: Sequence[Path] = ()) -> bool:
    """Print what was found; whether there are problems."""
    from avsal_bench.leaderboard.submissions.check_report import below
    from avsal_bench.leaderboard.submissions.submit import incomplete_folds

    for path, problems in found.problems.items():
        for problem in problems:
            print(printable(below(f"{path}: {problem}", roots)))
    for path in found.strays:
        print(printable(below(f"note: {path}: left by another program, and ignored", roots)))
    for line in incomplete_folds(found, folder):
        print(f"note: {line}")
    if found.problems:
        bad = len(found.problems)
        print(f"{bad} of {many(bad + len(found.records), 'file')} cannot be published; nothing was changed")
        return True
    if args.paths and not found.records:
        raise ValueError(f"no record in {', '.join(args.paths)}; records are files called .json")
    print(f"{many(len(found.records), 'record')}, nothing against them")
    return False


def _check(args: Namespace, temporary: Path) -> int:
    """Only look, and write reports of it."""
    from avsal_bench.files import check_writable, write_atomically

    reports = {name: Path(getattr(args, name)) for name in ("json", "markdown") if getattr(args, name)}
    check_writable(files=reports.values(), advice="name another file")
    folder = leaderboard_folder(args)
    notes: list[str] = []
    roots: list[Path] = []
    if args.commits:
        from avsal_bench.leaderboard.submissions.commits import bring, check_places

        brought = bring(args.commits, folder, temporary)
        roots = [temporary, brought.top]
        found = _look(args, [temporary], folder)
        check_places(found, folder, temporary)
        found.problems |= brought.problems
        notes = brought.notes
    else:
        found = _look(args, _places(args, folder), folder)
    bad = _say(args, found, folder, roots)
    for note in notes:
        print(f"note: {printable(note)}")
    if reports:
        from avsal_bench.leaderboard.submissions.check_report import make_report, report_json, report_markdown
        from avsal_bench.leaderboard.submissions.standings import standings
        from avsal_bench.leaderboard.submissions.submit import incomplete_folds

        rows = standings([*found.records.values()], folder) if found.records else []
        strays = [f"{path}: left by another program, and ignored" for path in found.strays]
        report = make_report(found, rows, [*notes, *strays, *incomplete_folds(found, folder)], roots)
        texts = {"json": report_json, "markdown": report_markdown}
        for name, path in reports.items():
            write_atomically(path, texts[name](report))
            print(f"wrote {path}")
    return int(bad)


def _places(args: Namespace, folder: Path) -> list[Path]:
    """Files and folders that are looked at."""
    if not args.paths:
        own = folder / "records"
        return [own] if own.is_dir() else []
    from avsal_bench.leaderboard.merged_records import record_files
    from avsal_bench.leaderboard.record_places import is_elsewhere, local_places

    places, notes = local_places(args.paths, Path(args.runs) if args.runs else None)
    for note in notes:
        print(f"note: {printable(note)}")
    named = zip(args.paths, places, strict=True)
    return [file for path, local in named for file in (record_files(local) if is_elsewhere(path) else [local])]


def _print_schema() -> int:
    from avsal_bench.record_form import json_schema

    print(json.dumps(json_schema(), indent=1))
    return 0
