"""Losses with another sound over the time of the videos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from avsal_bench.leaderboard.conditions import Condition
from avsal_bench.leaderboard.statistics import Array, bootstrap_band
from avsal_bench.records import CURVE_PARTS, METRICS, Record

#: Gives the scores of a record over time ``(videos, metrics, CURVE_PARTS)``, in the order of its videos; None without.
CurvesOf = Callable[[Record], Array | None]


@dataclass(frozen=True)
class LossCurve:
    """What is lost in each of ``CURVE_PARTS`` equal parts of the videos' time.

    Args:
        mean: over videos, NaN in a part that none defines; above 0, the true sound is better, in KL too.
        low: end of its 95 % bootstrap interval over videos, part by part; NaN where fewer than two videos define it.
        high: the other end.
    """

    mean: Array
    low: Array
    high: Array


def curves_in(record: Record) -> Array | None:
    """The scores of a record over time, as they stand in it; None where it has none."""
    if not any(video.curve for video in record.videos):
        return None
    nothing = [np.nan] * CURVE_PARTS
    return np.array([[video.curve.get(metric, nothing) for metric in METRICS] for video in record.videos])


def loss_curves(true: Condition, other: Condition, curves_of: CurvesOf = curves_in) -> Mapping[str, LossCurve]:
    """For each metric what is lost over time; nothing where the records have no curves.

    Args:
        true: records with the true sound.
        other: those with another one, of the same folds, seeds and weights. Each video counts once.
        curves_of: gives the curves of a record.
    """
    found: dict[str, list[Array]] = defaultdict(list)
    for key in sorted(true.records.keys() & other.records.keys()):
        both = [(record, curves_of(record)) for record in (true.records[key], other.records[key])]
        (heard, mine), (changed, theirs) = both
        if mine is None or theirs is None:
            continue
        rows = {video.video: curves for video, curves in zip(changed.videos, theirs, strict=True)}
        for video, curves in zip(heard.videos, mine, strict=True):
            if video.video in rows:
                found[video.video].append(curves - rows[video.video])
    if not found:
        return {}
    signs = np.array([1.0 if higher else -1.0 for higher in METRICS.values()])[:, None]
    each = np.stack([_mean(np.stack(found[name])) for name in sorted(found)]) * signs
    mean, low, high = (x.reshape(len(METRICS), CURVE_PARTS) for x in bootstrap_band(each.reshape(len(each), -1)))
    return {
        metric: LossCurve(mean[i], low[i], high[i]) for i, metric in enumerate(METRICS) if not np.isnan(mean[i]).all()
    }


def _mean(copies: Array) -> Array:
    """Mean over the first axis of what is not NaN."""
    counts = (~np.isnan(copies)).sum(axis=0)
    return np.where(counts, np.nansum(copies, axis=0) / np.maximum(counts, 1), np.nan)
