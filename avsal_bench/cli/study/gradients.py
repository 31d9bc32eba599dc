"""The command ``avsal study gradients``: norms of the gradient over the epochs of trainings, side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command
from avsal_bench.typed import place, whole, word

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Draw how large the gradient was in each epoch of some trainings, from their records: the mean over the
steps of the norm of all parameters' gradients together, before it is clipped. Records of trainings made
before norms were kept have none."""

_EPILOG = """\
examples:
  avsal study gradients leaderboard/records/stavis/synth/{avrsp_v,avrsp_av}-fold1-seed0.json -o norms.png
  avsal bench --ablation mspi-table4 --preset smoke
  avsal study gradients runs/ablations/mspi-table4-smoke/*/records/stavis/synth/*-fold1-seed0.json -o figure7.png
      for each weight of MSPI's audio-visual loss, as Fig. 7 of its paper"""


def add_gradients(commands: Commands) -> None:
    """Add ``gradients`` to the commands of ``avsal study``."""
    text = "norms of the gradient over the epochs of trainings, side by side"
    parser = add_command(commands, "gradients", gradients, text, _DESCRIPTION, _EPILOG)
    parser.add_argument("records", type=place, nargs="+", metavar="RECORD", help="files of records, at most ten")
    parser.add_argument("--stage", type=word, metavar="NAME", help="of the recipe (default: the last of each)")
    parser.add_argument(
        "--epochs",
        type=whole(1),
        default=20,
        metavar="N",
        help="the first so many (default: %(default)s, as in the paper)",
    )
    parser.add_argument("-o", "--out", type=place, metavar="OUT", help="draw them: a name that ends in .png")
    parser.add_argument("--csv", type=place, metavar="FILE", help="write all numbers there")


def gradients(args: argparse.Namespace) -> int:
    """Print the norms, and draw them."""
    if args.out and Path(args.out).suffix.lower() != ".png":
        raise ValueError(f"{args.out}: expected a name that ends in .png")
    from avsal_bench.leaderboard.reports.gradient_norms import draw_norms, norms_table, read_norms, write_norms

    found = read_norms([Path(path) for path in args.records], args.stage or "", args.epochs)
    print(norms_table(found))
    if args.csv:
        write_norms(found, Path(args.csv))
        print(args.csv)
    if args.out:
        draw_norms(found, Path(args.out))
        print(args.out)
    return 0
