"""What a switch that is always right is better by than the one that a network learned."""

from __future__ import annotations

from pathlib import Path

from avsal_bench.leaderboard.conditions import Condition, difference
from avsal_bench.leaderboard.hearing import COMPARED
from avsal_bench.records import read_record


def ideal_gain(path: Path) -> str:
    """A line about the record of the ideal switch beside that of a learned one; "" where it was not tested."""
    record = read_record(path)
    beside = path.with_name(path.name.replace(record.model, f"{record.model}-ideal", 1))
    if not beside.is_file():
        return ""
    ideal, learned = (Condition(r.network, {(r.fold, r.seed): r}) for r in (read_record(beside), record))
    found = [(metric, difference(ideal, learned, metric)) for metric in COMPARED]
    told = ", ".join(f"{m} {i.text()}" for m, i in found)
    return f"{beside.name}: the ideal switch less the learned one, paired by video: {told}"
