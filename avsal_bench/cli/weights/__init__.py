"""The commands ``avsal weights <command>``: published weights, checked and imported. Nothing is downloaded."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avsal_bench.models.weights.store import Found, Report

# Heavy imports stand inside the commands: `avsal --help` must answer at once.

_EPILOG = """\
Nothing is downloaded: fetch the files from their authors (`avsal weights list` says where), leave their names as they
are, unpack archives, and import the whole folder:

  avsal weights list
  avsal weights verify ~/downloads
  avsal weights import ~/downloads
  avsal weights import ~/downloads/weights.pt --as vinet_dhf1k      a file that you renamed

A file is opened without running anything in it, and must fit its network entry by entry. Importing twice is harmless.
"""


def add_weights_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands of ``avsal weights`` to its parser."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    commands = parser.add_subparsers(dest="weights_command", required=True, metavar="command")

    def command(name: str, function: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(function=function)
        added.add_argument(
            "--weights-store", metavar="DIR", help="folder of imported weights (environment: AVSAL_WEIGHTS)"
        )
        return added

    command("list", listed, "list published weights, where their authors offer them, and which are imported")
    verified = command("verify", verify, "check files of weights and write nothing; exit 1 when one is wrong")
    _place(verified)
    imported = command("import", import_, "check files of weights, and keep them in the store; exit 1 when one fails")
    _place(imported)


def _place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", metavar="FOLDER_OR_FILE", help="that you fetched; a folder with all below it")
    parser.add_argument("--as", dest="name", metavar="NAME", help="of the weights, for one file with another name")


def listed(args: argparse.Namespace) -> int:
    """List published weights."""
    from avsal_bench.models.weights.store import list_weights, weights_owner
    from avsal_bench.text import text_table

    store = _store(args)
    rows = []
    for name, entry in list_weights().items():
        there = "yes" if (store / f"{name}.pt").is_file() else "no"
        known = "no" if entry.sha256 == "unknown" else "yes"
        rows.append((name, weights_owner(name), entry.file, known, there, entry.licence))
    print(text_table(["weights", "of", "file", "checksum", "imported", "licence"], rows))
    print("\nwhat, and where to fetch it")
    for name, entry in list_weights().items():
        print(f"  {name}: {entry.what}\n    {entry.source}\n    {entry.form}")
    print(f"\nstore  {store}")
    return 0


def verify(args: argparse.Namespace) -> int:
    """Check files of weights."""
    from avsal_bench.models.weights.store import verify_weights

    found = _found(args)
    return _print(verify_weights(found), found)


def import_(args: argparse.Namespace) -> int:
    """Check files of weights, and keep them in the store."""
    from avsal_bench.models.weights.store import import_weights

    found, store = _found(args), _store(args)
    failed = _print(import_weights(found, store), found)
    print(f"store  {store}")
    return failed


def _found(args: argparse.Namespace) -> Found:
    from avsal_bench.models.weights.store import find_weights

    return find_weights(Path(args.place).expanduser(), args.name)


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
    print(f"{len(reports)} files of weights, {failed} failed")
    return 1 if failed or not reports else 0


def _store(args: argparse.Namespace) -> Path:
    from avsal_bench.bench.workspace import workspace

    return Path(args.weights_store).expanduser() if args.weights_store else workspace().weights
