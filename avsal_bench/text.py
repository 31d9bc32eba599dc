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


def many(number: int, what: str, verb: str = "", plural: str = "") -> str:
    """A number and what it counts, in the singular or the plural, and a verb behind it that goes with it.

    Args:
        number: how many; thousands are set apart.
        what: it counts, in the singular; nothing where it was named before.
        verb: in the plural: ``are``, ``were``, ``have``, ``do``, or another one.
        plural: of ``what``, where that is not the singular with an s.

    >>> many(1, "video"), many(2, "video"), many(1, "entry", "are", "entries"), many(1200, "map", "lack")
    ('1 video', '2 videos', '1 entry is', '1,200 maps lack')
    >>> many(1, "", "are"), many(2, "", "are")
    ('1 is', '2 are')
    """
    return " ".join(filter(None, (f"{number:,}", *_noun_and_verb(number, what, verb, plural))))


def named(what: str, names: Iterable[object], verb: str = "") -> str:
    """Things by their names, in the singular or the plural, and a verb behind them that goes with it.

    >>> named("fold", [3], "are"), named("fold", [2, 3], "are")
    ('fold 3 is', 'folds 2, 3 are')
    """
    told = [str(name) for name in names]
    noun, verb = _noun_and_verb(len(told), what, verb)
    return " ".join(filter(None, (noun, ", ".join(told), verb)))


def _noun_and_verb(number: int, what: str, verb: str, plural: str = "") -> tuple[str, str]:
    if number == 1:
        return what, {"are": "is", "were": "was", "have": "has", "do": "does"}.get(verb, f"{verb}s") if verb else ""
    return plural or (f"{what}s" if what else ""), verb


def fixed(value: float, digits: int = 3, sign: bool = False) -> str:
    """A number with so many digits behind the point; what rounds to zero has no sign, as none is seen.

    Args:
        value: of the number.
        digits: behind the point.
        sign: whether a positive number shows its own too.

    >>> fixed(0.1234), fixed(0.1234, sign=True), fixed(-0.0004, sign=True)
    ('0.123', '+0.123', '0.000')
    """
    zero = rounds_to_zero(value, digits)
    return f"{0.0 if zero else value:{'+' if sign and not zero else ''}.{digits}f}"


def rounds_to_zero(value: float, digits: int) -> bool:
    """Whether nothing of a number is seen with so many digits behind the point.

    >>> rounds_to_zero(-0.0004, 3), rounds_to_zero(0.0006, 3)
    (True, False)
    """
    return float(f"{value:.{digits}f}") == 0


def frame_ranges(numbers: Iterable[int]) -> str:
    """Frame numbers in words, runs of them shortened.

    >>> frame_ranges([9, 3, 4, 5]), frame_ranges([7])
    ('frames 3-5, 9', 'frame 7')
    """
    ordered = sorted(set(numbers))
    runs = [[n for _, n in run] for _, run in groupby(enumerate(ordered), lambda place: place[1] - place[0])]
    text = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return f"frame {text}" if len(ordered) == 1 else f"frames {text}"
