"""Published scores on the page: what papers print, where they disagree, and which numbers are doubtful."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from itertools import combinations, groupby

from avsal_bench.leaderboard.page.html_text import (
    DASH,
    Cell,
    Column,
    Line,
    mark,
    metric_columns,
    number_cell,
    table,
    text,
)
from avsal_bench.leaderboard.published_scores import NotBuilt, PublishedRow, cell_mark
from avsal_bench.leaderboard.tables import dataset_order
from avsal_bench.records import METRICS

WORDS = {
    "°": "reconstructed, the text of the paper had lost a digit or a point",
    "?": "doubtful reading",
    "!": "clearly printed, but hardly what was meant",
}


#: What says which score a line is of, its metric and paper included.
_PLACE = ("dataset", "method", "modality", "pretrain", "metric", "paper")


@dataclass(frozen=True)
class Shared:
    """One score that several papers print: one line of ``published.csv`` for each time it is printed."""

    method: str
    modality: str
    pretrain: str
    dataset: str
    metric: str
    lines: tuple[Mapping[str, str], ...]

    @property
    def agrees(self) -> bool:
        """Whether all papers can mean the same number, each rounded to the digits it prints."""
        return all(_may_be_equal(a["value"], b["value"]) for a, b in combinations(self.lines, 2))

    @property
    def spread(self) -> Decimal:
        """Largest value less the smallest."""
        values = [Decimal(line["value"]) for line in self.lines]
        return max(values) - min(values)

    def said(self) -> str:
        """Every paper with its value."""
        return "; ".join(f"{line['paper']} {line['value']}" for line in self.lines)


def shared_scores(lines: Iterable[Mapping[str, str]]) -> list[Shared]:
    """Scores that at least two papers print, by data set, method and metric.

    Two lines are of one score when method, modality, saliency pre-training, data set and metric are the same; a paper
    that does not say the pre-training (``unknown``) is taken to mean each one that another paper states. Names with a
    star or a hash are other systems, and no part of this.
    """
    groups: dict[tuple[str, ...], list[Mapping[str, str]]] = defaultdict(list)
    for line in lines:
        if not is_derived(line["variant"]):
            groups[tuple(line[k] for k in ("method", "modality", "dataset", "metric"))].append(line)
    found = []
    for (method, modality, dataset, metric), group in groups.items():
        stated = sorted({line["pretrain"] for line in group} - {"unknown"})
        for pretrain in stated or ["unknown"]:
            same = tuple(line for line in group if line["pretrain"] in (pretrain, "unknown"))
            if len({line["paper"] for line in same}) > 1:
                found.append(Shared(method, modality, pretrain, dataset, metric, same))
    return sorted(found, key=_shared_order)


def is_derived(variant: str) -> bool:
    """Whether a printed name is that of a system derived from the one without its star or hash.

    >>> is_derived("STAViS*"), is_derived("STAViS(AV)")
    (True, False)
    """
    return "*" in variant or "#" in variant


class Reasons:
    """Why a printed number has a mark, and which numbers other papers contradict."""

    def __init__(self, lines: Sequence[Mapping[str, str]]) -> None:
        self._lines: dict[tuple[str, ...], list[Mapping[str, str]]] = defaultdict(list)
        for line in lines:
            self._lines[tuple(line[k] for k in _PLACE)].append(line)
        self._clashes = {
            _identity(line): shared for shared in shared_scores(lines) if not shared.agrees for line in shared.lines
        }

    def marks(self, row: PublishedRow, metric: str) -> str:
        """Buttons behind a number of a row, each with its reason."""
        symbol = row.cells[metric].mark
        source = next((line for line in self._sources(row, metric) if cell_mark(line) == symbol), None)
        clash = self.clash(row, metric)
        return (_reason(symbol, source) if source else "") + (
            mark("\u2260", f"papers disagree: {clash.said()}") if clash else ""
        )

    def clash(self, row: PublishedRow, metric: str) -> Shared | None:
        """The score of a row that papers disagree on, if they do."""
        found = (self._clashes.get(_identity(line)) for line in self._sources(row, metric))
        return next((shared for shared in found if shared), None)

    def _sources(self, row: PublishedRow, metric: str) -> list[Mapping[str, str]]:
        """Lines behind a number of a row, one a paper; papers that share a row may write its name differently."""
        value = row.cells[metric].value
        place = (row.dataset, row.method, row.modality, row.pretrain, metric)
        found = []
        for paper in row.papers:
            same = [line for line in self._lines[(*place, paper)] if float(line["value"]) == value]
            found.append(min(same, key=lambda line: line["variant"] != row.variant))
        return found


def published_sections(
    papers: Sequence[PublishedRow], reasons: Reasons, not_built: Sequence[NotBuilt]
) -> Iterator[str]:
    """A table a data set, as printed, the method best in CC first."""
    absent = {n.method: n.missing for n in not_built}
    ordered = sorted(papers, key=lambda row: dataset_order(row.dataset))
    for dataset, found in groupby(ordered, key=lambda row: row.dataset):
        group = list(found)
        metrics = [metric for metric in METRICS if any(metric in row.cells for row in group)]
        columns = [
            Column("Method"),
            Column("As printed"),
            Column("Modality"),
            Column("Pre-training"),
            *metric_columns(metrics),
            Column("Paper"),
        ]
        body = [_published_line(row, metrics, reasons, absent) for row in group]
        name = escape(dataset)
        yield f'<section class="set" data-dataset="{name}"><h3 id="published-{name}">{name}</h3>\n'
        yield table(f"{dataset}, published scores as printed", columns, [body], sorted_by="CC")
        yield "</section>\n"


def disagreement_table(lines: Sequence[Mapping[str, str]]) -> str:
    """The scores on which papers disagree, a column a paper."""
    found = [shared for shared in shared_scores(lines) if not shared.agrees]
    papers = sorted({line["paper"] for shared in found for line in shared.lines})
    names = ["Data set", "Method", "Modality", "Pre-training"]
    columns = [*map(Column, names), Column("Metric"), *(Column(paper, numbers=True) for paper in papers)]
    columns.append(Column("Spread", numbers=True))
    body = []
    for shared in found:
        by_paper = {paper: [line for line in shared.lines if line["paper"] == paper] for paper in papers}
        values = [Cell(", ".join(map(_printed, of_paper)) or DASH, _first(of_paper)) for of_paper in by_paper.values()]
        named = [shared.dataset, shared.method, shared.modality.lower(), shared.pretrain, shared.metric]
        filters = {"metric": shared.metric, "modality": shared.modality.lower(), "training": shared.pretrain}
        spread = number_cell(float(shared.spread), "", str(shared.spread))
        body.append(Line([*map(text, named), *values, spread], filters | {"dataset": shared.dataset}))
    return table("Scores on which papers disagree", columns, [body])


def not_built_table(not_built: Sequence[NotBuilt]) -> str:
    """Methods that have published scores and no network here."""
    columns = [Column("Method"), Column("Paper"), Column("Status"), Column("What is missing")]
    body = [Line([text(n.method), text(n.paper), text(n.status), text(n.missing)]) for n in not_built]
    return table("Methods that are not built here", columns, [body])


def _published_line(row: PublishedRow, metrics: Sequence[str], reasons: Reasons, absent: Mapping[str, str]) -> Line:
    missing = mark("¶", f"not built here; missing: {absent[row.method]}") if row.method in absent else ""
    cells = [Cell(escape(row.method) + missing, row.method), text(row.variant), text(row.modality.lower() or DASH)]
    cells.append(text(row.pretrain))
    for metric in metrics:
        cell = row.cells.get(metric)
        cells.append(Cell(f"{cell.text}{reasons.marks(row, metric)}", cell.text) if cell else Cell(DASH))
    cells.append(text(", ".join(row.papers)))
    return Line(cells, {"modality": row.modality.lower() or "none", "training": row.pretrain})


def _printed(line: Mapping[str, str]) -> str:
    return escape(line["value"]) + _reason(cell_mark(line), line)


def _reason(symbol: str, line: Mapping[str, str]) -> str:
    if not symbol:
        return ""
    return mark(symbol, WORDS[symbol] + (f": {line['note']}" if line["note"] else ""))


def _first(lines: Sequence[Mapping[str, str]]) -> str:
    return lines[0]["value"] if lines else ""


def _identity(line: Mapping[str, str]) -> tuple[str, ...]:
    return (*(line[k] for k in _PLACE), line["variant"], line["table"])


def _shared_order(shared: Shared) -> tuple[object, ...]:
    metric = list(METRICS).index(shared.metric) if shared.metric in METRICS else len(METRICS)
    return (dataset_order(shared.dataset), shared.method, shared.modality, shared.pretrain, metric)


def _may_be_equal(a: str, b: str) -> bool:
    """Whether two printed numbers differ by at most half a unit of the last digit that the shorter one has."""
    coarser = max(_exponent(a), _exponent(b))
    return abs(Decimal(a) - Decimal(b)) <= Decimal((0, (5,), coarser - 1))


def _exponent(printed: str) -> int:
    """Place of the last digit: -3 for thousandths."""
    return -len(printed.partition(".")[2])
