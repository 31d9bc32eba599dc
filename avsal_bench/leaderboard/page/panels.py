"""What the panel of a row shows, as plain values: videos, curves, categories, training, comparisons, provenance.

The page has an index of all rows, and the rest in packed parts that a browser unpacks when a row is opened.
"""

from __future__ import annotations

import base64
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avsal_bench.leaderboard.analysis import CEILING, FLOOR, relative_scores
from avsal_bench.leaderboard.page.board import Board, Group, network_label, place, row_id, row_label
from avsal_bench.leaderboard.page.page_parts import packed_text
from avsal_bench.leaderboard.page.parts.compact_numbers import compact
from avsal_bench.leaderboard.sound_losses import SoundLoss
from avsal_bench.leaderboard.statistics import Array
from avsal_bench.leaderboard.tables import Row, categories, seed_mean
from avsal_bench.record_story import trained_on_lines
from avsal_bench.records import CURVE_PARTS, METRICS, Record, VideoScores

#: Rows of one table that are packed together.
ROWS_A_PART = 25
#: Characters of base64 that all pictures of a page may take together.
PICTURES = 3_000_000
#: What a training curve may hold, in the order it is drawn.
CURVES = ("train/loss", "val/loss", "val/cc", "val/cc_muted", "lr")
#: What a panel tells of the job of each record, of its provenance.
STORY = ("version", "commit", "clean", "code", "device", "threads", "torch", "precision")


def index(board: Board) -> dict[str, Any]:
    """What the page knows of all rows before one is opened.

    Returns:
        ``rows``: by its name the label of a row, its modality, the number of its part, and its scores; ``tables``: by
        its name whether it is synthetic, and names of its ranked rows; names of sets for people; and the costs by
        label.
    """
    shown, part = {}, 0
    for group in board.groups:
        for start in range(0, len(group.rows), ROWS_A_PART):
            for row in group.rows[start : start + ROWS_A_PART]:
                values = _plain(s.value for s in row.scores.values())
                shown[row_id(row)] = [row_label(row, board.facts), row.head.modality, part, values]
            part += 1
    return {
        "metrics": [[metric, int(higher)] for metric, higher in METRICS.items()],
        "rows": shown,
        "tables": {group.key: [int(group.synthetic), list(map(row_id, group.ranked))] for group in board.groups},
        "sets": {group.dataset: board.facts.dataset(group.dataset).title for group in board.groups},
        "costs": _costs(board),
    }


def parts(board: Board) -> Iterator[tuple[str, Any]]:
    """Plain values behind all panels, in parts by name.

    ``shared``: trainings and weights that many records share. ``pairs/<table>``: the comparisons of a table.
    ``rows/<number>``: some of its rows, by their names.
    """
    shared = _Shared()
    for record in (r for group in board.groups for row in group.rows for r in row.records):
        shared.job(record)
        shared.fits(record)
    yield "shared", {"fits": list(map(json.loads, shared.trainings)), "jobs": list(map(json.loads, shared.jobs))}
    lost: dict[tuple[str, str, str, str], list[Any]] = defaultdict(list)
    for loss in board.losses:
        if loss.curves:
            lost[loss.row].append([loss.sound, _curves_of(loss)])
    part = 0
    for group in board.groups:
        yield f"pairs/{group.key}", _comparisons(group)
        places = {id(row): n for n, row in enumerate(group.ranked)}
        for start in range(0, len(group.rows), ROWS_A_PART):
            shown = {}
            for n, row in enumerate(group.rows[start : start + ROWS_A_PART], start):
                means = {metric: found[n] for metric, found in group.means.items()}
                label = row_label(row, board.facts)
                about = _panel(row, label, group, means, [board.curves.get(place(r)) for r in row.records])
                shown[row_id(row)] = about | {
                    "place": places.get(id(row)),
                    "lost": lost.get(_loss_row(row), []),
                    "fits": [[r.fold, r.seed, number] for r in row.records for number in shared.fits(r)],
                    "records": [_story(r) | {"job": shared.job(r)} for r in row.records],
                }
            yield f"rows/{part}", shown
            part += 1


def packed(board: Board, room: int) -> tuple[dict[str, str], int]:
    """The parts of :func:`parts`, as base64 of their JSON in zlib's form, as many as fit in ``room`` characters.

    Numbers in them are as :func:`compact` leaves them.

    Returns:
        The parts by name, and how many rows had no room.
    """
    found, left = {}, 0
    for name, value in parts(board):
        plain = compact(name, value)
        data = packed_text(
            json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True)
        )
        if len(data) <= room:
            room -= len(data)
            found[name] = data
        elif name.startswith("rows/"):
            left += len(value)
    return found, left


