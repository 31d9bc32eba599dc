"""Audio front ends: from the excerpt of a waveform to the tensor that a network takes.

A front end is a small frozen dataclass. The data side asks it for the span of samples that belongs to the frames
of a clip, reads that span, and calls the front end with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class AudioFrontEnd(Protocol):
    """What the data side needs of a front end."""

    @property
    def sample_rate(self) -> int:
        """Samples a second that the excerpt must have; the reader resamples to it."""

    def span(self, first: int, last: int, fps: float, n_samples: int) -> tuple[int, int]:
        """Half-open range of samples, at ``sample_rate``, that belongs to frames ``first`` to ``last``.

        Frames count from 1, both are included; the range is clipped to ``[0, n_samples]``.
        """

    def __call__(self, excerpt: Tensor) -> Tensor:
        """Turn an excerpt ``(n,)``, float32 in [-1, 1], into the network's tensor (without a batch axis)."""


def frame_span(first: int, last: int, fps: float, sample_rate: int, n_samples: int) -> tuple[int, int]:
    """Half-open range of the samples of frames ``first`` to ``last`` (from 1, both included).

    The sound of frame f is centred on its time stamp ``(f - 1) / fps`` and one frame long, and the sample at the end
    of the last frame belongs to it, as in the reader of atsiami/STAViS. The range is clipped to ``[0, n_samples]``.

    >>> frame_span(1, 1, 25.0, 22050, 100_000)
    (0, 442)
    >>> frame_span(2, 3, 25.0, 22050, 100_000)
    (441, 2206)
    """
    half = sample_rate / fps / 2
    start = int(max(0.0, (first - 1) / fps * sample_rate - half))
    stop = int((last - 1) / fps * sample_rate + half) + 1
    return min(start, n_samples), min(stop, n_samples)


@dataclass(frozen=True)
class Waveform:
    """The raw waveform under a Hann window, centred in a buffer of zeros (stavis2020, atsiami/STAViS).

    The buffer holds ``frames`` frames at ``slowest_fps``, the lowest frame rate it was made for. A longer
    excerpt (a video slower than that) keeps its middle. STAViS, ViNet and AVRSP hear this way.

    Args:
        frames: T of the clip.
        sample_rate: samples a second; 22 050 is SoundNet's.
        slowest_fps: frames a second that size the buffer.
        scale: amplitude that full scale is mapped to; SoundNet was trained on [-256, 256].

    Returns:
        When called: ``(1, int(sample_rate / slowest_fps * frames))`` float32.
    """

    frames: int
    sample_rate: int = 22050
    slowest_fps: float = 10.0
    scale: float = 256.0

    @property
    def samples(self) -> int:
        """Length of the buffer in samples."""
        return int(self.sample_rate / self.slowest_fps * self.frames)

    def span(self, first: int, last: int, fps: float, n_samples: int) -> tuple[int, int]:
        """See :func:`frame_span`."""
        return frame_span(first, last, fps, self.sample_rate, n_samples)

    def __call__(self, excerpt: Tensor) -> Tensor:
        """Window an excerpt ``(n,)`` and centre it in the buffer."""
        surplus = max(0, excerpt.shape[0] - self.samples)
        excerpt = excerpt[surplus // 2 : excerpt.shape[0] - (surplus - surplus // 2)]
        n = excerpt.shape[0]
        windowed = excerpt * torch.hann_window(n, periodic=False) * self.scale
        buffer = torch.zeros(1, self.samples)
        start = self.samples // 2 - n // 2
        buffer[0, start : start + n] = windowed
        return buffer
