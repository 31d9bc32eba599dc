"""All that the page tells, read from a leaderboard's folder and worked out once: rows, comparisons, ranks, costs."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from sys import intern
from urllib.parse import quote

import numpy as np

from avsal_bench.leaderboard.disagreements import is_derived
from avsal_bench.leaderboard.given_files import NETWORKS, PUBLISHED, given_file, given_not_built
from avsal_bench.leaderboard.hearing import Hearing, hearing_table
from avsal_bench.leaderboard.kinds import Viewing
from avsal_bench.leaderboard.known_facts import FactTable, facts
from avsal_bench.leaderboard.merged_records import board_records
from avsal_bench.leaderboard.page.costs import Cost, network_costs
from avsal_bench.leaderboard.published_scores import (
    SCORED_BY,
    NotBuilt,
    PublishedRow,
    published_rows,
    read_not_built,
    read_published,
)
from avsal_bench.leaderboard.reliance.loss_curves import curves_in
from avsal_bench.leaderboard.significance import Comparison, pairwise, video_means
from avsal_bench.leaderboard.sound_losses import SoundLoss, sound_losses
from avsal_bench.leaderboard.statistics import Array
from avsal_bench.leaderboard.tables import REAL_SETS, Row, dataset_order, further_metrics, rows
from avsal_bench.record_story import Device
from avsal_bench.records import METRICS, Record, record_path

#: Sets that a network is ranked over, by their kind: of eye tracking those that all networks are trained on, and so can
#: be tested on; of mice those with videos.
RANKED_SETS: Mapping[Device, tuple[str, ...]] = {
    "eye": REAL_SETS[:6],
    "mouse": ("crowdsal", "ntire26", "ntire26_private", "avimos"),
}
#: Ranked rows of a table that are compared with each other, the best in CC: pairs grow with the square of the rows.
COMPARED_ROWS = 100


@dataclass(frozen=True)
class Group:
    """One table: all rows of one data set under one protocol, the best first and those last that are not whole."""

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
    def viewing(self) -> Viewing:
        """How its set was watched."""
        return self.rows[0].viewing

    @cached_property
    def ranked(self) -> tuple[Row, ...]:
        """Rows that can be compared; they stand first in ``rows``."""
        return tuple(row for row in self.rows if row.ranked)

    @cached_property
    def means(self) -> dict[str, list[dict[str, float]]]:
        """For each metric the score of each video of each of ``rows``."""
        return {metric: [video_means(row, metric) for row in self.rows] for metric in METRICS}

    @cached_property
    def comparisons(self) -> dict[str, dict[tuple[int, int], Comparison]]:
        """For each metric all pairs of the first ``COMPARED_ROWS`` of ``ranked``, by position."""
        most = min(COMPARED_ROWS, len(self.ranked))
        return {metric: pairwise(means[:most]) for metric, means in self.means.items()}

    def best(self, metric: str) -> int | None:
        """Position in ``ranked`` of the row that is best in a metric; None where none defines it."""
        higher = METRICS[metric] if metric in METRICS else further_metrics(self.rows)[metric].higher_is_better
        sign = 1 if higher else -1
        scores = {i: row.scores[metric] for i, row in enumerate(self.ranked) if metric in row.scores}
        values = {i: sign * score.value for i, score in scores.items()}
        defined = {i: value for i, value in values.items() if not math.isnan(value)}
        return max(defined, key=lambda i: defined[i]) if defined else None

    def worse_than_best(self, metric: str) -> dict[int, bool]:
        """For each row of ``ranked`` but the best: whether it differs significantly from the best in a metric."""
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
    """Networks by their mean rank over ``datasets``, which are of one kind; ``lacking`` has a row of each other one,
    with the sets it lacks."""

    protocol: str
    device: Device
    datasets: tuple[str, ...]
    ranked: tuple[Ranked, ...]
    lacking: tuple[tuple[Row, tuple[str, ...]], ...]

    @property
    def missing(self) -> dict[str, tuple[str, ...]]:
        """The sets that a network lacks, by its name in records and its preset."""
        return {f"{row.head.network} ({row.head.preset})": sets for row, sets in self.lacking}


@dataclass(frozen=True)
class Board:
    """A leaderboard as it is read.

    Args:
        folder: it was read from.
        table: rows of all records, those with another sound than the true one among them.
        groups: the tables of the page, without those; ``hearing`` and ``losses`` compare them.
        lines: of ``published.csv``.
        ablations: likewise, those of tables that compare versions of one network.
        papers: the published rows made of them.
        not_built: methods that have no network here.
        hearing: whether networks use the sound, on synthetic sets.
        losses: what networks lose with another sound.
        curves: of each record that has some, by its place: scores over time ``(videos, metrics, CURVE_PARTS)``.
        costs: size and speed of networks.
        records: how many were read.
        facts: names and links for readers.
    """

    folder: Path
    table: tuple[Row, ...]
    groups: tuple[Group, ...]
    lines: tuple[dict[str, str], ...]
    ablations: tuple[dict[str, str], ...]
    papers: tuple[PublishedRow, ...]
    not_built: tuple[NotBuilt, ...]
    hearing: tuple[Hearing, ...]
    losses: tuple[SoundLoss, ...]
    curves: Mapping[Path, Array] = field(default_factory=dict)
    costs: Mapping[tuple[str, str], Cost] = field(default_factory=dict)
    records: int = 0
    facts: FactTable = field(default_factory=facts)

    def of_kind(self, synthetic: bool) -> list[Group]:
        """Tables of measured scores, or of synthetic ones."""
        return [group for group in self.groups if group.synthetic == synthetic]


def read_board(folder: Path, places: Sequence[Path] = ()) -> Board:
    """Read a leaderboard's folder, and what :mod:`avsal_bench.leaderboard.given_files` gives where it has no own.

    Args:
        folder: of the leaderboard.
        places: of records, in the stead of its own; see :func:`~avsal_bench.leaderboard.merged_records.board_records`.

    Raises:
        ValueError: naming a file that is no record, two files that claim one row, or a line that cannot be read.
    """
    records, curves = [], {}
    fits: dict[tuple[object, ...], object] = {}
    for _, full in board_records(folder, places):
        record, over_time = _lighter(full, fits)
        records.append(record)
        if over_time is not None:
            curves[place(record)] = over_time
    lines = read_published(given_file(folder, PUBLISHED))
    table = rows(records)
    original = [row for row in table if row.head.sound == "original"]
    groups = [Group(dataset, protocol, tuple(group)) for (protocol, dataset), group in groupby(original, key=_table)]
    return Board(
        folder=folder,
        table=tuple(table),
        groups=tuple(groups),
        lines=tuple(lines),
        ablations=tuple(read_published(given_file(folder, PUBLISHED), "ablation")),
        papers=tuple(published_rows(lines)),
        not_built=tuple(read_not_built(given_not_built(folder), (line["method"] for line in lines))),
        hearing=tuple(hearing_table(records)),
        losses=tuple(sound_losses(records, lambda record: curves.get(place(record)))),
        curves=curves,
        costs=network_costs(given_file(folder, NETWORKS), records),
        records=len(records),
        facts=facts(folder),
    )


def place(record: Record) -> Path:
    """Where a record lies in the folder of the leaderboard."""
    r = record
    return record_path(Path("records"), r.network, r.dataset, r.fold, r.seed, r.protocol, r.sound)


def _lighter(record: Record, fits: dict[tuple[object, ...], object]) -> tuple[Record, Array | None]:
    """A record without its recipe and curves, which thousands of records have no room for, and the curves apart.

    What many records share word for word is kept once: names of videos, and what is told of a training (``fits``).
    """
    videos = []
    for video in record.videos:
        undefined = {metric: count for metric, count in video.undefined.items() if count}
        name, category = intern(video.video), intern(video.category)
        videos.append(replace(video, video=name, category=category, undefined=undefined, curve={}))
    job = (record.label, record.modality, record.preset, record.fold, record.seed)
    told = record.provenance.get("fits")
    provenance = record.provenance | {"fits": fits[job] if fits.setdefault(job, told) == told else told}
    light = replace(record, videos=videos, recipe={}, provenance=provenance)
    return light, curves_in(record)


def row_id(row: Row) -> str:
    """Name of a row on the page, and what follows ``#row/`` in a link to it."""
    head = row.head
    return "/".join(quote(part, safe="") for part in (head.protocol, head.dataset, head.network, head.preset))


