"""Tables of the page, as values: what papers print, where they disagree, and which methods are not built here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from avsal_bench.leaderboard.disagreements import Reasons, Shared, shared_scores
from avsal_bench.leaderboard.kinds import KINDS, viewing_of_set
from avsal_bench.leaderboard.known_facts import FactTable
from avsal_bench.leaderboard.page.claims import claims
from avsal_bench.leaderboard.page.parts.cells import (
    DASH,
    Cell,
    Column,
    Line,
    Mark,
    Table,
    columns_of,
    metric_columns,
    sort_key,
    texts,
)
from avsal_bench.leaderboard.page.parts.naming import (
    PRETRAINED,
    cited_paper,
    network_cell,
    paper_cell,
    searched,
    set_cell,
    spelled,
    star_of,
    whole_set,
)
from avsal_bench.leaderboard.published_scores import NotBuilt, PublishedRow, cell_mark
from avsal_bench.leaderboard.tables import set_order
from avsal_bench.record_story import Device
from avsal_bench.records import METRICS

WORDS = {
    "°": "reconstructed, the text of the paper had lost a digit or a point",
    "?": "doubtful reading",
    "!": "clearly printed, but hardly what was meant",
}


@dataclass(frozen=True)
class PaperSet:
    """What papers print of one data set."""

    dataset: str
    title: str
    page: str
    device: Device
    viewing: str
    table: Table


def paper_sets(
    papers: Sequence[PublishedRow], reasons: Reasons, not_built: Sequence[NotBuilt], facts: FactTable
) -> list[PaperSet]:
    """A table a data set, as printed, the method best in CC first."""
    absent = {n.method: n.missing for n in not_built}
    found = []
    for dataset, same in groupby(sorted(papers, key=lambda row: set_order(row.dataset)), lambda row: row.dataset):
        group = list(same)
        metrics = [metric for metric in METRICS if any(metric in row.cells for row in group)]
        names = columns_of("Method", "As printed", "Modality", "Pre-training")
        body = [_paper_line(row, metrics, reasons, absent, facts) for row in group]
        viewing = viewing_of_set(dataset)
        found.append(
            PaperSet(
                dataset,
                facts.dataset(dataset).title,
                whole_set(facts, dataset),
                viewing.device,
                viewing.words,
                Table([*names, *metric_columns(metrics), Column("Paper")], [body], sorted_by="CC"),
            )
        )
    return found


def disagreement_tables(lines: Sequence[Mapping[str, str]], facts: FactTable) -> dict[str, Table]:
    """The scores on which papers disagree, a column a paper: a table for each kind of sets, by its words."""
    kinds: dict[Device, list[Shared]] = defaultdict(list)
    for shared in shared_scores(lines):
        if not shared.agrees:
            kinds[viewing_of_set(shared.dataset).device].append(shared)
    return {KINDS[device]: _disagreements(kinds[device], facts) for device in KINDS if device in kinds}


def _disagreements(found: Sequence[Shared], facts: FactTable) -> Table:
    papers = sorted({line["paper"] for shared in found for line in shared.lines})
    columns = columns_of("Data set", "Method", "Modality", "Pre-training", "Metric")
    columns += [Column(cited_paper(facts, key), numbers=True, tip=_title(facts, key)) for key in papers]
    columns += columns_of("Spread", numbers=True)
    body = []
    for shared in found:
        by_paper = [[line for line in shared.lines if line["paper"] == paper] for paper in papers]
        values = [
            Cell(
                "",
                of[0]["value"],
                parts=[Cell(line["value"], marks=_marks(cell_mark(line), line, facts)) for line in of],
            )
            if of
            else Cell(DASH)
            for of in by_paper
        ]
        modality = shared.modality.lower()
        named = [set_cell(facts, shared.dataset), network_cell(facts, shared.method)]
        pretrained = PRETRAINED.get(shared.pretrain, shared.pretrain)
        named += map(Cell, (modality, pretrained, shared.metric))
        filters = {"metric": shared.metric, "modality": modality, "training": pretrained}
        spread = Cell(str(shared.spread), sort_key(float(shared.spread)))
        filters |= searched(shared.dataset, shared.method, *papers)
        body.append(Line([*named, *values, spread], filters | {"dataset": shared.dataset}))
    return Table(columns, [body])


def claims_table(lines: Sequence[Mapping[str, str]], facts: FactTable) -> Table | None:
    """Where the text of a paper says other than its own tables; None where nothing of it is among the scores."""
    columns = columns_of("Paper", "Where", "It says", "Its tables give")
    body = [
        Line([paper_cell(facts, [one.paper]), *map(Cell, (one.place, one.text, one.tables))], searched(one.paper))
        for one in claims(lines)
    ]
    return Table(columns, [body]) if body else None


def not_built_table(not_built: Sequence[NotBuilt], facts: FactTable) -> Table | None:
    """Methods that have published scores and no network here; None where there is none."""
    columns = columns_of("Method", "Paper", "Status", "What is missing")
    body = [
        Line(
            [
                network_cell(facts, n.method),
                *map(Cell, (spelled(facts, told) for told in (n.paper, n.status, n.missing))),
            ],
            searched(n.method),
        )
        for n in not_built
    ]
    return Table(columns, [body]) if body else None


def reason_marks(reasons: Reasons, row: PublishedRow, metric: str, facts: FactTable) -> list[Mark]:
    """Signs behind a number of a row, each with its reason."""
    source, clash = reasons.source(row, metric), reasons.clash(row, metric)
    said = _marks(row.cells[metric].mark, source, facts) if source else []
    return [*said, Mark("\u2260", f"papers disagree: {spelled(facts, clash.said())}")] if clash else said


def _paper_line(
    row: PublishedRow, metrics: Sequence[str], reasons: Reasons, absent: Mapping[str, str], facts: FactTable
) -> Line:
    missing = (
        [Mark("¶", f"not built here; missing: {spelled(facts, absent[row.method])}")] if row.method in absent else []
    )
    modality = row.modality.lower()
    cells = [network_cell(facts, row.method, marks=missing, star=star_of(row.variant)), Cell(row.variant)]
    pretrained = PRETRAINED.get(row.pretrain, row.pretrain)
    cells += [*texts(modality), Cell(pretrained)]
    for metric in metrics:
        cell = row.cells.get(metric)
        cells.append(
            Cell(cell.text, cell.text, marks=reason_marks(reasons, row, metric, facts)) if cell else Cell(DASH)
        )
    cells.append(paper_cell(facts, row.papers))
    filters = {"modality": modality or "none", "training": pretrained}
    return Line(cells, filters | searched(row.method, *row.papers))


def _title(facts: FactTable, key: str) -> str:
    paper = facts.paper(key)
    return paper.title if paper else ""


def _marks(symbol: str, line: Mapping[str, str], facts: FactTable) -> list[Mark]:
    note = spelled(facts, line["note"])
    return [Mark(symbol, WORDS[symbol] + (f": {note}" if note else ""))] if symbol else []
