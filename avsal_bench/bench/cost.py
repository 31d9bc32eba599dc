"""What a plan costs: steps, windows, and hours estimated from one timed clip of each network."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch

from avsal_bench.bench.computing.precision import FLOAT32, ON_CPU, computing
from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs import kind_of
from avsal_bench.bench.jobs.human import seconds_of_test
from avsal_bench.bench.launch.status import look
from avsal_bench.bench.plan import records_of, stage_clips
from avsal_bench.bench.provenance import provenance
from avsal_bench.bench.stages import Training, stage_options, trainings
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import dataset
from avsal_bench.models import create_model
from avsal_bench.models.base import predict_windows
from avsal_bench.models.clips import Clips, Memory, Place
from avsal_bench.models.layers.inference import inference_form
from avsal_bench.records import network_name
from avsal_bench.text import many, text_table
from avsal_bench.training.losses import Prediction, Truth, saliency_loss


@dataclass(frozen=True)
class Cost:
    """What is left to do of a job: training clips of each stage, steps, windows to predict, and records to write."""

    stages: tuple[tuple[Training, int], ...] = ()
    steps: int = 0
    windows: int = 0
    records: int = 0

    @property
    def clips(self) -> int:
        """Training clips of all stages."""
        return sum(clips for _, clips in self.stages)


def cost(job: Job, space: Workspace, shared: set[Path] | None = None) -> Cost:
    """Count what a job has left to do, from its recipe and the fold lists alone.

    ``shared`` collects the stages that are counted, so that one that several jobs share counts for the first only.
    """
    shared = set() if shared is None else shared
    recipe = job.recipe(space)
    missing = [(name, sound) for name, sound, path in records_of(job, recipe, space) if not path.is_file()]
    if not missing and not job.train_only:
        return Cost()
    # A test hears the true sound too, whether or not there is a record of it.
    heard = {*missing, *((name, "original") for name, _ in missing)}
    steps = 0
    stages = []
    for training in trainings(job, recipe, space):
        if training.folder in shared or (training.folder / "done.json").is_file():
            continue
        shared.add(training.folder)
        stage = training.stage
        epochs = stage_clips(stage, job.fold, space)
        if not stage.utterances:  # a spoken word is no clip, and is not timed
            stages.append((training, sum(epochs)))
        steps += sum(max(1, clips // (stage.batch_size * stage.accumulate)) for clips in epochs)
    windows = sum(v.n_frames for n, _ in heard for v in dataset(n).videos(space.root_of(n), "test", job.fold))
    return Cost(tuple(stages), steps, windows, len(missing))


def seconds_a_clip(model: str, options: Mapping[str, Any], precision: str = FLOAT32) -> tuple[float, float]:
    """Seconds of one training clip and of one predicted window on this machine, batch 1, after a warm-up.

    The warm-up of a window is the one before it, so what a network keeps between the two is not found again.

    Args:
        model: name in the registry.
        options: of the network.
        precision: full name of that of the test; where it is not float32, nothing is trained on a CPU, nor timed.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = create_model(model, **options).to(device)
    if net.observes:
        net.observe(torch.ones(1, 8, 8, device=device))
    spec = net.spec
    frames = torch.zeros(1, 3, spec.frames, *spec.size, device=device)
    audio = None if spec.audio is None else spec.audio(torch.zeros(1))[None].to(device)

    def train() -> None:
        with computing(precision, device):
            saliency = net.to_map(net(frames, audio)).float()
        loss, _ = saliency_loss(Prediction(saliency), Truth(torch.ones_like(saliency)), {"kl": 1.0})
        loss.backward()  # type: ignore[no-untyped-call]

    trains = any(p.requires_grad for p in net.parameters()) and (precision in ON_CPU or device.type != "cpu")
    training = _time(train, device) if trains else 0.0
    windows, memory, predicting = count(), Memory(), inference_form(net)

    def predict() -> None:
        last = 1 + next(windows)  # the first frame, and the next: some networks look at all frames in their order
        with torch.inference_mode(), computing(precision, device):
            places = [Place("timed", tuple(range(last - spec.window_frames + 1, last + 1)))]
            predict_windows(predicting, Clips.of(frames[:, :, : spec.window_frames], places), audio, memory)

    return training, _time(predict, device)


def _time(step: object, device: torch.device) -> float:
    assert callable(step)
    for measured in (False, True):
        began = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
        if measured or seconds > 5:
            return seconds
    return seconds


def _human_hours(job: Job, space: Workspace) -> float:
    """Hours of one thread that scoring observers against each other takes, from some frames of their gaze.

    NaN, with the reason on stderr, where a set has no such gaze: the job itself stops there.
    """
    recipe = job.recipe(space)
    names = dict.fromkeys(name for name, _, path in records_of(job, recipe, space) if not path.is_file())
    print(f"timing some frames of {job.model} on {', '.join(names)}", file=sys.stderr, flush=True)
    try:
        return sum(seconds_of_test(job, recipe, space, name) for name in names) / 3600
    except (ValueError, FileNotFoundError) as error:
        print(f"{job.name}: {error}", file=sys.stderr, flush=True)
        return math.nan


def _hours(hours: float) -> str:
    """To two decimals; what is under a hundredth is not nothing, and what is not known is told so."""
    if math.isnan(hours):
        return "?"
    return "<0.01" if 0 < hours < 0.005 else f"{hours:.2f}"


def plan_text(jobs: Sequence[Job], space: Workspace, timed: bool, precision: str = FLOAT32) -> str:
    """The plan as a table, a line a job; when ``timed``, with hours on this machine's GPU, or on its CPU.

    Args:
        jobs: of the plan.
        space: folders.
        timed: whether to time a clip of each network.
        precision: full name of that of the plan; baselines are always in float32.
    """
    speeds: dict[str, tuple[float, float]] = {}

    def speed(model: str, options: Mapping[str, Any], precision: str) -> tuple[float, float]:
        key = json.dumps([model, options, precision], sort_keys=True)
        if key not in speeds:
            name = network_name(model, options.get("modality", ""))
            print(f"timing one clip of {name}", file=sys.stderr, flush=True)
            speeds[key] = seconds_a_clip(model, options, precision)
        return speeds[key]

    hours_of = ["GPU hours" if torch.cuda.is_available() else "CPU hours"] if timed else []
    header = ["job", "preset", "steps", "windows", "records", *hours_of, "state"]
    body = []
    total, done, shared = 0.0, 0, set[Path]()
    for job, seen in zip(jobs, look(jobs, space), strict=True):
        left = cost(job, space, shared)
        hours = 0.0
        if timed and left.records and not kind_of(job.model).has_network:
            hours = _human_hours(job, space)
            total += 0.0 if math.isnan(hours) else hours
        elif timed and left.records:
            own = precision if job.modality else FLOAT32
            hours = sum(clips * speed(stage.model, stage.options, own)[0] for stage, clips in left.stages) / 3600
            hours += left.windows * speed(job.model, stage_options(job, job.recipe(space)), own)[1] / 3600
            total += hours
        done += seen.word == "done"
        what = [str(n) if left.records else "" for n in (left.steps, left.windows, left.records)]
        body.append([job.name, job.preset_name, *what, *([_hours(hours)] if timed else []), seen.word])
    end = f"{many(len(jobs), 'job')}, {done} done"
    if timed:
        device = provenance()["device"]
        end += f"; about {total:.1f} hours in all, extrapolated from one clip at a time on {device}"
    return f"{text_table(header, body, numbers=range(2, len(header) - 1))}\n{end}"
