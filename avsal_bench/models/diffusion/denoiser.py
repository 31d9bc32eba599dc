"""What a network is that predicts a map by taking noise from it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avsal_bench.models.base import Network
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.diffusion.schedule import STEPS, CosineSchedule, check_step


class DiffusionNetwork(Network):
    """A network that is shown a noisy map besides the clip, and tells the map without noise.

    A class of this kind says what it sees in a clip (:meth:`see`), what it hears (:meth:`hear`), and what map it finds
    in a noisy one with both (:meth:`clean`). The sampler is here, with the noise that it starts from:

    - at test time each frame has noise of its own, a function of video, frame and seed (:func:`noise_of`). So a map
      does not depend on the batch that its window is in, on the order of windows or on how many processes share them.
      Several sounds of a frame are heard with the same noise;
    - ``forward`` does not know which frame it predicts, and starts from one noise for all, a function of the seed
      alone; or from the ``noise`` that it is given.

    Training learns to find the map at any step (:meth:`denoise`); see :mod:`avsal_bench.training.denoising`.

    Args:
        steps: of the sampler, see :func:`~avsal_bench.models.diffusion.schedule.sampled_steps`.
        seed: of the noise.
        dequantisation: deviation of what is added to the ground truth in training, whose 256 levels are not values of
            a density.

    Raises:
        ValueError: for steps outside 1 to 1000, and a seed that is no whole number.
    """

    def __init__(self, steps: int = 1, seed: int = 0, dequantisation: float = 0.01) -> None:
        super().__init__()
        if not _is_whole(steps) or not 1 <= steps <= STEPS:
            raise ValueError(f"steps: expected how many steps the sampler takes, 1 to {STEPS}, got {steps!r}")
        if not _is_whole(seed):
            raise ValueError(f"seed: expected a whole number, got {seed!r}")
        self.steps = steps
        self.seed = seed
        self.dequantisation = dequantisation
        self.schedule = CosineSchedule()

    def see(self, frames: Tensor) -> Any:
        """What is found in frames ``(B, 3, T, H, W)`` alone: once for all steps and all sounds."""
        raise TypeError(f"{type(self).__name__} does not define see")

    def hear(self, audio: Tensor | None) -> Any:
        """What is found in the sound: once for all steps; None without sound."""
        raise TypeError(f"{type(self).__name__} does not define hear")

    def clean(self, seen: Any, heard: Any, noisy: Tensor, step: int) -> Tensor:
        """The map ``(B, 1, H, W)`` that is found in a noisy one of a step."""
        raise TypeError(f"{type(self).__name__} does not define clean")

    def forward(self, frames: Tensor, audio: Tensor | None = None, noise: Tensor | None = None) -> Tensor:
        """Sample the map ``(B, H, W)`` in [0, 1] of frames ``(B, 3, T, H, W)`` and their sound.

        Args:
            frames: normalised by the spec.
            audio: as the spec's front end gives it; None without sound.
            noise: standard normal values ``(B, 1, H, W)``; None for those of the seed, the same for each item.

        Raises:
            ValueError: if the clip or the noise is not that of the spec, or the sound is missing.
        """
        self.check_input(frames, audio)
        if noise is None:
            noise = noise_of("", self.spec.size, self.seed).to(frames).expand(len(frames), -1, -1, -1)
        self.check_maps("noise", noise, len(frames))
        return self.sampled(self.see(frames), self.hear(audio), noise)

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
        """As :meth:`forward` with noise of its own for each frame; what is seen is found once for several sounds."""
        self.check_clips(clips, audio)
        target = self.spec.target_index
        names = [f"{place.video} {place.frames[target]}" for place in clips.places]
        noise = torch.stack([noise_of(name, self.spec.size, self.seed) for name in names]).to(clips.frames)
        return self.sampled(clips.once("seen", lambda: self.see(clips.frames)), self.hear(audio), noise)

    def denoise(self, frames: Tensor, audio: Tensor | None, noisy: Tensor, step: int) -> Tensor:
        """The map ``(B, H, W)`` that is found in a noisy one, in one call.

        Args:
            frames: as for :meth:`forward`.
            audio: as for :meth:`forward`.
            noisy: ``(B, 1, H, W)``.
            step: how noisy it is, 0 to 999.

        Raises:
            ValueError: as :meth:`forward`, and for another step.
        """
        self.check_input(frames, audio)
        self.check_maps("noisy", noisy, len(frames))
        check_step(step)
        return self.clean(self.see(frames), self.hear(audio), noisy, step)[:, 0]

    def sampled(self, seen: Any, heard: Any, noise: Tensor) -> Tensor:
        """The map ``(B, H, W)`` that the sampler finds, beginning with noise ``(B, 1, H, W)``."""

        def find(noisy: Tensor, step: int) -> Tensor:
            x0 = self.clean(seen, heard, noisy, step)
            return x0.to(torch.promote_types(x0.dtype, torch.float32))  # the sampler's differences are not for 16 bits

        return self.schedule.sample(find, noise, self.steps)[:, 0]

    def check_maps(self, name: str, maps: Tensor, count: int) -> None:
        """Nothing, for maps ``(count, 1, H, W)`` of the spec.

        Raises:
            ValueError: for another shape.
        """
        expected = (count, 1, *self.spec.size)
        if tuple(maps.shape) != expected:
            raise ValueError(f"expected {name} (B, 1, H, W), here {expected}; got {tuple(maps.shape)}")


def noise_of(name: str, size: Sequence[int], seed: int) -> Tensor:
    """Standard normal values ``(1, H, W)`` float32, the same ones for the same name, seed and size.

    Args:
        name: of what the map is of, such as a video and a frame; "" where nobody knows.
        size: (height, width).
        seed: another one gives other noise.
    """
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    draw = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    return torch.from_numpy(draw.standard_normal((1, *size), dtype=np.float32))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
