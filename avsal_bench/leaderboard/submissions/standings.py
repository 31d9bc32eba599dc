"""How rows would stand on a leaderboard with what is handed in: rank, scores, and who is above and below."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avsal_bench.leaderboard.merged_records import board_records, identity
from avsal_bench.leaderboard.significance import video_means
from avsal_bench.leaderboard.statistics import Interval, paired_difference
from avsal_bench.leaderboard.tables import Row, rows
from avsal_bench.record_story import Seen
from avsal_bench.records import METRICS, Record
from avsal_bench.text import named

#: By which a table is sorted.
MAIN = "CC"


@dataclass(frozen=True)
class Neighbour:
    """The ranked row just above or below, and how far it is away in CC.

    Args:
        row: of the table.
        difference: CC of the row that is handed in less that of this one, paired over the videos that both have; None
            where they have none in common.
    """

    row: Row
    difference: Interval | None


@dataclass(frozen=True)
class Standing:
    """A row as it would stand.

    Args:
        row: with all records of it, those that are there already among them.
        ranks: by metric, 1 the best, among ``of`` rows; empty where it is not ranked.
        of: ranked rows of its table, this one included where it is ranked.
        unranked: why it is not ranked; "" where it is.
        above: None where it is the first, or not ranked.
        below: None where it is the last, or not ranked.
    """

    row: Row
    ranks: Mapping[str, int]
    of: int
    unranked: str = ""
    above: Neighbour | None = None
    below: Neighbour | None = None


def standings(handed_in: Sequence[Record], folder: Path) -> list[Standing]:
    """How each row that a record is handed in for would stand, in the order of the tables.

    Args:
        handed_in: records with nothing against them.
        folder: of the leaderboard; a record of it that one of these is in the place of does not count.

    Raises:
        ValueError: as :func:`~avsal_bench.records.read_records` and :func:`~avsal_bench.leaderboard.tables.rows`.
    """
    tables = {(r.protocol, r.dataset) for r in handed_in}
    records = {identity(r): r for _, r in board_records(folder) if (r.protocol, r.dataset) in tables}
    new = {identity(r): r for r in handed_in}
    every = rows((records | new).values())
    return [_standing(row, every) for row in every if any(identity(r) in new for r in row.records)]


def _standing(row: Row, every: Sequence[Row]) -> Standing:
    head = row.head
    table = [
        other
        for other in every
        if other.ranked
        and (other.head.protocol, other.head.dataset) == (head.protocol, head.dataset)
        and other.head.sound == "original"
        and other.head.synthetic == head.synthetic
    ]
    if why := _unranked(row):
        return Standing(row, {}, len(table), why)
    place = next(i for i, other in enumerate(table) if other is row)
    ranks = {metric: _rank(row, table, metric) for metric in METRICS if not math.isnan(row.scores[metric].value)}
    above = _neighbour(row, table[place - 1]) if place else None
    below = _neighbour(row, table[place + 1]) if place + 1 < len(table) else None
    return Standing(row, ranks, len(table), "", above, below)


def _unranked(row: Row) -> str:
    """Why a row is not ranked, in words; "" where it is."""
    if row.head.sound != "original":
        return f"tested with another sound ({row.head.sound}): it is compared with the row of the true sound"
    if not row.complete:
        return f"incomplete: only {named('fold', row.folds, 'are')} done"
    if row.part:
        return row.part
    return "trained on videos of the test" if row.seen is Seen.TEST_VIDEOS else ""


def _rank(row: Row, table: Sequence[Row], metric: str) -> int:
    own, sign = row.scores[metric].value, 1 if METRICS[metric] else -1
    return 1 + sum(sign * other.scores[metric].value > sign * own for other in table)


def _neighbour(row: Row, other: Row) -> Neighbour:
    own, its = video_means(row, MAIN), video_means(other, MAIN)
    return Neighbour(other, paired_difference(own, its) if own.keys() & its.keys() else None)
