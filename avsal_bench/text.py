"""Text for people: tables in a terminal, and ranges of frames. Imports no numeric library."""

from __future__ import annotations

import io
import sys
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

#: Columns of text where the output is no terminal: so many that no cell is ever broken.
WIDE = 10_000


def text_table(header: Sequence[str], body: Iterable[Sequence[str]], numbers: Collection[int] = ()) -> str:
    """A table for a terminal: as wide as that is, with broken cells where it is narrow, and its header set off.

    In a pipe or a file it is plain text, a line a row, however wide.

    Args:
        header: title of each column.
        body: rows, as many cells in each.
        numbers: columns that stand to the right.

    >>> print(text_table(["set", "videos"], [["avad", "45"]], numbers=[1]))
    set   videos
    avad      45
    """
    terminal = sys.stdout.isatty()
    box, gap = (SIMPLE_HEAD, 1) if terminal else (None, 2)
    table = Table(box=box, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False)
    for place, title in enumerate(header):
        table.add_column(title, justify="right" if place in numbers else "left", overflow="fold")
    for row in body:
        table.add_row(*row)
    console = Console(
        file=io.StringIO(),
        force_terminal=terminal,
        color_system="standard" if terminal else None,
        width=Console().width if terminal else WIDE,
        markup=False,
        emoji=False,
        highlight=False,
    )
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def many(number: int, what: str) -> str:
    """A number and what it counts, in the singular or the plural.

    >>> many(1, "video"), many(2, "video")
    ('1 video', '2 videos')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def frame_ranges(numbers: Iterable[int]) -> str:
    """Frame numbers in words, runs of them shortened.

    >>> frame_ranges([9, 3, 4, 5]), frame_ranges([7])
    ('frames 3-5, 9', 'frame 7')
    """
    ordered = sorted(set(numbers))
    runs = [[n for _, n in run] for _, run in groupby(enumerate(ordered), lambda place: place[1] - place[0])]
    text = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return f"frame {text}" if len(ordered) == 1 else f"frames {text}"
