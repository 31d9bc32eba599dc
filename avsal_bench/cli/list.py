"""The command ``avsal list``: networks, data sets and protocols."""

from __future__ import annotations

from argparse import Namespace

from avsal_bench.cli.options import Commands, add_command


def add_parser(commands: Commands) -> None:
    """Add ``list`` to the commands of ``avsal``."""
    add_command(commands, "list", list_all, "list networks, data sets and protocols")


def list_all(args: Namespace) -> int:
    """List networks, data sets and protocols."""
    from avsal_bench.catalogue.listing import listing

    print(listing())
    return 0
