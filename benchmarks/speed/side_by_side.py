"""One network timed in turns: by a plain loop and by the suite, alone and from files to scores, outputs compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from plain_film import PlainScript
from suite_film import Setting, Suite, by_suite, threads
from torch import Tensor

from avsal_bench.bench.computing.precision import computing
from avsal_bench.data.clips.sounds import hear
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import read_clip
from avsal_bench.data.windows import Window, window
from avsal_bench.metrics.functional import cc
from avsal_bench.models import Clips, Memory, Network, Place
from avsal_bench.models.layers.inference import inference_form
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.spec import ClipSpec
from avsal_bench.training.module import SaliencyModule


def steady_frames(spec: ClipSpec, n_frames: int) -> list[int]:
    """Frames of a video whose window runs forwards and repeats no frame."""
    windows = (window_of(n, n_frames, spec) for n in range(1, n_frames + 1))
    return [clip.target for clip in windows if Place("", clip.frames).forwards]


def window_of(n: int, n_frames: int, spec: ClipSpec) -> Window:
    """The window of a frame; of a network that goes by frames, that frame."""
    return Window(n, (n,)) if spec.walk == "frames" else window(n, n_frames, *spec.form)


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
    pool = read_clip(video, every, *spec.resizing).transpose(0, 1).contiguous().to(device)
    plain, ours = net.to(device), inference_form(net).to(device)
    average, deviation = (255 * torch.tensor(v, device=device).view(3, 1, 1) for v in (spec.mean, spec.std))
    memory, walked = Memory(), Memory()

    def plainly(whole: Tensor, heard: Tensor | None, place: Place, memory: Memory) -> Tensor:
        if spec.walk == "frames":  # a plain loop has a state too
            return plain.to_map(plain.predict(Clips.of(whole, [place]), heard, memory))
        return plain.to_map(plain(whole, heard))

    times: dict[str, list[float]] = {"plain": [], "ours": []}
    compared, of_bits = Compared(), Compared()
    with threads(setting.threads), torch.inference_mode():
        for start in range(0, len(frames), batch):
            clips = [window_of(n, video.n_frames, spec) for n in frames[start : start + batch]]
            index = torch.tensor([clip.frames for clip in clips], device=device) - 1
            places = [Place(video.key, clip.frames, label=True) for clip in clips]
            audio = None
            if spec.audio is not None:
                audio = torch.stack([hear(video, clip, spec.audio) for clip in clips]).to(device)
            expected, took = [], 0.0
            for item in range(len(clips) if start or spec.walk == "frames" else 1):
                whole = Clips(pool, index, places, average, deviation).part([item]).frames
                heard = None if audio is None else audio[item : item + 1]
                began = clock()
                expected.append(plainly(whole, heard, places[item], walked))
                took += clock() - began
            if not start:  # the window whose map was just made
                near = torch.nextafter(whole, whole + torch.randint_like(whole, -1, 2))
                near_map = plainly(near, heard, replace(places[0], frames=(1,)), Memory())
                far_map = plainly(whole, heard, replace(places[0], frames=(1,)), Memory())
                of_bits.add(near_map.float(), far_map.float())
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
        ours = by_suite(predictor, read, setting, batch, frames, len(frames) - len(timed), between)
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
        "gain_reread": round((plain + (net.spec.frames - 1) * parts["read"]) / suite, 3),
        "rest_share": round(1 - ours.network / suite, 4),
        **(compared.result() if plain_times is None else {}),
        **({"scores": _scores(scored, ours, timed)} if plain_times is None else {}),
    }


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
