"""Norms of the gradient over the epochs of trainings, from their records, side by side (mspi2024, Fig. 7)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator

from avsal_bench.files import whole_file, write_atomically
from avsal_bench.leaderboard.escaping import for_csv, for_plot
from avsal_bench.leaderboard.reports.analysis_plots import COLOURS, DPI
from avsal_bench.names import unknown
from avsal_bench.records import Record, read_record
from avsal_bench.text import many, text_table

#: Trainings side by side, at most: as many as a plot has colours.
MOST = len(COLOURS)


@dataclass(frozen=True)
class Norms:
    """One training: its name, and by epoch, from 1, the mean norm over its steps."""

    name: str
    stage: str
    by_epoch: dict[int, float]


def read_norms(paths: Sequence[Path], stage: str = "", epochs: int = 0) -> list[Norms]:
    """The norms that the trainings of some records had.

    Args:
        paths: of records.
        stage: of the recipe; "" for the last one of each.
        epochs: the first so many; 0 for all.

    Raises:
        FileNotFoundError: naming a file that is not there.
        ValueError: naming a file that is no record, one without a training or that stage, or whose training did not
            keep its norms; and for too many.
    """
    if len(paths) > MOST:
        raise ValueError(f"{many(len(paths), 'record')}; at most {MOST} can be told apart side by side, name fewer")
    records = {}
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"no file {path}; records lie in leaderboard/records/<protocol>/<set>")
        if path.resolve() in records:
            raise ValueError(f"{path} is given twice")
        records[path.resolve()] = path, read_record(path)
    names = _names([*records.values()])
    return [
        _norms(path, record, name, stage, epochs) for (path, record), name in zip(records.values(), names, strict=True)
    ]


def _names(records: Sequence[tuple[Path, Record]]) -> list[str]:
    """A name for each: the network, with the folder of the leaderboard where two are of one network, such as that of a
    row of an ablation, and with fold and seed where that does not do."""
    names = [record.network for _, record in records]
    above = [path.resolve().parents[3].name if len(path.resolve().parents) > 3 else "" for path, _ in records]
    if len(set(names)) < len(names):
        names = [f"{name}, {folder}" for name, folder in zip(names, above, strict=True)]
    if len(set(names)) < len(names):
        names = [f"{name}, fold {r.fold}, seed {r.seed}" for name, (_, r) in zip(names, records, strict=True)]
    if len(set(names)) < len(names):
        names = [f"{name} ({path.name})" for name, (path, _) in zip(names, records, strict=True)]
    return names


def _norms(path: Path, record: Record, name: str, stage: str, epochs: int) -> Norms:
    fits = {str(fit.get("stage") or ""): fit for fit in record.provenance.get("fits") or ()}
    if not fits:
        raise ValueError(f"{path}: tells of no training")
    if stage and stage not in fits:
        raise ValueError(f"{path}: {unknown('stage', stage, fits)}")
    chosen = stage or list(fits)[-1]
    found = {
        int(point["epoch"]): float(point["grad_norm"])
        for point in fits[chosen].get("curve") or ()
        if point.get("grad_norm") is not None and point.get("epoch") is not None
    }
    if not found:
        raise ValueError(
            f"{path}: stage {chosen!r} was trained before norms of the gradient were kept; train it anew "
            "(`avsal bench` with --force)"
        )
    return Norms(name, chosen, {epoch: norm for epoch, norm in sorted(found.items()) if not epochs or epoch <= epochs})


def norms_table(found: Sequence[Norms]) -> str:
    """A line for each training: its first and last epoch, the least and the largest norm."""
    body = []
    for one in found:
        first, *_, last = [*one.by_epoch, *one.by_epoch]
        values = one.by_epoch
        least, largest = min(values.values()), max(values.values())
        body.append(
            [
                one.name,
                one.stage,
                str(len(values)),
                *(f"{v:.3g}" for v in (values[first], values[last], least, largest)),
            ]
        )
    return text_table(["training", "stage", "epochs", "first", "last", "least", "largest"], body, range(2, 7))


def write_norms(found: Sequence[Norms], path: Path) -> None:
    """Write a CSV with a line for each training and epoch."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["training", "stage", "epoch", "grad_norm"])
    writer.writerows(
        [for_csv(one.name), for_csv(one.stage), epoch, norm] for one in found for epoch, norm in one.by_epoch.items()
    )
    write_atomically(path, text.getvalue())


def draw_norms(found: Sequence[Norms], path: Path) -> None:
    """Draw a line for each training over its epochs, on a logarithmic scale.

    Raises:
        OSError: naming the folder, when it cannot be written.
    """
    figure = Figure(figsize=(8.0, 4.2), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    for one, colour in zip(found, COLOURS, strict=False):
        marker = "o" if len(one.by_epoch) < 40 else ""
        axes.plot(
            list(one.by_epoch),
            list(one.by_epoch.values()),
            marker=marker,
            markersize=3,
            color=colour,
            label=for_plot(one.name),
        )
    if all(norm > 0 for one in found for norm in one.by_epoch.values()):
        axes.set_yscale("log")
        for which in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):  # 210, and not 2.1 x 10^2
            which(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.5)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel("norm of the gradient")
    axes.set_title("Mean over the steps of an epoch, before clipping", fontsize=10, loc="left")
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 3), frameon=False, fontsize=9)
    FigureCanvasAgg(figure)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI)
