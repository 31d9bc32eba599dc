"""What pages of the docs measured, as data: ``science.json``, which ``docs/science_data.py`` makes of these pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from avsal_bench.resources import resource

#: The protocol whose effects of the form of fixation maps are drawn.
DRAWN = "stavis"


@dataclass(frozen=True)
class Moves:
    """How far the released form of fixation maps moves one score under one protocol.

    Args:
        protocol: of the scores.
        score: a metric.
        values: for each predictor its score on maps of the samples, and on maps in the released form.
        order_changes: whether the predictors' order differs between the two.
    """

    protocol: str
    score: str
    values: Mapping[str, tuple[float, float]]
    order_changes: bool


@dataclass(frozen=True)
class Form:
    """Fixation maps of one origin: what they are, fixated pixels a frame, and the share of these in a full grid."""

    maps: str
    pixels: float
    grid: float


@dataclass(frozen=True)
class Measured:
    """All of it.

    Args:
        forms: of fixation maps of DHF1K.
        cutting: a part of a released fixation map, ``#`` where it is fixated.
        moves: of scores, by the form of the maps.
        base: scores under the first protocol.
        protocols: for each other protocol and choice how far it moves each score.
        commands: by what was measured, the command that did.
        pages: likewise the page of the docs that has it.
    """

    forms: Sequence[Form]
    cutting: Sequence[str]
    moves: Sequence[Moves]
    base: Mapping[str, float]
    protocols: Mapping[str, Mapping[str, float]]
    commands: Mapping[str, str]
    pages: Mapping[str, str]

    @property
    def drawn(self) -> list[Moves]:
        """Those that are drawn: of one protocol."""
        return [move for move in self.moves if move.protocol == DRAWN]

    @property
    def changed(self) -> int:
        """In how many columns the order of the predictors changes."""
        return sum(move.order_changes for move in self.moves)


@cache
def measured() -> Measured:
    """What ``science.json`` of the package holds."""
    plain = json.loads(resource("science.json").read_text(encoding="utf-8"))
    moves = [
        Moves(one["protocol"], one["score"], {k: (v[0], v[1]) for k, v in one["values"].items()}, one["order_changes"])
        for one in plain["moves"]
    ]
    return Measured(
        forms=[Form(**form) for form in plain["forms"]],
        cutting=plain["cutting"],
        moves=moves,
        base=plain["base"],
        protocols=plain["protocols"],
        commands=plain["commands"],
        pages=plain["pages"],
    )
