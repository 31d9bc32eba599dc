"""The command ``avsal hear``: how much of a score comes from hearing."""

from __future__ import annotations

import argparse
from pathlib import Path

from avsal_bench.bench.job import sound_option
from avsal_bench.bench.words import folder_options, machine_of, machine_options, space_of
from avsal_bench.cli.options import Commands, add_command, publish
from avsal_bench.typed import place

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Test the networks of records with silence, the sound of another video, the sound a second early or late, and noise: the
same weights, nothing is trained. What is there already is not tested again. Prints what each metric loses, and puts it
on the leaderboard. docs/hearing.md has the rules."""

_EPILOG = """\
examples:
  avsal hear leaderboard/records/stavis/synth/avrsp_av-fold1-seed0.json
  avsal hear leaderboard/records/stavis/diem/stavis_av-*.json --sound swapped"""


def add_parser(commands: Commands) -> None:
    """Add ``hear`` to the commands of ``avsal``."""
    text = "test networks with other sounds: how much of a score comes from hearing"
    parser = add_command(commands, "hear", hear, text, _DESCRIPTION, _EPILOG)
    parser.set_defaults(logger=None)
    folder_options(parser)
    parser.add_argument(
        "records", type=place, nargs="+", metavar="RECORD", help="files of the leaderboard's folder records"
    )
    sound_option(parser, "only these, beside the true sound")
    machine_options(parser)


def hear(args: argparse.Namespace) -> int:
    """Test what is missing, and print the losses."""
    from avsal_bench.bench.plan import asked_sounds
    from avsal_bench.bench.sharing.processes import first_process
    from avsal_bench.leaderboard.sound_losses import losses_text, sound_losses
    from avsal_bench.records import SOUNDS
    from avsal_bench.studies.hear import hear as test

    space = space_of(args)
    space.check_writable(files=map(Path, args.records))
    sounds = asked_sounds(args.sound or SOUNDS)
    records = test([Path(path) for path in args.records], space, machine_of(args), sounds)
    if first_process():
        publish(space.leaderboard)
        print(f"\n{losses_text(sound_losses(records))}")
    return 0
