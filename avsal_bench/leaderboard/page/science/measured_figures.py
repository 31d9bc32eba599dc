"""Figures of what was measured: the grids in DHF1K's fixation maps, what they move, and what protocols move."""

from __future__ import annotations

from collections.abc import Sequence

from avsal_bench.leaderboard.known_facts import FactTable
from avsal_bench.leaderboard.page.parts.cells import number
from avsal_bench.leaderboard.page.science.measured_pages import Measured, Moves
from avsal_bench.leaderboard.page.svg import element, label, line, text
from avsal_bench.records import METRICS

DOT, ROW = 13, 24


def cutting(found: Measured) -> str:
    """A part of a released fixation map, pixel by pixel."""
    parts = []
    for y, row in enumerate(found.cutting):
        for x, sign in enumerate(row):
            kind = "fixated" if sign == "#" else "empty"
            parts.append(element("rect", x=x * DOT, y=y * DOT, width=DOT - 1, height=DOT - 1, class_=kind))
    size = len(found.cutting[0]) * DOT, len(found.cutting) * DOT
    told = "A part of a released fixation map: four rows of pixels have the same six columns"
    return _figure(*size, told, parts, "grid-cutting")


def form_moves(moves: Sequence[Moves], facts: FactTable) -> str:
    """For each score and predictor an arrow, from the maps of the samples to those of the released form."""
    names, width, head = 112, 124, 20
    parts, height = [], 0.0
    for n, one in enumerate(moves):
        ends = [value for pair in one.values.values() for value in pair]
        low, high = min(0.0, *ends), max(ends)
        left, right = names + n * width + 8, names + (n + 1) * width - 8
        parts.append(label((left + right) / 2, 12, one.score, "head", "middle"))
        for row, (name, (pairs, released)) in enumerate(one.values.items()):
            y = head + ROW * row + ROW / 2
            a, b = (left + (right - left) * (value - low) / (high - low or 1) for value in (pairs, released))
            title = facts.network(name).title
            if n == 0:
                parts.append(label(names - 4, y + 4, _fitting(title), anchor="end"))
            said = f"{title}, {one.score}: {pairs:.3f} on maps of the samples, {released:.3f} in the released form"
            marks = [
                line(left, y, right, y, "grid"),
                line(a, y, b, y, "move"),
                element("circle", cx=a, cy=y, r=4, class_="from"),
                element("circle", cx=b, cy=y, r=4, class_="to"),
            ]
            parts.append(element("g", element("title", text(said)), *marks))
            height = max(height, y + ROW / 2)
    told = "Scores on maps of the samples, and in the released form of the same gaze"
    return _figure(names + width * len(moves), height, told, parts)


def protocol_moves(found: Measured) -> str:
    """How far each protocol and choice moves each score, as a bar to the left or right of its column's middle."""
    left, column, head = 176, 92, 38
    parts, metrics = [], list(METRICS)
    largest = {m: max(abs(moves[m]) for moves in found.protocols.values()) or 1.0 for m in metrics}
    for n, metric in enumerate(metrics):
        middle = left + column * n + column / 2
        parts.append(label(middle, 13, metric, "head", "middle"))
        parts.append(label(middle, 28, number(found.base[metric], metric), anchor="middle"))
        parts.append(line(middle, head - 4, middle, head + ROW * len(found.protocols), "base"))
    parts.append(label(left - 8, 28, "stavis", anchor="end"))
    for row, (name, moves) in enumerate(found.protocols.items()):
        y = head + ROW * row + ROW / 2
        parts.append(label(left - 8, y + 4, name, anchor="end"))
        for n, metric in enumerate(metrics):
            middle, by = left + column * n + column / 2, moves[metric]
            wide = abs(by) / largest[metric] * (column / 2 - 4)
            worse = (by < 0) == METRICS[metric]
            kind = "down" if worse else "up"
            shape = {"x": middle - (wide if by < 0 else 0), "y": y - 8, "width": wide, "height": 16}
            said = element("title", text(f"{name}, {metric}: {number(by, metric, sign=True, digits=4)}"))
            parts.append(element("rect", said, class_=kind, **shape))
            if abs(by) >= 0.0005:
                side, anchor = (middle + 4, None) if by < 0 else (middle - 4, "end")
                parts.append(label(side, y + 4, number(by, metric, sign=True, digits=3), "small", anchor))
    told = "How far protocols and their choices move each score of the same maps"
    return _figure(left + column * len(metrics), head + ROW * len(found.protocols) + 4, told, parts)


def _fitting(title: str) -> str:
    return title if len(title) < 18 else title.partition(" ")[0]


def _figure(width: float, height: float, told: str, parts: Sequence[str], kind: str = "wide") -> str:
    box = f"0 0 {width:g} {height:g}"
    return element("svg", *parts, viewBox=box, role="img", aria_label=told, class_=kind)
