"""The command ``avsal synth``: make the embedded data set."""

from __future__ import annotations

from argparse import Namespace

from avsal_bench.bench.words import folder_options, space_of
from avsal_bench.cli.options import Commands, add_command


def add_parser(commands: Commands) -> None:
    """Add ``synth`` to the commands of ``avsal``."""
    text = "make the embedded data set, if it is not there"
    epilog = "Every command that needs the set makes it by itself.\n\nexample\n  avsal synth --synth-root data/synth"
    folder_options(add_command(commands, "synth", synth, text, epilog=epilog))


def synth(args: Namespace) -> int:
    """Make the embedded data set, or find it made."""
    from avsal_bench.data.synth.making import ensure_synth

    space = space_of(args)
    ensure_synth(space.synth_root)
    print(space.synth_root)
    return 0
