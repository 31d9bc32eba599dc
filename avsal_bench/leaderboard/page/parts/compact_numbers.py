"""Numbers of the packed parts of the page in a form that packs well; ``assets/details.js`` has the way back.

Whole numbers, small where neighbours are alike: what is left of them is nearly all that a page of thousands of rows has
room for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

#: Units of scores of videos and of differences, and of scores of rows, which are rounded again.
DECIMALS, DECIMALS_OF_ROWS = 4, 6
Numbers = Sequence[float | None]


def compact(name: str, value: Any) -> Any:
    """A part of :func:`avsal_bench.leaderboard.page.panels.parts` in the form that is packed.

    Args:
        name: of the part.
        value: its plain values.
    """
    kind = name.partition("/")[0]
    if kind == "rows":
        return {row: _row(panel) for row, panel in value.items()}
    return {metric: compact_pairs(columns) for metric, columns in value.items()} if kind == "pairs" else value


def _row(panel: Mapping[str, Any]) -> dict[str, Any]:
    videos = panel["videos"]
    return {
        **panel,
        "scores": {metric: _score(*found) for metric, found in panel["scores"].items()},
        "videos": {**videos, "scores": {metric: around_mean(found) for metric, found in videos["scores"].items()}},
        "time": _steps_of_each(panel["time"]),
        "lost": [[sound, _steps_of_each(curves)] for sound, curves in panel["lost"]],
    }


def _score(value: float | None, std: float | None, low: float | None, high: float | None) -> list[int | None]:
    """A score with its deviation, and how far below and above it the ends of its interval lie, in millionths."""
    plain = [None if x is None else round(x * 10**DECIMALS_OF_ROWS) for x in (value, std, low, high)]
    at, _, below, above = plain
    if at is None or below is None or above is None:
        return plain
    return [at, plain[1], at - below, above - at]


def around_mean(values: Numbers) -> list[int | None]:
    """The mean of some numbers, and how far each lies above it, in ten-thousandths.

    >>> around_mean([0.5, None, 0.5002])
    [5001, -1, None, 1]
    """
    plain = [None if x is None else round(x * 10**DECIMALS) for x in values]
    middle = round(fmean(defined)) if (defined := [x for x in plain if x is not None]) else 0
    return [middle, *(None if x is None else x - middle for x in plain)]


def _steps_of_each(curves: Mapping[str, Sequence[Sequence[int | None]]]) -> dict[str, list[list[int | None]]]:
    return {metric: [steps(line) for line in lines] for metric, lines in curves.items()}


def steps(line: Sequence[int | None]) -> list[int | None]:
    """The first of some whole numbers, and how far each lies above the one before that is known.

    >>> steps([5, 7, None, 6])
    [5, 2, None, -1]
    """
    found: list[int | None] = []
    last = 0
    for value in line:
        found.append(None if value is None else value - last)
        last = last if value is None else value
    return found


def compact_pairs(columns: Sequence[Sequence[Any]]) -> list[Any]:
    """Comparisons of a table: of how many rows, and columns over all their pairs, (0, 1), (0, 2), .., (1, 2), ..

    Two rows that have the videos of the first differ by what their differences to that one do: of their difference only
    the rest is told. None stands where two rows are not compared.

    Args:
        columns: i, j, difference, p, corrected p and significant, of the pairs that are compared.

    >>> compact_pairs([[0, 0, 1], [1, 2, 2], [0.01, 0.03, 0.0201], [0.1, 0.2, 0.3], [0.3, 0.4, 0.4], [0, 0, 0]])
    [3, [100, 300, 1], [0.1, 0.2, 0.3], [0.3, 0.4, 0.4], [0, 0, 0]]
    """
    first, second, differences, *others = columns
    count = max(second, default=-1) + 1
    place = {pair: n for n, pair in enumerate(zip(first, second, strict=True))}
    plain = [round(difference * 10**DECIMALS) for difference in differences]
    to_first = [plain[place[0, j]] if (0, j) in place else 0 for j in range(count)]
    order = [(i, j) for i in range(count) for j in range(i + 1, count)]
    rest = [
        None if pair not in place else plain[place[pair]] - (to_first[pair[1]] - to_first[pair[0]] if pair[0] else 0)
        for pair in order
    ]
    told = [[column[place[pair]] if pair in place else None for pair in order] for column in others]
    return [count, rest, *told]
