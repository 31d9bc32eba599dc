"""Figures of who uses the sound: trained and printed with it and without, tested with another sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean

from avsal_bench.leaderboard.known_facts import FactTable
from avsal_bench.leaderboard.page.parts.cells import number
from avsal_bench.leaderboard.page.science.sound_facts import PrintedGain, Trained
from avsal_bench.leaderboard.page.svg import element, label, line, text
from avsal_bench.leaderboard.sound_losses import SoundLoss
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.text import fixed, many

ROW, WIDTH, RIGHT = 26, 560, 500
#: Lines of the figure of records, those that lose most: a leaderboard of many rows has a table besides.
MOST = 24


def trained_figure(found: Sequence[Trained], facts: FactTable, left: int = 222) -> str:
    """For each network CC without the sound and with it, a faint mark a seed, and the mean gain in numbers."""
    ends = [value for one in found for value in (*one.without, *one.sound)]
    across = _scale(min(ends), max(ends), left)
    parts = _grid(across, min(ends), max(ends), len(found), left)
    for row, one in enumerate(found):
        y = row * ROW + ROW / 2
        title = facts.network(one.label).called
        a, b = fmean(one.without), fmean(one.sound)
        said = f"{title}: CC {fixed(a)} trained without the sound, {fixed(b)} with it, {many(len(one.sound), 'seed')}"
        parts.append(label(left - 8, y + 4, title, anchor="end"))
        seeds = [element("circle", cx=across(v), cy=y, r=2, class_="seed") for v in (*one.without, *one.sound)]
        ends_ = [
            element("circle", cx=across(a), cy=y, r=5, class_="from"),
            element("circle", cx=across(b), cy=y, r=5, class_="to"),
        ]
        inside = [element("title", text(said)), line(across(a), y, across(b), y, "move"), *seeds, *ends_]
        parts.append(element("g", *inside))
        kind = "gain" if one.gain > 0.02 else "none"
        parts.append(label(WIDTH - 4, y + 4, number(one.gain, "CC", sign=True), kind, "end"))
    return _figure(len(found), "CC on synth of networks trained with the sound, and without it", parts)


def printed_figure(found: Sequence[PrintedGain], facts: FactTable, left: int = 250) -> str:
    """For each method and paper a mark a set: CC with the sound less CC without it, as printed."""
    ends = [value for one in found for value in one.gains.values()]
    low, high = min(0.0, *ends), max(0.0, *ends)
    across = _scale(low, high, left)
    parts = _grid(across, low, high, len(found), left)
    parts.append(line(across(0), 0, across(0), ROW * len(found), "base"))
    told = Counter((one.method, one.paper) for one in found)
    for row, one in enumerate(found):
        y = row * ROW + ROW / 2
        paper = facts.paper(one.paper)
        trained = {"none": "no pre-training", "dhf1k": "DHF1K first", "other": "other sets first"}
        how = trained.get(one.pretrain, "pre-training not stated")
        own = facts.network(one.method)
        where = "its own paper" if paper in own.papers else (paper.cited if paper else one.paper)
        further = f", {how}" if told[one.method, one.paper] > 1 else ""
        parts.append(label(left - 8, y + 4, f"{own.title}, {where}{further}", anchor="end"))
        for name, gain in one.gains.items():
            said = f"{own.title} in {where}, {how}, {facts.dataset(name).title}: {number(gain, 'CC', sign=True)}"
            kind = "minus" if gain < 0 else "plus"
            parts.append(element("circle", element("title", text(said)), cx=across(gain), cy=y, r=4, class_=kind))
        parts.append(label(WIDTH - 4, y + 4, number(one.mean, "CC", sign=True), anchor="end"))
    return _figure(len(found), "CC with the sound less CC without it, as papers print both", parts)


def lost_figure(found: Sequence[tuple[SoundLoss, Interval]], facts: FactTable, left: int = 250) -> str:
    """For each network, set and sound of the records the mean loss in CC, with its interval."""
    shown = sorted(found, key=lambda one: -one[1].mean)[:MOST]
    ends = [v for _, i in shown for v in (i.mean, i.low, i.high) if v == v]  # NaN differs from itself
    low, high = min(0.0, *ends), max(0.0, *ends)
    across = _scale(low, high, left)
    parts = _grid(across, low, high, len(shown), left)
    parts.append(line(across(0), 0, across(0), ROW * len(shown), "base"))
    for row, (one, interval) in enumerate(shown):
        y = row * ROW + ROW / 2
        title, where = facts.network(one.model).called, facts.dataset(one.dataset).title
        parts.append(label(left - 8, y + 4, f"{title}, {where}, {one.sound}", anchor="end"))
        said = f"{title} on {where} with sound {one.sound}: loses {number(interval.mean, 'CC', sign=True)} CC"
        marks = [element("circle", cx=across(interval.mean), cy=y, r=4, class_="to")]
        if interval.low == interval.low:
            marks.insert(0, line(across(interval.low), y, across(interval.high), y, "move"))
        parts.append(element("g", element("title", text(said)), *marks))
        parts.append(label(WIDTH - 4, y + 4, number(interval.mean, "CC", sign=True), anchor="end"))
    return _figure(len(shown), "Loss in CC with another sound than the true one", parts)


def _scale(low: float, high: float, left: int) -> Callable[[float], float]:
    wide = (high - low) or 1.0
    return lambda value: left + (RIGHT - left) * (value - low + 0.04 * wide) / (1.08 * wide)


def _grid(across: Callable[[float], float], low: float, high: float, rows: int, left: int) -> list[str]:
    step = next((s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / s <= 6), 1.0)
    first, last = round(low / step - 0.499), round(high / step + 0.499)
    parts = [line(left, n * ROW + ROW / 2, RIGHT, n * ROW + ROW / 2, "grid") for n in range(rows)]
    for n in range(first, last + 1):
        if left <= across(n * step) <= RIGHT:
            parts.append(line(across(n * step), 0, across(n * step), rows * ROW, "grid"))
            digits = 2 if step < 0.1 else 1
            parts.append(label(across(n * step), rows * ROW + 13, fixed(n * step, digits), anchor="middle"))
    return parts


def _figure(rows: int, told: str, parts: Sequence[str]) -> str:
    box = f"0 0 {WIDTH} {rows * ROW + 20}"
    return element("svg", *parts, viewBox=box, role="img", aria_label=told, class_="wide")
