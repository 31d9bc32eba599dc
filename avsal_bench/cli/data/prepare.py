"""The command ``avsal data prepare``: store frames and sound in the form that training reads fastest."""

from __future__ import annotations

import argparse

from avsal_bench.cli.options import Commands, add_command, roots_of, set_options
from avsal_bench.text import many
from avsal_bench.typed import size, whole


def add_prepare(commands: Commands) -> None:
    """Add ``prepare`` to the commands of ``avsal data``."""
    text = "store frames and sound in the form that training reads fastest"
    epilog = (
        "The form lies in <root>/prepared, and scores do not change. What is there is not made again.\n\nexamples\n"
        "  avsal data prepare six                            for networks of 224x384\n"
        "  avsal data prepare avad --size 112x112 --rate 0   another size, no sound\n"
        "  avsal data prepare six --verify                   is all of it still whole?"
    )
    parser = add_command(commands, "prepare", prepare, text, epilog=epilog)
    set_options(parser)
    parser.add_argument("--size", type=size, default=(224, 384), help="of the frames (default: 224x384)")
    parser.add_argument(
        "--rate", type=whole(0, 192_000), default=22050, help="of the sound in Hz, 0 for none (default: %(default)s)"
    )
    parser.add_argument("--verify", action="store_true", help="compare what is there with its checksums")
    parser.add_argument("--force", action="store_true", help="do again what is done")


def prepare(args: argparse.Namespace) -> int:
    """Store frames and sound in the form that training reads fastest."""
    from avsal_bench.bench.sets import listed_videos
    from avsal_bench.data.files.prepare import prepare_videos
    from avsal_bench.workers import Workers

    videos = list(listed_videos(roots_of(args)))
    with Workers(args.workers) as workers:
        made = prepare_videos(videos, args.size, args.rate or None, workers, force=args.force, verify=args.verify)
    written = [one for one in made if one.reason]
    gigabytes = sum(one.bytes for one in made) / 1e9
    print(f"{many(len(made), 'video')} prepared, {len(written)} of them now; {gigabytes:.2f} GB in all")
    return 0
