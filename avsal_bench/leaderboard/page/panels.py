"""What the panel of a row shows, as plain values: videos, curves, categories, training, comparisons, provenance."""

from __future__ import annotations

import base64
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avsal_bench.leaderboard.analysis import relative_scores
from avsal_bench.leaderboard.page.board import Board, Group, row_id, row_label
from avsal_bench.leaderboard.significance import video_means
from avsal_bench.leaderboard.statistics import Array
from avsal_bench.leaderboard.tables import Row, categories, seed_mean
from avsal_bench.records import CURVE_PARTS, METRICS, Record, VideoScores, record_path

#: Characters of base64 that all pictures of a page may take together.
PICTURES = 3_000_000
#: What a training curve may hold, in the order it is drawn.
CURVES = ("train/loss", "val/loss", "val/cc", "lr")
#: What a panel tells of each record, of its provenance.
STORY = ("version", "commit", "clean", "code", "device", "threads", "torch", "started", "test_seconds")


def panels(board: Board) -> dict[str, Any]:
    """Plain values behind all panels: ``rows`` and ``tables`` by their names, and ``fits``, which rows share."""
    fits: dict[str, int] = {}
    shown: dict[str, Any] = {}
    for group in board.groups:
        for row in group.rows:
            shown[row_id(row)] = _panel(row, group, fits)
    return {
        "metrics": [[metric, int(higher)] for metric, higher in METRICS.items()],
        "rows": shown,
        "tables": {group.key: _comparisons(group) for group in board.groups},
        "fits": [json.loads(fit) for fit in fits],
        "costs": _costs(board),
    }


def pictures(board: Board, budget: int = PICTURES) -> dict[str, Any]:
    """Pictures that lie beside records, in base64, as many as fit in ``budget`` characters.

    The first fold of the first seed of every row comes before any second picture, and the row made last before others.

    Returns:
        ``shown``: by row, each with its fold and seed; ``left``: by row, paths of those that had no room.
    """
    waiting: list[tuple[int, str, Row, Record, Path]] = []
    for group in board.groups:
        for row in group.rows:
            found = [(r, path) for r in row.records if (path := _place(board.folder, r).with_suffix(".jpg")).is_file()]
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


def _panel(row: Row, group: Group, fits: dict[str, int]) -> dict[str, Any]:
    head = row.head
    videos = _by_video(row.records)
    compared = group.complete.index(row) if row.complete else None
    return {
        "label": row_label(row),
        "model": head.model,
        "modality": head.modality,
        "preset": head.preset,
        "dataset": head.dataset,
        "protocol": head.protocol,
        "synthetic": head.synthetic,
        "table": group.key,
        "place": compared,
        "folds": row.folds,
        "seeds": row.seeds,
        "scores": {m: _plain((s.value, s.std, s.low, s.high)) for m, s in row.scores.items()},
        # 0 is the mean eye position, 1 human infinite; empty where the table lacks one of them.
        "relative": {m: _round(value) for m, value in relative_scores(row, group.rows).items()},
        "videos": {
            "names": list(videos),
            "kinds": [same[0].category for same in videos.values()],
            "frames": [same[0].frames for same in videos.values()],
            "scores": {m: _in_order(video_means(row, m), videos) for m in METRICS},
        },
        "time": {m: _over_time(videos.values(), m) for m in METRICS},
        "kinds": _by_category(row),
        "fits": _fits(row.records, fits),
        "records": [_story(r) for r in row.records],
    }


def _by_video(records: Iterable[Record]) -> dict[str, list[VideoScores]]:
    found: dict[str, list[VideoScores]] = defaultdict(list)
    for record in records:
        for video in record.videos:
            found[video.video].append(video)
    return dict(sorted(found.items()))


