"""The command ``avsal predict``: saliency maps for any video file, a part of a data set, or what is live."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avsal_bench.bench.words import default_workers
from avsal_bench.cli.options import Commands, add_command, film_options, need_dataset, network_options, precision_option
from avsal_bench.text import many
from avsal_bench.typed import MOST_FOLDS, above0, place, whole, word

if TYPE_CHECKING:
    from avsal_bench.bench.workspace import Workspace
    from avsal_bench.data.dataset import Video
    from avsal_bench.prediction import Predictor, Running

#: Forms of maps in a folder: a file a frame, and a film a video.
PICTURES, FILMS = ("png", "npy"), ("mp4", "mkv")

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Predict where people look in a video file, or in all videos of a part of a data set, for every frame.

The network sees each frame with those before it, and hears the sound of the file. Where the first
frames have too few before them, it sees what follows, run backwards, as in all tests here."""

_EPILOG = """\
examples:
  avsal predict film.mp4 -o look.mp4
      with the network that finished training last, an mp4 to look at: the maps over the frames,
      with the waveform and the sound
  avsal predict film.mp4 --model vinet --modality v --weights authors.pt -o maps --form npy
      with published weights in their authors' form, maps/00001.npy and so on
  avsal predict film.mp4 -o maps --form mp4
      maps/film.mp4: the maps themselves as a film in grey, in the form of challenges
  avsal predict film.mp4 -o look --view
      look/index.html: a film with the frame, the map and, for a network that hears, the map muted beside it
  avsal predict --dataset ntire26_private -o maps
      maps/<video>.mp4 for each test video; `avsal submit-challenge` checks and packs them
  avsal predict --camera 0 --preview look.jpg
      what a camera sees now, until Ctrl-C; look.jpg is always the newest picture with its map
  avsal predict --stream rtsp://camera.local/live --weights unisal -o look.mp4
      a stream, until it ends; `--stream film.mp4 --realtime` plays a file as if it were one

A folder is filled map by map, or film by film. When a run is stopped, the same command goes on where it
ended; a folder with maps of other weights, another video or other options is refused unless --force is
given. An mp4 over the frames is made anew each time, and appears when it is whole."""


def add_parser(commands: Commands) -> None:
    """Add ``predict`` to the commands of ``avsal``."""
    parser = add_command(
        commands, "predict", predict, "predict saliency maps for any video file", _DESCRIPTION, _EPILOG
    )
    parser.add_argument("video", type=place, nargs="?", metavar="VIDEO", help="mp4, avi, mkv, mov or webm")
    parser.add_argument(
        "-o",
        "--out",
        type=place,
        metavar="OUT",
        help="a name that ends in .mp4, for the maps over the frames, or a folder for the maps",
    )
    part = parser.add_argument_group("a data set in the place of VIDEO, with or without its ground truth")
    part.add_argument("--dataset", default="", metavar="SET", help="such as ntire26_private; `avsal list` names them")
    part.add_argument("--part", choices=["train", "val", "test"], help="of it (default: test)")
    part.add_argument("--fold", type=whole(1, MOST_FOLDS), help="of its lists (default: 1)")
    part.add_argument("--data-root", type=place, help="of the real data sets (environment: AVSAL_DATA)")
    network = network_options(
        parser,
        "a checkpoint such as runs/stages/<training>/best.ckpt, a file in its authors' form (needs --model), "
        "or the name of imported weights (default: the training that finished last)",
    )
    network.add_argument("--model", default="", help="`avsal list` names them; `centre` needs no weights")
    network.add_argument("--modality", default="", choices=["v", "av", "a"], help="default: that of the weights")
    _live_options(parser)
    film_options(parser)
    maps = parser.add_argument_group("maps in a folder")
    maps.add_argument(
        "--form",
        choices=[*PICTURES, *FILMS],
        help="a file a frame: png, 8 bits, each map scaled to its own lowest and highest value (default for VIDEO), or "
        "npy, float32 as predicted; a film a video, scaled likewise: mp4, H.264 in grey (default for --dataset), or "
        "mkv, without loss. docs/howto/map_films.md says what is lost",
    )
    maps.add_argument("--bits", type=int, choices=[8, 10], default=10, help="of an mp4 (default: %(default)s)")
    text = "films to look at in place of maps: frame, map, and the map muted beside it; OUT/index.html plays them"
    maps.add_argument("--view", action="store_true", help=text)
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
    """Predict the maps of a video file or of a part of a data set, and write them."""
    if args.camera is not None or args.stream:
        return _predict_live(args)
    from avsal_bench.bench.computing.precision import FLOAT32
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.files import check_writable
    from avsal_bench.prediction import Running, check_sound, open_film, predict_overlay
    from avsal_bench.prediction.predictor import find_predictor

    if not args.out:
        raise ValueError("give the result a name with -o: one that ends in .mp4, or a folder for the maps")
    for name in ("realtime", "seconds", "preview"):
        if getattr(args, name):
            raise ValueError(f"--{name} is for --camera and --stream; a file is predicted as fast as it goes")
    out = Path(args.out)
    overlay = not args.dataset and out.suffix.lower() == ".mp4" and not out.is_dir()
    _check_asked(args, out, overlay)
    check_writable([] if overlay else [out], [out] if overlay else [], "give -o another name")
    running = Running(args.batch_size, args.device, args.workers, args.precision)
    device = running.torch_device()
    space = workspace(args.data_root, runs=args.runs)
    audio = Path(args.audio) if args.audio else None
    videos = _listed(args, space) if args.dataset else [open_film(Path(args.video), audio)]
    predictor = find_predictor(space, args.weights, args.model, args.modality, args.set)
    if predictor.hears and not args.muted:
        for video in videos:
            if not video.silent:  # it has no sound, and its set says so
                check_sound(video, predictor.name)
    weights = f", weights {predictor.source}" if predictor.source else ""
    heard = "silence" if args.muted else f"the sound of {args.dataset}" if args.dataset else str(videos[0].audio)
    how = f"{device}" if running.precision == FLOAT32 else f"{device} with precision {running.precision}"
    print(f"{predictor.name}{weights}, on {how}; it hears {heard if predictor.hears else 'nothing'}", flush=True)
    if overlay:
        predict_overlay(predictor, videos[0], out, running, args.muted)
    elif args.view:
        _fill_view(args, predictor, videos, out, running)
        out = out / "index.html"
    else:
        _fill_folder(args, predictor, videos, out, running)
    print(out)
    return 0