def row_label(row: Row, facts: FactTable) -> str:
    """Name of a network for people, such as ``AVRSP (av)``."""
    return network_label(row.head.label, row.head.modality, facts)


def network_label(model: str, modality: str, facts: FactTable) -> str:
    """As :func:`row_label`."""
    called = facts.network(model).called
    return f"{called} ({modality})" if modality else called


def overall(groups: Sequence[Group]) -> list[Overall]:
    """The overall table of each protocol and kind that has measured rows on at least two sets of ``RANKED_SETS``.

    Ranked are the networks that have ranked rows on all of these sets, among themselves, 1 the best; equal scores
    share their mean rank.
    """
    kinds: dict[tuple[str, Device], list[Group]] = defaultdict(list)
    for group in groups:
        device = group.viewing.device
        if group.dataset in RANKED_SETS.get(device, ()) and group.ranked and not group.synthetic:
            kinds[group.protocol, device].append(group)
    return [_overall(*kind, same) for kind, same in kinds.items() if len(same) > 1]


def reproductions(board: Board) -> list[tuple[Row, PublishedRow]]:
    """Ranked measured rows, each with every published row of its method, modality and data set.

    Names with a star or a hash are other systems and not compared, and neither are scores of a challenge with ours
    under another protocol than its own (``SCORED_BY``). A variant of ours (``mspi-s3d``) is compared with the printed
    names that hold it.
    """
    printed: dict[tuple[str, str, str], list[PublishedRow]] = defaultdict(list)
    for paper in board.papers:
        if not is_derived(paper.variant):
            printed[(paper.method, paper.modality.lower(), paper.dataset)].append(paper)
    pairs = []
    for group in board.of_kind(synthetic=False):
        if SCORED_BY.get(group.dataset, group.protocol) != group.protocol:
            continue
        for row in group.ranked:
            method, _, variant = row.head.model.partition("-")
            for paper in printed.get((method, row.head.modality, row.head.dataset), ()):
                if _letters(variant) in _letters(paper.variant):
                    pairs.append((row, paper))
    return sorted(pairs, key=lambda pair: (pair[0].head.protocol, dataset_order(pair[0].head.dataset)))


def _overall(protocol: str, device: Device, groups: Sequence[Group]) -> Overall:
    datasets = tuple(group.dataset for group in groups)
    have: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for group in groups:
        for row in group.ranked:
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
    lacking = tuple(
        (next(iter(done.values())), tuple(dataset for dataset in datasets if dataset not in done))
        for _, done in sorted(have.items(), key=lambda found: found[0])
        if len(done) < len(datasets)
    )
    order = sorted(ranked, key=lambda r: (math.isnan(r.mean("CC")), r.mean("CC"), r.row.head.network))
    return Overall(protocol, device, datasets, tuple(order), lacking)


def _ranks(values: Array) -> list[float]:
    """Rank of each value, 1 the smallest; equal ones share their mean rank, NaN has none."""
    return [math.nan if math.isnan(v) else float((values < v).sum() + ((values == v).sum() + 1) / 2) for v in values]


def _table(row: Row) -> tuple[str, str]:
    return row.head.protocol, row.head.dataset


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
