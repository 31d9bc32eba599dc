"""From records and ``published.csv`` to tables, claims and the page. Reads files, runs no network, imports no torch."""

from avsal_bench.leaderboard.drift import Drift, drifts
from avsal_bench.leaderboard.hearing import Claim, SeedTable, hearing_by_seed, hearing_claims
from avsal_bench.leaderboard.page.readme import summary_table, write_leaderboard
from avsal_bench.leaderboard.statistics import Interval, bootstrap_interval, paired_difference

__all__ = [
    "Claim",
    "Drift",
    "Interval",
    "SeedTable",
    "bootstrap_interval",
    "drifts",
    "hearing_by_seed",
    "hearing_claims",
    "paired_difference",
    "summary_table",
    "write_leaderboard",
]
