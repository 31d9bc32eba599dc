"""Pictures of what goes by frames: the distribution of scores, and mean maps by category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from avsal_bench.files import whole_file
from avsal_bench.leaderboard.escaping import for_plot
from avsal_bench.leaderboard.reports.analysis_plots import COLOURS, DPI

Array = NDArray[np.float64]


def draw_distribution(
    shares: Mapping[str, Array], means: Mapping[str, float], edges: Array, metric: str, path: Path
) -> None:
    """A line for each network: the share of its frames in each bar of scores; a dashed one at its mean.

    Args:
        shares: by network, of each bar.
        means: by network, over frames.
        edges: of the bars.
        metric: of the scores.
        path: of the PNG.
    """
    figure = Figure(figsize=(8.0, 4.2), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    for (name, values), colour in zip(shares.items(), COLOURS, strict=False):
        axes.stairs(100 * values, edges, label=for_plot(name), color=colour, linewidth=1.5)
        axes.axvline(means[name], color=colour, linewidth=1, linestyle="--")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0)
    axes.set_xlabel(f"{metric} of a frame; dashed: mean")
    axes.set_ylabel("% of frames")
    axes.set_title(f"Distribution of {metric} over frames", fontsize=10, loc="left")
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 4), frameon=False, fontsize=9)
    _write(figure, path)


def draw_mean_maps(rows: Mapping[str, Mapping[str, Array]], words: Mapping[str, Mapping[str, str]], path: Path) -> None:
    """A row of maps for people and for each network, a column for each category.

    Each map is smoothed by one cell of its grid and has a scale of its own, up to its maximum: what is compared is
    where they look.

    Args:
        rows: by name, and category.
        words: what stands above each map.
        path: of the PNG.
    """
    kinds = list(dict.fromkeys(kind for maps in rows.values() for kind in maps))
    width, height = max(6.0, 2.4 * len(kinds)), 1.75 * len(rows) + 0.5
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    figure.suptitle("Mean maps, root scale up to the maximum of each; +: centre", fontsize=10, x=0.01, ha="left")
    places = figure.subplots(len(rows), len(kinds), squeeze=False)
    for line, (name, maps) in zip(places, rows.items(), strict=True):
        for axes, kind in zip(line, kinds, strict=True):
            axes.set_xticks([])
            axes.set_yticks([])
            if kind not in maps:
                axes.set_axis_off()
                continue
            smooth = gaussian_filter(maps[kind], 1.0)
            across = smooth.shape[0] / smooth.shape[1]
            norm = PowerNorm(0.5, 0, max(float(smooth.max()), 1e-12))
            axes.imshow(smooth, cmap="magma", norm=norm, interpolation="bilinear", extent=(0, 1, 1, 0), aspect=across)
            axes.plot(0.5, 0.5, "+", color="#00c8e8", markersize=9, markeredgewidth=1.2)
            axes.set_title(for_plot(words[name].get(kind, kind)), fontsize=8, loc="left", pad=3)
        line[0].set_ylabel(for_plot(_wrapped(name)), fontsize=8)
    _write(figure, path)


def _wrapped(name: str, longest: int = 18) -> str:
    lines: Sequence[str] = [name[k : k + longest] for k in range(0, len(name), longest)]
    return "\n".join(lines[:3])


def _write(figure: Figure, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    FigureCanvasAgg(figure)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)
