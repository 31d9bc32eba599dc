"""Time the metrics against plain numpy, one frame at a time, on the processor.

The plain versions follow the definitions of the MIT code as published Python does: a loop over thresholds for AUC-J,
100 random splits with a loop over thresholds for sAUC. Before anything is timed, both must give the same scores.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
import timeit
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import default_rng
from numpy.typing import NDArray
from plain import PLAIN, minmax, prepare
from torch import Tensor

from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import score_frames
from avsal_bench.metrics import functional

Array = NDArray[Any]
Calls = dict[str, Callable[[], Any]]
Functions = dict[str, Callable[..., Any]]

EXAMPLES = """examples:
  python benchmarks/speed/metrics.py                                ms per frame of one frame and of 32 at a time
  python benchmarks/speed/metrics.py --plain --json speed.json      and of plain numpy; all numbers to a file
  python benchmarks/speed/metrics.py --sizes 720x1280 --batches 8 --threads 1 --dtype float32

Inputs are drawn from a fixed seed: smooth 8-bit maps, 40 fixations, and 1000 negatives for sAUC. "five" is CC, SIM,
NSS, AUC-J and sAUC, one after the other. "stavis" is the whole protocol with all six metrics, from 8-bit predictions
of 112x112. A cell is the median of --repeats runs, and the fastest of them in brackets."""

FIXATIONS, NEGATIVES, SMALL = 40, 1000, (112, 112)
FIVE = ("CC", "SIM", "NSS", "AUC-J", "sAUC")
#: How far apart the scores may lie, beyond 4 standard errors of those that the plain version draws at random: jitter
#: disturbs a little, a level of 8 bits may fall on the other side of a threshold in float32, resizing makes near-ties.
TOLERANCES = {
    "float64": {"CC": 1e-9, "SIM": 1e-9, "NSS": 1e-9, "AUC-J": 3e-5, "sAUC": 1e-9, "KL": 1e-9, "stavis": 5e-4},
    "float32": {"CC": 1e-5, "SIM": 1e-5, "NSS": 1e-4, "AUC-J": 1e-3, "sAUC": 3e-3, "KL": 1e-4, "stavis": 3e-3},
}


def make_frames(size: tuple[int, int], count: int, seed: int = 0) -> list[Array]:
    """Predictions and densities in 8 bits, masks of fixations and negatives ``(F, h, w)``, and small predictions."""
    rng, pixels = default_rng(seed), np.arange(size[0] * size[1])
    frames = []
    for _ in range(count):
        centres, wrong = rng.uniform(0.15, 0.85, (4, 2)), rng.uniform(0.15, 0.85, (3, 2))
        seen, density = np.concatenate([centres[:2], wrong]), blobs(size, centres)
        likely = (density + 1.0).ravel() / (density + 1.0).sum()
        fixated = rng.choice(pixels, min(FIXATIONS, pixels.size // 8), replace=False, p=likely)
        others = np.setdiff1d(pixels, fixated)
        shuffled = rng.choice(others, min(NEGATIVES, others.size // 2), replace=False)
        masks = [np.isin(pixels, chosen).reshape(size) for chosen in (fixated, shuffled)]
        frames.append((blobs(size, seen), density, *masks, blobs(SMALL, seen)))
    return [np.stack(column) for column in zip(*frames, strict=True)]


def blobs(size: tuple[int, int], centres: Array) -> Array:
    """Gaussian blobs at places in [0, 1], in 8 bits."""
    rows, columns = (np.arange(n) / n for n in size)
    parts = [np.exp(-((rows[:, None] - y) ** 2 + (columns - x) ** 2) / 0.02) for y, x in centres]
    return (255 * minmax(np.sum(parts, axis=0))).astype(np.uint8)


OURS: Functions = {
    "CC": functional.cc,
    "SIM": functional.sim,
    "NSS": functional.nss,
    "AUC-J": functional.auc_judd,
    "sAUC": functional.auc_shuffled,
    "KL": functional.kld,
}


def metric_calls(functions: Functions, p: Any, g: Any, fixations: Any, negatives: Any) -> Calls:
    """Each metric with what it takes."""
    takes = {"sAUC": (fixations, negatives), "NSS": (fixations,), "AUC-J": (fixations,)}
    return {name: partial(function, p, *takes.get(name, (g,))) for name, function in functions.items()}


def plain_calls(frames: Sequence[Array], i: int) -> Calls:
    """For each column of the table what gives it for frame ``i``: a score, or a dictionary of them."""
    p, g = (column[i] / 255 for column in frames[:2])
    *masks, small = (column[i] for column in frames[2:])
    calls = metric_calls(PLAIN, p, g, *masks)

    def stavis() -> dict[str, float]:
        return run_all(metric_calls(PLAIN, prepare(small, g.shape), g, *masks))

    return {**calls, "five": partial(run_all, {name: calls[name] for name in FIVE}), "stavis": stavis}


def our_calls(frames: Sequence[Array], dtype: torch.dtype) -> Calls:
    """For each column of the table what gives it for all frames."""
    p, g = (torch.from_numpy(maps).to(dtype) / 255 for maps in frames[:2])
    *masks, small = map(torch.from_numpy, frames[2:])
    calls = metric_calls(OURS, p, g, *masks)
    five = partial(run_all, {name: calls[name] for name in FIVE})
    return {**calls, "five": five, "stavis": partial(stavis_scores, small, g, *masks)}


def stavis_scores(small: Tensor, density: Tensor, fixations: Tensor, negatives: Tensor) -> dict[str, Tensor]:
    """The whole protocol; the only place that knows how it is called."""
    return score_frames(small, density, fixations, negatives, protocol("stavis"), dtype=density.dtype)


def run_all(calls: Calls) -> dict[str, Any]:
    """All results by name."""
    return {name: call() for name, call in calls.items()}


def check(size: tuple[int, int], dtype: str, count: int = 3, draws: int = 20) -> None:
    """Compare the means of both over some frames, of the random ones over several draws too.

    Raises:
        ValueError: naming the metric, when they differ.
    """
    frames, tolerances = make_frames(size, count), TOLERANCES[dtype]
    ours, plain = our_calls(frames, getattr(torch, dtype)), [plain_calls(frames, i) for i in range(count)]
    whole, plain_whole = ours["stavis"](), [[f["stavis"]() for f in plain] for _ in range(draws)]
    for metric in OURS:
        name = f"{metric} of {size[0]}x{size[1]}"
        n = draws if metric in ("AUC-J", "sAUC") else 1
        compare(name, ours[metric](), np.array([[f[metric]() for f in plain] for _ in range(n)]), tolerances[metric])
        drawn = np.array([[scores[metric] for scores in row] for row in plain_whole])
        compare(f"{name} by the protocol", whole[metric], drawn, tolerances["stavis"])


def compare(name: str, ours: Tensor, drawn: Array, tolerance: float) -> None:
    """Compare scores ``(F,)`` with draws of them ``(n, F)``."""
    error = float(np.sqrt((drawn.var(0, ddof=1) / len(drawn)).sum())) / len(ours) if len(drawn) > 1 else 0.0
    mine, theirs = float(ours.double().mean()), float(drawn.mean())
    if not abs(mine - theirs) <= 4 * error + tolerance:
        raise ValueError(f"{name}: {mine:.9f}, in plain numpy {theirs:.9f} with a standard error of {error:.1e}")


def measure(calls: dict[str, tuple[Callable[[], Any], int]], repeats: int) -> dict[str, dict[str, float]]:
    """Milliseconds a frame of calls that work on so many frames: the median of runs of some 50 ms, and the fastest.

    The calls take turns, so that what else the machine does hits them all.
    """
    loops: dict[str, int] = {}
    runs: dict[str, list[float]] = {name: [] for name in calls}
    for name, (call, _) in calls.items():
        call()
        began = time.perf_counter()
        call()
        loops[name] = max(1, round(0.05 / (time.perf_counter() - began)))
    for _ in range(repeats):
        for name, (call, frames) in calls.items():
            runs[name].append(1000 * timeit.timeit(call, number=loops[name]) / loops[name] / frames)
    return {name: {"median_ms": statistics.median(times), "fastest_ms": min(times)} for name, times in runs.items()}


def table(title: str, cells: dict[str, dict[str, dict[str, float]]]) -> str:
    """Markdown of times by column and row."""
    lines = [f"| {title} | {' | '.join(cells)} |", "| --- |" + " ---: |" * len(cells)]
    for row in next(iter(cells.values())):
        texts = (f"{rows[row]['median_ms']:.3g} ({rows[row]['fastest_ms']:.3g})" for rows in cells.values())
        lines.append(f"| {row} | {' | '.join(texts)} |")
    return "\n".join(lines) + "\n"


def processor() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return (names or [platform.processor() or platform.machine()])[0]


def size_of(text: str) -> tuple[int, int]:
    """Height and width of ``<height>x<width>``."""
    height, width = map(int, text.split("x"))
    return height, width


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, time, and print a table a size."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--sizes", nargs="+", type=size_of, default=[(240, 320), (480, 640)], metavar="HxW", help="of the ground truth")
    add("--batches", nargs="+", type=int, default=[1, 32], metavar="N", help="frames at a time (default: 1 32)")
    add("--threads", type=int, default=torch.get_num_threads(), help="of torch; numpy has one (default: %(default)s)")
    add("--dtype", choices=list(TOLERANCES), default="float64", help="of ours; numpy has float64 (default: float64)")
    add("--repeats", type=int, default=7, metavar="N", help="runs of each measurement (default: 7)")
    add("--plain", action="store_true", help="time plain numpy too: slow")
    add("--json", type=Path, metavar="FILE", help="write all numbers here")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    machine = {"torch": torch.__version__, "numpy": np.__version__, "processor": processor()}
    machine |= {"threads": options.threads, "dtype": options.dtype, "repeats": options.repeats}
    print(", ".join(f"{key} {value}" for key, value in machine.items()) + "; ms a frame\n")
    measured = []
    for size in options.sizes:
        try:
            check(size, options.dtype)
        except ValueError as error:
            parser.exit(1, f"not timed, for the scores differ: {error}\n")
        dtype, title = getattr(torch, options.dtype), f"{size[0]}x{size[1]}"
        jobs = [(f"batch {n}", our_calls(make_frames(size, n), dtype), n) for n in options.batches]
        if options.plain:
            jobs.append(("plain numpy", plain_calls(make_frames(size, 1), 0), 1))
        cells = {c: measure({row: (calls[c], n) for row, calls, n in jobs}, options.repeats) for c in jobs[0][1]}
        print(table(title, cells), flush=True)
        measured += [{"size": title, "row": r, "column": c, **t} for c, rows in cells.items() for r, t in rows.items()]
    if options.json:
        options.json.write_text(json.dumps({**machine, "measured": measured}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
