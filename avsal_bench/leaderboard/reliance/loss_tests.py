"""What a network loses with another sound, as a value: its losses, their tests, and when and where they are."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from avsal_bench.leaderboard.kinds import UNTOLD, Viewing
from avsal_bench.leaderboard.reliance.loss_curves import LossCurve
from avsal_bench.leaderboard.reliance.sign_flips import flip_p, smallest_effect
from avsal_bench.leaderboard.significance import ALPHA, holm
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.records import SOUNDS
from avsal_bench.text import rounds_to_zero

#: Frames and videos that a loss is told on.
ALL, BELONGS, SOUNDING_SCENES, OTHER_SCENES = "all frames", "sound belongs", "sounding scenes", "other scenes"


@dataclass(frozen=True)
class LossTest:
    """Whether a mean loss in one metric would be a surprise if the sound made no difference.

    Args:
        p: of the paired permutation test over videos, two-sided.
        corrected: ``p`` by Holm's correction over the sounds that were tested.
        spread: standard deviation of the loss over videos; NaN below two videos.
        videos: how many define it.
        sounds: how many other sounds were tested, whether or not their records are here.
    """

    p: float
    corrected: float
    spread: float
    videos: int
    sounds: int

    @property
    def significant(self) -> bool:
        """Whether the loss is shown."""
        return self.corrected < ALPHA

    def smallest(self, videos: int | None = None) -> float:
        """The smallest mean loss that so many videos of this spread show with 80 % power.

        At the strictest step of the correction: 0.05 over the number of sounds. Infinity where so few videos show
        nothing, however large; NaN where the spread is not known.

        Args:
            videos: how many; those that there are, without.
        """
        if math.isnan(self.spread):
            return math.nan
        effect = smallest_effect(self.videos if videos is None else videos, ALPHA / self.sounds)
        return math.inf if math.isinf(effect) else self.spread * effect


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
        tests: for each metric the test of its loss.
        curves: for each metric the loss over the time of the videos; only of ``ALL``, and of records with curves.
        places: where the set says who talks or what sounds, the mean loss in NSS there and elsewhere, by the names of
            ``record_metrics.PLACES``; only of ``ALL``.
        run: the sounds that the network was tested with, the true one first.
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
    tests: Mapping[str, LossTest] = field(default_factory=dict)
    curves: Mapping[str, LossCurve] = field(default_factory=dict)
    places: Mapping[str, Interval] = field(default_factory=dict)
    run: tuple[str, ...] = ()

    def stands_out(self, metric: str, digits: int) -> bool:
        """Whether a table with so many digits may show it in bold: its test shows it, and more than zero is seen."""
        test = self.tests.get(metric)
        return test is not None and test.significant and not rounds_to_zero(self.losses[metric].mean, digits)

    @property
    def not_run(self) -> list[str]:
        """The sounds that the network was not tested with."""
        return [sound for sound in SOUNDS if sound not in self.run]

    @property
    def row(self) -> tuple[str, str, str, str]:
        """The network, its preset, the protocol and the set that it is a loss of."""
        return self.model, self.preset, self.protocol, self.dataset

    @property
    def videos(self) -> int:
        """How many videos it rests on, in the metric that most of them define."""
        return max(interval.n for interval in self.losses.values())


#: For each metric the loss of each video.
Each = Mapping[str, Sequence[float]]


def tests_of(losses: Sequence[Each], sounds: int) -> list[dict[str, LossTest]]:
    """Tests of the losses with some sounds, of one network on the same videos, by metric.

    Args:
        losses: with each sound.
        sounds: how many other sounds were run, which may be more.
    """
    tests: list[dict[str, LossTest]] = [{} for _ in losses]
    for metric in losses[0] if losses else ():
        p = [flip_p(each[metric]) for each in losses]
        # A sound that was run, and that nothing is here of, is a test too.
        known = [1.0 if math.isnan(value) else value for value in p]
        corrected = holm([*known, *[1.0] * (sounds - len(known))])
        for found, each, value, q in zip(tests, losses, p, corrected, strict=False):
            defined = [lost for lost in each[metric] if not math.isnan(lost)]
            spread = statistics.stdev(defined) if len(defined) > 1 else math.nan
            found[metric] = LossTest(value, q if defined else math.nan, spread, len(defined), sounds)
    return tests
