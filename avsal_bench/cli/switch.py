"""The command ``avsal switch``: how often the classifier of an AVC-aware network is right."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.cli.bench import space_of
from avsal_bench.cli.options import folder_options, machine_of, machine_options

if TYPE_CHECKING:
    from argparse import _SubParsersAction

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Ask the classifier of AVC-aware networks about every frame of the test videos of their records, and hold its decisions
against the labels: the accuracy with its interval over videos, beside the rate of the more frequent label. Where the
record of the ideal switch lies beside (`--set network.avc=labels`), also what that is better by. Nothing is trained or
written. docs/avc.md has the rules."""


def add_switch_command(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``switch`` to the commands of ``avsal``."""
    parser = commands.add_parser(
        "switch",
        help="accuracy of the classifiers of AVC-aware networks",
        description=_DESCRIPTION,
        epilog="example:\n  avsal switch leaderboard/records/stavis/synth/avc-caspnet-avenet_av-fold1-seed0.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=switch, logger=None)
    folder_options(parser)
    parser.add_argument("records", nargs="+", metavar="RECORD", help="files of the leaderboard's folder records")
    machine_options(parser)


def switch(args: argparse.Namespace) -> int:
    """Measure, and print a line a record; two, where the ideal switch was tested too."""
    from avsal_bench.leaderboard.hearing import COMPARED, Condition, difference
    from avsal_bench.records import read_record
    from avsal_bench.studies.switch import measure_switch

    space, machine = space_of(args), machine_of(args)
    for path in map(Path, args.records):
        print(f"{path.name}: {measure_switch(path, space, machine)}", flush=True)
        record = read_record(path)
        beside = path.with_name(path.name.replace(record.model, f"{record.model}-ideal", 1))
        if beside.is_file():
            both = [Condition(r.network, {(r.fold, r.seed): r}) for r in (read_record(beside), record)]
            found = [(metric, difference(both[0], both[1], metric)) for metric in COMPARED]
            told = ", ".join(f"{m} {i.mean:+.3f} [{i.low:+.3f}, {i.high:+.3f}]" for m, i in found)
            print(f"{beside.name}: the ideal switch less the learned one, paired by video: {told}", flush=True)
    return 0
