"""The commands ``avsal weights <command>``: published weights, fetched, checked and imported."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter

from avsal_bench.cli.options import Commands
from avsal_bench.cli.weights.fetched import add_import, add_verify
from avsal_bench.cli.weights.get import add_get
from avsal_bench.cli.weights.listed import add_list
from avsal_bench.ending import shared_options

__all__ = ["add_parser"]

_EPILOG = """\
Only `get` downloads anything, and only what it is asked for. Or fetch the files from their authors (`avsal weights
list` says where), leave their names as they are, unpack archives, and import the whole folder:

  avsal weights list
  avsal weights get s3d_kinetics400_torchvision --accept
  avsal weights verify ~/downloads
  avsal weights import ~/downloads
  avsal weights import ~/downloads/weights.pt --as vinet_dhf1k      a file that you renamed

A file is opened without running anything in it, and must fit its network entry by entry. Importing twice is harmless.
"""


def add_parser(commands: Commands) -> None:
    """Add ``weights`` to the commands of ``avsal``."""
    text = "list, get, verify and import published weights"
    parser = commands.add_parser("weights", help=text, description=f"{text.capitalize()}.")
    shared_options(parser)
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    own = parser.add_subparsers(dest="weights_command", required=True, metavar="command")
    for add in (add_list, add_get, add_verify, add_import):
        add(own, _EPILOG)
