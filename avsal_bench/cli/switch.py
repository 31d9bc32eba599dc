"""The command ``avsal switch``: how often the classifier of an AVC-aware network is right."""

from __future__ import annotations

import argparse
from pathlib import Path

from avsal_bench.bench.words import folder_options, machine_of, machine_options, space_of
from avsal_bench.cli.options import Commands, add_command
from avsal_bench.typed import place

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Ask the classifier of AVC-aware networks about every frame of the test videos of their records, and hold its decisions
against the labels: the accuracy with its interval over videos, beside the rate of the more frequent label. Where the
record of the ideal switch lies beside (`--set network.avc=labels`), also what that is better by. Nothing is trained or
written. docs/avc.md has the rules."""


def add_parser(commands: Commands) -> None:
    """Add ``switch`` to the commands of ``avsal``."""
    example = "example:\n  avsal switch leaderboard/records/stavis/synth/avc-caspnet-avenet_av-fold1-seed0.json"
    text = "accuracy of the classifiers of AVC-aware networks"
    parser = add_command(commands, "switch", switch, text, _DESCRIPTION, example)
    parser.set_defaults(logger=None)
    folder_options(parser)
    parser.add_argument(
        "records", type=place, nargs="+", metavar="RECORD", help="files of the leaderboard's folder records"
    )
    machine_options(parser)


def switch(args: argparse.Namespace) -> int:
    """Measure, and print a line a record; two, where the ideal switch was tested too."""
    from avsal_bench.studies.ideal_switch import ideal_gain
    from avsal_bench.studies.switch import measure_switch

    space, machine = space_of(args), machine_of(args)
    for path in map(Path, args.records):
        print(f"{path.name}: {measure_switch(path, space, machine)}", flush=True)
        if gain := ideal_gain(path):
            print(gain, flush=True)
    return 0
