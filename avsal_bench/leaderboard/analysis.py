"""The analyses of dave2019, sections 5.3 to 5.6, of any record, and scores relative to what bounds them."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avsal_bench.leaderboard.significance import video_means
from avsal_bench.leaderboard.statistics import Interval, bootstrap_interval
from avsal_bench.leaderboard.tables import Row, Score, categories, rows, score
from avsal_bench.means import defined_mean
from avsal_bench.names import BACKWARDS
from avsal_bench.records import CURVE_PARTS, METRICS, Record, VideoScores, read_record
from avsal_bench.text import many

#: What is 0 and what is 1 of the relative scale.
FLOOR, CEILING = "mep", "human_infinite"
#: The whole data set, where categories are named.
ALL = "all"
#: Best and worst videos of a set without categories.
CASES = 3
#: Networks side by side, at most: as many as a plot has colours.
MOST = 10


def read_named(paths: Sequence[Path]) -> dict[Path, Record]:
    """Some records of one data set and protocol, by their files.

    Raises:
        ValueError: naming a file that is no record or stands there twice, or for records that cannot be set side by
            side.
        FileNotFoundError: naming a file that is not there.
    """
    if not paths:
        raise ValueError("name at least one record, such as leaderboard/records/stavis/synth/mep-fold1-seed0.json")
    found: dict[Path, Record] = {}
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"no file {path}; records lie in leaderboard/records/<protocol>/<set>")
        if path.resolve() in found:
            raise ValueError(f"{path} is given twice")
        found[path.resolve()] = read_record(path)
    places = {(r.dataset, r.protocol): path for path, r in found.items()}
    if len(places) > 1:
        said = " and ".join(f"{path.name} of {name}, protocol {rule}" for (name, rule), path in places.items())
        raise ValueError(f"records of one data set and protocol can stand side by side, got {said}")
    empty = [path for path, r in found.items() if not r.videos]
    if empty:
        raise ValueError(f"{empty[0]}: a record without videos; there is nothing to analyse")
    return found


def read_analysed(paths: Sequence[Path]) -> list[Row]:
    """Rows of some records of one data set and protocol; folds and seeds of one network make one row.

    Raises:
        ValueError, FileNotFoundError: as :func:`read_named`, and :func:`analysed_rows`.
    """
    return analysed_rows(read_named(paths).values())


def analysed_rows(records: Iterable[Record]) -> list[Row]:
    """Rows of records that can be set side by side.

    Raises:
        ValueError: for more than ``MOST`` rows.
    """
    table = rows(records)
    if len(table) > MOST:
        raise ValueError(f"{many(len(table), 'network')}; at most {MOST} can be told apart side by side, name fewer")
    return table


def labels(table: Sequence[Row]) -> list[str]:
    """A name for each row, short and unlike the others: the network, its sound if not the true one, the preset if need
    be, and that it is of a part of the test list."""
    names = [r.head.network + ("" if r.head.sound == "original" else f", {r.head.sound}") for r in table]
    return [
        (name if names.count(name) == 1 else f"{name} ({row.head.preset})")
        + (" (part of the list)" if row.part else "")
        for name, row in zip(names, table, strict=True)
    ]


# the relative scale


def relative(value: float, floor: float, ceiling: float, higher: bool = True) -> float:
    """A score where ``floor`` is 0 and ``ceiling`` 1; NaN where the ceiling is not better than the floor.

    Args:
        value: the score.
        floor: of the mean eye position.
        ceiling: of human infinite.
        higher: whether a higher score is better.

    >>> relative(0.75, 0.5, 1.0), relative(1.75, 2.5, 1.0, higher=False)
    (0.5, 0.5)
    """
    room, gain = (ceiling - floor, value - floor) if higher else (floor - ceiling, floor - value)
    return gain / room if room > 0 else math.nan


def bounds_of(row: Row, table: Sequence[Row]) -> tuple[Row, Row] | None:
    """The rows of mean eye position and human infinite on the very folds and frames of a row; None where either is
    missing."""
    found = []
    for name in (FLOOR, CEILING):
        mine = (name, row.head.dataset, row.head.protocol)
        same = [r for r in table if (r.head.network, r.head.dataset, r.head.protocol) == mine]
        same = [r for r in same if _tested(row) <= _tested(r)]
        if not same:
            return None
        # Presets of a bound differ in which sets they test only.
        bound = min(same, key=lambda r: (r.head.preset != row.head.preset, r.head.preset))
        if bound.folds != row.folds:
            [bound] = rows(r for r in bound.records if r.fold in row.folds)
        if _tested(bound) != _tested(row) or row.part != bound.part:
            return None
        found.append(bound)
    return found[0], found[1]


def _tested(row: Row) -> set[tuple[int, str, int]]:
    """Folds, videos and numbers of frames that a row was tested on."""
    return {(record.fold, video.video, video.frames) for record in row.records for video in record.videos}


def relative_scores(row: Row, table: Sequence[Row]) -> dict[str, float]:
    """Score of a row in each of the six metrics, 0 the mean eye position and 1 human; empty where either is missing."""
    bounds = bounds_of(row, table)
    if bounds is None:
        return {}
    floor, ceiling = (bound.scores for bound in bounds)
    return {
        metric: relative(row.scores[metric].value, floor[metric].value, ceiling[metric].value, higher)
        for metric, higher in METRICS.items()
    }


def bounds_beside(paths: Sequence[Path]) -> list[Row]:
    """Rows of the bounds whose records lie beside some records, those of each folder apart."""
    found = []
    for folder in sorted({path.resolve().parent for path in paths}):
        files = [path for name in (FLOOR, CEILING) for path in sorted(folder.glob(f"{name}-fold*-seed*.json"))]
        found += rows(map(read_record, files))
    return found


# the analyses


def by_category(table: Sequence[Row], metric: str) -> dict[str, list[Score]]:
    """Scores of each row, on all videos and on those of each category (dave2019, section 5.3)."""
    kinds = categories(record for row in table for record in row.records)
    shown: list[tuple[str, str | None]] = [(ALL, None), *((kind, kind) for kind in kinds)]
    return {name: [score(row.records, metric, kind) for row in table] for name, kind in shown}


def over_time(row: Row, metric: str) -> list[Interval]:
    """Mean over videos of a metric in each of ``CURVE_PARTS`` parts of their time, with its 95 % interval.

    Every video counts once, whatever its length (dave2019, section 5.4, which resamples to 1000 points).

    Raises:
        ValueError: for a row whose records have no scores over time.
    """
    parts: list[dict[str, list[float]]] = [defaultdict(list) for _ in range(CURVE_PARTS)]
    for video in (v for record in row.records for v in record.videos):
        for part, value in zip(parts, video.curve.get(metric, ()), strict=False):
            if not math.isnan(value):
                part[video.video].append(value)
    if not any(video.curve for record in row.records for video in record.videos):
        raise ValueError(f"{row.head.network} on {row.head.dataset}: its records have no scores over time; run it anew")
    return [bootstrap_interval([defined_mean(v) for v in part.values()]) for part in parts]


@dataclass(frozen=True)
class Case:
    """One of the best or worst videos of a row: its mean score over the row's records, and one record that tests it."""

    category: str
    word: str
    video: str
    value: float
    record: Record


