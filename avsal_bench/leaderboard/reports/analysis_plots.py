"""Pictures of the analyses of records: bars by category, curves over time, best and worst videos, contextual NSS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib
import matplotlib.image
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from avsal_bench.files import whole_file
from avsal_bench.leaderboard.analysis import Contextual
from avsal_bench.leaderboard.escaping import for_plot
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.leaderboard.tables import Score

#: Dots an inch of all pictures.
DPI = 120
Colour = tuple[float, float, float]
COLOURS: Sequence[Colour] = matplotlib.colormaps["tab10"].colors  # type: ignore[attr-defined]


def draw_categories(scores: Mapping[str, Sequence[Score]], names: Sequence[str], metric: str, path: Path) -> None:
    """Bars of each network's score in each category, with 95 % intervals."""
    bars = {kind: [(s.value, s.low, s.high) for s in row] for kind, row in scores.items()}
    _bars(bars, _colours(names), metric, f"{metric} by category, with 95 % intervals over videos", path)


def draw_contextual(found: Mapping[str, Contextual], words: Mapping[str, str], path: Path) -> None:
    """Bars of each network's NSS on the sounding thing, elsewhere, and on all of the frame, with 95 % intervals.

    Args:
        found: by network; those without scores are left out.
        words: what each place is called.
        path: of the PNG.
    """
    shown = {name: c.scores for name, c in found.items() if c.scores}
    bars = {
        word: [(s[place].mean, s[place].low, s[place].high) for s in shown.values()] for place, word in words.items()
    }
    title = "NSS where a sounding thing is seen, with 95 % intervals over videos"
    _bars(bars, {name: colour for name, colour in _colours(found).items() if name in shown}, "NSS", title, path)


def _colours(names: Iterable[str]) -> dict[str, Colour]:
    """The colour of each network, the same in all pictures."""
    return dict(zip(names, COLOURS, strict=False))


def _bars(
    bars: Mapping[str, Sequence[tuple[float, float, float]]],
    colours: Mapping[str, Colour],
    metric: str,
    title: str,
    path: Path,
) -> None:
    figure, axes = _figure(max(6.0, 1.2 + len(bars) * (0.5 + 0.28 * len(colours))), 4.0)
    width = 0.8 / len(colours)
    for n, (name, colour) in enumerate(colours.items()):
        x = np.arange(len(bars)) + (n - (len(colours) - 1) / 2) * width
        values = np.array([of[n] for of in bars.values()])
        reach = abs(values[:, 1:] - values[:, :1]).T
        axes.bar(x, values[:, 0], width * 0.92, label=for_plot(name), color=colour)
        known = ~np.isnan(reach).any(axis=0)
        axes.errorbar(x[known], values[known, 0], reach[:, known], fmt="none", ecolor="black", elinewidth=1, capsize=2)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(bars)), [*map(for_plot, bars)])
    axes.set_ylabel(metric)
    _finish(figure, axes, title, path)


def draw_time(curves: Mapping[str, Sequence[Interval]], metric: str, path: Path) -> None:
    """A line for each network over the normalised time of the videos, in its band of 95 % over videos."""
    figure, axes = _figure(8.0, 4.2)
    for (name, curve), colour in zip(curves.items(), _colours(curves).values(), strict=True):
        x = (np.arange(len(curve)) + 0.5) / len(curve) * 100
        axes.plot(x, [part.mean for part in curve], label=for_plot(name), color=colour, linewidth=1.8)
        low, high = ([getattr(part, side) for part in curve] for side in ("low", "high"))
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set_xlim(0, 100)
    axes.set_xlabel("part of the video, %")
    axes.set_ylabel(metric)
    _finish(figure, axes, f"{metric} over time, mean over videos with 95 % band", path)


def draw_cases(pictures: Sequence[tuple[str, Path]], title: str, path: Path) -> None:
    """The pictures of some videos below each other: each has rows of frames, of ground truth, and of the prediction.

    Args:
        pictures: a caption and a PNG for each.
        title: of them all.
        path: of the PNG to write.
    """
    images = [matplotlib.image.imread(picture) for _, picture in pictures]
    widest = max(image.shape[1] for image in images)
    inches = 11.0
    heights = [image.shape[0] / widest * inches for image in images]
    captions = 0.3
    total = sum(heights) + captions * len(images) + 0.45
    figure = Figure(figsize=(inches, total), dpi=DPI)
    figure.suptitle(for_plot(title), fontsize=12, y=1 - 0.12 / total, verticalalignment="top")
    top = total - 0.45
    for (caption, _), image, height in zip(pictures, images, heights, strict=True):
        top -= captions + height
        axes = figure.add_axes((0, top / total, image.shape[1] / widest, height / total))
        axes.imshow(image)
        axes.set_axis_off()
        axes.set_title(for_plot(caption), fontsize=9, loc="left", pad=3)
    _write(figure, path)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    return figure, axes


def _finish(figure: Figure, axes: Axes, title: str, path: Path) -> None:
    axes.set_title(for_plot(title), fontsize=10, loc="left")
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 4), frameon=False, fontsize=9)
    _write(figure, path)


def _write(figure: Figure, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    FigureCanvasAgg(figure)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)
