"""From records to rows: which records belong together, and how their folds and seeds become one number."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from avsal_bench.leaderboard.statistics import bootstrap_interval
from avsal_bench.records import METRICS, Record

#: Data sets in the order of the tables; others follow by name.
REAL_SETS = ("diem", "coutrot1", "coutrot2", "avad", "etmd", "summe", "dhf1k")
#: Data sets with one test list for all folds: their score is the mean of the folds' means.
SINGLE_SPLIT = frozenset({"diem", "dhf1k"})
FOLDS = (1, 2, 3)
#: Scene categories of ``synth`` in the order of the tables; others follow by name.
CATEGORIES = ("timbre", "pulse", "offscreen", "silent")


@dataclass(frozen=True)
class Score:
    """A score of a row: mean over seeds, spread over seeds (NaN for one seed), 95 % interval over videos."""

    value: float
    std: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """All that one network got on one data set, under one protocol, preset and sound condition.

    ``records`` has every fold of ``folds`` for every seed of ``seeds``. ``left_out`` names seeds that have other
    folds than these and do not count.
    """

    records: tuple[Record, ...]
    scores: Mapping[str, Score]
    left_out: tuple[int, ...] = ()

    @property
    def head(self) -> Record:
        """One record of the row, for what all of them share."""
        return self.records[0]

    @property
    def folds(self) -> tuple[int, ...]:
        """Folds done."""
        return tuple(sorted({r.fold for r in self.records}))

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that count."""
        return tuple(sorted({r.seed for r in self.records}))

    @property
    def complete(self) -> bool:
        """Whether every fold is done."""
        return self.folds == FOLDS

    @property
    def clean(self) -> bool:
        """Whether all records were made from a committed tree; a record that does not say is not clean."""
        return all(r.provenance.get("clean") is True for r in self.records)

    @property
    def version(self) -> tuple[int, ...]:
        """Oldest package version that made a record of the row."""
        return min(version_key(str(r.provenance.get("version", ""))) for r in self.records)


def version_key(version: str) -> tuple[int, ...]:
    """Numbers of a version, to compare.

    >>> version_key("0.10.1") > version_key("0.9")
    True
    """
    return tuple(int(number) for number in re.findall(r"\d+", version))


def rows(records: Iterable[Record]) -> list[Row]:
    """Rows of the tables, complete ones first and then by CC; measured and synthetic records share none."""
    groups: dict[tuple[object, ...], list[Record]] = defaultdict(list)
    for r in records:
        groups[(r.synthetic, r.protocol, r.dataset, r.model, r.modality, r.preset, r.sound)].append(r)
    return sorted((_row(group) for group in groups.values()), key=_order)


def protocol_mean(folds: Sequence[Record], metric: str, category: str | None = None) -> float:
    """Score of one seed from its folds; NaN where no video defines the metric.

    All test videos of the folds are pooled, so a video that stands in two test lists counts twice. A data set with
    one test list for all folds takes the mean of the folds' means.

    Args:
        folds: one record a fold, all of one network, data set and seed.
        metric: a key of ``METRICS``.
        category: only the videos of this category.
    """
    values = [_values(record, metric, category) for record in folds]
    if folds[0].dataset in SINGLE_SPLIT:
        return _mean([_mean(fold) for fold in values if fold])
    return _mean([value for fold in values for value in fold])


def score(records: Sequence[Record], metric: str, category: str | None = None) -> Score:
    """Score of records of one row: mean over seeds of :func:`protocol_mean`, and a 95 % interval.

    The interval draws videos; one that stands in several records is drawn with all of its scores.
    """
    by_seed: dict[int, list[Record]] = defaultdict(list)
    by_video: dict[str, list[float]] = defaultdict(list)
    for r in records:
        by_seed[r.seed].append(r)
        for video in r.videos:
            if category in (None, video.category) and not math.isnan(video.scores[metric]):
                by_video[video.video].append(video.scores[metric])
    means = [protocol_mean(by_seed[seed], metric, category) for seed in sorted(by_seed)]
    interval = bootstrap_interval(
        [fmean(values) for values in by_video.values()], weights=[len(v) for v in by_video.values()]
    )
    std = stdev(means) if len(means) > 1 else math.nan
    return Score(_mean(means), std, interval.low, interval.high)


def dataset_order(dataset: str) -> tuple[int, str]:
    """Sort key of data sets."""
    return (REAL_SETS.index(dataset) if dataset in REAL_SETS else len(REAL_SETS), dataset)


def categories(records: Iterable[Record]) -> list[str]:
    """Categories of the videos, in the order of the tables; videos without one are not asked."""
    found = {v.category for r in records for v in r.videos} - {""}
    return [c for c in CATEGORIES if c in found] + sorted(found - set(CATEGORIES))


def _row(group: list[Record]) -> Row:
    """Row of the seeds that have the most folds, so that no mean mixes unlike sets of videos."""
    folds: dict[int, tuple[int, ...]] = {}
    for seed in sorted({r.seed for r in group}):
        folds[seed] = tuple(sorted(r.fold for r in group if r.seed == seed))
        if len(set(folds[seed])) < len(folds[seed]):
            r = group[0]
            raise ValueError(
                f"{r.network} on {r.dataset}, seed {seed}: one record a fold expected, got folds {folds[seed]}"
            )
    most = max(folds.values(), key=lambda done: (len(done), [-fold for fold in done]))
    kept = tuple(sorted((r for r in group if folds[r.seed] == most), key=lambda r: (r.seed, r.fold)))
    left_out = tuple(seed for seed, done in folds.items() if done != most)
    return Row(kept, {metric: score(kept, metric) for metric in METRICS}, left_out)


def _order(row: Row) -> tuple[object, ...]:
    head, cc = row.head, row.scores["CC"].value
    place = (head.protocol != "stavis", head.protocol, dataset_order(head.dataset))
    return (*place, not row.complete, math.inf if math.isnan(cc) else -cc, head.network, head.preset, head.sound)


def _values(record: Record, metric: str, category: str | None) -> list[float]:
    scored = (v.scores[metric] for v in record.videos if category in (None, v.category))
    return [value for value in scored if not math.isnan(value)]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
