"""Pieces of HTML: escaped text, numbers, marks with a reason, and sortable tables."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from avsal_bench.records import METRICS

#: Stands where there is nothing to show.
DASH = "\u2013"
MINUS = "\u2212"
#: Decimals of the metrics that are not shown with three.
DIGITS = {"NSS": 2}


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        title: its header.
        metric: the metric it shows, when the choice of a metric is to hide it or to leave it.
        numbers: whether its cells are numbers, and align right.
        less_is_better: whether its best number is the lowest.
    """

    title: str
    metric: str = ""
    numbers: bool = False
    less_is_better: bool = False

    @property
    def attributes(self) -> str:
        """What header and cells of the column have in common."""
        classes = ' class="num"' if self.numbers else ""
        return classes + (f' data-metric="{escape(self.metric)}"' if self.metric else "")


@dataclass(frozen=True)
class Cell:
    """A cell: its HTML, and what it is sorted by ("": its text)."""

    html: str
    sort: str = ""


@dataclass(frozen=True)
class Line:
    """A line of a table: its cells, and what it is filtered by (``data-`` attributes)."""

    cells: Sequence[Cell]
    filters: Mapping[str, str] = field(default_factory=dict)


def text(value: object) -> Cell:
    """A cell of plain text."""
    return Cell(escape(str(value)))


def number_cell(value: float, metric: str, shown: str = "") -> Cell:
    """A cell of a number; sorted last where it is NaN."""
    return Cell(shown or number(value, metric), "" if math.isnan(value) else f"{value:.6g}")


def number(value: float, metric: str, sign: bool = False) -> str:
    """A score as the tables show it, with a true minus; a dash for NaN.

    >>> number(0.4567, "CC"), number(-1.5, "NSS", sign=True), number(float("nan"), "CC")
    ('0.457', '\u22121.50', '\u2013')
    """
    if math.isnan(value):
        return DASH
    return f"{value:{'+' if sign else ''}.{DIGITS.get(metric, 3)}f}".replace("-", MINUS)


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


def mark(symbol: str, reason: str) -> str:
    """A sign behind a name or a number whose reason opens under the pointer, by touch and by keyboard."""
    said = escape(reason)
    return f'<button type="button" class="mark" title="{said}" aria-label="{said}">{escape(symbol)}</button>'


def table(caption: str, columns: Sequence[Column], bodies: Sequence[Sequence[Line]], sorted_by: str = "") -> str:
    """A sortable table in a box that scrolls by itself; empty bodies are left out.

    Args:
        caption: what it shows, for readers who do not see the heading above.
        columns: of it.
        bodies: groups of lines that sorting keeps apart.
        sorted_by: metric of the column that the lines are sorted by already, the best first.
    """
    heads = []
    for column in columns:
        up = column.less_is_better or not column.numbers
        order = (
            f' aria-sort="{"ascending" if up else "descending"}"' if sorted_by and column.metric == sorted_by else ""
        )
        button = f'<button type="button">{escape(column.title)}</button>'
        heads.append(f'<th scope="col"{column.attributes}{" data-up" if up else ""}{order}>{button}</th>')
    parts = [f"<thead><tr>{''.join(heads)}</tr></thead>"]
    for body in bodies:
        if body:
            parts.append("<tbody>\n" + "\n".join(_line(line, columns) for line in body) + "\n</tbody>")
    title = escape(caption)
    return (
        f'<div class="scroll" role="region" aria-label="{title}" tabindex="0">\n'
        f'<table class="sortable n-last"><caption>{title}</caption>\n{"".join(parts)}</table></div>\n'
    )


def _line(line: Line, columns: Sequence[Column]) -> str:
    cells = []
    for i, (cell, column) in enumerate(zip(line.cells, columns, strict=True)):
        sort = f' data-sort="{escape(cell.sort)}"' if cell.sort or column.numbers else ""
        tag = 'th scope="row"' if i == 0 else "td"
        cells.append(f"<{tag}{column.attributes}{sort}>{cell.html}</{tag[:2]}>")
    filters = "".join(f' data-{name}="{escape(value)}"' for name, value in line.filters.items())
    return f"<tr{filters}>{''.join(cells)}</tr>"


def metric_columns(shown: Sequence[str] = tuple(METRICS)) -> list[Column]:
    """A column of scores for each metric, with an arrow where less is better."""
    arrows = {metric: "" if higher else " \u2193" for metric, higher in METRICS.items()}
    return [Column(m + arrows[m], m, numbers=True, less_is_better=not METRICS[m]) for m in shown]


def json_block(name: str, value: Any) -> str:
    """Plain values for the page's scripts; nothing in them can end the block.

    >>> json_block("x", ["</script>"])
    '<script type="application/json" id="x">["\\\\u003c/script>"]</script>'
    """
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True)
    return f'<script type="application/json" id="{name}">{plain.replace("<", chr(92) + "u003c")}</script>'
