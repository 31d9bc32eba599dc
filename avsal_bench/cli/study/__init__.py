"""The commands ``avsal study <command>``: questions about networks that take many trainings, or a look inside one."""

from __future__ import annotations

from avsal_bench.cli.options import Commands
from avsal_bench.cli.study.gradients import add_gradients
from avsal_bench.cli.study.masks import add_masks
from avsal_bench.cli.study.path import add_path
from avsal_bench.cli.study.study_hearing import add_hearing
from avsal_bench.ending import shared_options

__all__ = ["add_parser"]


def add_parser(commands: Commands) -> None:
    """Add ``study`` to the commands of ``avsal``."""
    text = "studies of networks: who can hear, where the sound goes, and looks inside"
    parser = commands.add_parser("study", help=text, description=f"{text.capitalize()}.")
    shared_options(parser)
    own = parser.add_subparsers(dest="study_command", required=True, metavar="command")
    for add in (add_hearing, add_path, add_masks, add_gradients):
        add(own)
