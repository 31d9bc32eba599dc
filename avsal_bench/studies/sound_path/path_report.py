"""What was found on the way of the sound: in words, as tables, as CSV, and as a figure of bars along the path."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path as File

from avsal_bench.data.painting import fits, new_figure, write_figure
from avsal_bench.files import write_atomically
from avsal_bench.studies.sound_path.sound_gradients import Learning
from avsal_bench.studies.sound_path.sound_shares import MAP, THRESHOLD, Part, Path, lost_at
from avsal_bench.text import many, text_table

#: Colours of bars, by the part of the network that they are of (Okabe and Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
#: Pixels: of a bar, of what is beside them, and of the whole width.
BAR, BESIDE, WIDTH = 18, 110, 900
#: Shares below this are drawn as this.
FLOOR = 1e-5


def percent(value: float | None) -> str:
    """A share or another part of a whole, in percent; what is exactly nothing is 0.

    >>> [percent(value) for value in (0.3412, 0.02, 0.00001, 0.0, None, math.inf)]
    ['34 %', '2.00 %', 'under 0.01 %', '0 %', '-', 'all']
    """
    if value is None:
        return "-"
    if math.isinf(value):
        return "all"
    if 0 < value < 0.00005:
        return "under 0.01 %"
    return f"{100 * value:.0f} %" if value >= 0.0995 or not value else f"{100 * value:.2f} %"


def sentence(path: Path, threshold: float = THRESHOLD) -> str:
    """Where the sound is, and where it is lost, in words: shares, with the relative change in brackets."""
    last = path.parts[-1]
    top = [part for part in path.parts if part.depth == 1]
    shares = [f"{percent(part.share)} of {_the(part)} ({percent(part.change)})" for part in top]
    told = f"{path.sound}: the sound is {', '.join(shares)}; "
    told += f"CC of the maps {path.map_cc:.4f}, {many(path.windows, 'window')}."
    if lost := lost_at(path, threshold):
        taken = "" if lost.first.taken is None else f", and takes {percent(lost.first.taken)}"
        told += (
            f" The last part with {percent(threshold)} or more is {lost.last.name} ({percent(lost.last.share)}); "
            f"the next, {lost.first.name}, gives {percent(lost.first.share)}{taken}."
        )
    elif (last.share or 0.0) >= threshold:
        told += " It reaches the map."
    else:
        told += f" No part has {percent(threshold)} of it."
    return told


def _the(part: Part) -> str:
    return "the map" if part.name == MAP else f"{part.name}'s output"


def path_table(paths: Mapping[str, Path]) -> str:
    """A row a part, in the order in which they are through: shares with each sound, and more with the first."""
    first = next(iter(paths.values()))
    header = ["part", "class", "takes", *(f"gives, {name}" for name in paths), "change", "changed", "zeros", "ways"]
    rows = []
    for part in first.parts:
        others = [path.of(part.name) for path in paths.values()]
        rows.append(
            [
                "  " * (part.depth - 1) + part.name,
                part.kind,
                percent(part.taken),
                *(percent(other.share if other else None) for other in others),
                percent(part.change),
                percent(part.changed),
                percent(part.zeros),
                f"{part.ways:.1f}",
            ]
        )
    return text_table(header, rows, numbers=range(2, len(header)))


def learning_table(learnt: Sequence[Learning]) -> str:
    """A row a part of the network: the gradient that comes back to it."""
    header = ["part", "parameters", "gradient", "of all", "one value", "of its weights", "cosine", "apart", "steady"]
    whole = math.fsum(one.norm**2 for one in learnt)
    rows = [
        [
            one.name or "(itself)",
            f"{one.parameters:,}",
            f"{one.norm:.3g}",
            percent(one.norm / math.sqrt(whole) if whole else 0.0),
            f"{one.element:.1e}",
            f"{one.rate:.3g}",
            *("-" if value is None else f"{value:.3f}" for value in (one.cosine, one.apart, one.steady)),
        ]
        for one in learnt
    ]
    return text_table(header, rows, numbers=range(1, len(header)))


def write_path(file: File, paths: Mapping[str, Path], learnt: Sequence[Learning] = ()) -> None:
    """Write all of it as CSV: a row for each part and sound, and one for the gradient of each part.

    Raises:
        OSError: naming the folder, when it cannot be written.
    """
    fields = ["sound", "part", "class", "depth", "takes", "share", "change", "changed", "zeros", "ways", "map_cc"]
    grads = ["parameters", "gradient", "one_value", "of_weights", "cosine", "apart", "steady"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*fields, *grads])
    for name, path in paths.items():
        for p in path.parts:
            values = (p.taken, p.share, p.change, p.changed, p.zeros, p.ways, path.map_cc if p.name == MAP else None)
            writer.writerow([name, p.name, p.kind, p.depth, *map(_cell, values), *[""] * len(grads)])
    for one in learnt:
        about = (one.norm, one.element, one.rate, one.cosine, one.apart, one.steady)
        empty = [""] * (len(fields) - 2)
        writer.writerow(["gradient", one.name, *empty, one.parameters, *map(_cell, about)])
    write_atomically(file, text.getvalue())


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def draw_path(paths: Mapping[str, Path], title: str, file: File, threshold: float = THRESHOLD) -> None:
    """Draw the shares along the path, first part on top: a bar with the first sound, a mark with each other.

    Raises:
        ValueError: for a name that does not end in .png.
        OSError: naming the folder, when it cannot be written.
    """
    names = list(paths)
    first = paths[names[0]]
    parts = list(first.parts)
    whole = list(dict.fromkeys(part.name.split(".")[0] for part in parts))
    figure = new_figure(WIDTH, BESIDE + BAR * len(parts))
    axes = figure.subplots()
    places = range(len(parts))
    colours = [
        "#000000" if part.name == MAP else COLOURS[whole.index(part.name.split(".")[0]) % len(COLOURS)]
        for part in parts
    ]
    axes.barh(places, [_drawn(part) for part in parts], color=colours, alpha=0.85, height=0.75, left=FLOOR)
    for marker, name in zip("|xo+", names[1:], strict=False):
        found = [paths[name].of(part.name) for part in parts]
        axes.plot([FLOOR + _drawn(p) for p in found], places, marker, color="#444444", markersize=5, label=name)
    rows = axes.get_yaxis_transform()
    for place, part in zip(places, parts, strict=True):
        axes.text(FLOOR * 1.15 + _drawn(part) * 1.05, place, percent(part.share), va="center", fontsize=7)
        if part.ways:
            axes.text(0.995, place, f"{part.ways:.1f} ", transform=rows, ha="right", va="center", fontsize=7)
    axes.axvline(threshold, color="#888888", linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.set_xlim(FLOOR, 8)
    axes.set_yticks(places, ["  " * (part.depth - 1) + part.name for part in parts], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel(f"share of the sound in what the part gives, {names[0]}; on the right, ways", fontsize=8)
    axes.tick_params(axis="x", labelsize=7)
    axes.grid(axis="x", alpha=0.3)
    if len(names) > 1:
        axes.legend(fontsize=7, frameon=False, loc="lower center")
    figure.suptitle(fits(title, WIDTH, 16), fontsize=10, parse_math=False)
    write_figure(figure, file)


def _drawn(part: Part | None) -> float:
    """Length of a bar."""
    share = part.share if part is not None else None
    return 0.0 if share is None else min(share, 5.0)
