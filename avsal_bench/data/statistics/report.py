"""Numbers of data sets for people and programs: a table as text, JSON, and one figure."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from avsal_bench.data.painting import new_figure, write_figure
from avsal_bench.data.statistics.stats import FoldStats, SetStats
from avsal_bench.files import write_atomically
from avsal_bench.text import many, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

#: Categories of a set whose mean maps are drawn, at most.
CATEGORIES_SHOWN = 8
#: Videos that a line of the table names before it counts the rest; JSON names all.
NAMED = 8

#: For each finding of ``Overlaps``, what the table calls it.
FINDINGS = {
    "leaks": "LEAK, in two parts of one fold",
    "tested_again": "tested in several folds",
    "never_tested": "never tested",
    "repeated": "twice in one list",
    "left_out": "in no list of a fold",
    "unequal": "frames or frame rate differ between lists",
}

NOTE = """\
videos      each counts once, in however many lists it stands; in a list, as often as it stands there
fixations   set pixels of a fixation map: viewers on one pixel count once; % empty is the share of frames without any
centre AUC  chance that a fixation is nearer the centre than a random pixel is: 0.5 without centre bias, at most 1
distance    mean distance of fixations from the centre in half diagonals; about 0.53 for uniform ones
            both are means over videos"""


def write_stats_json(stats: Sequence[SetStats], path: Path) -> None:
    """Write everything as JSON: a list with an object for each set, with the field names of :class:`SetStats`.

    Raises:
        OSError: naming the folder, when it cannot be written.
    """
    plain = [
        _without_nan(
            {
                **asdict(s),
                "map": s.map.tolist(),
                "category_maps": {kind: found.tolist() for kind, found in s.category_maps.items()},
            }
        )
        for s in stats
    ]
    write_atomically(path, json.dumps(plain, indent=1, allow_nan=False) + "\n")


def stats_table(stats: Sequence[SetStats]) -> str:
    """Text of the sets, their folds, what is odd about the lists, and what the columns mean."""
    sets = [_set_row(s) for s in stats]
    validated = any(fold.val for s in stats for fold in s.folds)
    head = [*FOLD_HEAD, *VAL_HEAD] if validated else FOLD_HEAD
    folds = [_fold_row(s, fold)[: len(head)] for s in stats for fold in s.folds]
    odd = [line for s in stats for line in findings(s)]
    return "\n\n".join(
        [
            text_table(SET_HEAD, sets, numbers=range(1, len(SET_HEAD))),
            text_table(head, folds, numbers=range(1, len(head))),
            "\n".join(odd) or "lists: nothing odd",
            NOTE,
        ]
    )


def findings(stats: SetStats) -> list[str]:
    """What is odd about the lists of a set, and which frames were read if not all: a line each, leaks first."""
    lines = []
    for field, title in FINDINGS.items():
        found = getattr(stats.overlaps, field)
        names = [f"{n} ({', '.join(map(str, found[n]))})" for n in found] if isinstance(found, dict) else list(found)
        if names:
            rest = f" and {len(names) - NAMED} more, see the JSON" if len(names) > NAMED else ""
            lines.append(f"{stats.name}: {title}: {', '.join(names[:NAMED])}{rest}")
    if stats.gaze.unfixated:
        lines.append(f"{stats.name}: no fixations at all: {', '.join(stats.gaze.unfixated)}")
    if stats.stride > 1:
        lines.append(f"{stats.name}: fixations of one frame in {stats.stride} only, {many(stats.gaze.frames, 'frame')}")
    return lines


def draw_stats(stats: Sequence[SetStats], path: Path) -> None:
    """Draw a row for each set as a PNG of 1600 pixels' width: mean fixation map, durations, fixations a frame.

    All sets have the same axes. The map is smoothed by a Gaussian of one cell of its grid, for the eye only. Below them
    stand the mean fixation maps of each category of the sets that have some (dave2019, Fig. 3), at most
    ``CATEGORIES_SHOWN`` of a set, those of the most videos.

    Raises:
        ValueError: for no set, or a name that does not end in .png.
        OSError: naming the folder, when it cannot be written.
    """
    if not stats:
        raise ValueError("no data set to draw; name at least one")
    kinds = [s for s in stats if len(s.category_maps) > 1]
    heights = [50 + 290 * len(stats), *(230 for _ in kinds)]
    figure = new_figure(1600, sum(heights))
    top, *below = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False).ravel()
    for part, s in zip(below, kinds, strict=True):
        _draw_categories(part, s)
    axes = top.subplots(len(stats), 3, squeeze=False, sharex="col", width_ratios=(1.25, 1, 1))
    edges = _duration_edges([seconds for s in stats for seconds in s.durations.values() if seconds] or [1.0])
    most = max(len(s.gaze.histogram) for s in stats)
    for row, s in zip(axes, stats, strict=True):
        _draw_map(row[0], s)
        _draw_durations(row[1], s, edges)
        _draw_counts(row[2], s, most)
    axes[-1][1].set_xlabel("duration, seconds (logarithmic)")
    axes[-1][2].set_xlabel("fixations a frame")
    axes[-1][0].set_xlabel("mean fixation map, root scale up to its maximum; +: centre")
    write_figure(figure, path)


def _draw_map(axes: Axes, s: SetStats) -> None:
    _show_map(axes, s.map)
    title = f"{s.name}: centre AUC {s.gaze.centre_auc:.3f}, distance {s.gaze.centre_distance:.2f}"
    axes.set_title(title, fontsize=12, loc="left", fontweight="bold")


def _draw_categories(part: SubFigure, s: SetStats) -> None:
    """The mean fixation map of each category, side by side."""
    shown = sorted(s.category_maps, key=lambda kind: (-s.category_videos[kind], kind))[:CATEGORIES_SHOWN]
    rest = len(s.category_maps) - len(shown)
    more = f"; {many(rest, 'category', plural='categories')} more in the JSON" if rest else ""
    part.suptitle(f"{s.name}: mean fixation maps by category{more}", fontsize=12, fontweight="bold", x=0.01, ha="left")
    places = part.subplots(1, max(CATEGORIES_SHOWN // 2, len(shown)), squeeze=False)[0]
    for axes, kind in zip(places, shown, strict=False):
        _show_map(axes, s.category_maps[kind])
        axes.set_title(f"{kind}, {many(s.category_videos[kind], 'video')}", fontsize=11, loc="left")
    for axes in places[len(shown) :]:
        axes.set_axis_off()


def _show_map(axes: Axes, found: NDArray[np.float64]) -> None:
    from matplotlib.colors import PowerNorm

    smooth = gaussian_filter(found, 1.0)
    rows, columns = found.shape
    # The root: the peak in the middle, which nearly every set has, would leave all else black.
    scale = PowerNorm(0.5, 0, max(float(smooth.max()), 1e-12))
    axes.imshow(smooth, cmap="magma", norm=scale, interpolation="bilinear", extent=(0, 1, 1, 0), aspect=rows / columns)
    axes.plot(0.5, 0.5, "+", color="#00c8e8", markersize=12, markeredgewidth=1.5)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_durations(axes: Axes, s: SetStats, edges: NDArray[np.float64]) -> None:
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    seconds = list(s.durations.values())
    if not any(seconds):
        axes.set_title(f"{s.videos} still images", fontsize=12, loc="left")
        axes.set_axis_off()
        return
    axes.hist(seconds, edges.tolist(), color="#4878a8")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("videos")
    _finish(
        axes,
        f"{many(s.videos, 'video')}, {many(s.frames, 'frame')}, {s.hours:.2f} h",
        float(np.median(seconds)),
        "%.1f s",
    )


def _draw_counts(axes: Axes, s: SetStats, most: int) -> None:
    share = 100 * np.array(s.gaze.histogram) / max(s.gaze.frames, 1)
    axes.bar(np.arange(len(share)), share, width=1.0, color="#4a9070")
    axes.set_xlim(-0.5, max(most, 2) - 0.5)
    axes.set_ylabel("% of frames")
    title = f"mean {s.gaze.mean:.1f}, none in {100 * s.gaze.empty:.1f} % of frames"
    _finish(axes, title, s.gaze.median, "%.4g")


def _finish(axes: Axes, title: str, median: float, form: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.axvline(median, color="#c03020", linewidth=1.5, linestyle="--", label=f"median {form % median}")
    axes.legend(fontsize=10, frameon=False)
    axes.set_title(title, fontsize=12, loc="left")
    axes.tick_params(labelsize=10, labelbottom=True)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.spines[["top", "right"]].set_visible(False)


def _duration_edges(seconds: Sequence[float]) -> NDArray[np.float64]:
    """Edges of 30 bins, equal on a logarithmic axis, with some room on both sides."""
    return np.geomspace(min(seconds) / 1.1, max(seconds) * 1.1, 31)


SET_HEAD = [
    *("set", "videos", "frames", "hours", "seconds: min", "median", "max"),
    *("fixations: mean", "median", "% empty", "centre AUC", "distance"),
]
FOLD_HEAD = [
    *("set", "fold", "train: videos", "frames", "hours", "fixations"),
    *("test: videos", "frames", "hours", "fixations"),
]
VAL_HEAD = ["validation: videos", "frames", "hours", "fixations"]


def _set_row(s: SetStats) -> list[str]:
    seconds = list(s.durations.values())
    return [
        *(s.name, f"{s.videos}", f"{s.frames}", f"{s.hours:.3f}"),
        *(f"{value:.1f}" for value in (min(seconds), float(np.median(seconds)), max(seconds))),
        *(_or_dash(s.gaze.mean, ".2f"), _or_dash(s.gaze.median, "g"), _or_dash(100 * s.gaze.empty, ".2f")),
        *(_or_dash(s.gaze.centre_auc, ".4f"), _or_dash(s.gaze.centre_distance, ".4f")),
    ]


def _or_dash(value: float, form: str) -> str:
    """A number, or a dash where there is none: of a list without videos, or of ground truth that is kept back."""
    return "-" if math.isnan(value) else format(value, form)


def _fold_row(s: SetStats, fold: FoldStats) -> list[str]:
    row = [s.name, str(fold.fold) if len(s.folds) > 1 else "all"]
    for part in (fold.train, fold.test, fold.val):
        row += (
            [f"{part.videos}", f"{part.frames}", f"{part.hours:.3f}", _or_dash(part.fixations, ".2f")]
            if part
            else [""] * 4
        )
    return row


def _without_nan(value: Any) -> Any:
    """The same with None for NaN, which JSON has no word for."""
    if isinstance(value, dict):
        return {key: _without_nan(v) for key, v in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
