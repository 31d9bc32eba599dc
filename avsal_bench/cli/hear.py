"""The command ``avsal hear``: how much of a score comes from hearing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.cli.bench import leaderboard, space_of
from avsal_bench.cli.options import folder_options, machine_of, machine_options, sound_option

if TYPE_CHECKING:
    from argparse import _SubParsersAction

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Test the networks of records with silence, the sound of another video, the sound a second early or late, and noise: the
same weights, nothing is trained. What is there already is not tested again. Prints what each metric loses, and puts it
on the leaderboard. docs/hearing.md has the rules."""

_EPILOG = """\
examples:
  avsal hear leaderboard/records/stavis/synth/avrsp_av-fold1-seed0.json
  avsal hear leaderboard/records/stavis/diem/stavis_av-*.json --sound swapped"""


def add_hear_command(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``hear`` to the commands of ``avsal``."""
    parser = commands.add_parser(
        "hear",
        help="test networks with other sounds: how much of a score comes from hearing",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=hear, logger=None)
    folder_options(parser)
    parser.add_argument("records", nargs="+", metavar="RECORD", help="files of the leaderboard's folder records")
    sound_option(parser, "only these, beside the true sound")
    machine_options(parser)


def hear(args: argparse.Namespace) -> int:
    """Test what is missing, and print the losses."""
    from avsal_bench.bench.sharing.processes import first_process
    from avsal_bench.bench.plan import asked_sounds
    from avsal_bench.leaderboard.sound_losses import losses_text, sound_losses
    from avsal_bench.records import SOUNDS
    from avsal_bench.studies.hear import hear as test

    space = space_of(args)
    space.check_writable()
    sounds = asked_sounds(args.sound or SOUNDS)
    records = test([Path(path) for path in args.records], space, machine_of(args), sounds)
    if first_process():
        leaderboard(args)
        print(f"\n{losses_text(sound_losses(records))}")
    return 0
