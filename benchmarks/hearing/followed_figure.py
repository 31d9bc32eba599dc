"""The figure of trainings that were followed: a panel a quantity, over steps, and a line a seed."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from avsal_bench.data.painting import new_figure, write_figure

#: Colours of seeds (Okabe and Ito), which colour-blind people can tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
#: Columns of panels, and pixels of each.
ACROSS, WIDTH, HEIGHT = 3, 420, 260

Columns = dict[str, list[float]]

#: Title of a panel, and what it draws: a column, how its line looks, and what that is called where there are several.
Panel = tuple[str, list[tuple[str, str, str]]]


def read_rows(path: Path) -> Columns:
    """The columns of a CSV of a training; NaN where a row has nothing.

    Raises:
        ValueError: naming the file, for one without steps.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or "step" not in rows[0]:
        raise ValueError(f"{path}: no rows of a training that was followed; remove it, and follow again")
    return {name: [float(row[name]) if row[name] else math.nan for row in rows] for name in rows[0]}


def panels(columns: Sequence[str]) -> list[Panel]:
    """What is drawn of some columns: scores, losses, the share of the sound, and gradients, of whole parts."""
    kinds = {"own": ("cc", "-"), "muted": ("cc_muted", "--"), "swapped": ("cc_swapped", ":")}
    found: list[Panel] = []
    for scenes, said in (("sounding", "sounding"), ("others", "other")):
        found.append((f"CC, {said} scenes", [(f"{c}/{scenes}", line, n) for n, (c, line) in kinds.items()]))
    both = (("sounding", "-"), ("others", "--"))
    for name, title in (("train_loss", "loss of training batches"), ("val_loss", "loss of watched windows")):
        found.append((title, [(f"{name}/{scenes}", line, scenes) for scenes, line in both]))
    words = {"share": "share of the sound", "ways": "ways in which outputs differ over sounds", "gradient": "gradient"}
    for kind, said in words.items():
        whole = [c for c in columns if c.startswith(f"{kind}/") and "." not in c]
        found += [(f"{said}: {c.partition('/')[2]}", [(c, "-", "")]) for c in whole]
    return [(title, [line for line in lines if line[0] in columns]) for title, lines in found]


def draw_followed(paths: Sequence[Path], out: Path, title: str) -> None:
    """Draw the trainings of some seeds, by their CSVs, as PNG."""
    runs = {path.stem.removesuffix("-so-far"): read_rows(path) for path in paths}
    names = list(dict.fromkeys(name for run in runs.values() for name in run))
    shown = [panel for panel in panels(names) if panel[1]]
    down = -(-len(shown) // ACROSS)
    figure = new_figure(ACROSS * WIDTH, down * HEIGHT + 40)
    grid = figure.subplots(down, ACROSS, squeeze=False)
    for axes, (name, lines) in zip(grid.flat, shown, strict=False):
        for number, (seed, run) in enumerate(runs.items()):
            for column, style, what in lines:
                label = f"{seed} {what}".strip() if number == 0 or style == "-" else None
                values = run.get(column, [math.nan] * len(run["step"]))
                axes.plot(run["step"], values, style, color=COLOURS[number % len(COLOURS)], linewidth=1.2, label=label)
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
        if name.startswith("gradient"):
            axes.set_yscale("log")
        if name.startswith(("CC", "loss")):
            axes.legend(fontsize=6, frameon=False)
    for axes in list(grid.flat)[len(shown) :]:
        axes.set_axis_off()
    figure.suptitle(f"{title}: {', '.join(runs)}, over steps", fontsize=11, parse_math=False)
    write_figure(figure, out)
