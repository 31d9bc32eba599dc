"""The analyses of DAVE's paper for any records: what each test left is looked for, and all is written into a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from avsal_bench.bench.workspace import Workspace
from avsal_bench.leaderboard.analysis import (
    Contextual,
    analysed_rows,
    bounds_beside,
    contextual,
    find_results,
    read_named,
)
from avsal_bench.leaderboard.by_frame.frame_claims import RowFrames
from avsal_bench.leaderboard.by_frame.packed_scores import scores_of_test, unpack
from avsal_bench.leaderboard.given_files import PUBLISHED, given_file, given_published_videos
from avsal_bench.leaderboard.published_scores import published_rows, read_published, read_published_videos
from avsal_bench.leaderboard.reports.analysis_report import Analysis, write_analysis
from avsal_bench.leaderboard.reports.frame_report import Further
from avsal_bench.leaderboard.tables import Row
from avsal_bench.names import pick
from avsal_bench.records import METRICS
from avsal_bench.studies.contextual_records import contextual_of
from avsal_bench.studies.mean_maps import maps_of_network, maps_of_people


def analyse_records(
    paths: Sequence[Path], metric: str, space: Workspace, out: Path | None = None
) -> tuple[str, list[Path]]:
    """Write the analyses of records of one data set and protocol; returns their text, and the files.

    Args:
        paths: of the records.
        metric: of text and pictures, in any case.
        space: folders.
        out: folder of the files; by default ``analyses/<protocol>-<set>`` below the runs.

    Raises:
        ValueError: for an unknown metric, and for records that cannot be compared.
    """
    chosen = pick("metric", metric.lower(), {known.lower(): known for known in METRICS})
    named = read_named(paths)
    table = analysed_rows(named.values())
    head = table[0].head
    out = out or space.runs / "analyses" / f"{head.protocol}-{head.dataset}"
    out.mkdir(parents=True, exist_ok=True)
    folders = [
        {(r.fold, r.seed): folder for r in row.records if (folder := find_results(r, space.runs)) is not None}
        for row in table
    ]
    found = [_contextual(row, own, space) for row, own in zip(table, folders, strict=True)]
    papers = published_rows(read_published(given_file(space.leaderboard, PUBLISHED)))
    videos = read_published_videos(given_published_videos(space.leaderboard))
    further = _further(table, {id(r): path for path, r in named.items()}, folders, space)
    return write_analysis(Analysis(table, chosen, folders, found, bounds_beside(paths), papers, videos, further), out)


def _further(
    table: Sequence[Row], files: Mapping[int, Path], folders: Sequence[Mapping[tuple[int, int], Path]], space: Workspace
) -> Further:
    """Frame scores and mean maps of some rows, as far as they are there."""
    frames, lacking = zip(*(_frames(row, files, own) for row, own in zip(table, folders, strict=True)), strict=True)
    people, central = maps_of_people(table[0], space)
    networks = [maps_of_network(row, own, space) for row, own in zip(table, folders, strict=True)]
    return Further(frames, lacking, people, networks, central)


def _frames(
    row: Row, files: Mapping[int, Path], results: Mapping[tuple[int, int], Path]
) -> tuple[RowFrames | None, str]:
    """Frame scores of a row, packed beside its records or as its tests left them; or None, and why."""
    found = {}
    for record in row.records:
        place = record.fold, record.seed
        kept = scores_of_test(record.videos, results[place]) if place in results else None
        try:
            found[place] = kept or unpack(files[id(record)], record)
        except (ValueError, FileNotFoundError) as error:
            return None, str(error)
    return found, ""


def _contextual(row: Row, results: Mapping[tuple[int, int], Path], space: Workspace) -> Contextual:
    """NSS at the sounding thing, or why there is none."""
    try:
        return contextual([contextual_of(r, results.get((r.fold, r.seed)), space) for r in row.records])
    except (ValueError, FileNotFoundError) as error:
        return Contextual({}, str(error))
