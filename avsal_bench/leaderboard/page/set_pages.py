"""Pages of data sets in the page: what each is, who watched, its size, scores, faults, licence, how to get it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from avsal_bench.data.dataset import DataSet, registered_datasets
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, read_fold_list
from avsal_bench.leaderboard.kinds import KINDS
from avsal_bench.leaderboard.known_facts import FactTable
from avsal_bench.leaderboard.page.board import Board, Group, row_id
from avsal_bench.leaderboard.page.parts.cells import Cell, Line, Table, columns_of, number, sort_key, texts
from avsal_bench.leaderboard.page.parts.naming import network_cell, paper_cell, searched, star_of, whole_set
from avsal_bench.leaderboard.published_scores import PublishedRow
from avsal_bench.leaderboard.tables import HUMAN, MAIN_PROTOCOL, set_order
from avsal_bench.record_story import Device
from avsal_bench.records import METRICS
from avsal_bench.text import many

#: Said where nobody says it.
NOT_KNOWN = "not known here"


@dataclass(frozen=True)
class SetPage:
    """One data set, for readers; "" and empty where nothing is known.

    Args:
        name: in commands.
        title: for people.
        about: what it is, in a sentence.
        device: kind of viewing, by which the sets are grouped.
        watched: how it was watched, in words.
        viewers: who and how many.
        conditions: of viewing.
        videos: how many, and how many of them are in lists, with their frames.
        papers: that describe it, each with its address.
        terms: licence.
        source: address of its authors' offer.
        faults: known ones, a sentence each.
        get: how to get it: a command, or words.
        look: how to look at it.
        embedded: whether the project makes it.
        best: table of the best scores, a line a metric; None without scores.
        links: tables of the page that have its scores: words, and addresses.
    """

    name: str
    title: str
    about: str
    device: Device
    watched: str
    viewers: str
    conditions: str
    videos: str
    papers: Sequence[Cell]
    terms: str
    source: str
    faults: Sequence[str]
    get: str
    look: str
    embedded: bool
    best: Table | None
    links: Sequence[tuple[str, str]]


def set_pages(board: Board) -> list[SetPage]:
    """All sets that are known here, have records or published scores, by kind and in the order of the tables."""
    used = {group.dataset for group in board.groups} | {row.dataset for row in board.papers}
    known = registered_datasets()
    names = set(known) | {whole_set(board.facts, name) for name in used}
    return [_page(board, name, known.get(name)) for name in sorted(names, key=set_order)]


def _page(board: Board, name: str, described: DataSet | None) -> SetPage:
    facts = board.facts
    one, own = facts.dataset(name), facts.dataset(name).facts
    groups = [group for group in board.groups if whole_set(facts, group.dataset) == name]
    papers = [row for row in board.papers if whole_set(facts, row.dataset) == name]
    viewing = groups[0].viewing if own is None and groups else one.viewing
    watched = "simulated observers" if one.embedded else viewing.words
    return SetPage(
        name,
        one.title,
        one.about,
        "simulated" if one.embedded else viewing.device,
        watched or KINDS["unknown"],
        _viewers(own.viewers) if own else "",
        own.conditions if own else "",
        _videos(name, described),
        [paper_cell(facts, [paper.key]) for paper in one.papers],
        one.terms,
        one.link if one.link.startswith(("https://", "http://")) else "",
        own.faults if own else (),
        _get(name, described),
        f"avsal data show {name} VIDEO" if described and not described.embedded else "",
        one.embedded,
        _best(facts, groups, papers),
        _links(facts, groups, papers),
    )


def _viewers(told: str) -> str:
    """Who watched, in words: of a bare number that it counts viewers."""
    return many(int(told), "viewer") if told.isdecimal() else told


def _videos(name: str, described: DataSet | None) -> str:
    """How many videos the set has, and how many and how long those in the lists of this package are."""
    if described is None or described.facts is None:
        return "made when it is asked for" if described and described.embedded else ""
    things = "image" if described.stills else "video"
    told, listed = many(described.facts.videos, things), packaged(described.folder)
    if not listed and (split := packaged(name)):
        listed = split
    if not listed:
        return f"{told}; frames are not counted here"
    counts = f"{many(len(listed), things)} and {many(sum(listed.values()), 'frame')}"
    return f"{told}; {counts} in the lists of this package"


@cache
def packaged(folder: str) -> dict[str, int]:
    """Frames of the videos in the lists of this package, by name; none of a set without such lists.

    Args:
        folder: the set's name in the names of the lists.
    """
    return {
        video.name: video.n_frames
        for path in sorted(Path(PACKAGED_LISTS).glob(f"{folder}_list_*_fps.txt"))
        for video in read_fold_list(path)
    }


def _get(name: str, described: DataSet | None) -> str:
    if described is None:
        return ""
    return "" if described.embedded else f"avsal data get {name} --root DIR --dry-run"


def _best(facts: FactTable, groups: Sequence[Group], papers: Sequence[PublishedRow]) -> Table | None:
    """The best of each metric, as papers print it and as it was measured here: of the whole set, and of its parts."""
    names = list(dict.fromkeys(row.dataset for row in papers))
    body = []
    for dataset in sorted({*names, *(group.dataset for group in groups)}, key=set_order):
        printed = [row for row in papers if row.dataset == dataset and row.method != HUMAN]
        tables = [group for group in groups if group.dataset == dataset and group.protocol == MAIN_PROTOCOL]
        for metric, higher in METRICS.items():
            scored = [row for row in printed if metric in row.cells]
            ordered = sorted(scored, key=lambda row: row.cells[metric].value * (-1 if higher else 1))
            best = [row for row in ordered if row.cells[metric].value == ordered[0].cells[metric].value]
            own = next(((group, at) for group in tables if (at := group.best(metric)) is not None), None)
            if not best and own is None:
                continue
            cells = [Cell(facts.dataset(dataset).title), Cell(metric, link=f"#metric-{metric}")]
            cells += _printed_best(facts, best, metric) + _own_best(facts, own, metric)
            body.append(Line(cells, {"metric": metric} | searched(dataset)))
    columns = columns_of("Scores on", "Metric") + columns_of("Printed", numbers=True) + columns_of("Method", "Paper")
    columns += columns_of("Measured", numbers=True) + columns_of("Network")
    return Table(columns, [body]) if body else None


def _printed_best(facts: FactTable, best: Sequence[PublishedRow], metric: str) -> list[Cell]:
    """The best printed value, and of whom it is: of several methods with that value all are named."""
    if not best:
        return texts("", "", "")
    value = best[0].cells[metric].text
    methods = {(row.method, star_of(row.variant)): None for row in best}
    named = [network_cell(facts, method, star=star) for method, star in methods]
    papers = paper_cell(facts, dict.fromkeys(paper for row in best for paper in row.papers))
    one = named[0] if len(named) == 1 else Cell("", ", ".join(cell.text for cell in named), parts=named)
    return [Cell(value, value), one, papers]


def _own_best(facts: FactTable, own: tuple[Group, int] | None, metric: str) -> list[Cell]:
    if own is None:
        return texts("", "")
    row = own[0].ranked[own[1]]
    value = row.scores[metric].value
    return [Cell(number(value, metric), sort_key(value)), network_cell(facts, row.head.label, row_id(row))]


def _links(facts: FactTable, groups: Sequence[Group], papers: Sequence[PublishedRow]) -> list[tuple[str, str]]:
    links = {}
    for group in groups:
        tab = "synthetic" if group.synthetic else "measured"
        protocol = "" if group.protocol == MAIN_PROTOCOL else f", protocol {group.protocol}"
        links[f"#{tab}-{group.key}"] = f"{facts.dataset(group.dataset).title}, {tab}{protocol}"
    for row in papers:
        links[f"#published-{row.dataset}"] = f"{facts.dataset(row.dataset).title}, published"
    return [(words, address) for address, words in links.items()]
