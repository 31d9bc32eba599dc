"""From records to rows: which records belong together, and how their folds and seeds become one number."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, stdev

from avsal_bench.leaderboard.kinds import UNTOLD, Viewing, kind_order, viewing_of_set, viewings
from avsal_bench.leaderboard.part_lists import Lists, part_of_list, whole_lists
from avsal_bench.leaderboard.statistics import bootstrap_intervals
from avsal_bench.means import defined_mean
from avsal_bench.record_story import Seen, seen_of
from avsal_bench.records import METRICS, Averaging, MetricForm, Record, VideoScores, mean_score
from avsal_bench.typed import MOST_FOLDS

#: The protocol of the tables that name none; those of others follow.
MAIN_PROTOCOL = "stavis"

#: The bound that is made of the observers themselves.
HUMAN = "human_infinite"

#: Decimals of the metrics that are not shown with three.
DIGITS = {"NSS": 2}

#: Data sets in the order of the tables; others follow by name.
REAL_SETS = ("diem", "coutrot1", "coutrot2", "avad", "etmd", "summe", "dhf1k", "salicon", "mit1003")
#: Data sets with one test list for all folds: their score is the mean of the folds' means.
SINGLE_SPLIT = frozenset({"diem", "dhf1k", "salicon", "mit1003"})
FOLDS = (1, 2, 3)
#: Scene categories of ``synth`` in the order of the tables; others follow by name.
CATEGORIES = ("timbre", "pulse", "offscreen", "silent")


@dataclass(frozen=True)
class Score:
    """A score of a row: mean over seeds, spread over seeds (NaN for one seed), 95 % interval over videos.

    ``value`` is the mean of :func:`protocol_mean`, ``mean_of_splits`` that of :func:`split_mean`.
    """

    value: float
    std: float
    low: float
    high: float
    mean_of_splits: float


@dataclass(frozen=True)
class Row:
    """All that one network got on one data set, under one protocol, preset and sound condition, in one precision.

    ``records`` has every fold of ``folds`` for every seed of ``seeds``. ``left_out`` names seeds that have other
    folds than these and do not count. ``part`` says why the scores are not of the whole test list; "" where they are.
    ``viewing`` is that of the set: rows of two kinds stand in no common table.
    """

    records: tuple[Record, ...]
    scores: Mapping[str, Score]
    left_out: tuple[int, ...] = ()
    part: str = ""
    viewing: Viewing = UNTOLD

    @property
    def head(self) -> Record:
        """One record of the row, for what all of them share."""
        return self.records[0]

    @cached_property
    def folds(self) -> tuple[int, ...]:
        """Folds done."""
        return tuple(sorted({r.fold for r in self.records}))

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that count."""
        return tuple(sorted({r.seed for r in self.records}))

    @property
    def complete(self) -> bool:
        """Whether every fold is done: three, those that its set has, or one on a set of one's own with one split."""
        return set(self.folds) >= set(folds_of(self.head)) or all(map(has_one_split, self.records))

    @property
    def ranked(self) -> bool:
        """Whether it can be compared with others: every fold is done, each on its whole test list, which nobody saw."""
        return self.complete and not self.part and self.seen is not Seen.TEST_VIDEOS

    @cached_property
    def seen(self) -> Seen | None:
        """What the training saw of the set, by the record that saw most; None of human infinite, who is no network."""
        if self.head.model == HUMAN:
            return None
        return max((seen_of(r.provenance, r.dataset) for r in self.records), key=lambda seen: seen.worse)

    @property
    def own_set(self) -> bool:
        """Whether its set is one of its owner's, which a ``dataset.yaml`` describes."""
        return any("own_set" in r.provenance for r in self.records)

    @property
    def clean(self) -> bool:
        """Whether all records were made from a committed tree; a record that does not say is not clean."""
        return all(r.provenance.get("clean") is True for r in self.records)

    @property
    def not_counted(self) -> int:
        """Frames that somebody fixated, and that a metric leaves out, as their maps do not define it."""
        return sum(r.not_counted for r in self.records)

    @cached_property
    def further(self) -> Mapping[str, MetricForm]:
        """Metrics of plug-ins that all its records have."""
        return common_metrics(self.records)

    @cached_property
    def version(self) -> tuple[int, ...]:
        """Oldest package version that made a record of the row."""
        return min(version_key(str(r.provenance.get("version", ""))) for r in self.records)


