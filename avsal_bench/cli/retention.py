"""The command ``avsal retention``: what AVRSP's fusion keeps of picture and sound, as a figure."""

from __future__ import annotations

import argparse
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command, film_options, network_options
from avsal_bench.typed import place, whole

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Draw the retention maps of AVRSP for a frame of a video file: by block and head, what each place of the
picture keeps of the sound (Ret_A), and what the sound keeps of each place (Ret_V). docs/avrsp.md
explains the figure."""

_EPILOG = """\
examples:
  avsal retention film.mp4 --frame 100 -o heard.png
  avsal retention film.mp4 --frame 100 --audio other.wav -o misheard.png
      the same frame with a sound that does not belong to it"""


def add_parser(commands: Commands) -> None:
    """Add ``retention`` to the commands of ``avsal``."""
    parser = add_command(
        commands, "retention", retention, "draw what AVRSP's fusion keeps of picture and sound", _DESCRIPTION, _EPILOG
    )
    parser.add_argument("video", type=place, metavar="VIDEO", help="mp4, avi, mkv, mov or webm")
    parser.add_argument("--frame", type=whole(1), required=True, metavar="N", help="number of the frame, from 1")
    parser.add_argument("-o", "--out", type=place, required=True, metavar="OUT", help="a name that ends in .png")
    network = network_options(
        parser,
        "a checkpoint such as runs/stages/<training>/best.ckpt, or a file of weights alone (needs --model) "
        "(default: the training of avrsp with sound that finished last)",
    )
    network.add_argument("--model", default="", help="for a file that does not say it: avrsp")
    film_options(parser)


def retention(args: argparse.Namespace) -> int:
    """Write the figure of a frame."""
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.prediction import Running, open_film
    from avsal_bench.prediction.predictor import find_predictor
    from avsal_bench.studies.retention import draw_retention, read_retention

    out = Path(args.out)
    if out.suffix.lower() != ".png":
        raise ValueError(f"{out}: expected a name that ends in .png")
    device = Running(device=args.device).torch_device()
    video = open_film(Path(args.video), Path(args.audio) if args.audio else None)
    model, modality = (args.model, "") if args.weights else (args.model or "avrsp", "av")
    predictor = find_predictor(workspace(runs=args.runs), args.weights, model, modality, args.set)
    found = read_retention(predictor, video, args.frame, device, args.muted)
    heard = "silence" if args.muted else str(video.audio)
    print(f"{predictor.name}, weights {predictor.source}, on {device}; it hears {heard}", flush=True)
    draw_retention(found, video, args.frame, out)
    print(out)
    return 0
