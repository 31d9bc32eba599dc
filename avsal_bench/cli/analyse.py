"""The command ``avsal analyse``: by category, over time, best and worst videos, contextual NSS, for any records."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.cli.options import folder_options

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from avsal_bench.bench.workspace import Workspace
    from avsal_bench.leaderboard.analysis import Contextual
    from avsal_bench.leaderboard.tables import Row

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
The analyses of DAVE's paper for any records of one data set: scores by category, over the time of the
videos, best and worst videos with their pictures, and NSS on the thing that sounds and elsewhere.
docs/analyses.md explains them. Folds and seeds of one network are taken together."""

_EPILOG = """\
examples:
  avsal analyse leaderboard/records/stavis/synth/avrsp_av-fold1-seed0.json
  avsal analyse leaderboard/records/stavis/synth/{avrsp_v,avrsp_av,mep}-fold*.json --metric CC -o compared
Contextual NSS needs the maps: bench with --keep-maps. Those of human_infinite are made anew."""


def add_analyse_command(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``analyse`` to the commands of ``avsal``."""
    parser = commands.add_parser(
        "analyse",
        help="scores by category, over time, best and worst videos, and at the sounding thing, of any records",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(function=analyse)
    parser.add_argument("records", nargs="+", metavar="RECORD", help="files of records, of one data set and protocol")
    parser.add_argument("--metric", default="NSS", help="of text and pictures (default: %(default)s, as in the paper)")
    parser.add_argument("-o", "--out", metavar="DIR", help="default: analyses/<protocol>-<set> below --runs")
    folder_options(parser)


def analyse(args: argparse.Namespace) -> int:
    """Write the analyses of some records, and print their tables."""
    from avsal_bench.cli.bench import space_of
    from avsal_bench.leaderboard.analysis import bounds_beside, find_results, read_analysed
    from avsal_bench.leaderboard.reports.analysis_report import Analysis, write_analysis
    from avsal_bench.names import pick
    from avsal_bench.records import METRICS

    spelled = {metric.lower(): metric for metric in METRICS}
    metric = pick("metric", args.metric.lower(), spelled)
    paths = [Path(name) for name in args.records]
    table = read_analysed(paths)
    space = space_of(args)
    head = table[0].head
    out = Path(args.out) if args.out else space.runs / "analyses" / f"{head.protocol}-{head.dataset}"
    out.mkdir(parents=True, exist_ok=True)
    folders = [
        {(r.fold, r.seed): folder for r in row.records if (folder := find_results(r, space.runs)) is not None}
        for row in table
    ]
    contextual = [_contextual(row, own, space) for row, own in zip(table, folders, strict=True)]
    text, files = write_analysis(Analysis(table, metric, folders, contextual, bounds_beside(paths)), out)
    print(text)
    print(f"wrote {len(files)} files, first {files[0]}")
    return 0


def _contextual(row: Row, results: Mapping[tuple[int, int], Path], space: Workspace) -> Contextual:
    """NSS at the sounding thing, or why there is none."""
    from avsal_bench.leaderboard.analysis import Contextual, contextual
    from avsal_bench.studies.contextual_records import contextual_of

    try:
        return contextual([contextual_of(r, results.get((r.fold, r.seed)), space) for r in row.records])
    except (ValueError, FileNotFoundError) as error:
        return Contextual({}, str(error))
