"""What a precision does to scores: the same trained weights, tested in float32 and in another one, and their maps.

    python benchmarks/speed/precision.py [vinet stavis ...] [--preset smoke] [--precision bf16] [--page docs/speed.md]

Each network is trained in float32 first, where it is not trained already, on what its preset says: the embedded set for
``smoke``, the real sets of AVSAL_DATA for ``paper``. Then its test is run twice, and maps are compared frame by frame.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import torch

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import plan_one, records_of
from avsal_bench.bench.run import run_job
from avsal_bench.bench.stages import test_folder
from avsal_bench.bench.workspace import Workspace, workspace
from avsal_bench.data.dataset import dataset
from avsal_bench.files import write_atomically
from avsal_bench.leaderboard.markdown import markdown_table
from avsal_bench.metrics.functional import cc
from avsal_bench.models import model_entry
from avsal_bench.names import precision_word
from avsal_bench.records import METRICS, Record, read_record
from avsal_bench.text import fixed

NETWORKS = ("vinet", "tasednet", "avrsp", "stavis")
MARKS = ("<!-- precision: begin -->", "<!-- precision: end -->")


def main() -> None:
    """Train, test twice, and print the table; or write it into a page, between its marks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=NETWORKS, help=f"default: {' '.join(NETWORKS)}")
    parser.add_argument("--preset", default="smoke", help="of the recipes (default: %(default)s)")
    parser.add_argument("--precision", default="bf16", help="beside float32 (default: %(default)s)")
    parser.add_argument("--runs", help="folder of the trainings (default: runs)")
    parser.add_argument("--leaderboard", default="runs/precision", help="of the records (default: %(default)s)")
    text = "use trainings that other code made"
    parser.add_argument("--reuse-other-code", action="store_true", help=text)
    parser.add_argument("--page", type=Path, help="Markdown file that has the marks of the table")
    args = parser.parse_args()
    plain, other = (Machine(devices=1, keep_maps="npy", precision=p) for p in ("32-true", args.precision))
    other.check()
    space = replace(workspace(runs=args.runs, leaderboard=args.leaderboard), reuse_other_code=args.reuse_other_code)
    body = [line for name in args.networks for line in _compared(name, args.preset, space, plain, other)]
    header = ["Network", "Set", "Test in", *METRICS, "CC of maps, mean", "least"]
    table = markdown_table(header, body, numbers=range(3, len(header)))
    print(table)
    if args.page:
        text = args.page.read_text(encoding="utf-8")
        begin, end = (text.index(mark) for mark in MARKS)
        write_atomically(args.page, f"{text[: begin + len(MARKS[0])]}\n\n{table.strip()}\n\n{text[end:]}")


def _compared(name: str, preset: str, space: Workspace, plain: Machine, other: Machine) -> list[list[str]]:
    """Lines of the table: for each set both tests, and their difference."""
    jobs = [
        plan_one(
            space,
            name,
            preset,
            "stavis",
            modality=next(reversed(model_entry(name).modalities)),
            sounds=["original"],
            precision=precision_word(machine.precision),
        )
        for machine in (plain, other)
    ]
    for job, machine in zip(jobs, (plain, other), strict=True):
        run_job(job, space, machine)
    lines = []
    for places in zip(*(records_of(job, job.recipe(space), space) for job in jobs), strict=True):
        first, second = (read_record(place[2]) for place in places)
        likeness = _likeness(jobs, space, places[0][0])
        differences = [fixed(second.scores[m] - first.scores[m], 5, sign=True) for m in METRICS]
        lines += [
            [first.network, first.dataset, "float32", *_scores(first), "", ""],
            ["", "", second.precision, *_scores(second), f"{fmean(likeness):.6f}", f"{min(likeness):.6f}"],
            ["", "", "difference", *differences, "", ""],
        ]
    return lines


def _scores(record: Record) -> list[str]:
    return [fixed(record.scores[metric], 5) for metric in METRICS]


def _likeness(jobs: list[Job], space: Workspace, name: str) -> list[float]:
    """CC of the maps of both tests, frame by frame."""
    first, second = (test_folder(job, job.recipe(space), space, name, "original") / "maps" for job in jobs)
    found: list[float] = []
    for video in dataset(name).videos(space.root_of(name), "test", jobs[0].fold):
        for path in sorted((first / video.name).glob("*.npy")):
            pair = (torch.from_numpy(np.load(folder / video.name / path.name)).double() for folder in (first, second))
            found += cc(*(one[None] for one in pair)).tolist()
    if not found:
        raise ValueError(f"{first}: no maps; remove the folder of the test, and run this again")
    return found


if __name__ == "__main__":
    main()
