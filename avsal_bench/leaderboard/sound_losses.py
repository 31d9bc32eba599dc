"""What audio-visual networks lose when they hear another sound than the true one, on any data set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from avsal_bench.leaderboard.conditions import SOUNDING, Bench, Condition, benches, difference
from avsal_bench.leaderboard.kinds import KINDS, UNTOLD, Viewing, viewings
from avsal_bench.leaderboard.statistics import Interval, bootstrap_interval
from avsal_bench.leaderboard.tables import Row
from avsal_bench.means import defined_mean
from avsal_bench.records import MAPS_PRESET, METRICS, SOUNDS, Record
from avsal_bench.text import fixed, text_table

#: Frames and videos that a loss is told on.
ALL, BELONGS, SOUNDING_SCENES, OTHER_SCENES = "all frames", "sound belongs", "sounding scenes", "other scenes"


@dataclass(frozen=True)
class SoundLoss:
    """What one network loses with one other sound, on some frames of a data set.

    Args:
        model: of the network, whose modality is ``av``.
        preset: of its recipe.
        protocol: of the scores.
        dataset: name of the data set.
        sound: that it heard.
        part: ``ALL``; ``BELONGS``, the frames that labels say it of; on ``synth`` also ``SOUNDING_SCENES`` and
            ``OTHER_SCENES``.
        losses: for each metric the mean over videos of what is lost: positive is worse than with the true sound, in KL
            too.
        map_cc: mean over videos of the CC between maps with the true sound and with this one; None but for ``ALL``.
        viewing: how the set was watched.
    """

    model: str
    preset: str
    protocol: str
    dataset: str
    sound: str
    part: str
    losses: Mapping[str, Interval]
    map_cc: Interval | None = None
    viewing: Viewing = UNTOLD

    @property
    def videos(self) -> int:
        """How many videos it rests on, in the metric that most of them define."""
        return max(interval.n for interval in self.losses.values())


def sound_losses(records: Iterable[Record]) -> list[SoundLoss]:
    """Losses of every network that was tested with another sound too, and has a record with the true one.

    Records are paired by fold and seed, and only where both are of the same weights. Each video counts once, with the
    mean over its folds and seeds.

    Raises:
        ValueError: as :func:`~avsal_bench.leaderboard.kinds.viewings`.
    """
    every = list(records)
    watched = viewings(every)
    return [
        loss
        for bench in benches(every, synthetic=None)
        for model, preset in bench.models()
        for sound in SOUNDS[1:]
        for loss in _losses(bench, model, preset, sound, watched)
    ]


def untested(table: Iterable[Row], losses: Iterable[SoundLoss]) -> list[str]:
    """Rows of a table whose networks hear, and were tested with the true sound only, as ``model (preset)``."""
    tested = {(one.model, one.preset) for one in losses}
    heads = [row.head for row in table if row.head.modality == "av" and row.head.preset != MAPS_PRESET]
    return [f"{r.label} ({r.preset})" for r in heads if (r.label, r.preset) not in tested]


def losses_text(losses: Sequence[SoundLoss]) -> str:
    """The losses as plain text, a line a network, sound and part; a table for each kind of sets."""
    if not losses:
        return "no record with another sound than the true one"
    kinds: dict[str, list[SoundLoss]] = defaultdict(list)
    for one in losses:
        kinds[one.viewing.device].append(one)
    told = (
        "What is lost with another sound: mean over videos [95 % interval]; above 0, the true sound is better. "
        "Map CC: 1.000 ignores the sound.\n"
    )
    tables = [(KINDS[device], _table(kinds[device])) for device in KINDS if device in kinds]
    if len(tables) == 1:
        return told + tables[0][1]
    return told + "\n\n".join(f"{kind.capitalize()}\n{table}" for kind, table in tables)


def _table(losses: Sequence[SoundLoss]) -> str:
    header = ["network", "dataset", "sound", "on", "videos", *METRICS, "map CC"]
    body = [
        [f"{one.model} ({one.preset})", one.dataset, one.sound, one.part, str(one.videos)]
        + [one.losses[metric].text() for metric in METRICS]
        + ["-" if one.map_cc is None else fixed(one.map_cc.mean)]
        for one in losses
    ]
    return text_table(header, body, numbers=[4, len(header) - 1])


def _losses(
    bench: Bench, model: str, preset: str, sound: str, watched: Mapping[tuple[str, bool], Viewing]
) -> Iterable[SoundLoss]:
    true, other = _same_weights(bench.network(model, preset, "av"), bench.network(model, preset, "av", sound))
    if not other.records:
        return
    found = {v.category for r in other.records.values() for v in r.videos}
    parts: dict[str, Collection[str] | None] = {ALL: None, BELONGS: None}
    if sounding := found & set(SOUNDING):
        parts |= {SOUNDING_SCENES: sounding, OTHER_SCENES: found - sounding}
    for part, categories in parts.items():
        if categories is not None and not categories:
            continue
        losses = {
            metric: difference(*((true, other) if higher else (other, true)), metric, categories, part == BELONGS)
            for metric, higher in METRICS.items()
        }
        if part != BELONGS or any(interval.n for interval in losses.values()):
            likeness = _map_cc(other) if part == ALL else None
            viewing = watched[bench.dataset, next(iter(other.records.values())).synthetic]
            yield SoundLoss(model, preset, bench.protocol, bench.dataset, sound, part, losses, likeness, viewing)


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
