"""The command ``avsal pseudo``: pseudo maps from the categories of videos, without eye tracking."""

from __future__ import annotations

import argparse

from avsal_bench.bench.words import default_workers, folder_options, space_of
from avsal_bench.cli.options import Commands, add_command
from avsal_bench.text import many
from avsal_bench.typed import fold, seed, whole, word

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Train STANet's three classifiers of the categories of videos on the training list of a fold, and write a pseudo map
for each frame of each training video, <root>/pseudo/<SET>/<video>/pseudo_%05d.png, from which
`avsal bench stanet --preset weak` learns. Run it again after an interruption: it goes on. docs/stanet.md has the
rules and the options."""

_EPILOG = """\
examples:
  avsal pseudo synth
  avsal pseudo AVAD --fold 2 --classifiers s,st --set epochs=5"""


def add_parser(commands: Commands) -> None:
    """Add ``pseudo`` to the commands of ``avsal``."""
    parser = add_command(
        commands, "pseudo", pseudo, "make pseudo maps from categories of videos", _DESCRIPTION, _EPILOG
    )
    folder_options(parser)
    parser.add_argument("dataset", metavar="SET", help="a set with a category for each training video")
    parser.add_argument("--fold", type=fold, default=1, metavar="K", help="training list (default: %(default)s)")
    parser.add_argument("--preset", type=word, help="paper or smoke (default: paper for real sets, else smoke)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override an option, such as epochs=2"
    )
    parser.add_argument(
        "--classifiers", default="s,sa,st", metavar="NAMES", help="of s, sa (hears) and st (default: %(default)s)"
    )
    parser.add_argument("--seed", type=seed, default=0, help="of the training (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="first remove maps that were made otherwise")
    parser.add_argument(
        "--workers", type=whole(0), default=default_workers(), help="reading processes (default: %(default)s)"
    )


def pseudo(args: argparse.Namespace) -> int:
    """Train and write, and say how often the classifiers are right."""
    from avsal_bench.data.dataset import dataset, resolve_name
    from avsal_bench.models.scam import KINDS
    from avsal_bench.names import unknown
    from avsal_bench.studies.pseudo import Request, make_pseudo_maps
    from avsal_bench.studies.pseudo_options import preset

    space, name = space_of(args), resolve_name(args.dataset)
    options = preset(args.preset or ("smoke" if dataset(name).embedded else "paper")).with_overrides(args.set)
    asked = [word.strip() for word in args.classifiers.split(",") if word.strip()]
    if strange := [word for word in asked if word not in KINDS]:
        raise ValueError(unknown("classifier", strange[0], KINDS))
    kinds = tuple(kind for kind in KINDS if kind in asked)
    made = make_pseudo_maps(Request(name, args.fold, space, options, kinds, args.seed, args.workers), args.force)
    if made.frames:
        told = ", ".join(f"{kind} {count / made.frames:.3f}" for kind, count in made.right.items())
        print(
            f"right about the category of the whole frame: {told}; {made.black} of {many(made.frames, 'map')} are black"
        )
    print(made.folder)
    return 0
