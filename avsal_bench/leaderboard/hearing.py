"""Does a network use the sound? Paired comparisons on ``synth``, where the cause of every gaze is known."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from avsal_bench.leaderboard.conditions import SOUNDING, Bench, Condition, benches, difference, video_scores
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.means import defined_mean
from avsal_bench.names import pick
from avsal_bench.records import METRICS, Record, network_name
from avsal_bench.text import many

#: Baselines that know neither the frames nor the sound of a video.
BASELINES = ("centre", "mep")
#: Metrics of the comparisons.
COMPARED = ("CC", "NSS")
#: What a network may lose on scenes where the sound says nothing of the gaze, as a part of its loss where it does.
SLIGHT = 0.1


@dataclass(frozen=True)
class Claim:
    """A sentence about networks, the difference it rests on, and whether that lies above zero.

    ``interval`` is None where records are missing; ``reason`` says why a claim does not hold. ``seed`` is that of the
    trainings that it is about, None where there is none.
    """

    text: str
    interval: Interval | None
    holds: bool
    reason: str = ""
    seed: int | None = None


@dataclass(frozen=True)
class Hearing:
    """How one model differs from itself without sound, and from the best baseline, on sounding scenes.

    A difference is None where records are missing; it is of all seeds together, each video with its mean over them.
    ``baseline`` is the one with the higher mean, or "". ``seeds`` says of each seed whether it hears.
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
    seeds: tuple[SeedHearing, ...] = ()

    @property
    def hears(self) -> bool:
        """Whether each seed does."""
        return bool(self.seeds) and all(one.hears for one in self.seeds)

    @property
    def answer(self) -> str:
        """Whether it hears, in two or three words."""
        if self.hears:
            return "yes"
        some = sum(bool(one.hears) for one in self.seeds)
        return f"{some} of {many(len(self.seeds), 'seed')}" if some else "not shown"


@dataclass(frozen=True)
class SeedHearing:
    """What one seed of training gave, in one metric.

    Args:
        seed: of the trainings.
        videos: with sounding scenes.
        whole: mean of the network with sound over all videos, sounding or not.
        av: its mean over the sounding ones.
        muted: the same with silence.
        v: of the network without sound, over the same videos. A mean whose records are missing is NaN.
        av_over_muted: difference on sounding scenes over videos, with its interval; None where records are missing.
        av_over_v: likewise.
    """

    seed: int
    videos: int
    whole: float
    av: float
    muted: float
    v: float
    av_over_muted: Interval | None
    av_over_v: Interval | None

    @property
    def hears(self) -> bool | None:
        """Whether the network with sound beats itself when muted, and the one without; None where that is not known."""
        both = (self.av_over_muted, self.av_over_v)
        if any(interval is not None and not interval.above_zero for interval in both):
            return False
        return None if None in both else True


@dataclass(frozen=True)
class SeedTable:
    """What each seed of one network gave on one set, see :class:`SeedHearing`."""

    model: str
    preset: str
    protocol: str
    dataset: str
    metric: str
    seeds: tuple[SeedHearing, ...]


def hearing_by_seed(
    records: Iterable[Record], metric: str = "CC", models: Collection[str] | None = None
) -> list[SeedTable]:
    """For each network with sound that was tested on synthetic data, what each seed of training gave.

    Args:
        records: of any kind; those of real sets are not asked, as nobody knows where the sound counts in them.
        metric: a key of ``METRICS`` in which more is better.
        models: only these, by their labels in tables; None for all.

    Raises:
        ValueError: for a model that has no such record, with the nearest name; and for another metric.
    """
    pick("metric in which more is better", metric, {name: name for name, higher in METRICS.items() if higher})
    tables = [
        SeedTable(model, preset, bench.protocol, bench.dataset, metric, _seeds(bench, model, preset, metric))
        for bench in benches(records)
        for model, preset in bench.models()
    ]
    if models is None:
        return tables
    for model in models:
        pick("network with sound that has a record on synthetic data", model, {table.model: table for table in tables})
    return [table for table in tables if table.model in models]


def hearing_claims(records: Iterable[Record], models: Iterable[str] | None = None) -> list[Claim]:
    """What a benchmark of hearing must show, checked on synthetic records.

    For each model and each seed by itself, in CC and NSS: with and without sound it beats both baselines; on sounding
    scenes it beats itself without sound, and loses when its sound is muted; on the other scenes it then loses nothing:
    the interval reaches down to zero, or not up to a tenth of the loss on sounding scenes. A claim whose records are
    missing does not hold. Where it was also tested with swapped, matched or shifted sound, the same goes for those;
    and where a network was also tested with the ideal switch (``avc="labels"``), that is no worse than its own.

    Args:
        records: of any kind; those of real sets are not asked.
        models: models that must be there; without, those that have a record with sound.
    """
    claims: list[Claim] = []
    found = benches(records)
    for bench in found:
        for model, preset in bench.models():
            if models is None or model in models:
                for seed in bench.seeds(model, preset):
                    of_seed = _claims_of(bench.of_seed(seed), model, preset)
                    claims += [replace(claim, seed=seed) for claim in of_seed]
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
        for sound in ("muted", "swapped", "matched", "shifted"):
            other = bench.network(model, preset, "av", sound)
            if sound != "muted" and not other.records:
                continue
            loss = _claim(f"{av.name} loses when {sound}, {sounding}", av, other, metric, SOUNDING)
            text = f"{av.name} loses nothing when {sound}, in {metric} on the other scenes of {where}"
            margin = SLIGHT * loss.interval.mean if loss.interval else 0.0
            claims += [loss, _no_claim(text, av, other, metric, _other_scenes(av), margin)]
        ideal = bench.network(bench.variant(model, "ideal"), preset, "av")
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
        seeds=_seeds(bench, model, preset, metric),
    )


def _seeds(bench: Bench, model: str, preset: str, metric: str) -> tuple[SeedHearing, ...]:
    found = []
    for seed in bench.seeds(model, preset):
        own = bench.of_seed(seed)
        av, muted = (own.network(model, preset, "av", sound) for sound in ("original", "muted"))
        v = own.network(model, preset, "v")
        found.append(
            SeedHearing(
                seed=seed,
                videos=len(_by_video(av, metric, SOUNDING)),
                whole=defined_mean(_by_video(av, metric, None).values()),
                av=defined_mean(_by_video(av, metric, SOUNDING).values()),
                muted=defined_mean(_by_video(muted, metric, SOUNDING).values()),
                v=defined_mean(_by_video(v, metric, SOUNDING).values()),
                av_over_muted=_difference_or_none(av, muted, metric),
                av_over_v=_difference_or_none(av, v, metric),
            )
        )
    return tuple(found)


def _by_video(condition: Condition, metric: str, only: Collection[str] | None) -> dict[str, float]:
    """Score of each video, the mean over its folds and seeds; NaN where none is defined."""
    found: dict[str, list[float]] = defaultdict(list)
    for record in condition.records.values():
        for video, score in video_scores(record, metric, only).items():
            found[video].append(score)
    return {video: defined_mean(scores) for video, scores in found.items()}


def _difference_or_none(a: Condition, b: Condition, metric: str) -> Interval | None:
    try:
        return difference(a, b, metric, SOUNDING)
    except ValueError:
        return None


def _mean_of(condition: Condition, metric: str) -> float:
    """Mean over all records and sounding videos; minus infinity where none is defined."""
    mean = defined_mean(x for r in condition.records.values() for x in video_scores(r, metric, SOUNDING).values())
    return -math.inf if math.isnan(mean) else mean