def _over_time(videos: Iterable[Sequence[VideoScores]], metric: str) -> list[list[float | None]]:
    """Mean over videos in each part of their time, and the quartiles; empty where no record has curves."""
    curves = [found for same in videos if (found := [v.curve[metric] for v in same if metric in v.curve])]
    if not curves:
        return []
    # A video may stand in several records, and a part that no frame of it defines says nothing there.
    copies = np.full((len(curves), max(map(len, curves)), CURVE_PARTS), np.nan)
    for i, same in enumerate(curves):
        copies[i, : len(same)] = same
    counts = (~np.isnan(copies)).sum(axis=1)
    each = np.where(counts, np.nansum(copies, axis=1) / np.maximum(counts, 1), np.nan)
    parts = [part[~np.isnan(part)] for part in each.T]
    whole = not np.isnan(each).any()  # then one call does for all parts
    quartiles = np.quantile(each, [0.25, 0.75], axis=0).T if whole else [_quartiles(part) for part in parts]
    means = [part.mean() if len(part) else math.nan for part in parts]
    return [_plain(means), *(_plain(line) for line in zip(*quartiles, strict=True))]


def _quartiles(part: Array) -> list[float]:
    return [float(q) for q in np.quantile(part, [0.25, 0.75])] if len(part) else [math.nan, math.nan]


def _by_category(row: Row) -> dict[str, Any]:
    """Score of each category: the mean over seeds of the protocol's mean over its videos."""
    kinds = categories(row.records)
    videos = [{v.video for r in row.records for v in r.videos if v.category == kind} for kind in kinds]
    return {
        "names": kinds,
        "videos": [len(same) for same in videos],
        "scores": {m: _plain([seed_mean(row.records, m, kind) for kind in kinds]) for m in METRICS},
    }


def _fits(records: Sequence[Record], fits: dict[str, int]) -> list[list[int]]:
    """Training of each record as (fold, seed, number in ``fits``): the records of one job share it."""
    found = []
    for r in records:
        for fit in r.provenance.get("fits") or []:
            points = fit.get("curve") or []
            curves = {
                name: _plain([_float(p.get(name)) for p in points], 4)
                for name in CURVES
                if any(name in p for p in points)
            }
            about = {"stage": fit.get("stage"), "network": fit.get("network"), "seconds": fit.get("seconds")}
            value = about | {"epochs": [p.get("epoch") for p in points], "curves": curves}
            number = fits.setdefault(json.dumps(value, sort_keys=True), len(fits))
            found.append([r.fold, r.seed, number])
    return found


def _story(r: Record) -> dict[str, Any]:
    story = {name: r.provenance[name] for name in STORY if r.provenance.get(name) is not None}
    return story | {
        "fold": r.fold,
        "seed": r.seed,
        "videos": len(r.videos),
        "counts": r.counts(),
        "command": r.provenance.get("command"),
        "fit_seconds": sum(_float(fit.get("seconds")) for fit in r.provenance.get("fits") or []),
        "weights": {name: r.weights.get(name) for name in ("file", "sha256", "parameters")},
        "path": _place(Path(), r).as_posix(),
    }


def _comparisons(group: Group) -> dict[str, Any]:
    """All pairs of a table: by metric (i, j, difference, p, corrected p, significant), by position in ``rows``."""
    pairs = {
        metric: [
            [i, j, _round(c.difference), _round(c.p, 2), _round(c.corrected, 2), int(c.significant)]
            for (i, j), c in found.items()
        ]
        for metric, found in group.comparisons.items()
    }
    return {"rows": [row_id(row) for row in group.complete], "pairs": pairs}


def _costs(board: Board) -> list[dict[str, Any]]:
    return [
        {"model": model, "modality": modality, "parameters": c.parameters, "macs": c.macs, "seconds": c.seconds}
        for (model, modality), c in board.costs.items()
    ]


def _place(folder: Path, r: Record) -> Path:
    return record_path(folder / "records", r.network, r.dataset, r.fold, r.seed, r.protocol, r.sound)


def _in_order(values: Mapping[str, float], names: Iterable[str]) -> list[float | None]:
    return _plain([values.get(name, math.nan) for name in names])


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _plain(values: Iterable[float], digits: int = 0) -> list[float | None]:
    """Numbers to four decimals, or to so many digits; NaN and infinity as None."""
    return [_round(value, digits) for value in values]


def _round(value: float, digits: int = 0) -> float | None:
    if not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}") if digits else round(float(value), 4)
