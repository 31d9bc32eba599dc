"""The commands ``avsal weights verify`` and ``avsal weights import``, for files that a person fetched."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.cli.options import Commands, add_command, store_of, store_option
from avsal_bench.text import many
from avsal_bench.typed import place, word

if TYPE_CHECKING:
    from avsal_bench.models.weights.store import Found, Report

# Heavy imports stand inside the commands: `avsal --help` must answer at once.


def add_verify(commands: Commands, epilog: str) -> None:
    """Add ``verify`` to the commands of ``avsal weights``."""
    text = "check files of weights and write nothing; exit 1 when one is wrong"
    _place(add_command(commands, "verify", verify, text, epilog=epilog))


def add_import(commands: Commands, epilog: str) -> None:
    """Add ``import`` to the commands of ``avsal weights``."""
    text = "check files of weights, and keep them in the store; exit 1 when one fails"
    _place(add_command(commands, "import", import_, text, epilog=epilog))


def _place(parser: ArgumentParser) -> None:
    store_option(parser)
    parser.add_argument(
        "place", type=place, metavar="FOLDER_OR_FILE", help="that you fetched; a folder with all below it"
    )
    parser.add_argument(
        "--as", dest="name", type=word, metavar="NAME", help="of the weights, for one file with another name"
    )


def verify(args: Namespace) -> int:
    """Check files of weights."""
    from avsal_bench.models.weights.store import find_weights, verify_weights

    found = find_weights(Path(args.place), args.name)
    return _print(verify_weights(found), found)


def import_(args: Namespace) -> int:
    """Check files of weights, and keep them in the store."""
    from avsal_bench.models.weights.store import find_weights, import_weights

    found, store = find_weights(Path(args.place), args.name), store_of(args)
    failed = _print(import_weights(found, store), found)
    print(f"store  {store}")
    return failed


def _print(reports: Sequence[Report], found: Found) -> int:
    for report in reports:
        if report.outcome == "failed":
            print(f"FAILED {report.name}: {report.detail}", file=sys.stderr)
        else:
            print(f"{report.outcome}  {report.name}  {report.file}\n  {report.detail}")
    for path in found.archives:
        print(f"not looked into: {path}; unpack it, if it holds weights", file=sys.stderr)
    for path in found.others:
        print(f"of no known name: {path}; if you renamed it, give it by itself with --as NAME", file=sys.stderr)
    failed = sum(report.outcome == "failed" for report in reports)
    print(f"{many(len(reports), 'file')} of weights, {failed} failed")
    return 1 if failed or not reports else 0