def pictures(board: Board, budget: int = PICTURES) -> dict[str, Any]:
    """Pictures that lie beside records, in base64, as many as fit in ``budget`` characters.

    The first fold of the first seed of every row comes before any second picture, and the row made last before others.

    Returns:
        ``shown``: by row, each with its fold and seed; ``left``: by row, paths of those that had no room.
    """
    waiting: list[tuple[int, str, Row, Record, Path]] = []
    for group in board.groups:
        for row in group.rows:
            files = [(r, board.folder / place(r).with_suffix(".jpg")) for r in row.records]
            found = [(r, path) for r, path in files if path.is_file() and not path.is_symlink()]
            newest = max(str(r.provenance.get("started", "")) for r in row.records)
            waiting += [(n, newest, row, r, path) for n, (r, path) in enumerate(found)]
    waiting.sort(key=lambda w: w[1], reverse=True)
    waiting.sort(key=lambda w: w[0])
    shown: dict[str, list[dict[str, Any]]] = defaultdict(list)
    left: dict[str, list[str]] = defaultdict(list)
    for _, _, row, r, path in waiting:
        size = 4 * math.ceil(path.stat().st_size / 3)
        if size <= budget:
            budget -= size
            data = base64.b64encode(path.read_bytes()).decode("ascii")
            shown[row_id(row)].append({"fold": r.fold, "seed": r.seed, "data": data})
        else:
            left[row_id(row)].append(path.relative_to(board.folder).as_posix())
    return {"shown": shown, "left": left}


def _panel(
    row: Row, label: str, group: Group, means: Mapping[str, Mapping[str, float]], curves: Sequence[Array | None]
) -> dict[str, Any]:
    head = row.head
    videos = _by_video(row.records)
    bounds = [r for r in group.rows if r.head.network in (FLOOR, CEILING)]
    return {
        "label": label,
        "preset": head.preset,
        "dataset": head.dataset,
        "protocol": head.protocol,
        "synthetic": head.synthetic,
        "table": group.key,
        "folds": row.folds,
        "seeds": row.seeds,
        "scores": {m: _six_decimals((s.value, s.std, s.low, s.high)) for m, s in row.scores.items()},
        # 0 is the mean eye position, 1 human infinite; empty where the table lacks one of them.
        "relative": {m: _round(value) for m, value in relative_scores(row, bounds).items()},
        "videos": {
            "names": list(videos),
            "kinds": [same[0].category for same in videos.values()],
            "frames": [same[0].frames for same in videos.values()],
            "scores": {m: _in_order(means[m], videos) for m in METRICS},
        },
        "time": _over_time(row.records, curves),
        "kinds": _by_category(row),
    }


def _by_video(records: Iterable[Record]) -> dict[str, list[VideoScores]]:
    found: dict[str, list[VideoScores]] = defaultdict(list)
    for record in records:
        for video in record.videos:
            found[video.video].append(video)
    return dict(sorted(found.items()))


def _over_time(records: Sequence[Record], curves: Sequence[Array | None]) -> dict[str, list[list[int | None]]]:
    """For each metric the mean over videos in each part of their time, and how far below and above the quartiles lie.

    In thousandths, to be plotted; empty without curves.
    """
    by_video: dict[str, list[Array]] = defaultdict(list)
    for record, found in zip(records, curves, strict=True):
        for video, curve in zip(record.videos, found if found is not None else (), strict=False):
            by_video[video.video].append(curve)
    if not by_video:
        return {metric: [] for metric in METRICS}
    # A video may stand in several records, and a part that no frame of it defines says nothing there.
    copies = np.full((len(by_video), max(map(len, by_video.values())), len(METRICS), CURVE_PARTS), np.nan)
    for lines, name in zip(copies, sorted(by_video), strict=True):
        lines[: len(by_video[name])] = by_video[name]
    counts = (~np.isnan(copies)).sum(axis=1)
    each = np.where(counts, np.nansum(copies, axis=1) / np.maximum(counts, 1), np.nan)
    each = np.ascontiguousarray(np.moveaxis(each, 0, -1))
    whole = not np.isnan(each).any()  # then one call does for all parts
    means = each.mean(axis=-1) if whole else _means(each)
    quartiles = np.quantile(each, [0.25, 0.75], axis=-1) if whole else _quartiles(each)
    return {
        metric: [_thousandths(line) for line in (mean, mean - low, high - mean)] if not np.isnan(mean).all() else []
        for metric, mean, low, high in zip(METRICS, means, *quartiles, strict=True)
    }


def _loss_row(row: Row) -> tuple[str, str, str, str]:
    """As :attr:`SoundLoss.row`, of a row with the true sound; only one that hears has losses."""
    head = row.head
    return (head.label, head.preset, head.protocol, head.dataset) if head.modality == "av" else ("", "", "", "")


def _curves_of(loss: SoundLoss) -> dict[str, list[list[int | None]]]:
    """For each metric the loss over time, and how far below and above its 95 % band lies; in thousandths, as others."""
    return {
        metric: [_thousandths(line) for line in (curve.mean, curve.mean - curve.low, curve.high - curve.mean)]
        for metric, curve in loss.curves.items()
    }


def _thousandths(values: Array) -> list[int | None]:
    return [None if math.isnan(value) else round(1000 * value) for value in values.tolist()]


