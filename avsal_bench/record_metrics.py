"""Scores in a record of metrics that plug-ins brought: each must be one that the record tells the form of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from avsal_bench.names import shortened, unknown
from avsal_bench.plain_values import LARGEST

#: Equal parts of a video's time in ``VideoScores.curve``.
CURVE_PARTS = 20

#: Where in the picture people look, for ``VideoScores.places``: on the faces that talk, or the thing that sounds; on
#: other faces; on no face; elsewhere than on the first; anywhere. Each with what tables call it.
PLACES = {
    "source": "what sounds",
    "others": "other faces",
    "background": "no face",
    "rest": "elsewhere",
    "frame": "whole frame",
}

#: The protocol by whose formulas AUC-J may be above 1; those that differ from it in a choice bear its name first.
CROWDSAL = "crowdsal"
#: The least and the most that AUC-J can be under it, of a frame that has at most twice as many points as pixels.
AREAS = (-0.25, 2.0)

#: Metrics of every record.
SIX = ("CC", "NSS", "AUC-J", "sAUC", "SIM", "KL")
#: What a video has by metric, and what stands there.
_PARTS_BY_METRIC = {"scores": "score", "undefined": "count", "curve": "curve", "consistent": "score"}


def areas_above_1(protocol: str) -> bool:
    """Whether AUC-J may be outside of 0 to 1 under a protocol, see :data:`AREAS`.

    >>> [areas_above_1(name) for name in ("crowdsal", "crowdsal-chance", "stavis")]
    [True, True, False]
    """
    return protocol == CROWDSAL or protocol.startswith(f"{CROWDSAL}-")


def check_areas(plain: dict[str, Any]) -> Iterator[str]:
    """What is wrong with AUC-J outside of 0 to 1: only one protocol has such areas."""
    if areas_above_1(plain["protocol"]):
        return
    places = [("scores", plain["scores"])]
    for number, video in enumerate(plain["videos"]):
        parts = ("scores", "consistent", "curve")
        places += [(f"videos.{number}.{part}", video[part]) for part in parts if part in video]
    for place, given in places:
        found = given.get("AUC-J")
        for value in found if isinstance(found, list) else [found]:
            if value is not None and not -1e-6 <= value <= 1 + 1e-6:
                yield f"{place}.AUC-J should be from 0 to 1 under {plain['protocol']}; got {shortened(value)}"
                break


def check_metrics(plain: dict[str, Any]) -> Iterator[str]:
    """What is wrong with scores besides those of the six: each is of one of ``metrics``, and within its range."""
    further: dict[str, Any] = plain.get("metrics", {})
    yield from (f"metrics.{name} is one of the metrics of every record" for name in further if name in SIX)
    yield from _check_mapping("scores", plain["scores"], further, "score", whole=True)
    for number, video in enumerate(plain["videos"]):
        for part, kind in _PARTS_BY_METRIC.items():
            if part in video:
                yield from _check_mapping(f"videos.{number}.{part}", video[part], further, kind, part == "scores")


def _check_mapping(
    place: str, given: dict[str, Any], further: dict[str, Any], kind: str, whole: bool = False
) -> Iterator[str]:
    for name in given:
        if name not in SIX and name not in further:
            yield f"{place}: {unknown('key', name, [*SIX, *further])}"
    for name, metric in further.items():
        if name not in given:
            yield from (f"{place}.{name} is missing" for _ in range(whole))
        elif problem := _wrong(given[name], metric, kind):
            yield f"{place}.{name} {problem}; got {shortened(given[name])}"


def _wrong(value: Any, metric: dict[str, Any], kind: str) -> str:
    """What is wrong with one value of a metric; "" where nothing is."""
    if kind == "count":
        return "" if type(value) is int and 0 <= value <= 1_000_000_000 else "should be a count"
    if kind == "curve":
        right = isinstance(value, list) and len(value) == CURVE_PARTS
        if not right or any(_wrong(part, metric, "score") for part in value):
            return f"should be a list of {CURVE_PARTS} scores"
        return ""
    low = -LARGEST if metric["low"] is None else metric["low"]
    high = LARGEST if metric["high"] is None else metric["high"]
    if value is None or (type(value) in (int, float) and low - 1e-4 <= value <= high + 1e-4):
        return ""
    return f"should be a number from {low:g} to {high:g}, or null"
