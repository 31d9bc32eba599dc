"""Recorded times of networks, plain and ours: what ``benchmarks/speed/film.py`` wrote into ``speed.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

#: What a file of times holds; ``length`` is there where long films were timed.
PARTS = ("machine", "networks", "length")


@dataclass(frozen=True)
class Way:
    """Seconds for one frame of a film, by a plain script and here; None where it was not measured."""

    plain: float | None = None
    ours: float | None = None


@dataclass(frozen=True)
class Times:
    """Of one network on a processor, in float32 but for ``bf16``, where plain is float32 still.

    Args:
        one_thread: the network alone, CPU seconds.
        all_threads: with a thread for each core, seconds.
        bf16: the network alone in bfloat16, CPU seconds on one thread.
        film: from files to scores, CPU seconds on one thread.
        date: of the measurement.
        machine: that was measured on.
    """

    one_thread: Way
    all_threads: Way
    bf16: Way
    film: Way
    date: str
    machine: Mapping[str, Any]


def read_speeds(path: Path) -> dict[str, Any]:
    """Content of ``speed.json``: ``machine``, and by key of a network ``networks``; both empty without a file.

    Raises:
        ValueError: for a file of another form.
    """
    if not path.is_file():
        return {"machine": {}, "networks": {}}
    found = read_object(path)
    if not {"machine", "networks"} <= found.keys() <= {*PARTS}:
        raise ValueError(f"{path}: expected machine and networks, got {', '.join(found) or 'nothing'}; measure again")
    return found


def times_of(found: Mapping[str, Any], key: str, macs: int) -> Times | None:
    """Times of a network in such a content; None where there are none, or the network had other MACs."""
    timed = found["networks"].get(key)
    if timed is None or timed["macs"] != macs:
        return None
    machine = found["machine"]
    rows = [row for row in timed["alone"] if row["device"] == "cpu"]
    films = [row for row in timed["film"] if row["device"] == "cpu" and row["source"] == "jpg" and not row["stretch"]]

    def alone(threads: int, precision: str) -> Way:
        mine = [row for row in rows if (row["threads"], row["precision"]) == (threads, precision)]
        return Way(*(round(median(mine[0][who]), 5) for who in ("plain", "ours"))) if mine else Way()

    whole = [row for row in films if (row["threads"], row["precision"]) == (1, "32-true")]
    film = Way(*(round(sum(whole[0][who].values()), 5) for who in ("plain", "ours"))) if whole else Way()
    one, many, half = alone(1, "32-true"), alone(machine["cores"], "32-true"), alone(1, "bf16-mixed")
    return Times(one, many, half, film, timed["date"], machine)


def read_object(path: Path) -> dict[str, Any]:
    """The object that a file of JSON holds.

    Raises:
        ValueError: for anything else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: expected JSON ({error})") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(found).__name__}")
    return found
