"""The command ``avsal data convert-diem``."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command, set_options
from avsal_bench.typed import place


def add_convert_diem(commands: Commands) -> None:
    """Add ``convert-diem`` to the commands of ``avsal data``."""
    text = "turn DIEM's gaze files, one an observer, into observers.csv"
    epilog = "example\n  avsal data convert-diem ~/diem --root /data/saliency"
    parser = add_command(commands, "convert-diem", convert_diem, text, epilog=epilog)
    parser.add_argument("source", type=place, metavar="DIR", help="folder of the published text files")
    set_options(parser, several=False)


def convert_diem(args: Namespace) -> int:
    """Turn DIEM's gaze files into observers.csv."""
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.data.gaze.from_diem import convert_diem as convert

    written = convert(Path(args.source), workspace(args.data_root, args.synth_root).root_of("diem"))
    for path in written:
        print(path)
    if not written:
        print("nothing to do: all of them are there")
    return 0