def _means(each: Array) -> Array:
    """Means along the last axis, of what is not NaN there."""
    found = [d.mean() if len(d := p[~np.isnan(p)]) else math.nan for p in _lines(each)]
    return np.array(found).reshape(each.shape[:-1])


def _quartiles(each: Array) -> Array:
    """Quartiles along the last axis, of what is not NaN there, ``(2, ...)``."""
    found = [np.quantile(d, [0.25, 0.75]) if len(d := p[~np.isnan(p)]) else [math.nan] * 2 for p in _lines(each)]
    return np.array(found).T.reshape(2, *each.shape[:-1])


def _lines(each: Array) -> Array:
    return each.reshape(-1, each.shape[-1])


def _by_category(row: Row) -> dict[str, Any]:
    """Score of each category: the mean over seeds of the protocol's mean over its videos."""
    kinds = categories(row.records)
    videos = [{v.video for r in row.records for v in r.videos if v.category == kind} for kind in kinds]
    return {
        "names": kinds,
        "videos": [len(same) for same in videos],
        "scores": {m: _plain([seed_mean(row.records, m, kind) for kind in kinds]) for m in METRICS},
    }


class _Shared:
    """What many records say alike, each kept once, as JSON, with its number."""

    def __init__(self) -> None:
        self.trainings: dict[str, int] = {}
        self.jobs: dict[str, int] = {}
        self._numbers: dict[int, list[int]] = {}

    def fits(self, r: Record) -> list[int]:
        """Numbers of the trainings of a record; records of one job hold the same list of them."""
        told = r.provenance.get("fits") or ()
        if id(told) not in self._numbers:
            self._numbers[id(told)] = [_number_of(_fit(fit), self.trainings) for fit in told]
        return self._numbers[id(told)]

    def job(self, r: Record) -> int:
        """Number of what a record says of its code, machine, weights, and of what these were trained on."""
        story = {name: r.provenance[name] for name in STORY if r.provenance.get(name) is not None}
        weights = {name: r.weights.get(name) for name in ("file", "sha256", "parameters")}
        saw = list(trained_on_lines(r.provenance))
        return _number_of(story | {"weights": weights, "saw": saw}, self.jobs)


def _number_of(value: object, known: dict[str, int]) -> int:
    return known.setdefault(json.dumps(value, sort_keys=True), len(known))


def _fit(fit: Mapping[str, Any]) -> dict[str, Any]:
    """What a panel tells of the training of a stage."""
    points = fit.get("curve") or []
    curves = {
        name: _plain([_float(p.get(name)) for p in points], 4) for name in CURVES if any(name in p for p in points)
    }
    about = {"stage": fit.get("stage"), "network": fit.get("network"), "seconds": fit.get("seconds")}
    return about | {"epochs": [p.get("epoch") for p in points], "curves": curves}


def _story(r: Record) -> dict[str, Any]:
    return {
        "started": r.provenance.get("started"),
        "test_seconds": r.provenance.get("test_seconds"),
        "fold": r.fold,
        "seed": r.seed,
        "videos": len(r.videos),
        "counts": r.counts(),
        "undefined": {m: n for m in METRICS if (n := sum(v.undefined.get(m, 0) for v in r.videos))},
        "command": r.provenance.get("command"),
        "fit_seconds": _round(sum(_float(fit.get("seconds")) for fit in r.provenance.get("fits") or [])),
        "path": place(r).as_posix(),
    }


def _comparisons(group: Group) -> dict[str, Any]:
    """All pairs of a table that are compared, by metric: columns i, j, difference, p, corrected p and significant.

    i and j are places among the ranked rows.
    """
    return {
        metric: [
            [i for i, _ in found],
            [j for _, j in found],
            [_round(c.difference) for c in found.values()],
            [_round(c.p, 2) for c in found.values()],
            [_round(c.corrected, 2) for c in found.values()],
            [int(c.significant) for c in found.values()],
        ]
        for metric, found in group.comparisons.items()
    }


def _costs(board: Board) -> dict[str, list[float | None]]:
    """Parameters, multiply-accumulates and seconds of each network, by its label."""
    return {network_label(*key, board.facts): [c.parameters, c.macs, c.seconds] for key, c in board.costs.items()}


def _in_order(values: Mapping[str, float], names: Iterable[str]) -> list[float | None]:
    return _plain([values.get(name, math.nan) for name in names])


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _plain(values: Iterable[float], digits: int = 0) -> list[float | None]:
    """Numbers to four decimals, or to so many digits; NaN and infinity as None."""
    return [_round(value, digits) for value in values]


def _six_decimals(values: Iterable[float]) -> list[float | None]:
    """Numbers that are rounded again, to three decimals, as the tables round them; NaN as None."""
    return [round(float(value), 6) if math.isfinite(value) else None for value in values]


def _round(value: float, digits: int = 0) -> float | None:
    if not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}") if digits else round(float(value), 4)
