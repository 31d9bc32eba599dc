"""Figures of the scores that several papers print: how many they disagree on, and by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from statistics import fmean

from avsal_bench.leaderboard.disagreements import Shared
from avsal_bench.leaderboard.known_facts import FactTable
from avsal_bench.leaderboard.page.svg import element, label, line, text
from avsal_bench.records import METRICS
from avsal_bench.text import many

COLUMNS, SIDE = 32, 15


def groups(shared: Sequence[Shared], facts: FactTable) -> dict[str, int]:
    """For each method that papers disagree on how often they do, most first."""
    found: dict[str, int] = {}
    for one in shared:
        if not one.agrees:
            title = facts.network(one.method).title
            found[title] = found.get(title, 0) + 1
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def squares(shared: Sequence[Shared], facts: FactTable) -> str:
    """A square for each score that several papers print, coloured where they disagree; its title has what they say."""
    order = list(groups(shared, facts))
    apart = sorted((one for one in shared if not one.agrees), key=lambda s: order.index(facts.network(s.method).title))
    same = [one for one in shared if one.agrees]
    parts = []
    for n, one in enumerate([*apart, *same]):
        place = {"x": 1 + n % COLUMNS * SIDE, "y": 1 + n // COLUMNS * SIDE, "width": SIDE - 3, "height": SIDE - 3}
        kind = "agrees" if one.agrees else f"clash c{order.index(facts.network(one.method).title) % 4}"
        parts.append(element("rect", element("title", text(_said(one, facts))), class_=kind, rx=2, **place))
    rows = -(-len(shared) // COLUMNS)
    told = f"{len(apart)} of {many(len(shared), 'score')} that several papers print differ between them"
    return _figure(COLUMNS * SIDE, rows * SIDE, told, parts)


def spreads(shared: Sequence[Shared], facts: FactTable) -> str:
    """A point for each score that papers disagree on: its spread in per cent of its mean, a line a metric."""
    order = list(groups(shared, facts))
    apart = [one for one in shared if not one.agrees]
    largest = max((relative(one) for one in apart), default=1.0)
    shown = [metric for metric in METRICS if any(one.metric == metric for one in apart)]
    left, right, step = 56, 470, 26

    def across(per_cent: float) -> float:
        return left + (right - left) * per_cent / largest

    parts = []
    for tick in _ticks(largest):
        parts += [line(across(tick), 2, across(tick), len(shown) * step, "grid")]
        parts.append(label(across(tick), len(shown) * step + 13, f"{tick:g} %", anchor="middle"))
    for row, metric in enumerate(shown):
        y = row * step + step / 2
        parts += [line(left, y, right, y, "grid"), label(left - 6, y + 4, metric, anchor="end")]
        for one in (o for o in apart if o.metric == metric):
            kind = f"clash c{order.index(facts.network(one.method).title) % 4}"
            low, high = (end((line["value"] for line in one.lines), key=Decimal) for end in (min, max))
            title = element("title", text(f"{_named(one, facts)}: {low} to {high}, {relative(one):.1f} % apart"))
            parts.append(element("circle", title, cx=across(relative(one)), cy=y, r=4.5, class_=kind))
    told = f"Spread of the scores that papers disagree on, up to {largest:.1f} % of their mean"
    return _figure(COLUMNS * SIDE, len(shown) * step + 20, told, parts)


def relative(shared: Shared) -> float:
    """Spread of a score in per cent of the mean of what is printed; 0 for a mean of 0."""
    mean = fmean(float(line["value"]) for line in shared.lines)
    return float(shared.spread / Decimal(str(mean)) * 100) if mean else 0.0


def _named(one: Shared, facts: FactTable) -> str:
    modality = f" ({one.modality.lower()})" if one.modality else ""
    return f"{facts.network(one.method).title}{modality}, {facts.dataset(one.dataset).title}, {one.metric}"


def _said(one: Shared, facts: FactTable) -> str:
    """What it is a score of, with every paper's value where they differ, and the shortest value where they agree."""
    if one.agrees:
        value = min((line["value"] for line in one.lines), key=len)
        return f"{_named(one, facts)}: {value} in {many(len({line['paper'] for line in one.lines}), 'paper')}"
    return f"{_named(one, facts)}: {'; '.join(_cited(line, facts) for line in one.lines)}"


def _cited(printed: Mapping[str, str], facts: FactTable) -> str:
    paper = facts.paper(printed["paper"])
    return f"{paper.cited if paper else printed['paper']} {printed['value']}"


def _ticks(largest: float) -> list[float]:
    step = next((s for s in (0.5, 1, 2, 5, 10, 20, 50) if largest / s <= 6), 100)
    return [n * step for n in range(int(largest / step) + 1)]


def _figure(width: float, height: float, told: str, parts: Sequence[str]) -> str:
    box = f"0 0 {width:g} {height:g}"
    return element("svg", *parts, viewBox=box, role="img", aria_label=told, class_="wide")
