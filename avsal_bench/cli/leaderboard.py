"""The commands that publish scores: ``avsal leaderboard``, ``avsal submit`` and ``avsal regress``."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.cli.bench import folder_options, leaderboard, leaderboard_folder, space_of

if TYPE_CHECKING:
    from argparse import _SubParsersAction

# Heavy imports stand inside the commands: `avsal --help` must answer at once.

#: What `avsal regress` compares when no file is named: quick, but for AVRSP's smoke training.
REGRESS = ("quick", "chance", "smoke")


def add_publish_commands(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``leaderboard``, ``submit`` and ``regress`` to the commands of ``avsal``."""
    text = "generate the leaderboard from records and published scores, or tables of it for a paper"
    board = commands.add_parser("leaderboard", help=text, description=f"{text[0].upper()}{text[1:]}.")
    board.set_defaults(function=publish)
    folder_options(board)
    group = board.add_argument_group("tables in LaTeX")
    group.add_argument("--latex", metavar="SETS", help="print tables of these sets, such as diem,avad, and stop")
    group.add_argument("--metrics", metavar="NAMES", help="such as CC,NSS (default: all that have a score)")
    group.add_argument("--published", action="store_true", help="also a table of what papers print")
    group.add_argument("--intervals", action="store_true", help="measured: the 95 %% interval below each score")
    group.add_argument("--out", metavar="FILE", help="write the tables there instead")
    group.add_argument(
        "--bibtex", metavar="FILE", nargs="?", const="-", help="also the references of the tables, printed or written"
    )

    text = "check records and put them on the leaderboard"
    hand_in = commands.add_parser("submit", help=text, description=f"{text[0].upper()}{text[1:]}.")
    hand_in.set_defaults(function=submit)
    folder_options(hand_in)
    hand_in.add_argument("paths", nargs="*", metavar="RECORD", help="records, or folders of them, however deep")
    hand_in.add_argument("--check", action="store_true", help="only check; without RECORD those of the leaderboard")
    hand_in.add_argument("--replace", metavar="REASON", help="put them in the place of records that are there, and why")
    hand_in.add_argument(
        "--pictures",
        action="store_true",
        help="also the pictures beside the records; they show frames of the sets: may those be published?",
    )

    text = "rerun small benchmarks, and compare every score with what is expected; exit 1 when one drifted"
    check = commands.add_parser("regress", help=text, description=f"{text[0].upper()}{text[1:]}.")
    check.set_defaults(function=regress)
    folder_options(check)
    check.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of files in benchmarks/expected (default: {' '.join(REGRESS)}); --update makes one of a new network",
    )
    check.add_argument("--update", action="store_true", help="write the scores of now; read them before you commit")
    check.add_argument("--reason", default="", help="why the scores move, with --update; it is kept in the file")


def publish(args: argparse.Namespace) -> int:
    """The leaderboard, or LaTeX tables and references of it."""
    if not args.latex:
        for option in ("metrics", "published", "intervals", "out", "bibtex"):
            if getattr(args, option):
                raise ValueError(f"--{option} is of tables in LaTeX; say of which sets, such as --latex diem,avad")
        return leaderboard(args)
    from avsal_bench.data.dataset import expand
    from avsal_bench.leaderboard.references import bibtex, read_references
    from avsal_bench.leaderboard.reports.latex import latex_tables
    from avsal_bench.files import write_atomically

    folder = leaderboard_folder(args)
    sets = expand(args.latex.split(","))
    metrics = args.metrics.split(",") if args.metrics else []
    tables = latex_tables(folder, sets, metrics, args.published, args.intervals)
    texts = [(args.out, tables.text)]
    if args.bibtex:
        entries = bibtex(read_references(folder / "references.bib"), tables.named)
        texts.append((None if args.bibtex == "-" else args.bibtex, entries))
    for path, text in texts:
        if path is None:
            print(text, end="")
        else:
            write_atomically(Path(path), text)
            print(f"wrote {path}")
    return 0


def submit(args: argparse.Namespace) -> int:
    """Check records, say all that is wrong with them, and publish them when nothing is."""
    from avsal_bench.data.layouts.listed import listed_frames
    from avsal_bench.evaluation.protocol import PROTOCOLS
    from avsal_bench.leaderboard.submit import check_submission, incomplete_folds, publish_records

    folder = leaderboard_folder(args)
    averaging = {name: rule.averaging for name, rule in PROTOCOLS.items()}
    if not args.paths and not args.check:
        raise ValueError("name records or folders of them; only --check alone looks at those of the leaderboard")
    own = folder / "records"
    paths = [Path(path) for path in args.paths] or ([own] if own.is_dir() else [])
    found = check_submission(paths, folder, averaging, listed_frames, args.replace)
    for path, problems in found.problems.items():
        for problem in problems:
            print(f"{path}: {problem}")
    for line in incomplete_folds(found, folder):
        print(f"note: {line}")
    if found.problems:
        bad = len(found.problems)
        print(f"{bad} of {bad + len(found.records)} files cannot be published; nothing was changed")
        return 1
    print(f"{len(found.records)} records, nothing against them")
    if args.check:
        return 0
    written = publish_records(found, args.pictures)
    leaderboard(args)
    print("\ncommit these, with the generated files of the leaderboard:")
    for path in written:
        print(f"  {path}")
    if args.replace:
        print(f"and say in the commit why records were replaced: {args.replace}")
    return 0


def regress(args: argparse.Namespace) -> int:
    """Compare the scores of reruns with those expected, or write those down."""
    # Expected scores are those of a processor; a GPU rounds otherwise. It must be said before torch looks for one.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    from avsal_bench.bench.machine import Machine
    from avsal_bench.leaderboard.drift import drift_table, drifts, failed_claims, new_expected, read_expected, to_json
    from avsal_bench.leaderboard.drift import updated as update
    from avsal_bench.names import pick
    from avsal_bench.files import write_atomically
    from avsal_bench.studies.regress import rerun

    if args.update and not (args.names and args.reason.strip()):
        raise ValueError('--update rewrites the files that it names, and keeps why: --update NAME --reason "..."')
    if args.reason and not args.update:
        raise ValueError("--reason says why scores are rewritten; give --update too, or leave it out")
    space = space_of(args)
    folder = space.home / "benchmarks" / "expected"
    wrong = 0
    for name in args.names or REGRESS:
        path = folder / f"{name}.json"
        if args.update and not path.is_file():
            pick("network with a recipe", name, {p.stem: p for p in space.recipes.glob("*.yaml")})
            expected = new_expected(name)
        else:
            expected = read_expected(path)
        records = list(rerun(expected, space, Machine(devices=1)))
        if args.update:
            write_atomically(path, to_json(update(expected, records, args.reason, f"{datetime.now(UTC):%Y-%m-%d}")))
            print(f"wrote {path}")
            continue
        moved = drifts(records, expected["scores"])
        failed = failed_claims(records, expected)
        compared = sum(map(len, expected["scores"].values()))
        print(f"{name}: {compared} scores compared, {len(moved)} drifted; {len(failed)} claims do not hold")
        print("\n".join([*([drift_table(moved)] if moved else []), *failed]))
        wrong += len(moved) + len(failed)
    return 1 if wrong else 0
