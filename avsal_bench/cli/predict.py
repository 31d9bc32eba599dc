"""The command ``avsal predict``: saliency maps for any video file with its sound."""

from __future__ import annotations

import argparse
from pathlib import Path

from avsal_bench.bench.words import default_workers
from avsal_bench.cli.options import Commands, add_command, film_options, network_options, precision_option
from avsal_bench.text import many
from avsal_bench.typed import place, whole

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Predict where people look in a video file, for every frame.

The network sees each frame with those before it, and hears the sound of the file. Where the first
frames have too few before them, it sees what follows, run backwards, as in all tests here."""

_EPILOG = """\
examples:
  avsal predict film.mp4 -o look.mp4
      with the network that finished training last, an mp4 to look at: the maps over the frames,
      with the waveform and the sound
  avsal predict film.mp4 --model vinet --modality v --weights authors.pt -o maps --form npy
      with published weights in their authors' form, maps/00001.npy and so on

A folder is filled map by map. When a run is stopped, the same command goes on where it ended; a folder
with maps of other weights, another video or other options is refused unless --force is given. An mp4 is
made anew each time, and appears when it is whole."""


def add_parser(commands: Commands) -> None:
    """Add ``predict`` to the commands of ``avsal``."""
    parser = add_command(
        commands, "predict", predict, "predict saliency maps for any video file", _DESCRIPTION, _EPILOG
    )
    parser.add_argument("video", type=place, metavar="VIDEO", help="mp4, avi, mkv, mov or webm")
    parser.add_argument(
        "-o",
        "--out",
        type=place,
        required=True,
        metavar="OUT",
        help="a name that ends in .mp4, or a folder for the maps",
    )
    network = network_options(
        parser,
        "a checkpoint such as runs/stages/<training>/best.ckpt, a file in its authors' form (needs --model), "
        "or the name of imported weights (default: the training that finished last)",
    )
    network.add_argument("--model", default="", help="`avsal list` names them; `centre` needs no weights")
    network.add_argument("--modality", default="", choices=["v", "av", "a"], help="default: that of the weights")
    film_options(parser)
    maps = parser.add_argument_group("maps in a folder")
    maps.add_argument(
        "--form",
        choices=["png", "npy"],
        help="png: 8 bits, each map scaled to its own lowest and highest value (default); npy: float32 as predicted",
    )
    maps.add_argument("--native", action="store_true", help="keep the network's size, not that of the video")
    maps.add_argument("--force", action="store_true", help="start over, and remove maps of something else")
    text = "go on with maps that other code or other libraries made"
    maps.add_argument("--reuse-other-code", action="store_true", help=text)
    machine = parser.add_argument_group("machine")
    text = "frames at a time (default: as many as pay: windows of 32x224x384 one on a CPU, 8 on a GPU)"
    machine.add_argument("--batch-size", type=whole(1), metavar="N", help=text)
    precision_option(machine)
    machine.add_argument(
        "--workers", type=whole(0), default=default_workers(), help="reading processes (default: %(default)s)"
    )


def predict(args: argparse.Namespace) -> int:
    """Predict the maps of a video file, and write them."""
    from avsal_bench.bench.computing.precision import FLOAT32
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.files import check_writable
    from avsal_bench.prediction import Running, check_sound, open_film, predict_folder, predict_overlay
    from avsal_bench.prediction.predictor import find_predictor

    out, path = Path(args.out), Path(args.video)
    audio = Path(args.audio) if args.audio else None
    overlay = out.suffix.lower() == ".mp4" and not out.is_dir()
    _check_out(args, out, overlay)
    check_writable([] if overlay else [out], [out] if overlay else [], "give -o another name")
    running = Running(args.batch_size, args.device, args.workers, args.precision)
    device = running.torch_device()
    video = open_film(path, audio)
    predictor = find_predictor(workspace(runs=args.runs), args.weights, args.model, args.modality, args.set)
    if predictor.hears and not args.muted:
        check_sound(video, predictor.name)
    weights = f", weights {predictor.source}" if predictor.source else ""
    heard = ("silence" if args.muted else str(video.audio)) if predictor.hears else "nothing"
    how = f"{device}" if running.precision == FLOAT32 else f"{device} with precision {running.precision}"
    print(f"{predictor.name}{weights}, on {how}; it hears {heard}", flush=True)
    if overlay:
        predict_overlay(predictor, video, out, running, args.muted)
    else:
        form = args.form or "png"
        options = {"form": form, "native": args.native, "muted": args.muted, "force": args.force}
        options["reuse_other_code"] = args.reuse_other_code
        if there := predict_folder(predictor, video, out, running, **options):
            print(f"{there} of {many(video.n_frames, 'map')} were there")
    print(out)
    return 0


def _check_out(args: argparse.Namespace, out: Path, overlay: bool) -> None:
    """Refuse an output that nobody can mean."""
    if out.suffix and not overlay and not out.is_dir():
        raise ValueError(f"{out}: expected a name that ends in .mp4, or a folder, whose name has no dot")
    if overlay and (args.form or args.native):
        raise ValueError(f"{out}: --form and --native are for a folder; an mp4 shows the maps over the frames")
    for given in filter(None, (args.video, args.audio)):
        if out.resolve() == Path(given).resolve():
            raise ValueError(f"{out}: is what is read; give the result another name")
