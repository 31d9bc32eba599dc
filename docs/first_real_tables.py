"""Tables of :mod:`first_real_scores`, as text, and small things that it needs."""

from __future__ import annotations

import math
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avsal_bench.evaluation import list_protocols
from avsal_bench.files import write_atomically
from avsal_bench.records import METRICS
from avsal_bench.text import fixed

#: Both forms of the fixation maps: as they should be, and as the authors' script sets them.
FORMS = ("pairs", "as_published")
#: Where the measured numbers stand in a page.
MARKERS = ("<!-- numbers: begin -->", "<!-- numbers: end -->")
NAMES = {"human": "human infinite", "human wide": "human infinite, width 1.5"}


def mean(row: Sequence[float]) -> float:
    """Over the frames that have a score."""
    defined = [v for v in row if not math.isnan(v)]
    return math.fsum(defined) / len(defined) if defined else math.nan


def row_of(name: str, scores: dict[str, list[float]], metrics: Sequence[str] = METRICS) -> str:
    """A line of a table."""
    return f"| {NAMES.get(name, name)} | " + " | ".join(fixed(mean(scores[m])) for m in metrics) + " |"


def table(first: str, titles: Sequence[str], rows: Sequence[str]) -> str:
    """A table of numbers, with its head."""
    return "\n".join([f"| {first} | {' | '.join(titles)} |", f"| --- |{' ---: |' * len(titles)}", *rows])


def moves(found: dict[str, Any]) -> str:
    """How far the form of the fixation maps moves three scores, for each predictor and protocol, and the ranks."""
    metrics = ("NSS", "AUC-J", "sAUC")
    who = [name for name in found if "as_published" in found[name]]
    rows, ranks = [], []
    for name in list_protocols():
        for metric in metrics:
            both = {p: [mean(found[p][form][name][metric]) for form in FORMS] for p in who}
            order = [sorted(who, key=lambda p, i=i: -both[p][i]) for i in (0, 1)]
            cells = (f"{a:.3f} → {b:.3f} ({fixed(b - a, sign=True)})" for a, b in both.values())
            changed = "yes" if order[0] != order[1] else "no"
            rows.append(f"| {name} | {metric} | {' | '.join(cells)} | {changed} |")
            ranks += [f"{metric} of {name}"] if changed == "yes" else []
    head = f"| protocol | score | {' | '.join(who)} | order changes |\n| --- | --- |{' ---: |' * len(who)} --- |"
    said = f"The order of the {len(who)} changes in {len(ranks)} of {3 * len(list_protocols())} columns"
    return "\n".join([head, *rows, "", f"{said}{': ' + ', '.join(ranks) if ranks else ''}."])


def between_markers(path: Path, text: str) -> bool:
    """Write a text between the markers of a page, set off by blank lines; whether it has them."""
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    if not all(marker in old for marker in MARKERS):
        return False
    before, rest = old.split(MARKERS[0], 1)
    _, after = rest.split(MARKERS[1], 1)
    write_atomically(path, f"{before}{MARKERS[0]}\n\n{text}\n\n{MARKERS[1]}{after}")
    return True


def centre_map(size: tuple[int, int]) -> Tensor:
    """A Gaussian of 0.2 of each side in the middle, as the baseline ``centre`` has it: ``(h, w)``."""
    y, x = (torch.exp(-(((torch.arange(n) - (n - 1) / 2) / (0.2 * n)) ** 2) / 2).double() for n in size)
    return y[:, None] * x[None]


def processor_seconds() -> float:
    """Of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def raw_files(real: Path) -> list[Path]:
    """The raw files that are read."""
    return [
        real / "dhf1k_002/002.AVI",
        *sorted((real / "dhf1k_002/gaze").glob("*.txt")),
        *sorted((real / "diem_gaze").glob("*.txt")),
    ]
