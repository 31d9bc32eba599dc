"""The figure of the field as SVG: a small panel a data set, CC against the year of the paper, speed or size.

Points are links with a title each, so the figure is read by keyboard and without scripts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from avsal_bench.leaderboard.page.overview.field_points import FieldSet, Point
from avsal_bench.leaderboard.page.svg import element, label, line, text

WIDTH, HEIGHT = 256, 150
LEFT, RIGHT, TOP, BOTTOM = 24, 252, 8, 130
#: Years that have a column of their own; older ones share one.
YEARS = 8
RADIUS = 4.2


@dataclass(frozen=True)
class Axis:
    """What panels are drawn against.

    Args:
        name: in the page.
        title: for people.
        note: what there is to know of it.
    """

    name: str
    title: str
    note: str


AXES = (
    Axis("year", "year of the paper", "?: no paper, or its year is not known here."),
    Axis(
        "seconds",
        "seconds a frame",
        "Seconds a frame of the network as built here, on one CPU thread; of the others nobody measured it yet.",
    ),
    Axis("macs", "MACs a window", "Multiply-accumulates of one window of the network as built here."),
)


@dataclass(frozen=True)
class Scale:
    """Where values stand: ``place`` of a value of a point, None where it has none; and the ticks, with their words."""

    place: Callable[[Point], float | None]
    ticks: Sequence[tuple[float, str]]


def field_figures(sets: Sequence[FieldSet]) -> dict[str, dict[str, str]]:
    """For each axis that at least two points have a value of: the SVG of each set. All panels share both scales."""
    points = [point for found in sets for point in found.points]
    if not points:
        return {}
    low = math.floor(10 * min(0.3, *(p.cc for p in points))) / 10
    high = math.ceil(10 * max(p.cc for p in points) + 0.2) / 10
    scales: dict[str, Scale | None] = {"year": _years(points)}
    scales |= {name: _decades(points, name) for name in ("seconds", "macs")}
    return {
        axis.name: {found.dataset: _panel(found, axis, scale, low, high) for found in sets}
        for axis in AXES
        if (scale := scales[axis.name]) is not None
    }


def known(sets: Sequence[FieldSet], axis: str) -> tuple[int, int]:
    """How many points have a value on an axis, and how many there are."""
    points = [point for found in sets for point in found.points]
    return sum(getattr(point, axis) is not None for point in points), len(points)


def _years(points: Sequence[Point]) -> Scale:
    years = [point.year for point in points if point.year is not None]
    last = max(years, default=0)
    first = max(last - YEARS + 1, min(years, default=0))
    columns = [*(["older"] if any(year < first for year in years) else []), *range(first, last + 1)] if years else []
    columns += ["?"] if any(point.year is None for point in points) else []
    step = (RIGHT - LEFT) / len(columns)
    at: Mapping[object, float] = {name: LEFT + step * (n + 0.5) for n, name in enumerate(columns)}

    def place(point: Point) -> float:
        return at["?"] if point.year is None else at.get(point.year, at.get("older", LEFT))

    older = f"\u2264\u2019{str(first - 1)[-2:]}"
    shown = {name: {"older": older, "?": "?"}.get(str(name), f"\u2019{str(name)[-2:]}") for name in at}
    return Scale(place, [(x - 4 if name == "older" else x, shown[name]) for name, x in at.items()])


def _decades(points: Sequence[Point], name: str) -> Scale | None:
    values = [value for point in points if (value := getattr(point, name))]
    if len(values) < 2:
        return None
    low, high = math.log10(min(values)) - 0.15, math.log10(max(values)) + 0.15
    across = partial(_across, low=low, high=high)
    marks = [(e, m) for e in range(math.floor(low), math.ceil(high) + 1) for m in (1, 3)]
    ticks = [(math.log10(m * 10.0**e), m * 10.0**e) for e, m in marks]
    shown = [(across(at), _amount(value, name)) for at, value in ticks if low <= at <= high]

    def place(point: Point) -> float | None:
        value = getattr(point, name)
        return across(math.log10(value)) if value else None

    return Scale(place, shown)


def _across(value: float, low: float, high: float) -> float:
    return LEFT + (RIGHT - LEFT) * (value - low) / (high - low)


def _amount(value: float, name: str) -> str:
    if name == "seconds":
        return f"{value:g} s"
    return f"{value / 1e12:g} T" if value >= 1e12 else f"{value / 1e9:g} G"


def _panel(found: FieldSet, axis: Axis, scale: Scale, low: float, high: float) -> str:
    def down(cc: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (cc - low) / (high - low)

    parts = []
    for tenth in range(math.ceil(low * 10), math.floor(high * 10) + 1):
        if tenth % 2 == 0:
            parts.append(line(LEFT, down(tenth / 10), RIGHT, down(tenth / 10), "grid"))
            parts.append(label(LEFT - 4, down(tenth / 10) + 3.5, f"{tenth / 10:.1f}", anchor="end"))
    parts.append(line(LEFT, BOTTOM, RIGHT, BOTTOM, "base"))
    parts += [label(x, BOTTOM + 14, words, anchor="middle") for x, words in scale.ticks]
    placed = [(x, down(point.cc), point) for point in found.points if (x := scale.place(point)) is not None]
    for kind in ("published", "measured"):
        same = [(x, y) for x, y, point in placed if point.kind == kind and (axis.name != "year" or point.year)]
        parts.append(_best_line(same, kind))
    best = {id(one) for kind in ("published", "measured") for one in found.best(kind)}
    spread = _apart(placed) if axis.name == "year" else placed
    names = {id(point): f"pt-{found.dataset}-{n}" for n, point in enumerate(found.points)}
    for x, y, point in sorted(spread, key=lambda one: one[:2]):
        parts.append(_mark(x, y, point, id(point) in best, names[id(point)], told=axis.name == "year"))
    if not placed:
        parts.append(label((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2, "not known of any", anchor="middle"))
    told = f"CC on {found.title} against {axis.title}"
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_=f"by-{axis.name}",
        role="group",
        aria_label=told,
    )


def _apart(placed: Sequence[tuple[float, float, Point]]) -> list[tuple[float, float, Point]]:
    """Points of one column moved apart sideways where they would hide each other."""
    done: list[tuple[float, float, Point]] = []
    for x, y, point in sorted(placed, key=lambda one: (one[0], one[1])):
        shifts = (x + side * step for step in range(4) for side in (5.5, -5.5))
        hidden = [(a, b) for a, b, _ in done if abs(b - y) < 7]
        free = next((at for at in shifts if all(abs(at - a) > 5 for a, _ in hidden)), x)
        done.append((min(max(free, LEFT + 4), RIGHT - 4), y, point))
    return done


def _best_line(points: Sequence[tuple[float, float]], kind: str) -> str:
    """A staircase along the best so far, from left to right; nothing for a single point."""
    best: dict[float, float] = {}
    for x, y in points:
        best[x] = min(y, best.get(x, math.inf))
    steps: list[tuple[float, float]] = []
    for x in sorted(best):
        if not steps or best[x] < steps[-1][1]:
            steps += [(x, steps[-1][1])] if steps else []
            steps.append((x, best[x]))
    if not steps:
        return ""
    steps.append((max(best), steps[-1][1]))
    path = " ".join(f"{'L' if n else 'M'}{x:.1f} {y:.1f}" for n, (x, y) in enumerate(steps))
    return element("path", d=path, class_=f"best {kind}")


def _mark(x: float, y: float, point: Point, best: bool, name: str, told: bool) -> str:
    """A point as a link: a disc for what papers print, a square on its corner for what was measured here; filled where
    the network takes the sound.

    What it is stands once, with the panel of years, where all points are, under ``name``; those of other panels refer
    to it.
    """
    r = RADIUS + (1.5 if best else 0)
    if point.kind == "published":
        shape = element("circle", cx=x, cy=y, r=r)
    else:
        w = r * 1.25
        shape = element("path", d=f"M{x:.1f} {y - w:.1f}l{w:.1f} {w:.1f}l{-w:.1f} {w:.1f}l{-w:.1f} {-w:.1f}z")
    kinds = ["pt", point.kind, *(["av"] if point.sound else []), *(["top"] if best else [])]
    inside = element("title", text(point.said), id=name) + shape if told else shape
    return element("a", inside, href=point.link, class_=" ".join(kinds), aria_labelledby=None if told else name)
