r"""Tables for a paper: LaTeX with ``booktabs`` and nothing else, ready to paste.

A table has one row a network and one group of columns a data set. Measured, synthetic and published scores have tables
of their own, and so have each protocol, and sets by eye tracking and by mouse. The best score of a column is bold, the
second underlined, by what is printed; rows that lack a fold, are of a part of the test list or saw it in training, and
cells that are doubtful, take no part in that.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avsal_bench.leaderboard.escaping import for_latex
from avsal_bench.leaderboard.given_files import PUBLISHED, given_file
from avsal_bench.leaderboard.kinds import KINDS, kind_order, viewing_of_set
from avsal_bench.leaderboard.known_facts import FactTable, facts
from avsal_bench.leaderboard.merged_records import board_records
from avsal_bench.leaderboard.page.parts.naming import PRETRAINED
from avsal_bench.leaderboard.published_scores import Cell, PublishedRow, published_rows, read_published
from avsal_bench.leaderboard.references import cited_in_latex, keys_of, method_of
from avsal_bench.leaderboard.tables import DIGITS, Row, Score, dataset_order, rows
from avsal_bench.names import unknown
from avsal_bench.record_story import Device, Seen
from avsal_bench.records import METRICS
from avsal_bench.text import fixed

#: Marks of printed cells, as ``published.py`` has them, in LaTeX.
MARKS = {"": "", "°": r"$^{\circ}$", "?": "$^{?}$", "!": "$^{!}$"}

#: Place of a number in a table: data set and metric.
Column = tuple[str, str]


@dataclass(frozen=True)
class Number:
    """One cell: the text of its number, what stands after and below it, whether it is ranked, and whether its row
    stands below the others, as it was tested on something else."""

    text: str
    mark: str = ""
    below: str = ""
    ranked: bool = True
    apart: bool = False


@dataclass(frozen=True)
class Line:
    """One row: the cells in front of the numbers, in LaTeX, and the numbers by column."""

    names: tuple[str, ...]
    numbers: Mapping[Column, Number]


@dataclass
class Tables:
    """The text of all tables, and the methods, data sets and papers in them, for their references."""

    text: str = ""
    named: set[str] = field(default_factory=set)


def latex_tables(
    folder: Path,
    sets: Sequence[str],
    metrics: Sequence[str] = (),
    published: bool = False,
    intervals: bool = False,
    places: Sequence[Path] = (),
) -> Tables:
    """Tables of the leaderboard in ``folder``.

    Args:
        folder: with ``records``; see also :mod:`avsal_bench.leaderboard.given_files`.
        sets: names of data sets, in the order of the columns.
        metrics: in the order of the columns; none for all that have a score.
        published: whether to add a table of what papers print.
        intervals: whether measured scores have their 95 % interval below them.
        places: of records, in the stead of the leaderboard's own.

    Raises:
        ValueError: for an unknown metric or set, or when there is nothing to show.
    """
    for metric in metrics:
        if metric not in METRICS:
            raise ValueError(unknown("metric", metric, METRICS))
    known = facts(folder)
    table = [row for row in rows(r for _, r in board_records(folder, places)) if row.head.sound == "original"]
    lines = read_published(given_file(folder, PUBLISHED)) if published else []
    present = {row.head.dataset for row in table} | {line["dataset"] for line in lines}
    if absent := [name for name in sets if name not in present]:
        kinds = "measured or published" if published else "measured (published ones: --published)"
        raise ValueError(f"{absent[0]}: no score that is {kinds}; there are scores on: {', '.join(sorted(present))}")
    made = Tables()
    shown = list(metrics) or list(METRICS)
    groups: dict[tuple[bool, str, int], list[Row]] = defaultdict(list)
    for row in table:
        if row.head.dataset in sets:
            groups[(row.head.synthetic, row.head.protocol, kind_order(row.viewing.device))].append(row)
    for _, group in sorted(groups.items()):
        measured_table(made, group, sets, shown, known, intervals)
    printed: dict[Device, list[dict[str, str]]] = defaultdict(list)
    for line in lines:
        if line["dataset"] in sets and line["metric"] in shown:
            printed[viewing_of_set(line["dataset"]).device].append(line)
    for device, cells in sorted(printed.items(), key=lambda item: kind_order(item[0])):
        papers = published_rows(cells)
        caption = (
            f"As printed in the papers named{'' if device == 'eye' else f' ({KINDS[device]})'}, each under its own "
            "protocol. Best in bold, second underlined. "
            r"$^{\circ}$~digit reconstructed, $^{?}$~doubtful reading, $^{!}$~hardly what was meant; not ranked."
        )
        names = ("Method", "Modality", "Training", "Printed in")
        _add(
            made,
            _published_lines(papers, known),
            names,
            {name: known.dataset(name).title for name in sets},
            shown,
            caption,
            "published" + ("" if device == "eye" else f"-{device}"),
        )
        made.named |= {row.dataset for row in papers} | {row.method for row in papers}
        made.named |= {paper for row in papers for paper in row.papers}
    return made


def measured_table(
    made: Tables,
    group: Sequence[Row],
    sets: Sequence[str],
    metrics: Sequence[str],
    facts: FactTable,
    intervals: bool,
) -> None:
    """Add the table of measured rows of one protocol and kind to ``made``."""
    head, device = group[0].head, group[0].viewing.device
    kind = "Synthetic data, which says nothing about real videos" if head.synthetic else "Measured"
    watched = "" if device in ("eye", "simulated") else f"; {KINDS[device]}"
    caption = f"{kind}{watched}; protocol {for_latex(head.protocol)}. Best in bold, second underlined."
    if intervals:
        caption += r" Below each score its 95\,\% interval over videos."
    if not all(row.complete for row in group):
        caption += r" $^{*}$~not all folds, not ranked."
    if any(row.seen is Seen.TEST_VIDEOS for row in group):
        caption += r" $^{\ddagger}$~trained on videos of the test, not ranked."
    if any(row.part for row in group):
        caption += r" $^{\S}$~a part of the test list, not ranked."
    if others := sorted({row.head.precision for row in group} - {""}):
        caption += rf" $^{{\parallel}}$~tested in {for_latex(' or '.join(others))}, all others in float32."
    body = _measured_lines(group, facts, intervals)
    label = f"measured-{head.protocol}" + (f"-{device}" if watched else "")
    titles = {name: facts.dataset(name).title for name in sets}
    _add(made, body, ("Network", "Modality", "Preset"), titles, metrics, caption, label)
    made.named |= {row.head.dataset for row in group} | {method_of(row.head.model) for row in group}


def _measured_lines(group: Sequence[Row], facts: FactTable, intervals: bool) -> list[Line]:
    """A line a network, modality and preset."""
    cells: dict[tuple[str, ...], dict[Column, Number]] = defaultdict(dict)
    for row in group:
        for metric, score in row.scores.items():
            if not math.isnan(score.value):
                place = (row.head.label, row.head.modality, row.head.preset)
                cells[place][(row.head.dataset, metric)] = _measured(score, metric, row, intervals)
    return [
        Line((named_in_latex(model, facts), modality or "--", for_latex(preset)), numbers)
        for (model, modality, preset), numbers in cells.items()
    ]


def named_in_latex(label: str, facts: FactTable) -> str:
    """The name of a network for people in LaTeX, with its citation where one is known."""
    return cited_in_latex(facts.network(label).called, method_of(label), facts.references)


def _published_lines(papers: Sequence[PublishedRow], facts: FactTable) -> list[Line]:
    """A line a method, as each paper prints it; papers that agree in every number share one."""
    cells: dict[tuple[str, ...], dict[Column, Cell]] = defaultdict(dict)
    for row in sorted(papers, key=lambda row: dataset_order(row.dataset)):
        for paper in row.papers:
            own = cells[(row.method, re.sub(r"\((AV|V)\)$", "", row.variant), row.modality, row.pretrain, paper)]
            own |= {(row.dataset, metric): cell for metric, cell in row.cells.items()}
    same: dict[tuple[tuple[str, ...], frozenset[tuple[Column, Cell]]], list[str]] = defaultdict(list)
    for (*shared, paper), own in cells.items():
        same[(tuple(shared), frozenset(own.items()))].append(paper)
    lines, references = [], facts.references
    for ((method, variant, modality, pretrain), numbers), printed in same.items():
        title = facts.network(method).title
        name = cited_in_latex(title + variant[4:] if re.match(r"Ours\b", variant) else variant, method, references)
        sources = [
            rf"\cite{{{paper}}}" if keys_of(references, paper) else for_latex(paper) for paper in sorted(printed)
        ]
        first = for_latex(PRETRAINED.get(pretrain, pretrain))
        names = (name, for_latex(modality.lower()) or "--", first, ", ".join(sources))
        lines.append(Line(names, {place: Number(c.text, MARKS[c.mark], ranked=not c.mark) for place, c in numbers}))
    return lines


def _measured(score: Score, metric: str, row: Row, intervals: bool) -> Number:
    digits = DIGITS.get(metric, 3)
    text = fixed(score.value, digits)
    known = intervals and not math.isnan(score.low)
    below = f"[{fixed(score.low, digits)}, {fixed(score.high, digits)}]" if known else ""
    mark = ("" if row.complete else "$^{*}$") + (r"$^{\S}$" if row.part else "")
    mark += r"$^{\ddagger}$" if row.seen is Seen.TEST_VIDEOS else ""
    mark += r"$^{\parallel}$" if row.head.precision else ""
    return Number(text, mark, below, ranked=row.ranked, apart=not row.ranked)


def _add(
    made: Tables,
    body: Sequence[Line],
    names: Sequence[str],
    sets: Mapping[str, str],
    metrics: Sequence[str],
    caption: str,
    label: str,
) -> None:
    """One table of the columns that have a number, lines in the order of their first column's rank.

    ``sets`` are titles by name, in the order of the columns.
    """
    there = {place for line in body for place in line.numbers}
    columns = [(name, metric) for name in sets for metric in metrics if (name, metric) in there]
    if not columns:
        return
    ranks = {column: _ranks(column, body) for column in columns}
    bar = [r"\begin{table}", r"  \centering", rf"  \caption{{{caption}}}", rf"  \label{{tab:{label}}}"]
    text = [*bar, rf"  \begin{{tabular}}{{{'l' * len(names)}{'r' * len(columns)}}}", r"    \toprule"]
    heads, rules, start = [], [], len(names) + 1
    for name in dict.fromkeys(name for name, _ in columns):
        width = sum(name == other for other, _ in columns)
        heads.append(rf"\multicolumn{{{width}}}{{c}}{{{for_latex(sets[name])}}}")
        rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    text.append("    " + " & ".join([*[""] * len(names), *heads]).strip() + r" \\")
    text.append("    " + "".join(rules))
    arrows = [metric + (r" $\uparrow$" if METRICS[metric] else r" $\downarrow$") for _, metric in columns]
    text.append("    " + " & ".join([*names, *arrows]) + r" \\")
    text.append(r"    \midrule")
    for line in sorted(body, key=lambda line: [_order(line, column) for column in columns]):
        numbers = [_cell(line.numbers.get(column), ranks[column]) for column in columns]
        text.append("    " + " & ".join([*line.names, *numbers]) + r" \\")
        below = [line.numbers[c].below if c in line.numbers else "" for c in columns]
        if any(below):
            small = [rf"{{\scriptsize {part}}}" if part else "" for part in below]
            text.append("    " + " & ".join([*[""] * len(names), *small]).strip() + r" \\")
    text += [r"    \bottomrule", r"  \end{tabular}", r"\end{table}"]
    head = "" if made.text else "% Needs \\usepackage{booktabs}. Made by `avsal leaderboard --latex`.\n"
    made.text += head + "\n".join(text) + "\n"


def _ranks(column: Column, body: Sequence[Line]) -> list[float]:
    """The best and the second best number of a column, as printed."""
    values = {float(n.text) for line in body if (n := line.numbers.get(column)) is not None and n.ranked}
    return sorted(values, reverse=METRICS[column[1]])[:2]


def _cell(number: Number | None, ranks: Sequence[float]) -> str:
    if number is None:
        return "--"
    text = number.text
    if number.ranked and float(text) in ranks:
        text = rf"\textbf{{{text}}}" if float(text) == ranks[0] else rf"\underline{{{text}}}"
    return text + number.mark


def _order(line: Line, column: Column) -> tuple[bool, bool, float]:
    """Rows with the best number of a column first, then those that stand apart, those without a number last."""
    number = line.numbers.get(column)
    if number is None:
        return (True, False, 0.0)
    return (False, number.apart, -float(number.text) if METRICS[column[1]] else float(number.text))
