"""The generated files of the leaderboard: README.md, index.html and leaderboard.csv."""

from avsal_bench.leaderboard.page.board import read_board
from avsal_bench.leaderboard.page.html import html_page
from avsal_bench.leaderboard.page.readme import summary_table, write_leaderboard

__all__ = ["html_page", "read_board", "summary_table", "write_leaderboard"]
