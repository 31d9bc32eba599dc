"""The command ``avsal data convert-dhf1k``."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command, set_options
from avsal_bench.typed import place, size

_DESCRIPTION = """\
Turn DHF1K's raw gaze, one file a viewer and video, into fixation maps, density maps and observers.csv.

Files are found by their names, P<viewer>_Trail<video>.txt, in any folders below DIR. Frames, rate and size of a video
are those of its file in DHF1K/video of the data root; where it is not there, those of the fold lists, and 640 x 360.
What is there stays, and a run that was broken off goes on. Maps that something else wrote, such as the authors' own,
are never replaced."""

_EPILOG = """\
forms (docs/dhf1k.md)
  pairs          each sample of a fixation on its own pixel
  as-published   as in the released files: of a viewer in a frame, every row with every column

examples
  avsal data convert-dhf1k ~/exportdata_train --root /data/saliency
  avsal data convert-dhf1k ~/exportdata_train --root /data/released_form --form as-published
  avsal data convert-dhf1k ~/exportdata_train --root /data/saliency --gaze-only    beside the authors' maps"""


def add_convert_dhf1k(commands: Commands) -> None:
    """Add ``convert-dhf1k`` to the commands of ``avsal data``."""
    text = "turn DHF1K's raw gaze, one file a viewer, into maps and observers.csv"
    parser = add_command(commands, "convert-dhf1k", convert_dhf1k, text, _DESCRIPTION, _EPILOG)
    parser.add_argument("source", type=place, metavar="DIR", help="folder of the raw files, unpacked")
    parser.add_argument(
        "--form",
        type=_form,
        choices=["pairs", "as-published"],
        default="pairs",
        help="of fixation maps (default: %(default)s)",
    )
    parser.add_argument(
        "--size", type=size, metavar="HxW", help="of videos without a file in the root (default: 360x640)"
    )
    parser.add_argument("--gaze-only", action="store_true", help="write observers.csv, and no maps")
    set_options(parser, several=False)


def _form(text: str) -> str:
    """A form as it is typed; in Python it is ``as_published``."""
    return text.replace("_", "-")


def convert_dhf1k(args: Namespace) -> int:
    """Turn DHF1K's raw gaze into maps and observers.csv."""
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.cli.data.converting import tell_converted
    from avsal_bench.data.gaze.from_dhf1k import convert_dhf1k as convert
    from avsal_bench.workers import Workers

    root = workspace(args.data_root, args.synth_root).root_of("dhf1k")
    form = args.form.replace("-", "_")
    with Workers(args.workers) as workers:
        made = tell_converted(
            lambda: convert(
                Path(args.source), root, form=form, size=args.size, gaze_only=args.gaze_only, workers=workers
            ),
            root,
        )
    return made
