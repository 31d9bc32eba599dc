"""The command ``avsal data show``: draw a video with its maps."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command, set_options
from avsal_bench.typed import place


def add_show(commands: Commands) -> None:
    """Add ``show`` to the commands of ``avsal data``."""
    text = "draw frames of a video with maps, fixations and sound, to look at"
    epilog = (
        "examples\n  avsal data show avad V1_Speech1                   a sheet of frames, V1_Speech1.png\n"
        "  avsal data show avad V1_Speech1 --out look.mp4    the whole video, with its sound"
    )
    parser = add_command(commands, "show", show, text, epilog=epilog)
    parser.add_argument("dataset", metavar="SET", help="data set; `avsal list` names them")
    parser.add_argument("video", metavar="VIDEO", help="name of the video, as in the lists")
    parser.add_argument(
        "--out", type=place, metavar="FILE", help="png: a sheet; mp4: the whole video (default: <VIDEO>.png)"
    )
    set_options(parser, several=False)


def show(args: Namespace) -> int:
    """Draw frames of a video with maps, fixations and sound."""
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.data.dataset import resolve_name
    from avsal_bench.data.pictures.show import contact_sheet, find_video, overlay_video

    space, name = workspace(args.data_root, args.synth_root), resolve_name(args.dataset)
    video = find_video(name, space.root_of(name), args.video)
    path = Path(args.out or f"{video.name}.png")
    (overlay_video if path.suffix.lower() == ".mp4" else contact_sheet)(video, path)
    print(path)
    return 0
