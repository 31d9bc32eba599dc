"""Records of networks under different conditions, such as their sound, and paired differences between two of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from avsal_bench.leaderboard.statistics import Interval, paired_difference
from avsal_bench.means import defined_mean
from avsal_bench.record_story import goes_with, identity
from avsal_bench.records import MAPS_PRESET, Record, network_name

#: Categories of ``synth`` where the sound tells where people look.
SOUNDING = ("timbre", "pulse")


@dataclass(frozen=True)
class Condition:
    """Records of one network under one condition, by (fold, seed)."""

    name: str
    records: Mapping[tuple[int, int], Record]


class Bench:
    """Records of one protocol and data set, to ask for conditions."""

    def __init__(self, protocol: str, dataset: str, records: Sequence[Record]) -> None:
        self.protocol, self.dataset, self.records = protocol, dataset, records
        self._found: dict[tuple[str, str, str, str], dict[tuple[int, int], Record]] = defaultdict(dict)
        self._baselines: dict[str, dict[int, Record]] = defaultdict(dict)
        for r in records:
            self._found[(r.label, r.preset, r.modality, r.sound)][(r.fold, r.seed)] = r
        for r in sorted(records, key=lambda r: (-r.seed, r.preset)):
            if (r.modality, r.sound) == ("", "original"):
                self._baselines[r.label][r.fold] = r

    def models(self) -> list[tuple[str, str]]:
        """(label, preset) of the networks that have a record with sound; a label tells the precision, too."""
        return sorted({(r.label, r.preset) for r in self.records if r.modality == "av"})

    def seeds(self, model: str, preset: str) -> list[int]:
        """Seeds of training that a network with sound has a record of."""
        of_network = (r for r in self.records if (r.label, r.preset, r.modality) == (model, preset, "av"))
        return sorted({r.seed for r in of_network})

    def of_seed(self, seed: int) -> Bench:
        """The records of one seed alone, with those of baselines, in which nothing depends on it."""
        return Bench(self.protocol, self.dataset, [r for r in self.records if r.seed == seed or not r.modality])

    def variant(self, label: str, word: str) -> str:
        """Label of a variant of the network of a label, in the same precision."""
        model = next((r.model for r in self.records if r.label == label), label)
        return f"{model}-{word}{label.removeprefix(model)}"

    def network(self, model: str, preset: str, modality: str, sound: str = "original") -> Condition:
        """Records of one network."""
        found = self._found.get((model, preset, modality, sound), {})
        name = network_name(model, modality) + ("" if sound == "original" else f" with {sound} sound")
        return Condition(name, found)

    def baseline(self, name: str, like: Condition) -> Condition:
        """Records of a baseline for the folds and seeds of ``like``: nothing in a baseline depends on the seed."""
        by_fold = self._baselines.get(name, {})
        return Condition(name, {key: by_fold[key[0]] for key in like.records if key[0] in by_fold})


def benches(records: Iterable[Record], synthetic: bool | None = True) -> list[Bench]:
    """Records by protocol and data set, without those of maps that other code made.

    Nobody here can say that two such sets of maps differ in nothing but the sound, nor mute it. Where records of them
    say it, as ``avsal hear`` makes them, they count for what another sound costs, and not in claims about networks
    that are trained here.

    Args:
        records: of any kind.
        synthetic: only those of sets made here, or only of others; None for both, and for maps and weights from
            elsewhere with the sounds that they were heard with.
    """
    every = list(records)
    heard = _elsewhere(every) if synthetic is None else []
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for r in [*(r for r in every if r.preset != MAPS_PRESET), *heard]:
        if synthetic in (None, r.synthetic):
            groups[(r.protocol, r.dataset)].append(r)
    return [Bench(*key, groups[key]) for key in sorted(groups)]


def _elsewhere(records: Iterable[Record]) -> list[Record]:
    """Of records of maps and weights from elsewhere those with another sound that say which with the true one they go
    with, and these."""
    rows: dict[tuple[object, ...], dict[str, Record]] = defaultdict(dict)
    for r in records:
        if r.preset == MAPS_PRESET:
            rows[r.protocol, r.dataset, r.label, r.modality, r.fold, r.seed][r.sound] = r
    found: list[Record] = []
    for row in rows.values():
        true = row.pop("original", None)
        own = "" if true is None else identity(true.weights, true.provenance)
        others = [r for r in row.values() if own and goes_with(r.provenance) == own]
        found += [true, *others] if true is not None and others else []
    return found


def difference(
    a: Condition, b: Condition, metric: str, only: Collection[str] | None = None, consistent: bool = False
) -> Interval:
    """``a - b`` over videos, each the mean over the folds and seeds that both have; see :func:`paired_scores`."""
    return paired_difference(*paired_scores(a, b, metric, only, consistent))


def paired_scores(
    a: Condition, b: Condition, metric: str, only: Collection[str] | None = None, consistent: bool = False
) -> tuple[dict[str, float], dict[str, float]]:
    """Scores of both by video, each the mean over the folds and seeds that both have.

    Args:
        a: one condition.
        b: the other.
        metric: a key of ``METRICS``.
        only: categories of the videos to use; None for all.
        consistent: on the frames whose sound belongs to the picture; a video without such labels has none.

    Raises:
        ValueError: saying which records are missing.
    """
    pairs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for key in _common(a, b):
        theirs = video_scores(b.records[key], metric, only, consistent)
        for video, mine in video_scores(a.records[key], metric, only, consistent).items():
            if video in theirs:
                pairs[video].append((mine, theirs[video]))
    if not pairs:
        raise ValueError(f"{a.name} and {b.name} share no video of {', '.join(only or ['any category'])}")
    means = {video: _mean_pair(both) for video, both in pairs.items()}
    return {video: mean[0] for video, mean in means.items()}, {video: mean[1] for video, mean in means.items()}


def _common(a: Condition, b: Condition) -> list[tuple[int, int]]:
    for condition in (a, b):
        if not condition.records:
            raise ValueError(f"no record of {condition.name}")
    common = sorted(a.records.keys() & b.records.keys())
    if not common:
        raise ValueError(f"{a.name} and {b.name} share no fold and seed")
    return common


def video_scores(
    record: Record, metric: str, only: Collection[str] | None, consistent: bool = False
) -> dict[str, float]:
    """Scores of the videos of a record, or of some categories; see :func:`difference`."""
    videos = [v for v in record.videos if only is None or v.category in only]
    return {v.video: v.consistent.get(metric, math.nan) if consistent else v.scores[metric] for v in videos}


def _mean_pair(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Means of both sides over the pairs where both are defined; NaN where there is none."""
    whole = [pair for pair in pairs if not any(map(math.isnan, pair))]
    return defined_mean(p[0] for p in whole), defined_mean(p[1] for p in whole)
