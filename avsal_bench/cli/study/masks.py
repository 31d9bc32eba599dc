"""The command ``avsal study masks``: what MSPI's image model sees, and where its masks let the network look."""

from __future__ import annotations

import argparse
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command, film_and_network, film_options, network_options
from avsal_bench.typed import place, whole

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Draw what MSPI's image model makes of the window of a frame of a video file: the masks of the spatial
attention on the three stages of motion features, from 0 to 1, and the features that they are made of.
A column is four frames of the window. docs/mspi.md explains the rows."""

_EPILOG = """\
examples:
  avsal study masks film.mp4 --frame 100 -o masks.png
  avsal study masks film.mp4 --frame 100 --weights mspi_mvitv2_s1 -o masks.png
      with the authors' weights, once they were imported"""


def add_masks(commands: Commands) -> None:
    """Add ``masks`` to the commands of ``avsal study``."""
    text = "where MSPI's image features let the network look"
    parser = add_command(commands, "masks", masks, text, _DESCRIPTION, _EPILOG)
    parser.add_argument("video", type=place, metavar="VIDEO", help="mp4, avi, mkv, mov or webm")
    parser.add_argument("--frame", type=whole(1), required=True, metavar="N", help="number of the frame, from 1")
    parser.add_argument("-o", "--out", type=place, required=True, metavar="OUT", help="a name that ends in .png")
    network = network_options(
        parser,
        "a checkpoint such as runs/stages/<training>/best.ckpt, or a file of weights alone (needs --model) "
        "(default: the training of mspi that finished last)",
    )
    network.add_argument("--model", default="", help="for a file that does not say it: mspi")
    film_options(parser)


def masks(args: argparse.Namespace) -> int:
    """Write the picture."""
    out = Path(args.out)
    if out.suffix.lower() != ".png":
        raise ValueError(f"{args.out}: expected a name that ends in .png")
    from avsal_bench.studies.attention_masks import draw_attention, read_attention

    video, predictor, device = film_and_network(args, "mspi")
    print(f"{predictor.name}, weights {predictor.source}, on {device}", flush=True)
    draw_attention(read_attention(predictor, video, args.frame, device, args.muted), video, args.frame, out)
    print(out)
    return 0
