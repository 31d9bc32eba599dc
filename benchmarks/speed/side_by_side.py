"""One network timed in turns: by a plain loop and by the suite, alone and from files to scores, outputs compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from plain_film import Clock, PlainScript
from torch import Tensor

from avsal_bench.bench.computing.precision import computing
from avsal_bench.data.clips.sounds import hear
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import read_clip
from avsal_bench.data.windows import Window, window
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import VideoScorer
from avsal_bench.evaluation.truth import Truth
from avsal_bench.metrics.functional import cc
from avsal_bench.models import Clips, Memory, Network, Place
from avsal_bench.models.layers.inference import inference_form
from avsal_bench.prediction.predicting import Running, predict_maps
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.spec import ClipSpec
from avsal_bench.training.module import SaliencyModule


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


@contextmanager
def threads(number: int) -> Iterator[None]:
    """So many threads of the processor."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def steady_frames(spec: ClipSpec, n_frames: int) -> list[int]:
    """Frames of a video whose window runs forwards and repeats no frame."""
    windows = (window(n, n_frames, spec.frames, spec.target, spec.start) for n in range(1, n_frames + 1))
    return [clip.target for clip in windows if Place("", clip.frames).forwards]


def network_alone(net: Network, video: Video, setting: Setting, batch: int, frames: Sequence[int]) -> dict[str, Any]:
    """Seconds a window of the network alone, frames and sound in memory; plain windows and batches take turns.

    Args:
        net: with its weights, on the CPU.
        video: that windows are cut from.
        setting: device, threads, precision.
        batch: windows that the suite predicts at a time.
        frames: targets of the windows in order; those of the first batch warm up, and begin what windows share.
    """
    spec, device, clock = net.spec, torch.device(setting.device), setting.clock()
    every = Window(1, tuple(range(1, video.n_frames + 1)))
    pool = read_clip(video, every, spec.size, spec.antialias).transpose(0, 1).contiguous().to(device)
    plain, ours = net.to(device), inference_form(net).to(device)
    average, deviation = (255 * torch.tensor(v, device=device).view(3, 1, 1) for v in (spec.mean, spec.std))
    memory = Memory()
    times: dict[str, list[float]] = {"plain": [], "ours": []}
    compared, of_bits = Compared(), Compared()
    with threads(setting.threads), torch.inference_mode():
        for start in range(0, len(frames), batch):
            clips = [
                window(n, video.n_frames, spec.frames, spec.target, spec.start) for n in frames[start : start + batch]
            ]
            index = torch.tensor([clip.frames for clip in clips], device=device) - 1
            places = [Place(video.key, clip.frames, label=True) for clip in clips]
            audio = None
            if spec.audio is not None:
                audio = torch.stack([hear(video, clip, spec.audio) for clip in clips]).to(device)
            expected, took = [], 0.0
            for item in range(len(clips) if start else 1):
                whole = Clips(pool, index, places, average, deviation).part([item]).frames
                heard = None if audio is None else audio[item : item + 1]
                began = clock()
                expected.append(plain.to_map(plain(whole, heard)))
                took += clock() - began
            if not start:  # the window whose map was just made
                near = torch.nextafter(whole, whole + torch.randint_like(whole, -1, 2))
                of_bits.add(plain.to_map(plain(near, heard)).float(), expected[0].float())
            began = clock()
            with computing(setting.precision, device):
                windows = Clips(pool, index, places, average, deviation)
                found = ours.to_map(ours.predict(windows, audio, memory)).float()
            after = clock()
            compared.add(found[: len(expected)], torch.cat(expected).float())
            if start:
                times["plain"].append(took / len(clips))
                times["ours"].append((after - began) / len(clips))
    return {
        **asdict(setting),
        **_rounded(times),
        "gain": _gain(times),
        **compared.result(),
        "last_bits": float(f"{max(of_bits.differ):.2e}"),
    }


