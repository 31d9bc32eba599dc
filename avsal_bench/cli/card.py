"""The command ``avsal card``: the model card of a network, in the form of the Hugging Face Hub."""

from __future__ import annotations

import argparse
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command, leaderboard_folder, records_of, records_option
from avsal_bench.text import many
from avsal_bench.typed import place, word

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Write the model card of a network: what it is and takes, size, speed, parity, weights and licences, what
it was trained on, scores with intervals, whether it uses the sound, known faults, how to cite. Markdown
with a head in YAML, as the Hugging Face Hub reads it. What is not known is said."""

EXAMPLES = """examples
  avsal card stavis                                  printed
  avsal card avrsp -o README.md                      for a repository of weights
  avsal card avrsp --weights best.ckpt -o README.md  with the scores of these weights alone
  avsal card vinet --records lab.zip                 with the records of others
  avsal card --all -o cards                          a file a network"""


def add_parser(commands: Commands) -> None:
    """Add ``card`` to the commands of ``avsal``."""
    parser = add_command(
        commands, "card", card, "write the model card of a network, or of all of them", _DESCRIPTION, EXAMPLES
    )
    parser.add_argument(
        "model", type=word, nargs="?", metavar="MODEL", help="such as avrsp, or mspi-s3d; `avsal list` names them"
    )
    parser.add_argument("--all", action="store_true", help="the cards of all networks, and of what else has records")
    parser.add_argument(
        "-o", "--out", type=place, metavar="FILE", help="write the card there; with --all a folder (default: print it)"
    )
    parser.add_argument(
        "--weights",
        type=word,
        metavar="W",
        help="what the card is about: a file of weights, or the name of published ones; only their records count",
    )
    records_option(parser, "By default those of the leaderboard's folder")
    group = parser.add_argument_group("folders")
    group.add_argument("--leaderboard", type=place, help="records, and files in place of the package's")
    group.add_argument("--runs", type=place, help="below which content of archives is kept (default: runs)")


def card(args: argparse.Namespace) -> int:
    """Print or write one card, or write all of them."""
    from avsal_bench.catalogue.card.model_card import model_card, write_cards
    from avsal_bench.files import check_writable, write_atomically
    from avsal_bench.leaderboard.known_facts import facts
    from avsal_bench.leaderboard.merged_records import board_records

    if bool(args.model) == args.all:
        raise ValueError("name one network, such as avsal card stavis; or --all for all of them, with -o FOLDER")
    if args.all and (args.weights or not args.out):
        raise ValueError("--all writes a file a network: name a folder with -o, and leave out --weights")
    out = Path(args.out) if args.out else None
    if out is not None and not args.all:
        check_writable(files=[out])
    folder = leaderboard_folder(args)
    records = [record for _, record in board_records(folder, records_of(args))]
    table = facts(folder)
    if args.all and out is not None:
        print(f"wrote {many(len(write_cards(out, records, table)), 'card')} into {out}")
        return 0
    text = model_card(args.model, records, args.weights or "", table)
    if out is None:
        print(text, end="")
    else:
        write_atomically(out, text)
        print(f"wrote {out}")
    return 0
