"""Pictures of losses with other sounds over the time of the videos: one a row, as SVG and as PNG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from avsal_bench.files import whole_file
from avsal_bench.leaderboard.escaping import for_plot
from avsal_bench.leaderboard.sound_losses import ALL, SoundLoss
from avsal_bench.records import CURVE_PARTS

#: Metrics that are drawn, a line of pictures for each.
DRAWN = ("CC", "NSS")
#: Dots an inch of the PNG; inches of one picture of a sound; colours of the loss and of zero.
DPI, WIDE, HIGH = 120, 2.6, 2.2
LOSS, ZERO = "#1f5fa8", "0.35"


def draw_losses(losses: Iterable[SoundLoss], folder: Path) -> list[Path]:
    """Draw what each row loses over time with each sound, with 95 % bands over videos.

    Args:
        losses: of any rows; those without curves, as of records without scores over time, are left out.
        folder: of the pictures, ``<network>-<preset>-<set>-<protocol>-losses``; it is made.

    Returns:
        The pictures that were written, an SVG and a PNG a row.
    """
    shown = [one for one in losses if one.part == ALL and one.curves]
    written = []
    for row, of_row in groupby(shown, key=lambda one: one.row):
        model, preset, protocol, dataset = row
        figure = _figure(list(of_row), f"{model} ({preset}) on {dataset}, protocol {protocol}")
        folder.mkdir(parents=True, exist_ok=True)
        name = "-".join(filter(None, (model, preset, dataset, protocol, "losses")))
        written += [_write(figure, folder / f"{name}.{form}", form) for form in ("svg", "png")]
    return written


def _figure(losses: Sequence[SoundLoss], title: str) -> Figure:
    metrics = [metric for metric in DRAWN if any(metric in one.curves for one in losses)]
    size = (0.6 + WIDE * max(2, len(losses)), 0.8 + HIGH * len(metrics))
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(len(metrics), len(losses), squeeze=False, sharex=True, sharey="row")
    figure.suptitle(
        for_plot(f"{title}: what is lost over time, mean over videos with 95 % band"),
        fontsize=11,
        x=0.01,
        horizontalalignment="left",
    )
    for line, metric in zip(grid, metrics, strict=True):
        for axes, one in zip(line, losses, strict=True):
            _draw(axes, one, metric)
        line[0].set_ylabel(f"loss in {metric}")
    for axes, one in zip(grid[0], losses, strict=True):
        axes.set_title(one.sound, fontsize=10, loc="left")
    for axes in grid[-1]:
        axes.set_xlabel("part of the video, %")
    return figure


def _draw(axes: Axes, one: SoundLoss, metric: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.axhline(0, color=ZERO, linewidth=0.8)
    axes.set_xlim(0, 100)
    curve = one.curves.get(metric)
    if curve is None:
        return
    x = (np.arange(CURVE_PARTS) + 0.5) / CURVE_PARTS * 100
    axes.fill_between(x, curve.low, curve.high, color=LOSS, alpha=0.18, linewidth=0)
    axes.plot(x, curve.mean, color=LOSS, linewidth=1.6)


def _write(figure: Figure, path: Path, form: str) -> Path:
    """Write a picture, whole or not at all; the same bytes for the same numbers."""
    with whole_file(path) as temporary, matplotlib.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none"}):
        if form == "svg":
            FigureCanvasSVG(figure)
            figure.savefig(temporary, format="svg", metadata={"Date": None})
        else:
            FigureCanvasAgg(figure)
            figure.savefig(temporary, format="png", dpi=DPI)
    return path
