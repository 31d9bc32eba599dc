"""Points of the figure of the field: what papers print and what was measured here, by year and by what it costs."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from avsal_bench.leaderboard.disagreements import is_derived
from avsal_bench.leaderboard.known_facts import NetworkFacts
from avsal_bench.leaderboard.page.board import Board, Group, row_id
from avsal_bench.leaderboard.page.costs import Cost
from avsal_bench.leaderboard.page.parts.naming import MODALITIES, papers_named, star_of, whole_set
from avsal_bench.leaderboard.published_scores import PublishedRow
from avsal_bench.leaderboard.tables import HUMAN, MAIN_PROTOCOL, set_order
from avsal_bench.text import fixed

#: Fewer points than these are no picture of a field.
FEWEST = 4
#: Points of one kind in one panel, the best in CC: a page of thousands of rows stays a figure.
MOST = 40


@dataclass(frozen=True)
class Point:
    """One method on one set.

    Args:
        name: with star, without its paper.
        cited: authors and year; "" where not known.
        kind: whether a paper prints it, or it was measured here.
        sound: whether it takes the sound.
        cc: its score; of several printed ones the highest.
        year: of its paper; None where that is not known.
        seconds: a frame, on one CPU thread; None where nobody measured it.
        macs: of a window; likewise.
        link: where it leads: its row, its paper, or the table of what papers print.
        said: all of it in words.
    """

    name: str
    cited: str
    kind: Literal["published", "measured"]
    sound: bool
    cc: float
    year: int | None
    seconds: float | None
    macs: float | None
    link: str
    said: str

    @property
    def shown(self) -> str:
        """Name and paper."""
        return f"{self.name} ({self.cited})" if self.cited and not self.cited.startswith(self.name) else self.name


@dataclass(frozen=True)
class FieldSet:
    """The points of one data set, the best first, published ones before measured ones."""

    dataset: str
    title: str
    page: str
    viewing: str
    points: tuple[Point, ...]

    def best(self, kind: str) -> tuple[Point, ...]:
        """The best points of a kind: of several with one CC, as it is shown, all of them."""
        same = [point for point in self.points if point.kind == kind]
        top = max((fixed(point.cc) for point in same), key=float, default="")
        return tuple(point for point in same if fixed(point.cc) == top)

    def count(self, kind: str) -> int:
        """How many points there are of a kind."""
        return sum(point.kind == kind for point in self.points)


def field_sets(board: Board) -> list[FieldSet]:
    """The sets with at least ``FEWEST`` points, in the order of the tables.

    A part of a set, such as one category of its videos, has no panel where the whole has one. Measured are ranked rows
    under the main protocol; synthetic ones are no part of the field.
    """
    found: dict[str, list[Point]] = defaultdict(list)
    for (dataset, *_), same in _by_method(board).items():
        found[dataset].append(_published(board, same))
    for group in board.of_kind(synthetic=False):
        if group.protocol == MAIN_PROTOCOL:
            found[group.dataset] += _measured(board, group)
    sets = []
    for dataset in sorted(found, key=set_order):
        whole = dataset.partition("-")[0]
        if len(found[dataset]) < FEWEST or (dataset != whole and len(found.get(whole, ())) >= FEWEST):
            continue
        points = [p for kind in ("published", "measured") for p in _first(found[dataset], kind)]
        one = board.facts.dataset(dataset)
        sets.append(FieldSet(dataset, one.title, whole_set(board.facts, dataset), one.viewing.words, tuple(points)))
    return sets


def _first(points: Sequence[Point], kind: str) -> list[Point]:
    return sorted((p for p in points if p.kind == kind), key=lambda p: (-p.cc, p.name))[:MOST]


def _by_method(board: Board) -> dict[tuple[str, ...], list[PublishedRow]]:
    """Published rows with a CC of one method, modality, star and network whose costs are its own."""
    found: dict[tuple[str, ...], list[PublishedRow]] = defaultdict(list)
    for row in board.papers:
        if "CC" in row.cells and row.method != HUMAN:
            label = _cost_label(board.costs, row)
            found[row.dataset, row.method, row.modality, star_of(row.variant), label].append(row)
    return found


def _cost_label(costs: Mapping[tuple[str, str], Cost], row: PublishedRow) -> str:
    """The network here whose costs are those of a printed row: its variant, where the printed name holds one."""
    printed, modality = _letters(row.variant), row.modality.lower()
    variants = [model for model, of in costs if of == modality and model.startswith(f"{row.method}-")]
    named = [model for model in variants if _letters(model.removeprefix(row.method)) in printed]
    return max(named, key=len, default=row.method)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _published(board: Board, same: Sequence[PublishedRow]) -> Point:
    """The best of what papers print of one method on one set."""
    best = max(same, key=lambda row: row.cells["CC"].value)
    label, modality = _cost_label(board.costs, best), best.modality.lower()
    one, star = board.facts.network(label), star_of(best.variant)
    values = {row.cells["CC"].text for row in same}
    others = f"; other tables print {', '.join(sorted(values - {best.cells['CC'].text}))}" if len(values) > 1 else ""
    derived = f", as {best.variant}" if is_derived(best.variant) else ""
    said = (
        f"{_shown(one, star)}, {MODALITIES.get(modality, modality)}: CC {best.cells['CC'].text} on "
        f"{board.facts.dataset(best.dataset).title}, printed by "
        f"{papers_named(board.facts, best.papers)}{derived}{others}"
    )
    link = one.paper_link or f"#published-{best.dataset}"
    cost = board.costs.get((label, modality), Cost())
    value = best.cells["CC"].value
    return _point(one, star, "published", "a" in modality, value, cost, link, said)


def _measured(board: Board, group: Group) -> list[Point]:
    """A point for each ranked row of a table."""
    points = []
    for row in group.ranked:
        head, cc = row.head, row.scores["CC"].value
        if math.isnan(cc) or head.model == HUMAN:
            continue
        one = board.facts.network(head.label)
        title = board.facts.dataset(head.dataset).title
        takes = MODALITIES.get(head.modality, "no training")
        said = f"{one.shown}, {takes}, preset {head.preset}: CC {fixed(cc)} on {title}, measured here"
        cost, sound = board.costs.get((head.label, head.modality), Cost()), "a" in head.modality
        points.append(_point(one, "", "measured", sound, cc, cost, f"#row/{row_id(row)}", said))
    return points


def _point(
    one: NetworkFacts,
    star: str,
    kind: Literal["published", "measured"],
    sound: bool,
    cc: float,
    cost: Cost,
    link: str,
    said: str,
) -> Point:
    return Point(one.called + star, one.cited, kind, sound, cc, year_of(one), cost.seconds, cost.macs, link, said)


def _shown(one: NetworkFacts, star: str) -> str:
    """Name and paper, with the star behind the name."""
    return f"{one.called}{star} ({one.cited})" if star and one.cited else one.shown


def year_of(one: NetworkFacts) -> int | None:
    """Year of the first paper of a network; None where none is known."""
    years = [int(paper.year) for paper in one.papers if re.fullmatch("[0-9]{4}", paper.year)]
    return min(years) if years else None
