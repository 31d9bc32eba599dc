"""The command ``avsal weights list``."""

from __future__ import annotations

from argparse import Namespace

from avsal_bench.cli.options import Commands, add_command, store_of, store_option


def add_list(commands: Commands, epilog: str) -> None:
    """Add ``list`` to the commands of ``avsal weights``."""
    text = "list published weights, where their authors offer them, and which are imported"
    store_option(add_command(commands, "list", listed, text, epilog=epilog))


def listed(args: Namespace) -> int:
    """List published weights."""
    from avsal_bench.catalogue.listing import weights_listing

    print(weights_listing(store_of(args)))
    return 0
