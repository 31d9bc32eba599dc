"""A film predicted and scored by the suite, as the test of a bench does it, and where its time goes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from plain_film import Clock
from torch import Tensor

from avsal_bench.bench.computing.precision import HALF
from avsal_bench.data.dataset import Video
from avsal_bench.evaluation.behind import Behind
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import VideoScorer
from avsal_bench.evaluation.score_videos import BEHIND
from avsal_bench.evaluation.truth import Truth
from avsal_bench.models import Network
from avsal_bench.prediction.predicting import Running, predict_maps
from avsal_bench.prediction.predictor import Predictor


@dataclass(frozen=True)
class Setting:
    """What a row was measured on.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:<n>``.
        threads: of the processor.
        precision: full name of the suite's; the plain script has float32 always.
    """

    device: str
    threads: int
    precision: str

    @property
    def by_process(self) -> bool:
        """Whether time is that of the process on the processor, which other work on the machine hardly moves."""
        return self.device == "cpu" and self.threads == 1

    def clock(self, of_process: bool = False) -> Clock:
        """Seconds: of this thread on the processor or of all threads of the process, or those that pass."""
        if self.by_process:
            return time.process_time if of_process else time.thread_time
        return time.perf_counter if self.device == "cpu" else self._synchronised

    def _synchronised(self) -> float:
        torch.cuda.synchronize(self.device)
        return time.perf_counter()


def dense_rate(setting: Setting) -> float:
    """Multiply-accumulates a second of a large product of matrices, in the precision that the suite predicts in."""
    gpu = setting.device != "cpu"
    size, repeats = (8192, 20) if gpu else (1024, 5)
    matrix = torch.rand(size, size, device=setting.device, dtype=HALF.get(setting.precision, torch.float32))
    clock = setting.clock()
    with threads(setting.threads), torch.inference_mode():
        matrix @ matrix
        began = clock()
        for _ in range(repeats):
            matrix @ matrix
        return repeats * size**3 / (clock() - began)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """So many threads of the processor."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass
class Suite:
    """What the suite took, in seconds a frame, and gave."""

    seconds: float
    network: float
    maps: dict[int, Tensor]
    scores: dict[str, dict[int, float]]


def by_suite(
    predictor: Predictor,
    video: Video,
    setting: Setting,
    batch: int,
    frames: Sequence[int],
    skipped: int,
    between: Callable[[Sequence[int]], None] | None,
) -> Suite:
    """Predict and score frames as the test of a bench does, and let something else run between batches.

    Ground truth is read while the network is at a batch, and a thread scores behind a GPU, which nothing waits for.
    """
    clock, mine = setting.clock(of_process=True), setting.clock()
    rules, maps, elsewhere = protocol("stavis"), {}, 0.0
    net = type(predictor.module.net)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as readers, _network_timed(net, setting) as network:
        began = clock()
        truth = Truth(video, [video], readers)
        truth.negatives(frames[:1], rules.negatives)  # a look at all fixation maps of the video, once
        look = (clock() - began) / video.n_frames
        scorer, behind = VideoScorer(truth, rules), Behind(0 if setting.device == "cpu" else BEHIND)

        def score(numbers: Sequence[int], found: Tensor) -> None:
            with torch.inference_mode():  # a thread knows nothing of the mode of another
                scorer.add(numbers, found)

        running = Running(batch, setting.device, precision=setting.precision)
        began = clock()
        truth.read_ahead(frames[:batch], rules.negatives)
        for numbers, found in predict_maps(predictor, video, frames, running):
            behind.do(partial(score, numbers, found))
            maps |= dict(zip(numbers, found, strict=True))
            done = len(maps)
            truth.read_ahead(frames[done : done + batch], rules.negatives)
            if between is not None and done > skipped:
                left = mine()
                between(numbers)
                elsewhere += mine() - left
            if done == skipped:  # the first batch warms up
                network.clear()
                began = clock()
        behind.finish()
        took, counted = clock() - began - elsewhere, len(frames) - skipped
    scores = {name: dict(zip(scorer.frames, row, strict=True)) for name, row in scorer.scores.items()}
    kept = {n: saliency.cpu() for n, saliency in maps.items()}
    return Suite(took / counted + look, sum(seconds() for seconds in network) / counted, kept, scores)


@contextmanager
def _network_timed(kind: type[Network], setting: Setting) -> Iterator[list[Callable[[], float]]]:
    """Seconds of each call of a network's ``predict``; those of a GPU are known after it was waited for."""
    predict, clock, found = kind.predict, setting.clock(), []

    def timed(net: Network, *inputs: Any) -> Tensor:
        if setting.device != "cpu":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            output = predict(net, *inputs)
            end.record()
            found.append(lambda: begin.elapsed_time(end) / 1000)
            return output
        began = clock()
        output = predict(net, *inputs)
        took = clock() - began
        found.append(lambda: took)
        return output

    with patch.object(kind, "predict", timed):
        yield found
