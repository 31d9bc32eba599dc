"""What each metric means, in a sentence: the one table of words, for headers, the choice of a metric and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class MetricWords:
    """What readers are told of a metric.

    Args:
        name: as tables call it.
        title: in full.
        compares: what a map is compared with: "a density" or "fixations".
        range: that its values have, in words; docs/metrics.md has the same.
        better: "higher" or "lower".
        says: a sentence for who sees it the first time.
    """

    name: str
    title: str
    compares: str
    range: str
    better: str
    says: str

    @property
    def sentence(self) -> str:
        """All of it, for a tip: what it is, its range, and which way is better."""
        return f"{self.title}: {self.says} Range: {self.range}. {self.better.capitalize()} is better."


_WORDS = (
    MetricWords(
        "CC",
        "Linear correlation",
        "a density",
        "-1 to 1",
        "higher",
        "how alike the map and the density of where people looked are, pixel by pixel; 0 is no relation, 1 the same.",
    ),
    MetricWords(
        "NSS",
        "Normalised scanpath saliency",
        "fixations",
        "any, 0 is chance",
        "higher",
        "the mean value of the map at the points people looked at, in standard deviations above the mean of the map.",
    ),
    MetricWords(
        "AUC-J",
        "AUC after Judd",
        "fixations",
        "0 to 1, 0.5 is chance",
        "higher",
        "how well a threshold on the map tells points that were looked at from all other pixels; a centre bias alone "
        "scores high.",
    ),
    MetricWords(
        "sAUC",
        "Shuffled AUC",
        "fixations, and those of other frames",
        "0 to 1, 0.5 is chance",
        "higher",
        "as AUC-J, but told apart from points that were looked at in other frames, so a centre bias gains nothing.",
    ),
    MetricWords(
        "SIM",
        "Similarity",
        "a density",
        "0 to 1",
        "higher",
        "the overlap of the map and the density, each scaled to a sum of 1.",
    ),
    MetricWords(
        "KL",
        "Kullback-Leibler divergence",
        "a density",
        "0 and up",
        "lower",
        "how much the map lacks of the density; a place that people looked at and the map leaves empty costs most.",
    ),
)
METRIC_WORDS: Mapping[str, MetricWords] = {one.name: one for one in _WORDS}


def sentence(metric: str) -> str:
    """What a metric means; "" for one that is not known here, such as that of a plug-in."""
    return METRIC_WORDS[metric].sentence if metric in METRIC_WORDS else ""
