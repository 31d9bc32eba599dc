"""Parts of an analysis that need more than means: variance, frame against frame, first frames, mean maps.

Each part says what is missing and how to get it where the records do not have what it needs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsal_bench.leaderboard.analysis import ALL
from avsal_bench.leaderboard.by_frame.frame_claims import (
    FIRST,
    QUANTILES,
    RowFrames,
    all_scores,
    beginning,
    by_video,
    compared,
    edges_of,
    shares,
)
from avsal_bench.leaderboard.by_frame.variance import LEVEL, Variance, variance
from avsal_bench.leaderboard.markdown import markdown_table
from avsal_bench.leaderboard.reports.frame_plots import draw_distribution, draw_mean_maps
from avsal_bench.leaderboard.significance import video_means
from avsal_bench.leaderboard.tables import Row, categories
from avsal_bench.records import METRICS
from avsal_bench.text import fixed, many

#: Pairs that a table of the text shows; more stand in the CSV alone.
PAIRS_SHOWN = 30

Array = NDArray[np.float64]
Line = Mapping[str, object]


@dataclass(frozen=True)
class Maps:
    """Mean maps of people or a network by category, and of how many videos; ``missing`` says why there are none."""

    maps: Mapping[str, Array] = field(default_factory=dict)
    videos: Mapping[str, int] = field(default_factory=dict)
    missing: str = ""


@dataclass(frozen=True)
class Further:
    """What was found besides the records themselves.

    Args:
        frames: for each row its frame scores by fold and seed; None where they are missing.
        lacking: for each row why it has none.
        people: mean maps of the ground truth.
        networks: for each row its mean predicted maps.
        central: of how many first frames, and of how many of them the ground truth is mostly in the centre.
    """

    frames: Sequence[RowFrames | None]
    lacking: Sequence[str]
    people: Maps = Maps()
    networks: Sequence[Maps] = ()
    central: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Written:
    """Parts of the text, tables by the name of their CSV, and pictures."""

    parts: list[str] = field(default_factory=list)
    tables: dict[str, list[Line]] = field(default_factory=dict)
    pictures: list[Path] = field(default_factory=list)


def write_further(table: Sequence[Row], names: Sequence[str], metric: str, found: Further, folder: Path) -> Written:
    """The parts of some rows; pictures are drawn into a folder, tables are left to the caller."""
    made = Written()
    _variance_part(table, names, metric, found, made)
    known = {name: frames for name, frames in zip(names, found.frames, strict=True) if frames is not None}
    missing = "".join(
        f"- {name}: {why}\n"
        for name, frames, why in zip(names, found.frames, found.lacking, strict=True)
        if frames is None
    )
    _duel_part(known, metric, missing, made)
    if known:
        _first_part(known, metric, found.central, made)
        _distribution_part(known, metric, folder, made)
    _map_part(names, found, folder, made)
    return made


# variance


def _variance_part(table: Sequence[Row], names: Sequence[str], metric: str, found: Further, made: Written) -> None:
    of_metric: list[tuple[str, str, Variance]] = []
    lines: list[Line] = []
    for one in METRICS:
        for factor, within, groups in _groups(table, names, one):
            tested = variance(groups, pairs=one == metric)
            lines.append(_variance_line(factor, within, one, "video", tested))
            if one == metric:
                of_metric.append((factor, within, tested))
    for factor, within, groups in _frame_groups(table, names, metric, found.frames):
        lines.append(_variance_line(factor, within, metric, "frame", variance(groups, pairs=False)))
    if not of_metric:
        return
    made.tables["variance.csv"] = lines
    made.tables["variance_pairs.csv"] = [
        {"factor": factor, "within": within, "metric": metric, "first": p.first, "second": p.second}
        | {"difference": _raw(p.difference), "low": _raw(p.low), "high": _raw(p.high), "p": _small(p.p)}
        for factor, within, tested in of_metric
        for p in tested.pairs
    ]
    body = [
        [factor, within, str(len(v.groups)), fixed(v.f, 2), "{}, {}".format(*v.freedom), _p(v.p), fixed(v.eta)]
        for factor, within, v in of_metric
        if not v.missing
    ]
    part = "## Analysis of variance\n\nAn observation is a video; the pairs are tested by Tukey's honestly significant "
    part += (
        f"difference. p < {LEVEL:g} is called significant, as in the paper. All networks saw the same videos, which "
    )
    part += "this test does not use: the paired test of the leaderboard sees smaller differences.\n\n"
    if body:
        part += markdown_table(["Factor", "Within", "Groups", "F", "df", "p", "eta squared"], body, range(2, 7))
    lacking = [f"- {factor} within {within}: {v.missing}\n" for factor, within, v in of_metric if v.missing]
    part += "".join(["\n" * bool(body), *lacking] if lacking else [])
    pairs = [(factor, within, p) for factor, within, v in of_metric for p in v.pairs]
    if pairs:
        significant = sum(p.p < LEVEL for *_, p in pairs)
        part += f"\n{significant} of {many(len(pairs), 'pair')} differ significantly"
        part += ".\n\n" if len(pairs) <= PAIRS_SHOWN else "; all of them stand in `variance_pairs.csv`.\n"
    if 0 < len(pairs) <= PAIRS_SHOWN:
        rows = [
            [
                within,
                f"{p.first} less {p.second}",
                f"{fixed(p.difference)} ({fixed(p.low)} to {fixed(p.high)})",
                _p(p.p),
            ]
            for _, within, p in pairs
        ]
        part += markdown_table(["Within", "Pair", "Difference", "p"], rows, range(2, 4))
    made.parts.append(part)


def _groups(
    table: Sequence[Row], names: Sequence[str], metric: str
) -> Iterator[tuple[str, str, dict[str, list[float]]]]:
    """Factor, what it is looked at within, and the scores of its groups: networks in a category, and the reverse."""
    kinds = categories(record for row in table for record in row.records)
    scores = [video_means(row, metric) for row in table]
    home = {v.video: v.category for row in table for record in row.records for v in record.videos}

    def of(row: int, kind: str) -> list[float]:
        return [value for video, value in sorted(scores[row].items()) if kind in (ALL, home[video])]

    if len(table) > 1:
        for kind in (ALL, *kinds):
            yield "network", kind, {name: of(row, kind) for row, name in enumerate(names)}
    if len(kinds) > 1:
        for row, name in enumerate(names):
            yield "category", name, {kind: of(row, kind) for kind in kinds}


def _frame_groups(
    table: Sequence[Row], names: Sequence[str], metric: str, frames: Sequence[RowFrames | None]
) -> Iterator[tuple[str, str, dict[str, list[float]]]]:
    """Likewise with frames as observations, of networks within a category, where all have frame scores."""
    if len(table) < 2 or any(one is None for one in frames):
        return
    kinds = categories(record for row in table for record in row.records)
    home = {v.video: v.category for row in table for record in row.records for v in record.videos}
    found = [by_video(one, metric) for one in frames if one is not None]
    for kind in (ALL, *kinds):
        yield (
            "network",
            kind,
            {
                name: [v for (_, video), values in of.items() if kind in (ALL, home[video]) for v in values.values()]
                for name, of in zip(names, found, strict=True)
            },
        )


def _variance_line(factor: str, within: str, metric: str, unit: str, v: Variance) -> Line:
    between, rest = v.freedom
    line = {"factor": factor, "within": within, "metric": metric, "observations": unit, "groups": len(v.groups)}
    line |= {"f": _raw(v.f), "df_between": between, "df_within": rest, "p": _small(v.p), "eta_squared": _raw(v.eta)}
    return line | {"missing": v.missing}


# frames


def _duel_part(known: Mapping[str, RowFrames], metric: str, missing: str, made: Written) -> None:
    part = "## Frame by frame\n\n"
    if len(known) > 1:
        lines: list[Line] = []
        body = []
        for one in METRICS:
            scored = {name: by_video(frames, one) for name, frames in known.items()}
            for first, second in combinations(known, 2):
                result = compared(scored[first], scored[second], one)
                if result is None:
                    continue
                mean = result.by_video
                lines.append(
                    {"first": first, "second": second, "metric": one, "frames": result.frames}
                    | {"share_first_better": _raw(result.wins), "share_equal": _raw(result.ties)}
                    | {"mean_of_videos": _raw(mean.mean), "low": _raw(mean.low), "high": _raw(mean.high)}
                )
                if one == metric:
                    span = "" if math.isnan(mean.low) else f" ({_percent(mean.low)} to {_percent(mean.high)})"
                    told = (_percent(result.wins), _percent(result.ties), _percent(mean.mean) + span)
                    body.append([f"{first} over {second}", f"{result.frames:,}", *told])
        made.tables["duels.csv"] = lines
        head = ["Who is better", "Frames", "better, %", "equal, %", "mean of videos, %"]
        part += f"Of the frames that define {metric} for both: where the first network is better. The interval is over "
        part += f"videos.\n\n{markdown_table(head, body, range(1, 5))}"
    elif known:
        part += "One network has frame scores; name another one to set it against.\n"
    made.parts.append(part + (f"\nNo frame scores:\n\n{missing}" if missing else ""))


def _first_part(known: Mapping[str, RowFrames], metric: str, central: tuple[int, int], made: Written) -> None:
    body, lines = [], list[Line]()
    for name, frames in known.items():
        for one in METRICS:
            b = beginning(frames, one)
            lines.append(
                {"network": name, "metric": one, "frames": b.frames, "mean_of_frames": _raw(b.mean)}
                | {"first": _raw(b.first.mean), "first_low": _raw(b.first.low), "first_high": _raw(b.first.high)}
                | {"rest": _raw(b.rest.mean), "rest_low": _raw(b.rest.low), "rest_high": _raw(b.rest.high)}
            )
            if one == metric:
                spans = (
                    f"{_number(i.mean)}" + ("" if math.isnan(i.low) else f" ({fixed(i.low)} to {fixed(i.high)})")
                    for i in (b.first, b.rest)
                )
                body.append([name, str(b.frames), _number(b.mean), *spans])
    made.tables["first_frames.csv"] = lines
    head = ["Network", "Frames", "mean of these", f"first {FIRST}, by video", "later, by video"]
    part = f"## The first {FIRST} frames of each video\n\n{markdown_table(head, body, range(1, 5))}"
    looked, inside = central
    if looked:
        part += (
            f"\nOf {many(looked, 'first frame')} {inside} ({_percent(inside / looked)} %) have more than half of their "
        )
        part += "ground truth in the centre: a box of half the width and half the height.\n"
    made.parts.append(part)


def _distribution_part(known: Mapping[str, RowFrames], metric: str, folder: Path, made: Written) -> None:
    scores = {name: all_scores(frames, metric) for name, frames in known.items()}
    scores = {name: values for name, values in scores.items() if len(values)}
    if not scores:
        return
    edges = edges_of(list(scores.values()))
    bars = {name: shares(values, edges) for name, values in scores.items()}
    made.tables["distribution.csv"] = [
        {"network": name, "metric": metric, "from": _raw(low), "to": _raw(high), "share_of_frames": _raw(share)}
        for name, values in bars.items()
        for low, high, share in zip(edges[:-1].tolist(), edges[1:].tolist(), values.tolist(), strict=True)
    ]
    means = {name: float(values.mean()) for name, values in scores.items()}
    draw_distribution(bars, means, edges, metric, folder / "distribution.png")
    made.pictures.append(folder / "distribution.png")
    body = [
        [name, f"{len(values):,}", fixed(means[name]), *(fixed(q) for q in np.quantile(values, QUANTILES).tolist())]
        for name, values in scores.items()
    ]
    head = ["Network", "Frames", "mean", *(f"{100 * q:g} %" for q in QUANTILES)]
    about = "What so many of the frames lie below. All frames count alike.\n\n"
    shown = markdown_table(head, body, range(1, len(head)))
    made.parts.append(f"## Distribution over frames\n\n{about}{shown}\n![Distribution](distribution.png)\n")


# mean maps


def _map_part(names: Sequence[str], found: Further, folder: Path, made: Written) -> None:
    part = "## Mean maps\n\n"
    networks = {name: one for name, one in zip(names, found.networks, strict=False) if one.maps}
    people = found.people.maps
    missing = "".join(
        f"- {name}: {one.missing}\n" for name, one in zip(names, found.networks, strict=False) if one.missing
    )
    missing += f"- people: {found.people.missing}\n" if found.people.missing else ""
    if people or networks:
        kinds = list(dict.fromkeys([*people, *(kind for one in networks.values() for kind in one.maps)]))
        words = {"people": {kind: f"{kind}, {many(found.people.videos[kind], 'video')}" for kind in people}}
        lines, body = list[Line](), []
        for name, one in networks.items():
            alike = {kind: _alike(one.maps[kind], people[kind]) for kind in one.maps if kind in people}
            words[name] = {kind: f"{kind}, CC {_number(value)}" for kind, value in alike.items()}
            lines += [{"network": name, "category": kind, "cc": _raw(value)} for kind, value in alike.items()]
            body.append([name, *(_number(alike.get(kind, math.nan)) for kind in kinds)])
        rows = ({"people": people} if people else {}) | {name: one.maps for name, one in networks.items()}
        draw_mean_maps(rows, words, folder / "mean_maps.png")
        made.pictures.append(folder / "mean_maps.png")
        part += (
            "The mean of the ground-truth maps, and of the maps of each network: of each video the mean of up to 100 "
        )
        part += "frames, and all videos alike.\n\n"
        if lines:
            made.tables["mean_maps.csv"] = lines
            part += "CC of the two means:\n\n" + markdown_table(["Network", *kinds], body, range(1, 1 + len(kinds)))
        part += "\n![Mean maps](mean_maps.png)\n"
    made.parts.append(part + (f"\nNot available:\n\n{missing}" if missing else ""))


def _alike(one: Array, other: Array) -> float:
    """CC of two maps; NaN where one is the same everywhere."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) if one.std() > 0 and other.std() > 0 else math.nan


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else fixed(100 * share, 2)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else fixed(value)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else fixed(value)


def _raw(value: float) -> float | str:
    return "" if math.isnan(value) else round(value, 6)


def _small(value: float) -> float | str:
    """A p, of which six decimals may be nothing."""
    return "" if math.isnan(value) else float(f"{value:.4g}")
