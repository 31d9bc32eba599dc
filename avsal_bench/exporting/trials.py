"""Clips that an exported file is tried on, and the maps that the suite itself predicts for them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from avsal_bench.models import Memory
from avsal_bench.spec import ClipSpec
from avsal_bench.training.module import SaliencyModule

#: Frames a second of the trial clips, and how many steps a network that goes by frames is tried on.
FPS, STEPS = 25.0, 3


class Trial(NamedTuple):
    """Some clips, one of each item."""

    name: str
    frames: Tensor
    """``(B, T, H, W, 3)`` uint8 RGB; of a network that goes by frames, the first T of the videos."""
    sound: Tensor | None
    """``(B, ...)`` float32, as the front end gives it."""


def trials(spec: ClipSpec, batch: int) -> Iterator[Trial]:
    """Random clips with noise to hear, and clips that look like films: things that move over a ground, and tones."""
    generator = torch.Generator().manual_seed(0)
    steps = 1 + (STEPS - 1) * spec.step if spec.walk == "frames" else spec.frames
    noise = torch.randint(0, 256, (batch, steps, *spec.size, 3), dtype=torch.uint8, generator=generator)
    samples = _samples(spec)
    hiss = torch.rand((batch, samples), generator=generator) * 0.6 - 0.3
    yield Trial("random clips", noise, _heard(spec, hiss))
    films = torch.stack([_moving(spec, steps, item, noise[item, 0]) for item in range(batch)])
    time = torch.arange(samples) / (spec.audio.sample_rate if spec.audio is not None else 1)
    tones = torch.stack([torch.sin(2 * math.pi * time * (220 + 330 * item) * (1 + time)) for item in range(batch)])
    yield Trial("clips of moving things", films, _heard(spec, 0.3 * tones))


def _samples(spec: ClipSpec) -> int:
    """Samples that are heard with a clip in the middle of a film."""
    if spec.audio is None:
        return 1
    whole = round((3 * spec.frames + 50) / FPS * spec.audio.sample_rate)
    first, last = spec.audio.span(spec.frames + 25, 2 * spec.frames + 24, FPS, whole)
    return max(1, last - first)


def _heard(spec: ClipSpec, excerpts: Tensor) -> Tensor | None:
    return None if spec.audio is None else torch.stack([spec.audio(one) for one in excerpts])


def _moving(spec: ClipSpec, steps: int, item: int, grain: Tensor) -> Tensor:
    """Frames ``(T, H, W, 3)`` uint8: a ground that is darker below, with a little grain, and two discs that cross."""
    height, width = spec.size
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    ground = torch.stack([0.55 - 0.3 * y, 0.5 - 0.2 * y + 0.1 * x, 0.6 - 0.4 * y], -1)
    ground = ground + (grain.float() / 255 - 0.5) * 0.06
    made = []
    for step in range(steps):
        frame, part = ground.clone(), step / max(1, steps - 1)
        for disc, colour in ((0, (0.9, 0.75, 0.6)), (1, (0.15, 0.3, 0.75))):
            along = part if disc == 0 else 1 - part
            centre = 0.2 + 0.6 * along, 0.35 + 0.3 * disc + 0.05 * math.sin(6 * part + item)
            inside = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) < (0.1 + 0.03 * item % 0.1) ** 2
            frame[inside] = torch.tensor(colour)
        made.append(frame)
    return (torch.stack(made).clamp(0, 1) * 255).round().to(torch.uint8)


def suite_maps(module: SaliencyModule, trial: Trial) -> Tensor:
    """The maps that ``avsal predict`` and a test make of the clips, ``(S, B, h, w)``: S steps, or one of whole clips.

    Args:
        module: with the network, as it predicts.
        trial: its clips.
    """
    frames = trial.frames.permute(0, 4, 1, 2, 3).contiguous()
    count, _, steps = frames.shape[:3]
    with torch.inference_mode():
        if module.net.spec.walk != "frames":
            window = tuple(range(1, steps + 1))
            batch = _batch(trial.sound, [f"trial{item}" for item in range(count)], [window] * count)
            return module({**batch, "frames": frames})[None]  # type: ignore[no-any-return]
        each = []
        for item in range(count):
            asked = list(range(1, steps + 1, module.net.spec.step))
            batch = _batch(None, ["trial"] * len(asked), [(frame,) for frame in asked])
            walked = [("trial/trial", frame, frame in asked) for frame in range(1, steps + 1)]
            pool, index = frames[item].transpose(0, 1).contiguous(), torch.arange(steps)[:, None]
            each.append(module({**batch, "pool": pool, "index": index, "walked": walked}, Memory()))
        return torch.stack(each, 1)


def _batch(sound: Tensor | None, videos: list[str], windows: list[tuple[int, ...]]) -> dict[str, Any]:
    frames = [window[-1] for window in windows]
    return {"audio": sound, "dataset": ["trial"] * len(videos), "video": videos, "window": windows, "frame": frames}