def folds_of(record: Record) -> tuple[int, ...]:
    """The folds of the set of a record: three, unless the record says that its set has others."""
    told = record.provenance.get("folds")
    if not isinstance(told, list) or not told or told != list(range(1, min(len(told), MOST_FOLDS) + 1)):
        return FOLDS
    return FOLDS if len(told) < len(FOLDS) and record.dataset in REAL_SETS else tuple(told)


def has_one_split(record: Record) -> bool:
    """Whether the set of a record is one of its owner's that has one split, and not three folds."""
    own = record.provenance.get("own_set")
    split = own.get("split") if isinstance(own, Mapping) else None
    if not isinstance(split, Mapping) or not split:
        return False
    return "folds" not in split and "{fold}" not in str(split.get("lists", ""))


def common_metrics(records: Sequence[Record]) -> dict[str, MetricForm]:
    """Metrics of plug-ins that all of some records have, in one form."""
    first, *others = (r.metrics for r in records)
    return {name: form for name, form in first.items() if all(form == other.get(name) for other in others)}


def further_metrics(group: Iterable[Row]) -> dict[str, MetricForm]:
    """Metrics of plug-ins that some of the rows of a table have: its columns besides the six."""
    return {name: form for row in group for name, form in row.further.items()}


def version_key(version: str) -> tuple[int, ...]:
    """Numbers of a version, to compare.

    >>> version_key("0.10.1") > version_key("0.9")
    True
    """
    return tuple(int(number) for number in re.findall(r"\d+", version))


def rows(records: Iterable[Record], among: Iterable[Record] = ()) -> list[Row]:
    """Rows of the tables, those first that can be ranked, and then by CC; measured and synthetic records share none.

    Args:
        records: of the rows.
        among: all records of the leaderboard, where these are some of them: they tell which test lists are whole.

    Raises:
        ValueError: on two records of one fold and seed, when records of one protocol differ in what they average, or
            records of one set in how it was watched.
    """
    groups: dict[tuple[object, ...], list[Record]] = defaultdict(list)
    protocols: dict[str, list[Record]] = defaultdict(list)
    for r in records:
        protocols[r.protocol].append(r)
        groups[(r.synthetic, r.protocol, r.dataset, r.label, r.modality, r.preset, r.sound)].append(r)
    for same in protocols.values():  # rows of one table are compared, so they must be means of the same kind
        _averaging(same)
    every = [r for group in groups.values() for r in group]
    others = [*among] or every
    whole, watched = whole_lists(others), viewings(others)
    return sorted((_row(group, whole, watched) for group in groups.values()), key=_order)


def protocol_mean(folds: Sequence[Record], metric: str, category: str | None = None) -> float:
    """Score of one seed from its folds; NaN where no video defines the metric.

    All test videos of the folds are pooled, so a video that stands in two test lists counts twice. A data set with
    one test list for all folds takes :func:`split_mean`.

    Args:
        folds: one record a fold, all of one network, data set and seed.
        metric: a key of ``METRICS``.
        category: only the videos of this category.
    """
    if folds[0].dataset in SINGLE_SPLIT or folds_of(folds[0]) == (1,):
        return split_mean(folds, metric, category)
    pooled = [video for record in folds for video in _videos(record, category)]
    return mean_score(pooled, metric, _averaging(folds))


def split_mean(folds: Sequence[Record], metric: str, category: str | None = None) -> float:
    """Mean of the folds' means, each fold alike however many videos it tests; a fold that defines none is left out.

    Args:
        folds: one record a fold, all of one network, data set and seed.
        metric: a key of ``METRICS``.
        category: only the videos of this category.
    """
    averaging = _averaging(folds)
    return defined_mean(mean_score(_videos(record, category), metric, averaging) for record in folds)


def seed_mean(records: Sequence[Record], metric: str, category: str | None = None) -> float:
    """Mean over seeds of :func:`protocol_mean`; NaN where one of them does not define the metric."""
    return fmean(protocol_mean(folds, metric, category) for folds in _by_seed(records))


def score(records: Sequence[Record], metric: str, category: str | None = None) -> Score:
    """:func:`scores_of` one metric."""
    return scores_of(records, [metric], category)[metric]


