"""Time a training: clips a second of the loader alone, of the step alone, and of both together.

The loader alone is gone through without a network; the step alone trains on one batch again and again, which lies on
the device; both together are a training as it is. Where reading keeps up, both are as fast as the step.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from avsal_bench.bench.computing.compiling import compile_network
from avsal_bench.bench.computing.precision import check_training, computing, full_name
from avsal_bench.bench.context import Context
from avsal_bench.bench.fit import training_data
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import make_plan
from avsal_bench.bench.stages import trainings
from avsal_bench.bench.workspace import workspace
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.training.building import build_module
from avsal_bench.training.module import SaliencyModule

EXAMPLES = """examples:
  python benchmarks/speed/training.py vinet --preset smoke                on the CPU, or a GPU where there is one
  python benchmarks/speed/training.py vinet --device cuda --precision bf16 --workers 14 --batches 100
  python benchmarks/speed/training.py stavis --preset smoke --device cpu --threads 1 --json training.json

The network is that of the last stage of the recipe, with random weights. The three take turns; a figure is a median."""


def endless(data: SaliencyDataModule) -> Iterator[Any]:
    """Batches of one epoch after the other."""
    while True:
        yield from data.train_dataloader()


def on(batch: Any, device: torch.device) -> Any:
    """A batch with its tensors on the device."""
    return {k: v.to(device, non_blocking=True) if isinstance(v, torch.Tensor) else v for k, v in batch.items()}


def step(module: SaliencyModule, optimiser: torch.optim.Optimizer, batch: Any, precision: str) -> None:
    """One step of training."""
    device = next(module.parameters()).device
    with computing(precision, device):
        loss = module.training_loss(batch)
    loss.backward()
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def clips_a_second(batches: Iterator[Any], count: int, work: Any, device: torch.device) -> float:
    """Of so many batches, each of which something is done with."""
    began, clips = time.perf_counter(), 0
    for _ in range(count):
        batch = next(batches)
        clips += len(batch["video"])
        work(batch)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clips / (time.perf_counter() - began)


def table(measured: dict[str, list[float]]) -> str:
    """Markdown of clips a second, and per cent of the step alone."""
    middle = {name: sorted(values)[len(values) // 2] for name, values in measured.items()}
    lines = ["| | clips a second | of the step alone |", "| --- | ---: | ---: |"]
    for name, value in middle.items():
        lines.append(f"| {name} | {value:.3g} | {100 * value / middle['step alone']:.0f} % |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, time, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("model", nargs="?", default="vinet", help="network (default: %(default)s)")
    add("--preset", default="smoke", help="of its recipe (default: %(default)s)")
    add("--device", default="", help="cpu or cuda (default: cuda where there is one)")
    add("--precision", default="32-true", help="32-true; bf16 on a GPU (default: %(default)s)")
    add("--compile", action="store_true", help="compile the network")
    add("--workers", type=int, default=0, metavar="N", help="processes that read (default: %(default)s)")
    add("--threads", type=int, metavar="N", help="of this process (default: all)")
    add("--batches", type=int, default=4, metavar="N", help="of each measurement (default: %(default)s)")
    add("--repeats", type=int, default=3, metavar="N", help="measurements (default: %(default)s)")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="override the recipe, such as batch_size=2")
    add("--data-root", help="of real sets (environment: AVSAL_DATA)")
    add("--synth-root", help="of the embedded set")
    add("--json", type=Path, metavar="FILE", help="write all numbers here")
    options = parser.parse_args(arguments)
    for name in ("batches", "repeats"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} {getattr(options, name)}: expected at least 1")
    device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error(f"--device {device}: this machine has no GPU that torch can use")
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        precision = full_name(options.precision)
        check_training(precision)
    except ValueError as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory() as folder:
        space = workspace(options.data_root, options.synth_root, folder, folder)
        (*_, job) = [
            job
            for job in make_plan(space, [options.model], options.preset, "stavis", overrides=options.set)
            if job.model == options.model
        ]
        context = Context(job, job.recipe(space), space, Machine(workers=options.workers, precision=precision))
        stages = trainings(job, context.recipe, space)
        if not stages:
            parser.error(f"{options.model} is not trained by its recipe; name a network that is")
        training = stages[-1]
        module = build_module(training.stage, training.model, training.options, 0).to(device)
        module._clock = (0, 1)
        if options.compile:
            compile_network(module.net)
        optimiser = torch.optim.AdamW(module.parameters(), lr=1e-5)
        data = training_data(context, training.stage, module.net.spec)
        data.config = replace(data.config, batch_size=training.stage.batch_size)
        batches = endless(data)
        held = on(next(batches), device)

        def train(batch: Any) -> None:
            step(module, optimiser, on(batch, device), precision)

        facts: dict[str, Any] = {"torch": torch.__version__, "cores": os.cpu_count(), "network": training.network}
        facts |= {"stage": training.stage.name, "device": device.type, "threads": torch.get_num_threads()}
        facts |= {"precision": precision, "workers": options.workers, "batch": training.stage.batch_size}
        print(", ".join(f"{key} {value}" for key, value in facts.items()) + "\n", flush=True)
        train(held)  # a warm-up
        measured: dict[str, list[float]] = {"loader alone": [], "step alone": [], "both": []}
        for _ in range(options.repeats):
            for name, source, work in (
                ("loader alone", batches, lambda batch: None),
                ("step alone", iter(lambda: held, None), train),
                ("both", batches, train),
            ):
                measured[name].append(clips_a_second(source, options.batches, work, device))
    print(table(measured), flush=True)
    if options.json:
        options.json.write_text(json.dumps({**facts, "clips_a_second": measured}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
