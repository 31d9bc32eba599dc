"""The command ``avsal submit-challenge``: check predictions for an evaluation server, and pack them."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command, one_a_core
from avsal_bench.map_layouts import LAYOUTS
from avsal_bench.text import many
from avsal_bench.typed import MOST_FOLDS, place, whole, word

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Check predictions for the evaluation server of a challenge, and pack them in its layout: a zip with one mp4
a test video, named after it.

Looked at: whether every video of the part has its film, or a file a frame; as many pictures as the video has
frames; 8 or 10 bits; the shape of the video; grey and not colours; not black or constant throughout; that
all of it can be decoded. All that is wrong is listed, nothing is packed then, and the exit code is 2. No
ground truth is needed, only the videos."""

_EPILOG = f"""\
Maps may lie as
{LAYOUTS}

Films that servers read are packed as they are. An mkv, a film of more than 10 bits or with uneven time stamps,
and files of single maps (png, jpg, npy) become an mp4 (H.264 in grey, 10 bits, each map scaled to its own
lowest and highest value). The same maps give the same bytes.

examples
  avsal predict --dataset ntire26_private -o maps
  avsal submit-challenge --pred maps --dataset ntire26_private -o submission.zip
  avsal submit-challenge --pred maps --dataset crowdsal --check
      only look"""


def add_parser(commands: Commands) -> None:
    """Add ``submit-challenge`` to the commands of ``avsal``."""
    text = "check and pack predictions for the server of a challenge"
    parser = add_command(commands, "submit-challenge", submit_challenge, text, _DESCRIPTION, _EPILOG)
    parser.add_argument("--pred", type=place, required=True, metavar="DIR", help="folder of the maps")
    parser.add_argument(
        "--dataset",
        required=True,
        metavar="SET",
        help="ntire26 (public test), ntire26_private, crowdsal, avimos, or any other: its test videos are wanted",
    )
    parser.add_argument("--fold", type=whole(1, MOST_FOLDS), default=1, help="test list (default: %(default)s)")
    parser.add_argument("-o", "--out", type=place, metavar="ZIP", help="a name that ends in .zip")
    parser.add_argument("--check", action="store_true", help="only check")
    parser.add_argument(
        "--bits", type=int, choices=[8, 10], default=10, help="of films that are made (default: %(default)s)"
    )
    parser.add_argument("--folder", type=word, help="in the zip that holds the films (default: none)")
    parser.add_argument(
        "--first", type=whole(0), default=1, help="number of the first frame's file (default: %(default)s)"
    )
    parser.add_argument("--data-root", type=place, help="of the real data sets (environment: AVSAL_DATA)")
    one_a_core(parser)


def submit_challenge(args: Namespace) -> int:
    """Check the predictions, say all that is wrong with them, and pack them when nothing is."""
    from avsal_bench.bench.sets import videos_of
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.data.dataset import resolve_name
    from avsal_bench.prediction import check_predictions, pack
    from avsal_bench.workers import Workers

    if args.check == bool(args.out):
        raise ValueError("say where the zip goes with -o, or only look with --check, one of the two")
    maps = Path(args.pred)
    if not maps.is_dir():
        raise FileNotFoundError(f"no folder of maps {maps}; see --pred")
    name = resolve_name(args.dataset)
    videos = videos_of(workspace(args.data_root), name, "test", args.fold)
    with Workers(args.workers) as workers:
        checked = check_predictions(maps, videos, workers, args.first)
    for note in checked.notes:
        print(f"note: {note}")
    for reason in checked.made.values():
        print(f"made anew: {reason}")
    if checked.problems:
        print("\n".join(checked.problems), flush=True)
        raise ValueError(
            f"{maps}: {many(len(checked.problems), 'problem')}, see above; mend them, and pack again: nothing is packed"
        )
    print(f"{name}: {many(len(videos), 'video')}, {many(checked.frames, 'frame')}; nothing is wrong")
    if args.out:
        out = Path(args.out)
        pack(checked, out, bits=args.bits, folder=args.folder or "")
        print(f"{out}  {out.stat().st_size / 1e6:,.1f} MB, {many(len(videos), 'film')}")
    return 0
