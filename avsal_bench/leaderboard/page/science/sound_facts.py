"""Who uses the sound: trainings with and without it on ``synth``, papers' own pairs of scores, and records."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

from avsal_bench.leaderboard.disagreements import is_derived
from avsal_bench.leaderboard.sound_losses import ALL, SoundLoss
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.leaderboard.tables import dataset_order
from avsal_bench.resources import resource

#: Keys of expected scores that count here: of the first fold of ``synth`` under the main protocol.
_KEY = re.compile(r"(?P<label>.+)_(?P<modality>av|v)/synth/fold1/(seed(?P<seed>[0-9]+)/)?(?P<sound>original|muted)")


@dataclass(frozen=True)
class Trained:
    """CC on ``synth`` of one network trained with the sound and without it, a value a seed that has both.

    Args:
        label: of the network.
        preset: of the trainings.
        without: CC of the network of frames alone.
        sound: CC of the one that takes the sound too.
    """

    label: str
    preset: str
    without: tuple[float, ...]
    sound: tuple[float, ...]

    @property
    def gain(self) -> float:
        """Mean over the seeds of what the sound gives."""
        return fmean(a - b for a, b in zip(self.sound, self.without, strict=True))


@cache
def trained_pairs() -> tuple[Trained, ...]:
    """The networks whose expected scores (``benchmarks/expected``) have both, the largest gain first.

    Files of a smaller set than the usual one are left out.
    """
    found = []
    for path in sorted(resource("expected").glob("*.json")):
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain.get("synth_videos") is None and not plain.get("set"):
            found += _pairs(plain)
    return tuple(sorted(found, key=lambda one: (-one.gain, one.label)))


def _pairs(plain: Mapping[str, object]) -> list[Trained]:
    scores = plain["scores"]
    by: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: {"v": {}, "av": {}})
    for key, cells in scores.items() if isinstance(scores, dict) else ():
        told = _KEY.fullmatch(key)
        if told and told["sound"] == "original" and cells.get("CC", [None])[0] is not None:
            by[told["label"]][told["modality"]][int(told["seed"] or 0)] = cells["CC"][0]
    found = []
    for name, own in by.items():
        seeds = sorted(set(own["v"]) & set(own["av"]))
        if seeds:
            values = (tuple(own[modality][seed] for seed in seeds) for modality in ("v", "av"))
            found.append(Trained(name, str(plain["preset"]), *values))
    return found


@dataclass(frozen=True)
class PrintedGain:
    """What the sound gives one method in CC as one paper prints it: by data set, AV less V."""

    method: str
    paper: str
    pretrain: str
    gains: Mapping[str, float]

    @property
    def mean(self) -> float:
        """Over the sets."""
        return fmean(self.gains.values())


def printed_gains(lines: Iterable[Mapping[str, str]], metric: str = "CC") -> list[PrintedGain]:
    """Methods that a paper prints with and without the sound on the same sets, the largest mean gain first.

    Of several printed variants of one modality none is taken: it would be a choice. Names with a star or a hash are
    other systems.
    """
    cells: dict[tuple[str, str, str], dict[str, dict[str, list[float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for line in lines:
        if line["metric"] == metric and not is_derived(line["variant"]) and line["modality"] in ("V", "AV"):
            place = (line["method"], line["paper"], line["pretrain"])
            cells[place][line["dataset"]][line["modality"]].append(float(line["value"]))
    found = []
    for place, sets in cells.items():
        gains = {
            name: round(both["AV"][0] - both["V"][0], 6)
            for name, both in sorted(sets.items(), key=lambda one: dataset_order(one[0]))
            if len(both["AV"]) == len(both["V"]) == 1
        }
        if gains:
            found.append(PrintedGain(*place, gains))
    return sorted(found, key=lambda one: (-one.mean, one.method, one.paper, one.pretrain))


def recorded_losses(losses: Sequence[SoundLoss], metric: str = "CC") -> list[tuple[SoundLoss, Interval]]:
    """What networks of records lose in a metric with another sound, over whole test lists, where it is known."""
    found = [(one, one.losses[metric]) for one in losses if one.part == ALL]
    return [(one, interval) for one, interval in found if interval is not None]
