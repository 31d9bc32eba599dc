"""Values of the page's tables: columns, cells and lines, and numbers as they are shown. Templates write them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from avsal_bench.leaderboard.page.parts.metric_words import sentence
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.leaderboard.tables import DIGITS
from avsal_bench.records import METRICS, MetricForm
from avsal_bench.text import fixed

#: Stands where there is nothing to show.
DASH = "\u2013"
MINUS = "\u2212"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        title: its header.
        metric: the metric it shows, when the choice of a metric is to hide it or to leave it.
        numbers: whether its cells are numbers, and align right.
        less_is_better: whether its best number is the lowest.
        tip: what it means, shown under the pointer and by keyboard.
    """

    title: str
    metric: str = ""
    numbers: bool = False
    less_is_better: bool = False
    tip: str = ""

    @property
    def up(self) -> bool:
        """Whether it is sorted upwards at first."""
        return self.less_is_better or not self.numbers


@dataclass(frozen=True)
class Mark:
    """A sign behind a name or a number, and its reason."""

    symbol: str
    reason: str


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Args:
        text: of it, not escaped.
        sort: what it is sorted by ("": its text).
        row: of which row it opens the panel, as ``row_id`` names it.
        marks: behind its text.
        bold: whether its text stands out.
        best: whether it is the best of its column.
        like_best: whether it is not significantly different from the best.
        inside: whether a published score lies in its interval.
        std: spread over seeds, in small print.
        interval: bounds, or ranks, in small print.
        incomplete: whether folds are missing.
        parts: cells that stand in it in a row, after its text.
        tip: what its text means, shown under the pointer, by touch and by keyboard.
        link: address that its text leads to, outside of the page or in it (``#...``).
        cited: stands behind its text in brackets, small: authors and year.
        cited_link: address of that paper; "" where none is known.
    """

    text: str
    sort: str = ""
    row: str = ""
    marks: Sequence[Mark] = ()
    bold: bool = False
    best: bool = False
    like_best: bool = False
    inside: bool = False
    std: str = ""
    interval: str = ""
    incomplete: bool = False
    parts: Sequence[Cell] = ()
    tip: str = ""
    link: str = ""
    cited: str = ""
    cited_link: str = ""

    @property
    def more(self) -> bool:
        """Whether anything but its text stands in it, by which it would be sorted too."""
        shown = (self.marks, self.parts, self.cited, self.std, self.interval)
        return any(shown) or self.best or self.like_best or self.inside or self.incomplete


@dataclass(frozen=True)
class Line:
    """A line of a table: its cells, and what it is filtered by (``data-`` attributes)."""

    cells: Sequence[Cell]
    filters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A sortable table.

    Args:
        columns: of it.
        bodies: groups of lines that sorting keeps apart.
        sorted_by: metric of the column that the lines are sorted by already, the best first.
    """

    columns: Sequence[Column]
    bodies: Sequence[Sequence[Line]]
    sorted_by: str = ""


def texts(*values: str) -> list[Cell]:
    """Cells of plain text; a dash where there is none."""
    return [Cell(value or DASH) for value in values]


def sort_key(value: float) -> str:
    """What a number is sorted by; last where it is NaN."""
    return "" if math.isnan(value) else f"{value:.6g}"


def number_cell(value: float, metric: str, interval: str = "") -> Cell:
    """A cell of a number, with its bounds in small print."""
    return Cell(number(value, metric), sort_key(value), interval=interval)


def number(value: float, metric: str, sign: bool = False, digits: int | None = None) -> str:
    """A score as the tables show it, with a true minus; a dash for NaN. ``digits`` in the place of the metric's own.

    >>> number(0.4567, "CC"), number(-1.5, "NSS", sign=True), number(float("nan"), "CC")
    ('0.457', '\u22121.50', '\u2013')
    """
    if math.isnan(value):
        return DASH
    shown = DIGITS.get(metric, 3) if digits is None else digits
    return fixed(value, shown, sign).replace("-", MINUS)


def bounds(low: float, high: float, metric: str, digits: int | None = None) -> str:
    """Both ends of an interval; "" where they are not known."""
    if math.isnan(low):
        return ""
    return f"{number(low, metric, digits=digits)}\u2013{number(high, metric, digits=digits)}"


def difference(interval: Interval | None, metric: str) -> Cell:
    """A cell of a mean difference, bold where its interval excludes zero and more than zero is seen of it."""
    if interval is None or math.isnan(interval.mean):
        return Cell(DASH)
    return Cell(
        number(interval.mean, metric, sign=True),
        sort_key(interval.mean),
        bold=interval.stands_out(DIGITS.get(metric, 3)),
        interval=bounds(interval.low, interval.high, metric) or "too few",
    )


def amount(value: float | None, unit: str = "") -> str:
    """Three digits of a count, with the letter of its thousands; a dash for None.

    >>> amount(43_700_000), amount(3.7e11), amount(0.297, " s"), amount(None)
    ('43.7 M', '370 G', '0.297 s', '\u2013')
    """
    if value is None:
        return DASH
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:#.3g}".rstrip(".") + f" {letter}{unit.strip()}"
    return f"{value:.3g}{unit}"


def columns_of(*titles: str, numbers: bool = False) -> list[Column]:
    """Columns of words, or of numbers that no choice of a metric hides."""
    return [Column(title, numbers=numbers) for title in titles]


def metric_columns(shown: Sequence[str] = tuple(METRICS)) -> list[Column]:
    """A column of scores for each metric, with an arrow where less is better."""
    arrows = {metric: "" if higher else " \u2193" for metric, higher in METRICS.items()}
    return [Column(m + arrows[m], m, numbers=True, less_is_better=not METRICS[m], tip=sentence(m)) for m in shown]


def further_columns(forms: Mapping[str, MetricForm]) -> list[Column]:
    """A column for each metric of a plug-in, with an arrow where less is better; no choice of a metric hides it."""
    return [
        Column(
            name + ("" if form.higher_is_better else " \u2193"), numbers=True, less_is_better=not form.higher_is_better
        )
        for name, form in forms.items()
    ]
