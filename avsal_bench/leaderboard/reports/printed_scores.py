"""What papers print of the networks of an analysis, on its data set and on each of its categories."""

from __future__ import annotations

from collections.abc import Sequence

from avsal_bench.leaderboard.analysis import ALL
from avsal_bench.leaderboard.disagreements import is_derived
from avsal_bench.leaderboard.markdown import markdown_table
from avsal_bench.leaderboard.published_scores import PublishedRow
from avsal_bench.leaderboard.tables import Row


def printed_set(dataset: str, category: str = ALL) -> str:
    """Name in ``published.csv`` of a data set, or of the videos of one of its categories.

    >>> printed_set("dave_ave"), printed_set("dave_ave", "Nature")
    ('dave_ave', 'dave_ave-nature')
    """
    return dataset if category == ALL else f"{dataset}-{category.lower()}"


def printed_part(table: Sequence[Row], kinds: Sequence[str], metric: str, papers: Sequence[PublishedRow]) -> str:
    """A table in Markdown of the printed scores of the networks of some rows, by category; "" where none is printed.

    Names with a star or a hash are other systems, and left out.

    Args:
        table: the rows, of one data set.
        kinds: categories of its videos, ``all`` among them.
        metric: that is shown.
        papers: all printed rows.
    """
    wanted = {(row.head.model.partition("-")[0], row.head.modality) for row in table}
    columns = {printed_set(table[0].head.dataset, kind): n for n, kind in enumerate(kinds)}
    found: dict[tuple[str, str], list[str]] = {}
    for paper in papers:
        if (paper.method, paper.modality.lower()) not in wanted or paper.dataset not in columns:
            continue
        if is_derived(paper.variant) or metric not in paper.cells:
            continue
        network = f"{paper.method} ({paper.modality.lower()})" if paper.modality else paper.method
        cells = found.setdefault((network, ", ".join(paper.papers)), ["-"] * len(kinds))
        cell = paper.cells[metric]
        cells[columns[paper.dataset]] = f"{cell.text}{cell.mark}"
    if not found:
        return ""
    body = [[network, source, *cells] for (network, source), cells in sorted(found.items())]
    shown = markdown_table(["Network", "Paper", *kinds], body, numbers=range(2, 2 + len(kinds)))
    about = "Under their own protocols and splits; ° is read from a poor copy, ! is printed so and hardly meant."
    return f"## Printed in papers\n\n{about}\n\n{shown}"
