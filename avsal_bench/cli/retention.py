"""The command ``avsal retention``: what AVRSP's fusion keeps of picture and sound, as a figure."""

from __future__ import annotations

import argparse
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command, film_and_network, film_options, need_dataset, network_options
from avsal_bench.typed import MOST_FOLDS, place, whole

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Draw the retention maps of AVRSP for a frame of a video file: by block and head, what each place of the
picture keeps of the sound (Ret_A), and what the sound keeps of each place (Ret_V). With --other also
with a second sound, on a scale from 0 to 1 that all maps share. With --dataset in the place of a file:
how much is kept with the own sound and with that of another video, over a test list.
docs/avrsp.md explains both."""

_EPILOG = """\
examples:
  avsal retention film.mp4 --frame 100 -o heard.png
  avsal retention film.mp4 --frame 100 --audio other.wav -o misheard.png
      the same frame with a sound that does not belong to it
  avsal retention film.mp4 --frame 100 --other other.wav -o both.png
      with both sounds side by side, from 0 to 1, the scores as they are and their sigmoid
  avsal retention --dataset synth --stride 25 -o retention.csv
      means over the test videos with their own sound and with another, and their difference"""


def add_parser(commands: Commands) -> None:
    """Add ``retention`` to the commands of ``avsal``."""
    parser = add_command(
        commands, "retention", retention, "draw what AVRSP's fusion keeps of picture and sound", _DESCRIPTION, _EPILOG
    )
    parser.add_argument("video", type=place, nargs="?", metavar="VIDEO", help="mp4, avi, mkv, mov or webm")
    parser.add_argument("--frame", type=whole(1), metavar="N", help="number of the frame of VIDEO, from 1")
    parser.add_argument(
        "-o", "--out", type=place, required=True, metavar="OUT", help="a name that ends in .png; with --dataset in .csv"
    )
    parser.add_argument("--other", type=place, metavar="WAV", help="a second sound, drawn beside the first one")
    part = parser.add_argument_group("a data set in the place of VIDEO")
    part.add_argument("--dataset", default="", metavar="SET", help="such as synth; `avsal list` names them")
    part.add_argument("--fold", type=whole(1, MOST_FOLDS), help="of its test list (default: 1)")
    part.add_argument("--stride", type=whole(1), metavar="N", help="every so many frames (default: 25)")
    part.add_argument("--data-root", type=place, help="of the real data sets (environment: AVSAL_DATA)")
    network = network_options(
        parser,
        "a checkpoint such as runs/stages/<training>/best.ckpt, or a file of weights alone (needs --model) "
        "(default: the training of avrsp with sound that finished last)",
    )
    network.add_argument("--model", default="", help="for a file that does not say it: avrsp")
    film_options(parser)


def retention(args: argparse.Namespace) -> int:
    """Write the figure of a frame, or the statistic of a set."""
    _check_asked(args)
    if args.dataset:
        return _of_set(args)
    from avsal_bench.prediction import open_film
    from avsal_bench.studies.retention import draw_retention, read_retention

    out = Path(args.out)
    video, predictor, device = film_and_network(args, "avrsp", "av")
    found = read_retention(predictor, video, args.frame, device, args.muted)
    heard = "silence" if args.muted else str(video.audio)
    print(f"{predictor.name}, weights {predictor.source}, on {device}; it hears {heard}", flush=True)
    if args.other:
        from avsal_bench.studies.retention_pairs import draw_pair

        second = open_film(Path(args.video), Path(args.other))
        other = read_retention(predictor, second, args.frame, device)
        draw_pair(found.retained, other.retained, (heard, str(args.other)), out)
    else:
        draw_retention(found, video, args.frame, out)
    print(out)
    return 0


def _check_asked(args: argparse.Namespace) -> None:
    """Find words that contradict each other, before anything is read.

    Raises:
        ValueError: naming them, and what to do.
    """
    suffix = ".csv" if args.dataset else ".png"
    if Path(args.out).suffix.lower() != suffix:
        raise ValueError(f"{args.out}: expected a name that ends in {suffix}")
    if bool(args.video) == bool(args.dataset):
        raise ValueError("name a video file, or a data set with --dataset: one of the two")
    need_dataset(args, fold=1, stride=25)
    if args.dataset and (args.frame or args.other or args.audio or args.muted):
        raise ValueError(
            "--dataset compares the sounds of its own test list; leave out --frame, --other, --audio, --muted"
        )
    if args.video and not args.frame:
        raise ValueError(f"{args.video}: say which frame, such as --frame 30")


def _of_set(args: argparse.Namespace) -> int:
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.data.dataset import dataset, resolve_name
    from avsal_bench.prediction import Running
    from avsal_bench.prediction.predictor import find_predictor
    from avsal_bench.studies.retention_pairs import measure_retention, retention_table, write_retention
    from avsal_bench.text import many

    out, space, name = Path(args.out), workspace(args.data_root, runs=args.runs), resolve_name(args.dataset)
    device = Running(device=args.device).torch_device()
    model, modality = (args.model, "") if args.weights else (args.model or "avrsp", "av")
    predictor = find_predictor(space, args.weights, model, modality, args.set)
    described = dataset(name)
    described.check_fold(args.fold)
    videos = described.videos(space.root_of(name), "test", args.fold)
    print(f"{predictor.name}, weights {predictor.source}, on {device}; test list {args.fold} of {name}", flush=True)
    kept, frames = measure_retention(predictor, videos, args.stride, device)
    print(retention_table(kept))
    print(f"{many(frames, 'frame')}; in brackets the 95 % interval over videos")
    write_retention(kept, out)
    print(out)
    return 0
