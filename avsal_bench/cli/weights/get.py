"""The command ``avsal weights get``: fetch published weights from their authors, and import them."""

from __future__ import annotations

from argparse import Namespace

from avsal_bench.cli.options import Commands, add_command, asked_of, getting_options, store_of, store_option
from avsal_bench.typed import word

_DESCRIPTION = """\
Fetch published weights from where their authors offer them, and import them: opened without running anything in them,
and fitted entry by entry. Only this and `avsal data get` fetch anything, and nothing before you have seen from where,
how large, and under which terms. A download that broke off goes on where it stopped; the SHA-256 of each file is
written into <store>/downloads.json when it is fetched first, and compared ever after."""

_EPILOG = """\
examples:
  avsal weights get s3d_kinetics400_torchvision --dry-run     what, from where, how large; only HEAD requests
  avsal weights get s3d_kinetics400_torchvision --accept      fetch and import it, once you have read its terms
  avsal weights get stavis --accept                           all weights of a network
Files on Google Drive are fetched by gdown where it is installed (pip install 'avsal-bench[drive]').
Exit codes: 0 all is there, 1 something failed, 2 what you gave is wrong, 3 something was not fetched, as it needs you:
terms to accept, or steps to do."""


def add_get(commands: Commands, epilog: str) -> None:
    """Add ``get`` to the commands of ``avsal weights``."""
    del epilog  # of the others, which take files that a person fetched
    parser = add_command(commands, "get", get, "fetch published weights, and import them", _DESCRIPTION, _EPILOG)
    text = "weights, or a network or an encoder for all of its own; `avsal weights list` names them"
    parser.add_argument("names", nargs="+", type=word, metavar="NAME", help=text)
    getting_options(parser)
    store_option(parser)


def get(args: Namespace) -> int:
    """Fetch published weights, and import them."""
    from avsal_bench.models.weights.fetching import get_weights

    store = store_of(args)
    code = get_weights(args.names, store, asked_of(args))
    print(f"store  {store}")
    return code
