"""Does a network use the sound? Paired comparisons on ``synth``, where the cause of every gaze is known."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from avsal_bench.leaderboard.statistics import Interval, paired_difference
from avsal_bench.means import defined_mean
from avsal_bench.records import MAPS_PRESET, Record, network_name

#: Categories of ``synth`` where the sound tells where people look.
SOUNDING = ("timbre", "pulse")
#: Baselines that know neither the frames nor the sound of a video.
BASELINES = ("centre", "mep")
#: Metrics of the comparisons.
COMPARED = ("CC", "NSS")
#: What a network may lose on scenes where the sound says nothing of the gaze, as a part of its loss where it does.
SLIGHT = 0.1


@dataclass(frozen=True)
class Claim:
    """A sentence about networks, the difference it rests on, and whether that lies above zero.

    ``interval`` is None where records are missing; ``reason`` says why a claim does not hold.
    """

    text: str
    interval: Interval | None
    holds: bool
    reason: str = ""


@dataclass(frozen=True)
class Hearing:
    """How one model differs from itself without sound, and from the best baseline, on sounding scenes.

    A difference is None where records are missing. ``baseline`` is the one with the higher mean, or "".
    """

    model: str
    preset: str
    protocol: str
    dataset: str
    metric: str
    av_over_v: Interval | None
    original_over_muted: Interval | None
    baseline: str
    av_over_baseline: Interval | None
    v_over_baseline: Interval | None

    @property
    def hears(self) -> bool:
        """Whether the sound helps: the two-modality network beats the silent one, and itself when muted."""
        both = (self.av_over_v, self.original_over_muted)
        return all(interval is not None and interval.above_zero for interval in both)


@dataclass(frozen=True)
class Condition:
    """Records of one network under one condition, by (fold, seed)."""

    name: str
    records: Mapping[tuple[int, int], Record]


class Bench:
    """Records of one protocol and data set, to ask for conditions."""

    def __init__(self, protocol: str, dataset: str, records: Sequence[Record]) -> None:
        self.protocol, self.dataset, self.records = protocol, dataset, records

    def models(self) -> list[tuple[str, str]]:
        """(model, preset) of the networks that have a record with sound."""
        return sorted({(r.model, r.preset) for r in self.records if r.modality == "av"})

    def network(self, model: str, preset: str, modality: str, sound: str = "original") -> Condition:
        """Records of one network."""
        key = (model, preset, modality, sound)
        found = {(r.fold, r.seed): r for r in self.records if (r.model, r.preset, r.modality, r.sound) == key}
        name = network_name(model, modality) + ("" if sound == "original" else f" with {sound} sound")
        return Condition(name, found)

    def baseline(self, name: str, like: Condition) -> Condition:
        """Records of a baseline for the folds and seeds of ``like``: nothing in a baseline depends on the seed."""
        mine = [r for r in self.records if (r.model, r.modality, r.sound) == (name, "", "original")]
        by_fold = {r.fold: r for r in sorted(mine, key=lambda r: (-r.seed, r.preset))}
        return Condition(name, {key: by_fold[key[0]] for key in like.records if key[0] in by_fold})


def benches(records: Iterable[Record], synthetic: bool | None = True) -> list[Bench]:
    """Records by protocol and data set, without those of maps that other code made.

    Nobody here can say that two such sets of maps differ in nothing but the sound, nor mute it.

    Args:
        records: of any kind.
        synthetic: only those of sets made here, or only of others; None for both.
    """
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for r in records:
        if synthetic in (None, r.synthetic) and r.preset != MAPS_PRESET:
            groups[(r.protocol, r.dataset)].append(r)
    return [Bench(*key, groups[key]) for key in sorted(groups)]


def difference(
    a: Condition, b: Condition, metric: str, only: Collection[str] | None = None, consistent: bool = False
) -> Interval:
    """``a - b`` over videos, each the mean over the folds and seeds that both have.

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
        theirs = _scores(b.records[key], metric, only, consistent)
        for video, mine in _scores(a.records[key], metric, only, consistent).items():
            if video in theirs:
                pairs[video].append((mine, theirs[video]))
    if not pairs:
        raise ValueError(f"{a.name} and {b.name} share no video of {', '.join(only or ['any category'])}")
    means = {video: _mean_pair(both) for video, both in pairs.items()}
    return paired_difference({v: m[0] for v, m in means.items()}, {v: m[1] for v, m in means.items()})


def hearing_claims(records: Iterable[Record], models: Iterable[str] | None = None) -> list[Claim]:
    """What a benchmark of hearing must show, checked on synthetic records.

    For each model, in CC and NSS: with and without sound it beats both baselines; on sounding scenes it beats
    itself without sound, and loses when its sound is muted; on the other scenes it then loses nothing: the interval
    reaches down to zero, or not up to a tenth of the loss on sounding scenes. A claim whose records are missing does
    not hold. Where it was also tested with swapped or shifted sound, the same goes for those; and where a network was
    also tested with the ideal switch (``avc="labels"``), that is no worse than its own.

    Args:
        records: of any kind; those of real sets are not asked.
        models: models that must be there; without, those that have a record with sound.
    """
    claims: list[Claim] = []
    found = benches(records)
    for bench in found:
        for model, preset in bench.models():
            if models is None or model in models:
                claims += _claims_of(bench, model, preset)
    present = {model for bench in found for model, _ in bench.models()}
    for model in [m for m in models or [] if m not in present]:
        claims.append(Claim(f"{model} hears", None, False, f"no synthetic record of {network_name(model, 'av')}"))
    return claims or [Claim("a network hears", None, False, "no synthetic record of a network with sound")]


