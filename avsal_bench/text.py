"""Plain text for people: columns and ranges. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby


def columns(rows: Sequence[Sequence[str]], numbers: bool = False) -> str:
    """Rows with aligned columns, all to the left; with ``numbers`` all but the first to the right.

    >>> print(columns([["set", "videos"], ["avad", "45"]]))
    set   videos
    avad  45
    >>> print(columns([["set", "videos"], ["avad", "45"]], numbers=True))
    set   videos
    avad      45
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = enumerate(zip(row, widths, strict=True))
        lines.append("  ".join(cell.rjust(w) if numbers and i else cell.ljust(w) for i, (cell, w) in cells).rstrip())
    return "\n".join(lines)


def frame_ranges(numbers: Iterable[int]) -> str:
    """Frame numbers in words, runs of them shortened.

    >>> frame_ranges([9, 3, 4, 5]), frame_ranges([7])
    ('frames 3-5, 9', 'frame 7')
    """
    ordered = sorted(set(numbers))
    runs = [[n for _, n in run] for _, run in groupby(enumerate(ordered), lambda place: place[1] - place[0])]
    text = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return f"frame {text}" if len(ordered) == 1 else f"frames {text}"
