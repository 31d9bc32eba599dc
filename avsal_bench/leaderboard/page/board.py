"""All that the page tells, read from a leaderboard's folder and worked out once: rows, comparisons, ranks, costs."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

import numpy as np

from avsal_bench.leaderboard.disagreements import is_derived
from avsal_bench.leaderboard.hearing import Hearing, hearing_table
from avsal_bench.leaderboard.page.costs import Cost, network_costs
from avsal_bench.leaderboard.published_scores import (
    NotBuilt,
    PublishedRow,
    published_rows,
    read_not_built,
    read_published,
)
from avsal_bench.leaderboard.significance import Comparison, pairwise, video_means
from avsal_bench.leaderboard.sound_losses import SoundLoss, sound_losses
from avsal_bench.leaderboard.statistics import Array
from avsal_bench.leaderboard.tables import REAL_SETS, Row, dataset_order, rows
from avsal_bench.records import METRICS, read_records

#: Sets that a network is ranked over: those that all networks are trained on, and so can be tested on.
RANKED_SETS = REAL_SETS[:6]


@dataclass(frozen=True)
class Group:
    """One table: all rows of one data set under one protocol, the best first and incomplete ones last."""

    dataset: str
    protocol: str
    rows: tuple[Row, ...]

    @property
    def key(self) -> str:
        """Name of the table on the page."""
        return f"{self.protocol}/{self.dataset}"

    @property
    def synthetic(self) -> bool:
        """Whether its scores are of a set that the project makes."""
        return self.rows[0].head.synthetic

    @property
    def complete(self) -> tuple[Row, ...]:
        """Rows that can be compared."""
        return tuple(row for row in self.rows if row.complete)

    @cached_property
    def comparisons(self) -> dict[str, dict[tuple[int, int], Comparison]]:
        """For each metric all pairs of ``complete``, by position."""
        return {metric: pairwise([video_means(row, metric) for row in self.complete]) for metric in METRICS}

    def best(self, metric: str) -> int | None:
        """Position in ``complete`` of the row that is best in a metric; None where none defines it."""
        sign = 1 if METRICS[metric] else -1
        values = {i: sign * row.scores[metric].value for i, row in enumerate(self.complete)}
        defined = {i: value for i, value in values.items() if not math.isnan(value)}
        return max(defined, key=lambda i: defined[i]) if defined else None

    def worse_than_best(self, metric: str) -> dict[int, bool]:
        """For each row of ``complete`` but the best: whether it differs significantly from the best in a metric."""
        best = self.best(metric)
        found = {}
        for (i, j), comparison in self.comparisons[metric].items():
            if best in (i, j):
                found[j if i == best else i] = comparison.significant
        return found


@dataclass(frozen=True)
class Ranked:
    """One network's ranks under one protocol: for each metric its rank in each set, and their mean."""

    row: Row
    ranks: Mapping[str, tuple[float, ...]]

    def mean(self, metric: str) -> float:
        """Mean rank over the sets; NaN where one of them does not define the metric."""
        return math.fsum(self.ranks[metric]) / len(self.ranks[metric])


@dataclass(frozen=True)
class Overall:
    """Networks by their mean rank over ``datasets``; ``missing`` names the others, each with the sets it lacks."""

    protocol: str
    datasets: tuple[str, ...]
    ranked: tuple[Ranked, ...]
    missing: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Board:
    """A leaderboard as it is read. ``groups`` hold no record with its sound muted; ``hearing`` compares those."""

    folder: Path
    groups: tuple[Group, ...]
    lines: tuple[dict[str, str], ...]
    papers: tuple[PublishedRow, ...]
    not_built: tuple[NotBuilt, ...]
    hearing: tuple[Hearing, ...]
    losses: tuple[SoundLoss, ...]
    costs: Mapping[tuple[str, str], Cost] = field(default_factory=dict)
    records: int = 0

    def of_kind(self, synthetic: bool) -> list[Group]:
        """Tables of measured scores, or of synthetic ones."""
        return [group for group in self.groups if group.synthetic == synthetic]