def scores_of(records: Sequence[Record], metrics: Sequence[str], category: str | None = None) -> dict[str, Score]:
    """Scores of records of one row: mean over seeds of :func:`protocol_mean`, and a 95 % interval.

    The interval draws videos; one that stands in several records is drawn with all of its scores, and where frames
    are averaged with all of its frames.

    Args:
        records: of one network, data set and protocol.
        metrics: that all of them have.
        category: only the videos of this category.
    """
    seeds = _by_seed(records)
    drawn = [_of_videos(records, metric, category) for metric in metrics]
    intervals = bootstrap_intervals([means for means, _ in drawn], weights=[weights for _, weights in drawn])
    found = {}
    for metric, interval in zip(metrics, intervals, strict=True):
        means = [protocol_mean(folds, metric, category) for folds in seeds]
        std = stdev(means) if len(means) > 1 else math.nan
        of_splits = fmean(split_mean(folds, metric, category) for folds in seeds)
        found[metric] = Score(fmean(means), std, interval.low, interval.high, of_splits)
    return found


def _of_videos(records: Sequence[Record], metric: str, category: str | None) -> tuple[list[float], list[int]]:
    """Mean score of each video that defines a metric, and how often it counts."""
    averaging = _averaging(records)
    values: dict[str, list[float]] = defaultdict(list)
    weights: dict[str, list[int]] = defaultdict(list)
    for r in records:
        for video in _videos(r, category):
            if not math.isnan(value := video.scores[metric]):
                values[video.video].append(value)
                weights[video.video].append(video.weight(metric, averaging))
    means = [defined_mean(same, weights[video]) for video, same in values.items()]
    return means, [sum(same) for same in weights.values()]


def dataset_order(dataset: str) -> tuple[int, str]:
    """Sort key of data sets."""
    return (REAL_SETS.index(dataset) if dataset in REAL_SETS else len(REAL_SETS), dataset)


def set_order(dataset: str) -> tuple[object, ...]:
    """Sort key of data sets of this package by their kind first, for what papers print."""
    return kind_order(viewing_of_set(dataset).device), dataset_order(dataset)


def categories(records: Iterable[Record]) -> list[str]:
    """Categories of the videos, in the order of the tables; videos without one are not asked."""
    found = {v.category for r in records for v in r.videos} - {""}
    return [c for c in CATEGORIES if c in found] + sorted(found - set(CATEGORIES))


def _row(group: list[Record], whole: Lists, watched: Mapping[tuple[str, bool], Viewing]) -> Row:
    """Row of the seeds that have the most folds, so that no mean mixes unlike sets of videos."""
    folds: dict[int, tuple[int, ...]] = {}
    for same in _by_seed(group):
        seed = same[0].seed
        folds[seed] = tuple(sorted(r.fold for r in same))
        if len(set(folds[seed])) < len(folds[seed]):
            r = group[0]
            raise ValueError(
                f"{r.network} on {r.dataset}, seed {seed}: one record a fold expected, got folds {folds[seed]}"
            )
    most = max(folds.values(), key=lambda done: (len(done), [-fold for fold in done]))
    kept = tuple(sorted((r for r in group if folds[r.seed] == most), key=lambda r: (r.seed, r.fold)))
    left_out = tuple(seed for seed, done in folds.items() if done != most)
    scores = scores_of(kept, [*METRICS, *common_metrics(kept)])
    viewing = watched[kept[0].dataset, kept[0].synthetic]
    return Row(kept, scores, left_out, part_of_list(kept, whole), viewing)


def _order(row: Row) -> tuple[object, ...]:
    head, cc = row.head, row.scores["CC"].value
    kind = kind_order(row.viewing.device)
    place = (head.protocol != MAIN_PROTOCOL, head.protocol, kind, dataset_order(head.dataset))
    return (*place, not row.ranked, math.inf if math.isnan(cc) else -cc, head.network, head.preset, head.sound)


def _by_seed(records: Sequence[Record]) -> list[list[Record]]:
    found: dict[int, list[Record]] = defaultdict(list)
    for r in records:
        found[r.seed].append(r)
    return [found[seed] for seed in sorted(found)]


def _averaging(records: Sequence[Record]) -> Averaging:
    """What all these records average."""
    found = {r.averaging: r for r in records}
    if len(found) > 1:
        said = " and ".join(
            f"{kind} in {r.network} on {r.dataset}, fold {r.fold}, seed {r.seed}" for kind, r in sorted(found.items())
        )
        raise ValueError(
            f"protocol {records[0].protocol}: one kind of mean expected, got a mean over {said}; make one of them anew"
        )
    return records[0].averaging


def _videos(record: Record, category: str | None) -> list[VideoScores]:
    return record.videos if category is None else [v for v in record.videos if v.category == category]
