"""The command ``avsal analyse``: by category, over time, by frame, mean maps, contextual NSS, for any records."""

from __future__ import annotations

import argparse
from pathlib import Path

from avsal_bench.bench.words import folder_options, space_of
from avsal_bench.cli.options import Commands, add_command, records_of, records_option
from avsal_bench.text import many
from avsal_bench.typed import place

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
The analyses of DAVE's paper for any records of one data set: scores by category, over the time of the
videos, best and worst videos with their pictures, analysis of variance, on how many frames one network
beats another, the first ten frames, the distribution of scores, mean maps, and NSS on the thing that
sounds and elsewhere. docs/analyses.md explains them. Folds and seeds of one network are taken together."""

_EPILOG = """\
examples:
  avsal analyse leaderboard/records/stavis/synth/avrsp_av-fold1-seed0.json
  avsal analyse leaderboard/records/stavis/synth/{avrsp_v,avrsp_av,mep}-fold*.json --metric CC -o compared
  avsal analyse --records theirs.zip 'stavis/avad/*.json'
Mean maps and contextual NSS need the maps: bench with --keep-maps. Those of human_infinite are made anew
for contextual NSS. What goes by frames needs <name>.frames.npy beside each record, or the --runs of the test."""


def add_parser(commands: Commands) -> None:
    """Add ``analyse`` to the commands of ``avsal``."""
    parser = add_command(
        commands,
        "analyse",
        analyse,
        "scores by category, over time, by frame and at the sounding thing, of any records",
        _DESCRIPTION,
        _EPILOG,
    )
    parser.add_argument(
        "named", type=place, nargs="+", metavar="RECORD", help="files of records, of one data set and protocol"
    )
    parser.add_argument("--metric", default="NSS", help="of text and pictures (default: %(default)s, as in the paper)")
    parser.add_argument(
        "-o", "--out", type=place, metavar="DIR", help="default: analyses/<protocol>-<set> below --runs"
    )
    folder_options(parser)
    records_option(parser, "RECORD is then as it lies there, such as 'stavis/diem/*.json'")


def analyse(args: argparse.Namespace) -> int:
    """Write the analyses of some records, and print their tables."""
    from avsal_bench.leaderboard.merged_records import named_files
    from avsal_bench.studies.analyses import analyse_records

    out = Path(args.out) if args.out else None
    text, files = analyse_records(named_files(args.named, records_of(args)), args.metric, space_of(args), out)
    print(text)
    print(f"wrote {many(len(files), 'file')}, first {files[0]}")
    return 0