def read_board(folder: Path) -> Board:
    """Read a leaderboard's folder.

    Raises:
        ValueError: naming a file that is no record, two files that claim one row, or a line that cannot be read.
        OSError: when the folder has no ``published.csv``.
    """
    found = list(read_records(folder / "records"))
    records = [record for _, record in found]
    lines = read_published(folder / "published.csv")
    original = rows(record for record in records if record.sound == "original")
    groups = [Group(dataset, protocol, tuple(group)) for (protocol, dataset), group in groupby(original, key=_table)]
    return Board(
        folder=folder,
        groups=tuple(groups),
        lines=tuple(lines),
        papers=tuple(published_rows(lines)),
        not_built=tuple(read_not_built(folder / "not_built.csv", (line["method"] for line in lines))),
        hearing=tuple(hearing_table(records)),
        losses=tuple(sound_losses(records)),
        costs=network_costs(folder / "networks.csv", records),
        records=len(records),
    )


def row_id(row: Row) -> str:
    """Name of a row on the page, and what follows ``#row/`` in a link to it."""
    head = row.head
    return "/".join(quote(part, safe="") for part in (head.protocol, head.dataset, head.network, head.preset))


def row_label(row: Row) -> str:
    """Name of a network for people."""
    return f"{row.head.model} ({row.head.modality})" if row.head.modality else row.head.model


def overall(groups: Sequence[Group]) -> list[Overall]:
    """The overall table of each protocol that has measured rows on at least two sets of ``RANKED_SETS``.

    Ranked are the networks that have complete rows on all of these sets, among themselves, 1 the best; equal scores
    share their mean rank.
    """
    by_protocol: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        if group.dataset in RANKED_SETS and group.complete and not group.synthetic:
            by_protocol[group.protocol].append(group)
    return [_overall(protocol, same) for protocol, same in by_protocol.items() if len(same) > 1]


def reproductions(board: Board) -> list[tuple[Row, PublishedRow]]:
    """Complete measured rows, each with every published row of its method, modality and data set.

    Names with a star or a hash are other systems and not compared. A variant of ours (``mspi-s3d``) is compared with
    the printed names that hold it.
    """
    pairs = []
    for group in board.of_kind(synthetic=False):
        for row in group.complete:
            method, _, variant = row.head.model.partition("-")
            for paper in board.papers:
                same = (paper.method, paper.modality.lower(), paper.dataset)
                ours = (method, row.head.modality, row.head.dataset)
                if same == ours and not is_derived(paper.variant) and _letters(variant) in _letters(paper.variant):
                    pairs.append((row, paper))
    return sorted(pairs, key=lambda pair: (pair[0].head.protocol, dataset_order(pair[0].head.dataset)))


def _overall(protocol: str, groups: Sequence[Group]) -> Overall:
    datasets = tuple(group.dataset for group in groups)
    have: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for group in groups:
        for row in group.complete:
            have[(row.head.network, row.head.preset)][group.dataset] = row
    full = [done for done in have.values() if len(done) == len(datasets)]
    ranks: dict[str, list[tuple[float, ...]]] = {}
    for metric, higher in METRICS.items():
        columns = []
        for dataset in datasets:
            values = np.array([done[dataset].scores[metric].value for done in full])
            columns.append(_ranks(-values if higher else values))
        ranks[metric] = [tuple(line) for line in zip(*columns, strict=True)]
    ranked = [
        Ranked(done[datasets[0]], {metric: ranks[metric][i] for metric in METRICS}) for i, done in enumerate(full)
    ]
    missing = {
        f"{network} ({preset})": tuple(dataset for dataset in datasets if dataset not in done)
        for (network, preset), done in sorted(have.items())
        if len(done) < len(datasets)
    }
    order = sorted(ranked, key=lambda r: (math.isnan(r.mean("CC")), r.mean("CC"), r.row.head.network))
    return Overall(protocol, datasets, tuple(order), missing)


def _ranks(values: Array) -> list[float]:
    """Rank of each value, 1 the smallest; equal ones share their mean rank, NaN has none."""
    return [math.nan if math.isnan(v) else float((values < v).sum() + ((values == v).sum() + 1) / 2) for v in values]


def _table(row: Row) -> tuple[str, str]:
    return row.head.protocol, row.head.dataset


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