def _live_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name what is live, and how it is looked at."""
    live = parser.add_argument_group(
        "live, in the place of VIDEO", "for networks whose target is the last frame of their clip; docs/howto/live.md"
    )
    live.add_argument("--camera", type=whole(0, 999), metavar="N", help="a camera of this machine, such as 0")
    text = "the address of a stream (rtsp, rtmp, http, udp), or with --realtime a video file"
    live.add_argument("--stream", type=word, metavar="URL", help=text)
    live.add_argument("--realtime", action="store_true", help="play a file at its own pace, as if it were live")
    live.add_argument("--seconds", type=above0, metavar="S", help="end so long after the first map")
    text = "a .jpg that is replaced by each new picture, or an .mjpeg, a stream for a player, also through a named pipe"
    live.add_argument("--preview", type=place, metavar="FILE", help=text)


def _predict_live(args: argparse.Namespace) -> int:
    """Predict what a camera or a stream shows now; Ctrl-C is a way to end it."""
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.prediction import Running
    from avsal_bench.prediction.live import check_network, open_outputs, open_source, watch
    from avsal_bench.prediction.predictor import find_predictor

    _check_live(args)
    out, preview = (Path(given) if given else None for given in (args.out, args.preview))
    running = Running(None, args.device, 0, args.precision)
    device = running.torch_device()
    predictor = find_predictor(
        workspace(args.data_root, runs=args.runs), args.weights, args.model, args.modality, args.set
    )
    check_network(predictor, args.muted)
    source = open_source(args.camera, args.stream or "", args.realtime, Path(args.audio) if args.audio else None)
    weights = f", weights {predictor.source}" if predictor.source else ""
    heard = "nothing" if not predictor.hears else "silence" if args.muted else f"the sound of {source.name}"
    print(f"{predictor.name}{weights}, on {device}; it hears {heard}. Ctrl-C ends it", flush=True)
    form: Any = args.form or "png"
    try:
        with open_outputs(out, preview, form=form, native=args.native, force=args.force) as written:
            watch(predictor, source, written, running, args.muted, args.seconds, lambda summary: print(summary.told()))
    except KeyboardInterrupt:
        pass  # as it was asked to
    for path in filter(None, (out, preview)):
        print(path)
    return 0


def _check_live(args: argparse.Namespace) -> None:
    """Refuse what nobody can mean of a camera or a stream."""
    if sum(map(bool, (args.camera is not None, args.stream, args.video, args.dataset))) > 1:
        raise ValueError("name a VIDEO, --dataset, --camera or --stream, one of the four")
    need_dataset(args, part="test", fold=1)
    if args.camera is not None and (args.realtime or args.audio):
        raise ValueError("--realtime and --audio are for a file that is played with --stream; a camera is live")
    if args.audio and not args.realtime:
        raise ValueError("--audio is the sound of a file; a stream has its own, or silence with --muted")
    if args.view:
        raise ValueError("--view makes films of a file; a live stream is looked at with -o look.mp4 or --preview")
    if args.form in FILMS:
        raise ValueError(f"--form {args.form}: maps of a live stream are files, png or npy, as some frames get none")
    if args.batch_size not in (None, 1):
        raise ValueError(f"--batch-size {args.batch_size}: a live stream is predicted one frame at a time")
    if args.out and Path(args.out).suffix.lower() not in ("", ".mp4"):
        raise ValueError(f"{args.out}: expected a name that ends in .mp4, or a folder, whose name has no dot")
    for result in filter(None, (args.out, args.preview)):
        if Path(result).resolve() in {Path(args.stream or " ").resolve(), Path(args.audio or " ").resolve()}:
            raise ValueError(f"{result}: is what is read; give the result another name")
    if args.preview and args.out and Path(args.preview).resolve() == Path(args.out).resolve():
        raise ValueError(f"{args.preview}: is the name of the result, too; give the preview another one")


def _fill_folder(
    args: argparse.Namespace, predictor: Predictor, videos: Sequence[Video], out: Path, running: Running
) -> None:
    """Write the maps into a folder, in the form that is asked for."""
    from avsal_bench.prediction import predict_films, predict_folder

    form = args.form or ("mp4" if args.dataset else "png")
    options: dict[str, Any] = {"form": form, "native": args.native, "muted": args.muted, "force": args.force}
    options["reuse_other_code"] = args.reuse_other_code
    if form in FILMS:
        if there := predict_films(predictor, videos, out, running, bits=args.bits, **options):
            print(f"{there} of {many(len(videos), 'film')} were there")
        return
    folders = [out / video.name for video in videos] if args.dataset else [out]
    there = sum(
        predict_folder(predictor, video, folder, running, **options)
        for video, folder in zip(videos, folders, strict=True)
    )
    if there:
        print(f"{there} of {many(sum(video.n_frames for video in videos), 'map')} were there")


def _fill_view(
    args: argparse.Namespace, predictor: Predictor, videos: Sequence[Video], out: Path, running: Running
) -> None:
    """Write the films that are looked at, and their page."""
    from avsal_bench.cli.options import typed_command
    from avsal_bench.prediction.viewing.predicted_view import predict_view

    options: dict[str, Any] = {"muted": args.muted, "force": args.force, "reuse_other_code": args.reuse_other_code}
    films, there = predict_view(predictor, videos, out, running, command=typed_command(), **options)
    if there:
        print(f"{there} of {many(len(films.films), 'film')} were there")


def _listed(args: argparse.Namespace, space: Workspace) -> list[Video]:
    """The videos of the part of the data set that is asked for."""
    from avsal_bench.bench.sets import videos_of
    from avsal_bench.data.dataset import dataset, resolve_name

    name = resolve_name(args.dataset)
    parts = dataset(name).parts
    videos = videos_of(space, name, args.part, args.fold) if args.part in parts else []
    if not videos:
        raise ValueError(f"{name} has no videos of part {args.part}, of {', '.join(parts)}; see --part")
    return videos


def _check_asked(args: argparse.Namespace, out: Path, overlay: bool) -> None:
    """Refuse what nobody can mean."""
    if bool(args.dataset) == bool(args.video):
        raise ValueError("name a VIDEO, or a data set with --dataset, one of the two")
    need_dataset(args, part="test", fold=1)
    if args.dataset and args.audio:
        raise ValueError("--audio is the sound of one VIDEO; a data set has its own, or is given silence with --muted")
    if out.suffix and not overlay and not out.is_dir():
        wanted = "a folder" if args.dataset else "a name that ends in .mp4, or a folder"
        raise ValueError(f"{out}: expected {wanted}, whose name has no dot")
    if args.view and (overlay or args.form or args.native):
        what = f"{out.name} is a film, and --view fills a folder" if overlay else "it goes without --form and --native"
        raise ValueError(f"--view: {what}; name a new folder, such as -o look --view")
    if overlay and (args.form or args.native):
        raise ValueError(
            f"{out}: --form and --native are for a folder; an mp4 shows the maps over the frames. For a film of the "
            f"maps themselves say -o {out.with_suffix('')} --form mp4"
        )
    for given in filter(None, (args.video, args.audio)):
        if out.resolve() == Path(given).resolve():
            raise ValueError(f"{out}: is what is read; give the result another name")
    if args.video and args.form in FILMS:
        film = out / Path(args.video).with_suffix(f".{args.form}").name
        if film.resolve() == Path(args.video).resolve():
            raise ValueError(f"{args.video}: the film of its maps would have its place; give -o another folder")
