"""The command ``avsal data convert-diem``."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command, set_options
from avsal_bench.typed import named, place

_DESCRIPTION = """\
Turn DIEM's gaze files, one an observer, into observers.csv, one a video.

Files are found by their names, diem<n>s<subject>.asc_<trial>_<video>.txt, in any folders below DIR; links are
followed. The data root need hold nothing else: a video was shown at the size in its name. Where its frames are there
and have another size, gaze is scaled to them.

A line of a file is a frame, with an event of each eye. That of the right eye is 1 in saccades too, so the left eye's
event decides what a frame is."""

_EPILOG = """\
examples
  avsal data convert-diem ~/diem --root /data/saliency
  avsal data convert-diem ~/diem --root /data/saliency --events fixation,saccade --eyes near

which point is taken where both eyes are seen (--eyes)
  mean          the middle between them, however far apart they are
  near          likewise; frames in which they are over 100 pixels of the screen apart are left out
  left, right   that eye alone"""


def add_convert_diem(commands: Commands) -> None:
    """Add ``convert-diem`` to the commands of ``avsal data``."""
    text = "turn DIEM's gaze files, one an observer, into observers.csv"
    parser = add_command(commands, "convert-diem", convert_diem, text, _DESCRIPTION, _EPILOG)
    parser.add_argument("source", type=place, metavar="DIR", help="folder of the published text files")
    parser.add_argument(
        "--events",
        type=named,
        default=["fixation"],
        metavar="E,..",
        help="frames that count: fixation, saccade, blink, with commas (default: fixation)",
    )
    parser.add_argument(
        "--eyes", choices=["mean", "near", "left", "right"], default="mean", help="see below (default: %(default)s)"
    )
    set_options(parser, several=False)


def convert_diem(args: Namespace) -> int:
    """Turn DIEM's gaze files into observers.csv."""
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.cli.data.converting import tell_converted
    from avsal_bench.data.gaze.from_diem import convert_diem as convert

    root = workspace(args.data_root, args.synth_root).root_of("diem")
    return tell_converted(lambda: convert(Path(args.source), root, args.events, eyes=args.eyes), root)
