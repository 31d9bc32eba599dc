"""The commands ``avsal data <command>``: get data sets, look at them, check them, and prepare them."""

from __future__ import annotations

from avsal_bench.cli.data.check import add_check
from avsal_bench.cli.data.convert_dhf1k import add_convert_dhf1k
from avsal_bench.cli.data.convert_diem import add_convert_diem
from avsal_bench.cli.data.get import add_get
from avsal_bench.cli.data.init import add_init
from avsal_bench.cli.data.prepare import add_prepare
from avsal_bench.cli.data.show import add_show
from avsal_bench.cli.data.stats import add_stats
from avsal_bench.cli.options import Commands
from avsal_bench.ending import shared_options

__all__ = ["add_parser"]


def add_parser(commands: Commands) -> None:
    """Add ``data`` to the commands of ``avsal``."""
    text = "get, describe, check, count, show and prepare data sets"
    parser = commands.add_parser("data", help=text, description=f"{text.capitalize()}.")
    shared_options(parser)
    own = parser.add_subparsers(dest="data_command", required=True, metavar="command")
    for add in (add_get, add_init, add_check, add_stats, add_show, add_prepare, add_convert_diem, add_convert_dhf1k):
        add(own)
