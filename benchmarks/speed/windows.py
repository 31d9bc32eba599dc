"""Time one window of every published network: on one thread, and with a thread for each core.

The result is kept in avsal_bench/resources/windows.json, and `avsal models` shows it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

import torch
from metrics import processor

from avsal_bench.catalogue.counting import count, window_shapes
from avsal_bench.catalogue.networks import Variant, read_times, variants
from avsal_bench.files import write_atomically
from avsal_bench.progress import progress
from avsal_bench.resources import resource

EXAMPLES = """examples:
  python benchmarks/speed/windows.py                           all networks
  python benchmarks/speed/windows.py --only stavis vinet       these again; the others keep their times

Batch 1, float32, eval mode, random weights and input. On one thread it is the time of the process on the processor,
which other work on the machine hardly moves; with all threads it is the time that passes, so measure on a quiet
machine. After a warm-up a network runs --repeats times, or until --seconds have passed, at least twice; the table has
the medians."""


def time_runs(
    step: Callable[[], object], threads: int, clock: Callable[[], float], repeats: int, seconds: float
) -> list[float]:
    """Seconds of each run by a clock, with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    found: list[float] = []
    try:
        while len(found) < repeats and (len(found) < 2 or sum(found) < seconds):
            began = clock()
            step()
            found.append(round(clock() - began, 4))
    finally:
        torch.set_num_threads(before)
    return found


def measure(variant: Variant, repeats: int, seconds: float) -> dict[str, Any]:
    """Times of one network, and what it was: its MACs."""
    torch.manual_seed(0)
    net = variant.build().eval()
    inputs = [torch.rand(shape) for shape in window_shapes(net.spec)]
    with torch.inference_mode():

        def step() -> None:
            net(*inputs)

        step()
        one_thread = time_runs(step, 1, time.process_time, repeats, seconds)
        all_threads = time_runs(step, os.cpu_count() or 1, time.perf_counter, repeats, seconds)
    today = datetime.now(timezone.utc).date().isoformat()
    return {"macs": count(variant.build).macs, "one_thread": one_thread, "all_threads": all_threads, "date": today}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write the file after every network."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", nargs="+", default=[], metavar="NAME", help="models to measure again (default: all)")
    add("--repeats", type=int, default=5, metavar="N", help="most runs of each measurement (default: %(default)s)")
    add("--seconds", type=float, default=4, metavar="S", help="of runs that are enough (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="to write (default: windows.json of the package)")
    options = parser.parse_args(arguments)
    path = options.json or resource("windows.json")
    machine = {"processor": processor(), "cores": os.cpu_count(), "torch": torch.__version__}
    try:
        kept = read_times(path) if options.only else {"machine": machine, "networks": {}}
        chosen = [variant for variant in variants(options.only) if variant.modality]
    except ValueError as error:
        parser.error(str(error))
    if options.repeats < 2:
        parser.error(f"--repeats {options.repeats}: expected at least 2")
    if kept["networks"] and kept["machine"] != machine:
        parser.error(f"{path} has times of {kept['machine']}, and this is {machine}; measure all, without --only")
    networks = dict(kept["networks"])
    with progress("windows", len(chosen)) as bar:
        for variant in chosen:
            networks[variant.key] = measure(variant, options.repeats, options.seconds)
            bar.advance(note=variant.key)
            text = json.dumps({"machine": machine, "networks": dict(sorted(networks.items()))}, indent=1)
            write_atomically(path, text + "\n")
    for key in sorted(variant.key for variant in chosen):
        times = (f"{name} {median(networks[key][name]):.3g} s" for name in ("one_thread", "all_threads"))
        print(f"{key:<24}{'  '.join(times)}")
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
