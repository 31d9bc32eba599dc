"""Audio front ends: from the excerpt of a waveform to the tensor that a network takes.

A front end is a small frozen dataclass. The data side asks it for the span of samples that belongs to the frames
of a clip, reads that span, turns it around where the clip runs backwards, and calls the front end with it. One that
hears other frames than those of the clip says so by ``heard`` (:class:`HeardFrames`). Sound
that is missing or muted is a call with one sample of silence. Those that look at frequencies are in
:mod:`avsal_bench.audio.spectra`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class HeardFrames(NamedTuple):
    """The frames whose sound is heard with a window.

    A front end that hears others than those of the clip has a method ``heard(target, n_frames) -> HeardFrames``: of the
    target frame of the window, from 1, and the frames of the video. Without it, they are the frames of the clip, and
    run as they do.
    """

    first: int
    """The first frame, from 1."""
    last: int
    """The last frame, which is included."""
    backwards: bool
    """Whether their sound is turned around."""


class AudioFrontEnd(Protocol):
    """What the data side needs of a front end; :class:`HeardFrames` has what it may have besides."""

    @property
    def sample_rate(self) -> int:
        """Samples a second that the excerpt must have; the reader resamples to it."""

    def span(self, first: float, last: float, fps: float, n_samples: int) -> tuple[int, int]:
        """Half-open range of samples, at ``sample_rate``, that belongs to frames ``first`` to ``last``.

        Frames count from 1, both are included; the range is clipped to ``[0, n_samples]``. A fraction is a frame of a
        video whose frame rate varies: f is shown at ``(f - 1) / fps``.
        """

    def __call__(self, excerpt: Tensor) -> Tensor:
        """Turn an excerpt ``(n,)``, float32 in [-1, 1], into the network's tensor (without a batch axis)."""


def frame_span(first: float, last: float, fps: float, sample_rate: int, n_samples: int) -> tuple[int, int]:
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


def check_excerpt(excerpt: Tensor) -> None:
    """Nothing, for mono sound in float32.

    Raises:
        ValueError: naming shape and dtype of what is not ``(n,)`` float32.
    """
    if excerpt.ndim != 1 or excerpt.dtype != torch.float32:
        raise ValueError(
            f"an excerpt of shape {tuple(excerpt.shape)}, {excerpt.dtype}; a front end takes mono sound (n,) in float32"
        )


def middle(excerpt: Tensor, samples: int) -> Tensor:
    """The ``samples`` in the middle of an excerpt ``(n,)``, or all of a shorter one.

    >>> middle(torch.arange(6), 3)
    tensor([1, 2, 3])
    """
    surplus = max(0, excerpt.shape[0] - samples)
    return excerpt[surplus // 2 : excerpt.shape[0] - (surplus - surplus // 2)]


def centred(excerpt: Tensor, samples: int) -> Tensor:
    """An excerpt ``(n,)`` in the middle of ``(samples,)`` zeros, from sample ``samples // 2 - n // 2`` on.

    A longer excerpt keeps its middle.

    >>> centred(torch.ones(3), 6)
    tensor([0., 0., 1., 1., 1., 0.])
    """
    excerpt = middle(excerpt, samples)
    n = excerpt.shape[0]
    buffer = torch.zeros(samples)
    start = samples // 2 - n // 2
    buffer[start : start + n] = excerpt
    return buffer


@dataclass(frozen=True)
class Waveform:
    """The raw waveform under a symmetric Hann window, centred in a buffer of zeros (stavis2020, atsiami/STAViS).

    The buffer holds ``frames`` frames at ``slowest_fps``, the lowest frame rate it was made for. A longer
    excerpt (a video slower than that) keeps its middle; the authors' code fails there. STAViS (16 frames), ViNet and
    AVRSP (32) hear this way. Silence, and no sound at all, are zeros.

    The authors do not resample: they read files of 22 050 Hz. samyak0210/ViNet turns the filled buffer around for a
    reverse window, and here the excerpt is, which puts an odd number of samples one sample later.

    Args:
        frames: T of the clip.
        sample_rate: samples a second; 22 050 is SoundNet's.
        slowest_fps: frames a second that size the buffer.
        scale: amplitude that full scale is mapped to; SoundNet was trained on [-256, 256].
        shape: of the tensor, with -1 for the samples. SoundNet was published with two-dimensional convolutions, and
            its users have time on the last axis (atsiami/STAViS) or on the one before (samyak0210/ViNet).

    Returns:
        When called: ``shape`` with ``int(sample_rate / slowest_fps * frames)`` samples, float32.
    """

    frames: int
    sample_rate: int = 22050
    slowest_fps: float = 10.0
    scale: float = 256.0
    shape: tuple[int, ...] = (1, -1)

    @property
    def samples(self) -> int:
        """Length of the buffer in samples."""
        return int(self.sample_rate / self.slowest_fps * self.frames)

    def span(self, first: float, last: float, fps: float, n_samples: int) -> tuple[int, int]:
        """See :func:`frame_span`."""
        return frame_span(first, last, fps, self.sample_rate, n_samples)

    def __call__(self, excerpt: Tensor) -> Tensor:
        """Window an excerpt ``(n,)`` and centre it in the buffer.

        Raises:
            ValueError: see :func:`check_excerpt`.
        """
        check_excerpt(excerpt)
        excerpt = middle(excerpt, self.samples)
        windowed = excerpt * torch.hann_window(excerpt.shape[0], periodic=False) * self.scale
        return centred(windowed, self.samples).reshape(self.shape)


@dataclass(frozen=True)
class EarlyWaveform(Waveform):
    """The waveform of frames that are not those of the clip (hypersal2024, MinglangQiao/Sports_saliency).

    A window of ``frames`` frames that ends at frame f (from 1) hears the frames that end at f - 1, one frame early.
    The first ``frames`` windows of a video hear its frames 1 to ``frames``, **backwards**, though their frames run
    forwards. That is what the authors' scripts do, and what the network was trained on.

    The rest is as in :class:`Waveform`, but for the numbers: sound of 44 100 Hz, a buffer for 20 frames a second, and
    samples that the authors read as integers of 16 bits and multiply by 2^-23, so that none is above 2^-8.

    The authors take the first channel of a sound at the rate that its file has; here a sound is the mean of its
    channels, resampled to the rate that the buffer was made for. Where an excerpt is longer than the buffer their
    script fails, and here it keeps its middle.

    Returns:
        When called: ``shape`` with 70 560 samples by default, float32.
    """

    sample_rate: int = 44100
    slowest_fps: float = 20.0
    scale: float = 2.0**-8
    shape: tuple[int, ...] = (1, -1, 1)

    def heard(self, target: int, n_frames: int) -> HeardFrames:
        """The frames that are heard with the window of a frame.

        >>> front_end = EarlyWaveform(32)
        >>> [tuple(front_end.heard(target, 100)) for target in (1, 32, 33, 100)]
        [(1, 32, True), (1, 32, True), (1, 32, False), (68, 99, False)]
        """
        first = max(1, target - self.frames)
        return HeardFrames(first, min(first + self.frames - 1, n_frames), target <= self.frames)

    def span(self, first: float, last: float, fps: float, n_samples: int) -> tuple[int, int]:
        """As :func:`frame_span`, with the samples of a frame divided out first, which moves some ends by a sample."""
        a_frame = self.sample_rate / fps
        start = int(max(0.0, (first - 1) * a_frame - a_frame / 2))
        stop = int((last - 1) * a_frame + a_frame / 2) + 1
        return min(start, n_samples), min(stop, n_samples)
