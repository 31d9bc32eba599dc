"""Rows of one table compared with each other, as the page compares what is chosen in it: Markdown, and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from urllib.parse import unquote

from avsal_bench.leaderboard.escaping import for_latex
from avsal_bench.leaderboard.known_facts import FactTable, facts
from avsal_bench.leaderboard.markdown import markdown_table
from avsal_bench.leaderboard.merged_records import board_records
from avsal_bench.leaderboard.page.board import COMPARED_ROWS, Group, row_id, row_label
from avsal_bench.leaderboard.reliance.losses_in_words import p_text
from avsal_bench.leaderboard.reports.latex import Tables, measured_table
from avsal_bench.leaderboard.statistics import Interval, paired_difference
from avsal_bench.leaderboard.tables import DIGITS, Row, folds_of, rows
from avsal_bench.names import unknown
from avsal_bench.record_story import Seen
from avsal_bench.records import METRICS
from avsal_bench.text import fixed, many

#: Rows that are compared at most, as many as the page does.
MOST = 5
HEADS = ("Pair", "Metric", "Difference", "95 % interval", "Videos", "p", "Corrected p", "Significant")


@dataclass(frozen=True)
class Pair:
    """One row less another in one metric, over the videos that both have.

    ``why`` says why they are not compared, and then nothing else is known. ``p`` and ``corrected`` are those of the
    whole table, NaN where it does not test the pair.
    """

    facts: FactTable
    first: Row
    second: Row
    metric: str
    why: str = ""
    interval: Interval | None = None
    p: float = math.nan
    corrected: float = math.nan
    significant: bool = False

    def cells(self) -> list[str]:
        """As ``HEADS`` names them."""
        names = f"{row_label(self.first, self.facts)} less {row_label(self.second, self.facts)}"
        if self.first.head.preset != self.second.head.preset:
            names = f"{_called(self.first, self.facts)} less {_called(self.second, self.facts)}"
        found, digits = self.interval, DIGITS.get(self.metric, 3)
        if found is None:
            return [names, self.metric, "-", "-", "-", "-", "-", f"not compared: {self.why}"]
        ends = "too few" if math.isnan(found.low) else f"{_signed(found.low, digits)} to {_signed(found.high, digits)}"
        said = "not tested" if math.isnan(self.p) else self._better() if self.significant else "not shown"
        tested = (p_text(self.p), p_text(self.corrected))
        return [names, self.metric, _signed(found.mean, digits), ends, str(found.n), *tested, said]

    def _better(self) -> str:
        assert self.interval is not None
        ahead = (self.interval.mean > 0) == METRICS[self.metric]
        return f"{row_label(self.first if ahead else self.second, self.facts)} is better"


@dataclass(frozen=True)
class ComparedRows:
    """The chosen rows, in their order, and all their pairs in each metric."""

    facts: FactTable
    chosen: tuple[Row, ...]
    metrics: tuple[str, ...]
    pairs: tuple[Pair, ...]

    def markdown(self) -> str:
        """Scores with their intervals, and the paired differences."""
        head = self.chosen[0].head
        title = self.facts.dataset(head.dataset).title
        synthetic = " Synthetic: they say nothing about real videos." if head.synthetic else ""
        scores = [[_called(row, self.facts), *(_score(row, metric) for metric in self.metrics)] for row in self.chosen]
        heads = [metric if METRICS[metric] else f"{metric} (less is better)" for metric in self.metrics]
        lines = [pair.cells() for pair in self.pairs]
        return "\n".join(
            [
                f"## {many(len(self.chosen), 'row')} on {title}, protocol {head.protocol}\n",
                f"Scores with their 95 % interval over videos.{synthetic}\n",
                markdown_table(["Row", *heads], scores, range(1, len(heads) + 1)),
                f"{self._about()}\n",
                markdown_table(HEADS, lines, range(2, 7)),
            ]
        )

    def latex(self) -> str:
        """The same as tables with ``booktabs``."""
        made, dataset = Tables(), self.chosen[0].head.dataset
        measured_table(made, self.chosen, [dataset], self.metrics, self.facts, intervals=True)
        body = [" & ".join(map(for_latex, pair.cells())) for pair in self.pairs]
        text = [
            *(r"\begin{table}", r"  \centering"),
            rf"  \caption{{{for_latex(self._about())}}}",
            rf"  \label{{tab:paired-{for_latex(self.chosen[0].head.protocol)}}}",
            *(rf"  \begin{{tabular}}{{ll{'r' * 5}l}}", r"    \toprule"),
            "    " + " & ".join(map(for_latex, HEADS)) + r" \\",
            *(r"    \midrule", *(f"    {line} \\\\" for line in body)),
            *(r"    \bottomrule", r"  \end{tabular}", r"\end{table}"),
        ]
        return made.text + "\n".join(text) + "\n"

    def _about(self) -> str:
        return (
            "Paired differences: the first row less the second, mean over the videos that both have, with its 95 % "
            "bootstrap interval; exact Wilcoxon signed-rank test, Holm's correction over all pairs of the whole table."
        )


def compared_rows(
    folder: Path, names: Sequence[str], metrics: Sequence[str] = (), places: Sequence[Path] = ()
) -> ComparedRows:
    """Compare two to five rows of one table of the leaderboard in ``folder``.

    Args:
        folder: of the leaderboard.
        names: of the rows: ``protocol/set/network/preset``, as in the page's links.
        metrics: of the differences, by default all six.
        places: of records, in the stead of the leaderboard's own.

    Raises:
        ValueError: for a row or metric that is not there, one named twice, too few or too many, or rows of more than
            one set or protocol.
    """
    for metric in metrics:
        if metric not in METRICS:
            raise ValueError(unknown("metric", metric, METRICS))
    asked = [name.removeprefix("#").removeprefix("row/").strip("/") for name in names]
    if twice := [name for n, name in enumerate(asked) if name in asked[:n]]:
        raise ValueError(f"{twice[0]}: named twice; a row is compared with others")
    if not 2 <= len(asked) <= MOST:
        raise ValueError(f"2 to {MOST} rows are compared, got {len(asked)}; a row is protocol/set/network/preset")
    for name in asked:
        if name.count("/") != 3:
            raise ValueError(f"{name!r}: a row is protocol/set/network/preset, such as stavis/diem/avrsp_av/paper")
    tables = list(dict.fromkeys(tuple(map(unquote, name.split("/")[:2])) for name in asked))
    records = [record for _, record in board_records(folder, places)]
    same = [r for r in records if (r.protocol, r.dataset) == tables[0] and r.sound == "original"]
    if len(tables) > 1:
        shown = ", ".join("/".join(table) for table in tables)
        raise ValueError(f"rows of one set and protocol are compared, got {shown}; their scores are not on one scale")
    if not same:
        there = ", ".join(sorted({f"{r.protocol}/{r.dataset}" for r in records})) or "none"
        raise ValueError(
            f"unknown row {asked[0]!r}: no record is of {'/'.join(tables[0])}; tables with records: {there}"
        )
    group = Group(tables[0][1], tables[0][0], tuple(rows(same, among=records)))
    found = {row_id(row): row for row in group.rows}
    for name in asked:
        if name not in found:
            raise ValueError(unknown("row", name, found))
    chosen = tuple(found[name] for name in asked)
    shown_metrics = tuple(metrics) or tuple(METRICS)
    known = facts(folder)
    pairs = (_pair(known, group, *two, metric) for metric in shown_metrics for two in combinations(chosen, 2))
    return ComparedRows(known, chosen, shown_metrics, tuple(pairs))


def _pair(facts: FactTable, group: Group, first: Row, second: Row, metric: str) -> Pair:
    if why := next(_unlike(first, second, facts), ""):
        return Pair(facts, first, second, metric, why)
    at = (group.rows.index(first), group.rows.index(second))
    means = group.means[metric]
    if not means[at[0]].keys() & means[at[1]].keys():
        return Pair(facts, first, second, metric, f"no video has a score in {metric} in both")
    interval = paired_difference(means[at[0]], means[at[1]])
    if max(at) >= COMPARED_ROWS:
        return Pair(facts, first, second, metric, interval=interval)
    test = group.comparisons[metric][min(at), max(at)]
    return Pair(facts, first, second, metric, "", interval, test.p, test.corrected, test.significant)


def _unlike(first: Row, second: Row, facts: FactTable) -> Iterator[str]:
    """Why two rows of one table are not compared."""
    if first.folds != second.folds:
        yield f"their folds differ ({_listed(first)} and {_listed(second)})"
    for row in (first, second):
        if not row.ranked:
            yield f"{row_label(row, facts)} is not ranked ({_unranked(row)})"


def _unranked(row: Row) -> str:
    if row.part or row.seen is Seen.TEST_VIDEOS:
        return row.part or "its training saw videos of the test"
    every = folds_of(row.head)
    lacking = ", ".join(str(fold) for fold in every if fold not in row.folds)
    return f"of its folds it lacks {lacking}; avsal bench --folds {','.join(map(str, every))} does them"


def _listed(row: Row) -> str:
    return ", ".join(map(str, row.folds))


def _called(row: Row, facts: FactTable) -> str:
    return f"{row_label(row, facts)}, {row.head.preset}"


def _score(row: Row, metric: str) -> str:
    score, digits = row.scores[metric], DIGITS.get(metric, 3)
    if math.isnan(score.value):
        return "-"
    ends = "" if math.isnan(score.low) else f" [{fixed(score.low, digits)}, {fixed(score.high, digits)}]"
    return fixed(score.value, digits) + ends


def _signed(value: float, digits: int) -> str:
    return fixed(value, digits, sign=True)
