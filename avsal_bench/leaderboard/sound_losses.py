"""What audio-visual networks lose when they hear another sound than the true one, on any data set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from avsal_bench.leaderboard.conditions import SOUNDING, Bench, Condition, benches, paired_scores
from avsal_bench.leaderboard.kinds import Viewing, viewings
from avsal_bench.leaderboard.reliance.loss_curves import CurvesOf, curves_in, loss_curves
from avsal_bench.leaderboard.reliance.loss_tests import (
    ALL,
    BELONGS,
    OTHER_SCENES,
    SOUNDING_SCENES,
    Each,
    LossTest,
    SoundLoss,
    tests_of,
)
from avsal_bench.leaderboard.reliance.losses_in_words import losses_text
from avsal_bench.leaderboard.statistics import Interval, bootstrap_interval, bootstrap_intervals
from avsal_bench.leaderboard.tables import Row
from avsal_bench.means import defined_mean
from avsal_bench.record_metrics import PLACES
from avsal_bench.records import MAPS_PRESET, METRICS, SOUNDS, Record

__all__ = [
    "ALL",
    "BELONGS",
    "OTHER_SCENES",
    "SOUNDING_SCENES",
    "LossTest",
    "SoundLoss",
    "losses_text",
    "not_run",
    "sound_losses",
    "untested",
]


def sound_losses(records: Iterable[Record], curves_of: CurvesOf = curves_in) -> list[SoundLoss]:
    """Losses of every network that was tested with another sound too, and has a record with the true one.

    Records are paired by fold and seed, and only where both are of the same weights. Each video counts once, with the
    mean over its folds and seeds.

    Args:
        records: of any kind.
        curves_of: gives the scores of a record over time, where it is not the record that has them.

    Raises:
        ValueError: as :func:`~avsal_bench.leaderboard.kinds.viewings`.
    """
    every = list(records)
    watched = viewings(every)
    return [
        loss
        for bench in benches(every, synthetic=None)
        for model, preset in bench.models()
        for loss in _of_network(bench, model, preset, watched, curves_of)
    ]


def untested(table: Iterable[Row], losses: Iterable[SoundLoss]) -> list[str]:
    """Rows of a table whose networks hear, and were tested with the true sound only, as ``model (preset)``."""
    tested = {(one.model, one.preset) for one in losses}
    heads = [row.head for row in table if row.head.modality == "av" and row.head.preset != MAPS_PRESET]
    return [f"{r.label} ({r.preset})" for r in heads if (r.label, r.preset) not in tested]


def not_run(losses: Iterable[SoundLoss]) -> list[str]:
    """Rows that were tested with some other sounds, each with those that it was not, as ``model (preset): sounds``."""
    left = {(one.model, one.preset): one.not_run for one in losses}
    return [f"{model} ({preset}): {', '.join(sounds)}" for (model, preset), sounds in left.items() if sounds]


def _of_network(
    bench: Bench, model: str, preset: str, watched: Mapping[tuple[str, bool], Viewing], curves_of: CurvesOf
) -> list[SoundLoss]:
    """Losses of one network, with their tests corrected for the sounds that were run."""
    pairs = {
        sound: _same_weights(bench.network(model, preset, "av"), bench.network(model, preset, "av", sound))
        for sound in SOUNDS[1:]
    }
    pairs = {sound: (true, other) for sound, (true, other) in pairs.items() if other.records}
    told = {sound for both in pairs.values() for one in both for r in one.records.values() for sound in _told(r)}
    run = tuple(sound for sound in SOUNDS if sound in {"original", *pairs, *told})
    found = [loss for sound, both in pairs.items() for loss in _losses(bench, model, preset, sound, both, curves_of)]
    viewing = {
        sound: watched[bench.dataset, next(iter(other.records.values())).synthetic]
        for sound, (_, other) in pairs.items()
    }
    tests: dict[int, Mapping[str, LossTest]] = {}
    for part in dict.fromkeys(loss.part for loss, _ in found):
        places = [i for i, (loss, _) in enumerate(found) if loss.part == part]
        tests |= dict(zip(places, tests_of([found[i][1] for i in places], len(run) - 1), strict=True))
    return [replace(loss, tests=tests[i], run=run, viewing=viewing[loss.sound]) for i, (loss, _) in enumerate(found)]


def _told(record: Record) -> list[str]:
    """The sounds that a record was tested together with."""
    return list(record.provenance.get("sounds") or ())


def _losses(
    bench: Bench, model: str, preset: str, sound: str, both: tuple[Condition, Condition], curves_of: CurvesOf
) -> Iterator[tuple[SoundLoss, Each]]:
    """Losses with one sound, without tests, and with what they are the means of."""
    true, other = both
    kinds = {v.category for r in other.records.values() for v in r.videos}
    parts: dict[str, Collection[str] | None] = {ALL: None, BELONGS: None}
    if sounding := kinds & set(SOUNDING):
        parts |= {SOUNDING_SCENES: sounding, OTHER_SCENES: kinds - sounding}
    for part, categories in parts.items():
        if categories is not None and not categories:
            continue
        each = {}
        for metric, higher in METRICS.items():
            better, worse = paired_scores(*(both if higher else both[::-1]), metric, categories, part == BELONGS)
            each[metric] = [better[video] - worse[video] for video in sorted(better)]
        losses = dict(zip(each, bootstrap_intervals([*each.values()]), strict=True))
        if part != BELONGS or any(interval.n for interval in losses.values()):
            loss = SoundLoss(model, preset, bench.protocol, bench.dataset, sound, part, losses)
            if part == ALL:
                curves, places = loss_curves(true, other, curves_of), _places(other)
                loss = replace(loss, map_cc=_map_cc(other), curves=curves, places=places)
            yield loss, each


def _same_weights(true: Condition, other: Condition) -> tuple[Condition, Condition]:
    """Both, with the folds and seeds that both have of the same weights."""
    both = [
        key
        for key in true.records.keys() & other.records.keys()
        if true.records[key].weights.get("sha256") == other.records[key].weights.get("sha256")
    ]
    kept = (Condition(c.name, {key: c.records[key] for key in sorted(both)}) for c in (true, other))
    return next(kept), next(kept)


def _map_cc(condition: Condition) -> Interval | None:
    """Mean over videos, each the mean over its folds and seeds; None where no map was compared."""
    found: dict[str, list[float]] = defaultdict(list)
    for record in condition.records.values():
        for video in record.videos:
            if video.map_cc is not None:
                found[video.video].append(video.map_cc)
    return bootstrap_interval([defined_mean(values) for _, values in sorted(found.items())]) if found else None


def _places(condition: Condition) -> dict[str, Interval]:
    """Mean loss in NSS at each place, over videos, each the mean over its folds and seeds."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in condition.records.values():
        for video in record.videos:
            for place, (true, other) in video.places.items():
                found[place][video.video].append(true - other)
    return {
        place: bootstrap_interval([defined_mean(values) for _, values in sorted(found[place].items())])
        for place in PLACES
        if place in found
    }