def hearing_table(records: Iterable[Record]) -> list[Hearing]:
    """Comparisons on sounding scenes for each model that has records with and without sound."""
    return [
        _hearing(bench, model, preset, metric)
        for bench in benches(records)
        for model, preset in bench.models()
        if bench.network(model, preset, "v").records
        for metric in COMPARED
    ]


def _claims_of(bench: Bench, model: str, preset: str) -> list[Claim]:
    av, v = bench.network(model, preset, "av"), bench.network(model, preset, "v")
    where = f"{bench.dataset} ({preset}, {bench.protocol})"
    claims = []
    for metric in COMPARED:
        for network in (av, v):
            for baseline in BASELINES:
                text = f"{network.name} beats {baseline} in {metric} on {where}"
                claims.append(_claim(text, network, bench.baseline(baseline, network), metric))
        sounding = f"in {metric} on sounding scenes of {where}"
        claims.append(_claim(f"{av.name} beats {v.name} {sounding}", av, v, metric, SOUNDING))
        for sound in ("muted", "swapped", "shifted"):
            other = bench.network(model, preset, "av", sound)
            if sound != "muted" and not other.records:
                continue
            loss = _claim(f"{av.name} loses when {sound}, {sounding}", av, other, metric, SOUNDING)
            text = f"{av.name} loses nothing when {sound}, in {metric} on the other scenes of {where}"
            margin = SLIGHT * loss.interval.mean if loss.interval else 0.0
            claims += [loss, _no_claim(text, av, other, metric, _other_scenes(av), margin)]
        ideal = bench.network(f"{model}-ideal", preset, "av")
        if ideal.records:
            claims.append(
                _no_claim(f"{ideal.name} is no worse than {av.name} in {metric} on {where}", av, ideal, metric)
            )
    return claims


def _other_scenes(network: Condition) -> Collection[str]:
    return {v.category for r in network.records.values() for v in r.videos} - set(SOUNDING)


def _claim(text: str, a: Condition, b: Condition, metric: str, only: Collection[str] | None = None) -> Claim:
    """That ``a`` is better than ``b``."""
    try:
        interval = difference(a, b, metric, only)
    except ValueError as error:
        return Claim(text, None, False, str(error))
    reason = "" if interval.above_zero else "the interval of the difference does not lie above zero"
    return Claim(text, interval, interval.above_zero, reason)


def _no_claim(
    text: str, a: Condition, b: Condition, metric: str, only: Collection[str] | None = None, margin: float = 0.0
) -> Claim:
    """That ``a`` is not better than ``b``, or by less than a margin."""
    better = _claim(text, a, b, metric, only)
    if better.interval is None:
        return better
    holds = not better.holds or better.interval.high < margin
    reason = "" if holds else "the interval of the difference lies above zero"
    return Claim(text, better.interval, holds, reason)


def _hearing(bench: Bench, model: str, preset: str, metric: str) -> Hearing:
    av, v = bench.network(model, preset, "av"), bench.network(model, preset, "v")
    muted = bench.network(model, preset, "av", "muted")
    baselines = [b for b in (bench.baseline(name, av) for name in BASELINES) if b.records]
    best = max(baselines, key=lambda b: _mean_of(b, metric), default=Condition("", {}))
    return Hearing(
        model=model,
        preset=preset,
        protocol=bench.protocol,
        dataset=bench.dataset,
        metric=metric,
        av_over_v=_difference_or_none(av, v, metric),
        original_over_muted=_difference_or_none(av, muted, metric),
        baseline=best.name,
        av_over_baseline=_difference_or_none(av, best, metric),
        v_over_baseline=_difference_or_none(v, bench.baseline(best.name, v), metric),
    )


def _difference_or_none(a: Condition, b: Condition, metric: str) -> Interval | None:
    try:
        return difference(a, b, metric, SOUNDING)
    except ValueError:
        return None


def _common(a: Condition, b: Condition) -> list[tuple[int, int]]:
    for condition in (a, b):
        if not condition.records:
            raise ValueError(f"no record of {condition.name}")
    common = sorted(a.records.keys() & b.records.keys())
    if not common:
        raise ValueError(f"{a.name} and {b.name} share no fold and seed")
    return common


def _scores(record: Record, metric: str, only: Collection[str] | None, consistent: bool = False) -> dict[str, float]:
    videos = [v for v in record.videos if only is None or v.category in only]
    return {v.video: v.consistent.get(metric, math.nan) if consistent else v.scores[metric] for v in videos}


def _mean_pair(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Means of both sides over the pairs where both are defined; NaN where there is none."""
    whole = [pair for pair in pairs if not any(map(math.isnan, pair))]
    return defined_mean(p[0] for p in whole), defined_mean(p[1] for p in whole)


def _mean_of(condition: Condition, metric: str) -> float:
    """Mean over all records and sounding videos; minus infinity where none is defined."""
    mean = defined_mean(x for r in condition.records.values() for x in _scores(r, metric, SOUNDING).values())
    return -math.inf if math.isnan(mean) else mean