def film(
    net: Network,
    video: Video,
    read: Video,
    setting: Setting,
    batch: int,
    frames: Sequence[int],
    folder: Path,
    warm_up: bool = True,
    plain_times: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Seconds a frame from files to scores under the protocol ``stavis``, and where they go.

    Args:
        net: with its weights, on the CPU.
        video: of numbered pictures, which the plain script reads.
        read: the same video as the suite reads it.
        setting: device, threads, precision.
        batch: windows that the suite predicts at a time.
        frames: that are predicted, in order.
        folder: for the maps of the plain script.
        warm_up: whether the first batch is left out of the times; else that of one frame warms up.
        plain_times: result for another form of the same film, whose plain times are taken; None to run it.
    """
    script = PlainScript(net.to(setting.device), video, folder, setting.clock())
    predictor = Predictor(type(net).__name__, {}, SaliencyModule(net))
    compared, scored = Compared(), {}
    warm, timed = list(frames[: batch if warm_up else 1]), list(frames[batch if warm_up else 0 :])
    # The stretches in which the plain script runs: between batches where the time is the process's own, else before
    # and after, as threads that read ahead for the suite would have its time.
    half = [] if setting.by_process else timed[: len(timed) // 2]
    plain_maps: dict[int, Tensor] = {}

    def run_plain(numbers: Sequence[int]) -> None:
        for n in numbers:
            plain_maps[n] = script.predict(n)
            scored[n] = script.score(n)

    with threads(setting.threads):
        if plain_times is None:
            run_plain(warm[:1])
            script.forget_times()
            run_plain(half)
        between = run_plain if setting.by_process and plain_times is None else None
        ours = _suite(predictor, read, setting, batch, frames, len(frames) - len(timed), between)
        if plain_times is None:
            run_plain([n for n in timed if n not in scored])
    for n, saliency in ours.maps.items():
        if n in plain_maps:
            compared.add(saliency[None], plain_maps[n][None])
    parts = script.seconds_a_frame(len(timed)) if plain_times is None else plain_times["plain"]
    plain, suite = sum(parts.values()), ours.seconds
    return {
        **asdict(setting),
        "frames": len(timed),
        "first": timed[0],
        "plain": {name: round(seconds, 5) for name, seconds in parts.items()},
        "ours": {"network": round(ours.network, 5), "rest": round(suite - ours.network, 5)},
        "gain": round(plain / suite, 3),
        "rest_share": round(1 - ours.network / suite, 4),
        **(compared.result() if plain_times is None else {}),
        **({"scores": _scores(scored, ours, timed)} if plain_times is None else {}),
    }


@dataclass
class Suite:
    """What the suite took, in seconds a frame, and gave."""

    seconds: float
    network: float
    maps: dict[int, Tensor]
    scores: dict[str, dict[int, float]]


def _suite(
    predictor: Predictor,
    video: Video,
    setting: Setting,
    batch: int,
    frames: Sequence[int],
    skipped: int,
    between: Callable[[Sequence[int]], None] | None,
) -> Suite:
    """Predict and score frames as `avsal evaluate --model` does, and let something else run between batches."""
    clock, mine = setting.clock(of_process=True), setting.clock()
    kind, network = type(predictor.module.net), [0.0]
    predict = kind.predict

    def timed(net: Network, *inputs: Any) -> Tensor:
        began = mine()
        output = predict(net, *inputs)
        network[0] += mine() - began
        return output

    rules, maps, took = protocol("stavis"), {}, []
    began = clock()
    truth = Truth(video, [video])
    truth.negatives(frames[:1], rules.negatives)  # a look at all fixation maps of the video, once
    scorer = VideoScorer(truth, rules)
    look = (clock() - began) / video.n_frames
    with patch.object(kind, "predict", timed):
        began = clock()
        running = Running(batch, setting.device, precision=setting.precision)
        for numbers, found in predict_maps(predictor, video, frames, running):
            scorer.add(numbers, found)
            maps |= dict(zip(numbers, found.cpu(), strict=True))
            elsewhere = 0.0
            if between is not None and numbers[0] not in frames[:skipped]:
                left = mine()
                between(numbers)
                elsewhere = mine() - left
            now = clock()
            took.append(now - began - elsewhere)
            if numbers[-1] in frames[:skipped]:  # the first batch warms up
                network[0] = 0.0
                took.clear()
            began = now
    counted = len(frames) - skipped
    scores = {name: dict(zip(scorer.frames, row, strict=True)) for name, row in scorer.scores.items()}
    return Suite(sum(took) / counted + look, network[0] / counted, maps, scores)


class Compared:
    """How far maps of the suite are from those of the plain loop."""

    def __init__(self) -> None:
        self.differ: list[float] = []
        self.alike: list[float] = []
        self.spread: list[float] = []

    def add(self, found: Tensor, expected: Tensor) -> None:
        """Some maps ``(B, h, w)`` of each."""
        top = expected.abs().amax((1, 2)).clamp_min(torch.finfo(torch.float32).tiny)
        self.differ += ((found - expected).abs().amax((1, 2)) / top).tolist()
        self.alike += cc(found.double(), expected.double()).tolist()
        self.spread += (expected.std((1, 2)) / top).tolist()

    def result(self) -> dict[str, float]:
        """The largest difference as a part of the map's highest value, the least CC, and the least spread of a map."""
        return {
            "differ": float(f"{max(self.differ):.2e}"),
            "cc": float(f"{min(self.alike):.7f}"),
            "spread": float(f"{min(self.spread):.2e}"),
        }


def _scores(plain: dict[int, dict[str, float]], ours: Suite, frames: Sequence[int]) -> dict[str, list[float]]:
    """Means over the frames by metric, of the plain script and of the suite."""
    return {
        name: [float(f"{np.mean(row):.7f}") for row in ([plain[n][name] for n in frames], [found[n] for n in frames])]
        for name, found in ours.scores.items()
    }


def _rounded(times: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name: [round(seconds, 5) for seconds in row] for name, row in times.items()}


def _gain(times: dict[str, list[float]]) -> float:
    """How many times faster the suite is: the median over the pairs."""
    return round(median(plain / ours for plain, ours in zip(times["plain"], times["ours"], strict=True)), 3)
