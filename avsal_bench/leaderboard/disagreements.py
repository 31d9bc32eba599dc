"""Where papers disagree: scores that several print, and the lines of ``published.csv`` behind a number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from avsal_bench.leaderboard.published_scores import PublishedRow, cell_mark
from avsal_bench.leaderboard.tables import dataset_order
from avsal_bench.records import METRICS

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

    def source(self, row: PublishedRow, metric: str) -> Mapping[str, str] | None:
        """The line of ``published.csv`` behind a number of a row that has its mark."""
        symbol = row.cells[metric].mark
        return next((line for line in self._sources(row, metric) if cell_mark(line) == symbol), None)

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
