"""Time the classical saliency models on one thread, in frames a second."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch
from metrics import processor

from avsal_bench.models import create_model

MODELS = ("itti", "gbvs", "seo")

EXAMPLES = """examples:
  python benchmarks/speed/classical.py                          frames of 240x320
  python benchmarks/speed/classical.py --size 480x640 --batch 4

float32, random frames, one map a window. The time is that of the process on the processor, which other work on the
machine hardly moves; the median of --runs runs, after a warm-up. Reading and scoring are not in it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a line a model."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--size", default="240x320", metavar="HxW", help="of the frames (default: %(default)s)")
    add("--batch", type=int, default=1, metavar="N", help="windows at a time (default: %(default)s)")
    add("--runs", type=int, default=10, metavar="N", help="of each model (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="to write")
    options = parser.parse_args(arguments)
    try:
        height, width = map(int, options.size.split("x"))
    except ValueError:
        parser.error(f"--size {options.size}: expected height and width, such as 240x320")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    found = {}
    for name in MODELS:
        net = create_model(name, size=(height, width))
        frames = torch.rand(options.batch, 3, net.spec.frames, height, width)
        with torch.inference_mode():
            net(frames)
            times = []
            for _ in range(options.runs):
                began = time.process_time()
                net(frames)
                times.append(time.process_time() - began)
        found[name] = {"seconds": [seconds / options.batch for seconds in times]}
        seconds = median(found[name]["seconds"])
        print(f"{name:<8}{1000 * seconds:8.1f} ms a frame{1 / seconds:8.1f} frames a second")
    if options.json:
        machine = {"processor": processor(), "torch": torch.__version__, "size": options.size, "batch": options.batch}
        options.json.write_text(json.dumps({"machine": machine, "models": found}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
