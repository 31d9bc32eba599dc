"""Places for boxes and edges: rows from top to bottom, with few crossings and short, straight edges.

The usual four steps (K. Sugiyama et al., IEEE Trans. SMC 1981): rows by the longest way from an input, edges over
several rows cut into pieces, an order in each row by the mean place of the neighbours, and then the places themselves.
Everything is deterministic, so a figure changes when its network does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

#: A box, or the piece of an edge that passes a row: ``(from, to, row)``.
Node = Hashable
#: Width that a passing edge has, and the space between neighbours.
THREAD, SPACE = 6.0, 22.0
#: How often the order of rows, and places in them, are improved.
ROUNDS = 24


@dataclass(frozen=True)
class Layout:
    """Where everything is.

    Args:
        rows: boxes and passing edges of each row, from left to right.
        x: middle of each.
        ways: of each edge that goes down, what it passes, from its first box to its last.
        back: edges that go up or stay in a row.
    """

    rows: list[list[Node]]
    x: dict[Node, float]
    ways: dict[tuple[str, str], list[Node]]
    back: list[tuple[str, str]]


def layout(keys: Sequence[str], edges: Sequence[tuple[str, str]], widths: Mapping[str, float]) -> Layout:
    """Places of boxes.

    Args:
        keys: boxes in the order in which they come to work; an edge to an earlier one goes back.
        edges: pairs of keys.
        widths: of boxes.
    """
    number = {key: n for n, key in enumerate(keys)}
    down = [edge for edge in edges if number[edge[0]] < number[edge[1]]]
    row = _rows(keys, down)
    ways: dict[tuple[str, str], list[Node]] = {}
    rows: list[list[Node]] = [[] for _ in range(max(row.values()) + 1)]
    for key in keys:
        rows[row[key]].append(key)
    for a, b in down:
        passing: list[Node] = [(a, b, r) for r in range(row[a] + 1, row[b])]
        for r, node in enumerate(passing, start=row[a] + 1):
            rows[r].append(node)
        ways[(a, b)] = [a, *passing, b]
    pieces = [pair for way in ways.values() for pair in pairwise(way)]
    rows = _ordered(rows, pieces)
    x = _places(rows, pieces, {v: widths[v] if isinstance(v, str) else THREAD for r in rows for v in r})
    return Layout(rows, x, ways, [edge for edge in edges if number[edge[0]] >= number[edge[1]]])


def _rows(keys: Sequence[str], down: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The longest way from an input; what feeds more than feeds it comes as near as it may to what it feeds."""
    row = dict.fromkeys(keys, 0)
    before, after = defaultdict(list), defaultdict(list)
    for a, b in down:
        before[b].append(a)
        after[a].append(b)
    for key in keys:
        row[key] = max((row[a] + 1 for a in before[key]), default=0)
    for key in reversed(keys):
        if len(after[key]) > len(before[key]) or (after[key] and not before[key]):
            row[key] = min(row[b] for b in after[key]) - 1
    return row


def _neighbours(pieces: Sequence[tuple[Node, Node]]) -> tuple[dict[Node, list[Node]], dict[Node, list[Node]]]:
    above: dict[Node, list[Node]] = defaultdict(list)
    below: dict[Node, list[Node]] = defaultdict(list)
    for a, b in pieces:
        below[a].append(b)
        above[b].append(a)
    return above, below


def _ordered(rows: list[list[Node]], pieces: Sequence[tuple[Node, Node]]) -> list[list[Node]]:
    """Each row by the mean place of the neighbours above, then below, in turns; the order with fewest crossings."""
    above, below = _neighbours(pieces)
    best, fewest = rows, _crossings(rows, below)
    for turn in range(ROUNDS):
        rows = [list(row) for row in rows]
        near = above if turn % 2 == 0 else below
        for n in range(len(rows)) if turn % 2 == 0 else reversed(range(len(rows))):
            beside = {m: i / max(1, len(rows[k]) - 1) for k in (n - 1, n + 1) if 0 <= k < len(rows)
                      for i, m in enumerate(rows[k])}  # fmt: skip
            own = {node: i / max(1, len(rows[n]) - 1) for i, node in enumerate(rows[n])}
            mean = {v: _mean([beside[m] for m in near[v]], own[v]) for v in rows[n]}
            rows[n].sort(key=lambda v, mean=mean: mean[v])  # type: ignore[misc]
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _crossings(rows: list[list[Node]], below: Mapping[Node, list[Node]]) -> int:
    total = 0
    for upper, lower in pairwise(rows):
        place = {node: i for i, node in enumerate(lower)}
        ends = [sorted(place[m] for m in below.get(node, ())) for node in upper]
        flat: list[int] = []
        for own in ends:
            total += sum(other > one for one in own for other in flat)
            flat += own
    return total


def _places(
    rows: list[list[Node]], pieces: Sequence[tuple[Node, Node]], widths: Mapping[Node, float]
) -> dict[Node, float]:
    """Middles with the least sum of steps aside, in the order of the rows and without overlaps: a linear programme."""
    nodes = [node for row in rows for node in row]
    number = {node: n for n, node in enumerate(nodes)}
    sizes = len(nodes) + len(pieces)  # a middle each, and how far each piece steps aside
    cost = np.zeros(sizes)
    # A passing edge wants to be straight more than boxes want to be below each other.
    cost[len(nodes) :] = [(1.0, 2.0, 8.0)[isinstance(a, tuple) + isinstance(b, tuple)] for a, b in pieces]
    entries: list[tuple[int, int, float]] = []
    limits: list[float] = []
    for n, (a, b) in enumerate(pieces, start=len(nodes)):
        for sign in (1.0, -1.0):  # |a - b| is at most the step
            entries += [(len(limits), number[a], sign), (len(limits), number[b], -sign), (len(limits), n, -1.0)]
            limits.append(0.0)
    for row in rows:
        for a, b in pairwise(row):
            entries += [(len(limits), number[a], 1.0), (len(limits), number[b], -1.0)]
            limits.append(-(widths[a] + widths[b]) / 2 - SPACE)
    places, columns, values = zip(*entries, strict=True)
    matrix = coo_array((values, (places, columns)), shape=(len(limits), sizes))
    bounds = [(widths[node] / 2, None) for node in nodes] + [(0.0, None)] * len(pieces)
    cost[: len(nodes)] = 1e-3  # to the left, where nothing else counts
    found = linprog(cost, A_ub=matrix.tocsr(), b_ub=limits, bounds=bounds, method="highs-ds")
    return dict(zip(nodes, map(float, found.x), strict=False))


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
