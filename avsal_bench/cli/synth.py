"""The command ``avsal synth``: make the embedded data set, or a small one in the layout of another."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from avsal_bench.bench.words import folder_options, space_of
from avsal_bench.cli.options import Commands, add_command
from avsal_bench.typed import whole

#: Layouts of :mod:`avsal_bench.data.synth.film_trees`, which takes libraries of video.
LAYOUTS = ("crowdsal", "ntire26", "avimos")
#: Of those: videos, and frames of each.
VIDEOS, FRAMES = 6, 48
_EPILOG = """\
Every command that needs the embedded set makes it by itself. With --layout, videos of the same kind lie as those of
CrowdSAL, NTIRE 2026 or AViMoS do: films with sound, saliency maps in films of 10 bits, points in JSON; some videos are
upright, some have no sound. They are for trying commands before terabytes are fetched: scores on them say nothing.

examples
  avsal synth --synth-root data/synth
  avsal synth --layout crowdsal --data-root /tmp/try                  6 videos of 48 frames in /tmp/try/CrowdSAL
  avsal data check crowdsal --root /tmp/try"""


def add_parser(commands: Commands) -> None:
    """Add ``synth`` to the commands of ``avsal``."""
    text = "make the embedded data set, or a small one in the layout of CrowdSAL"
    parser = add_command(commands, "synth", synth, text, epilog=_EPILOG)
    parser.add_argument(
        "--seed",
        type=whole(0),
        help="of scenes, sounds and gaze; a set of another seed stays, and is an error (default: 0, or that of the set "
        "that is there)",
    )
    group = parser.add_argument_group("a small set in another layout")
    group.add_argument("--layout", choices=LAYOUTS, help="below --data-root, where nothing is replaced")
    group.add_argument("--videos", type=whole(4), help=f"a third of them is tested (default: {VIDEOS})")
    group.add_argument("--frames", type=whole(8), help=f"of each, 30 a second (default: {FRAMES})")
    folder_options(parser)


def synth(args: Namespace) -> int:
    """Make the embedded data set, or find it made; with ``--layout`` a small set in that layout."""
    space = space_of(args)
    if args.layout:
        from avsal_bench.data.synth.film_trees import make_film_set

        if space.data_root is None:
            raise ValueError(
                f"--layout {args.layout}: name the folder that it goes into with --data-root; it may be new"
            )
        videos, frames = args.videos or VIDEOS, args.frames or FRAMES
        print(make_film_set(Path(space.data_root), args.layout, videos, frames, args.seed or 0))
        return 0
    for name in ("videos", "frames"):
        if getattr(args, name) is not None:
            raise ValueError(f"--{name} is for a set in another layout; say which with --layout, or leave it out")
    from avsal_bench.data.synth.making import ensure_synth, seed_of

    there = seed_of(space.synth_root)
    if args.seed is not None and there not in (None, args.seed):
        raise ValueError(
            f"{space.synth_root} holds the set of seed {there}, and records may rest on it; name another folder with "
            f"--synth-root for that of seed {args.seed}"
        )
    ensure_synth(space.synth_root, args.seed)
    print(space.synth_root)
    return 0