def cases(row: Row, metric: str) -> list[Case]:
    """The best and the worst video of each category (dave2019, section 5.4), or ``CASES`` of each without categories.

    A video is named once: where there are too few, there is no worst one.
    """
    kinds: Sequence[str | None] = categories(row.records) or [None]
    most = CASES if kinds == [None] else 1
    sign = 1 if METRICS[metric] else -1
    means = {name: value for name, value in video_means(row, metric).items() if not math.isnan(value)}
    homes = {video.video: (record, video) for record in reversed(row.records) for video in record.videos}
    found = []
    for kind in kinds:
        ranked = sorted(
            (name for name in means if kind in (None, homes[name][1].category)), key=lambda v: (-sign * means[v], v)
        )
        best = ranked[:most]
        worst = [name for name in ranked[::-1][:most] if name not in best]
        for word, names in (("best", best), ("worst", worst)):
            found += [Case(kind or ALL, word, name, means[name], homes[name][0]) for name in names]
    return found


def find_results(record: Record, runs: Path) -> Path | None:
    """Folder below ``runs`` in which the test that made a record left its pictures and maps; None where it is gone.

    It is known by its scores, so a folder of other weights is never taken for it.
    """
    precision = f"-{record.precision}" if record.precision else ""
    backwards = f"-{BACKWARDS}" if record.recipe.get("test_backwards") is True else ""
    test = f"{record.protocol}-{record.dataset}-fold{record.fold}-{record.sound}{precision}{backwards}"
    pattern = f"stages/*/test/{test}"
    found = (folder for folder in sorted(runs.glob(pattern)) if all(_made(folder, v) for v in record.videos))
    return next(found, None)


def _made(folder: Path, video: VideoScores) -> bool:
    """Whether a folder holds these very scores of a video."""
    try:
        scores = json.loads((folder / f"{video.video}.json").read_text(encoding="utf-8"))["video"]["scores"]
        return all(
            math.isnan(value) if scores[metric] is None else scores[metric] == value
            for metric, value in video.scores.items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


@dataclass(frozen=True)
class Contextual:
    """NSS on the sounding thing, on the rest of the frame, and on all of it: means over videos with their intervals.

    ``missing`` says why there is none of a row.
    """

    scores: Mapping[str, Interval]
    missing: str = ""


def contextual(found: Sequence[Mapping[str, Mapping[str, float]]]) -> Contextual:
    """Means over videos of contextual NSS; a video that stands in several records counts once, with its mean.

    Args:
        found: of each record of a row, by video and place.
    """
    by_video: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for video, places in (item for record in found for item in record.items()):
        for place, value in places.items():
            by_video[video][place] += [] if math.isnan(value) else [value]
    if not by_video:
        return Contextual({}, "no sounding thing is seen in its videos")
    names = list(next(iter(by_video.values())))
    means = {name: [defined_mean(p[name]) for p in by_video.values() if p[name]] for name in names}
    return Contextual({name: bootstrap_interval(values) for name, values in means.items()})
