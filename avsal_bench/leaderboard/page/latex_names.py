"""Names of networks in LaTeX, for the tables that the page makes of the rows that are chosen."""

from __future__ import annotations

from avsal_bench.leaderboard.page.board import Board
from avsal_bench.leaderboard.references import cited_in_latex, method_of


def cited_names(board: Board) -> dict[str, str]:
    """For each label of a network in the tables, its name in LaTeX with its citation."""
    labels = sorted({row.head.label for group in board.groups for row in group.rows})
    return {
        label: cited_in_latex(board.facts.network(label).called, method_of(label), board.facts.references)
        for label in labels
    }
