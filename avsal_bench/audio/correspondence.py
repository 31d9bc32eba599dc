"""Audio front ends of the classifiers of audio-visual consistency (scdl2022), which hear the sound around one frame.

A classifier is asked about the target frame of a clip, and hears a second or two around it, whatever the clip is. So a
network that has one hears two sounds (:class:`TwoSounds`), each at its own rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from avsal_bench.audio.waveform import AudioFrontEnd, centred, check_excerpt

#: AVID's deviation and mean of decibels over AudioSet. Its authors have one of each for every band, in a file.
AVID_MEAN, AVID_STD = -28.5, 19.7


def span_around(
    first: float, last: float, fps: float, sample_rate: int, samples: int, n_samples: int
) -> tuple[int, int]:
    """Half-open range of ``samples`` samples around the middle of frames ``first`` to ``last`` (from 1).

    Near an end of the sound it is moved inside, and of a shorter sound it is all.

    >>> span_around(26, 26, 25.0, 24000, 48000, 240_000), span_around(1, 1, 25.0, 24000, 48000, 240_000)
    ((0, 48000), (0, 48000))
    >>> span_around(51, 51, 25.0, 24000, 48000, 240_000), span_around(250, 250, 25.0, 24000, 48000, 240_000)
    ((24000, 72000), (192000, 240000))
    """
    middle = round((first + last - 2) / 2 / fps * sample_rate)
    start = max(0, min(middle - samples // 2, n_samples - samples))
    return start, min(start + samples, n_samples)


@dataclass(frozen=True)
class SecondSpectrogram:
    """The log spectrogram of one second at 48 kHz (Arandjelovic and Zisserman 2017; L3-Net and AVE-Net).

    Magnitudes of Fourier transforms of 512 points, of Hann windows of 10 ms that overlap by half: windows of 480
    samples, 240 apart, none beyond the sound, are the paper's 199 columns. ``log(max(x, 1e-12)) / 5``, as
    rohitrango/objects-that-sound scales them; there, steps of 242 samples give 199 columns of other windows. A shorter
    sound stands in the middle of silence.

    Args:
        sample_rate: samples a second.

    Returns:
        When called: ``(1, 257, 199)`` float32, frequency first. Silence is ``log(1e-12) / 5`` everywhere.
    """

    sample_rate: int = 48000

    def span(self, first: float, last: float, fps: float, n_samples: int) -> tuple[int, int]:
        """A second; see :func:`span_around`."""
        return span_around(first, last, fps, self.sample_rate, self.sample_rate, n_samples)

    def __call__(self, excerpt: Tensor) -> Tensor:
        """The spectrogram of an excerpt ``(n,)``.

        Raises:
            ValueError: see :func:`avsal_bench.audio.waveform.check_excerpt`.
        """
        check_excerpt(excerpt)
        width = self.sample_rate // 100
        windows = centred(excerpt, self.sample_rate).unfold(0, width, width // 2) * torch.hann_window(width)
        magnitude: Tensor = torch.fft.rfft(windows, n=512).abs()
        return (magnitude.clamp_min(1e-12).log() / 5).T[None].contiguous()


@dataclass(frozen=True)
class DecibelSpectrogram:
    """AVID's spectrogram of two seconds at 24 kHz (facebookresearch/AVID-CMA).

    Power of Fourier transforms of 1024 points, 240 samples (10 ms) apart, centred on the samples 0, 240, ... of the
    sound, which is reflected at its ends; the first 200. Frequency 0 is kept and the 512 others are averaged in pairs.
    ``10 log10(max(p, 1e-10))``, at most 100 dB below the loudest, less the mean, over the deviation. The authors have a
    mean and a deviation for each band, measured on AudioSet; here all bands have those of all together. A shorter sound
    stands in the middle of silence; the authors put it in front.

    Args:
        sample_rate: samples a second.

    Returns:
        When called: ``(1, 200, 257)`` float32, time first. Silence is -100 dB, standardised: about -3.6 everywhere.
    """

    sample_rate: int = 24000

    def span(self, first: float, last: float, fps: float, n_samples: int) -> tuple[int, int]:
        """Two seconds; see :func:`span_around`."""
        return span_around(first, last, fps, self.sample_rate, 2 * self.sample_rate, n_samples)

    def __call__(self, excerpt: Tensor) -> Tensor:
        """The spectrogram of an excerpt ``(n,)``.

        Raises:
            ValueError: see :func:`avsal_bench.audio.waveform.check_excerpt`.
        """
        check_excerpt(excerpt)
        samples = centred(excerpt, 2 * self.sample_rate)
        step = self.sample_rate // 100
        spectrum = torch.stft(
            samples, 1024, step, window=torch.hann_window(1024), pad_mode="reflect", return_complex=True
        )
        power = spectrum[:, :200].abs().square()
        bands = torch.cat([power[:1], power[1:].reshape(256, 2, -1).mean(1)])
        decibels = 10 * bands.clamp_min(1e-10).log10()
        decibels = torch.maximum(decibels, decibels.max() - 100)
        return ((decibels - AVID_MEAN) / AVID_STD).T[None].contiguous()


@dataclass(frozen=True)
class TwoSounds:
    """Two sounds of one window: that of the clip, and that around its target frame, each by its own front end.

    The data side reads the two apart (``data/clips/sounds.py``): the second is asked for the target frame alone, and
    runs forwards in a reverse window too. Called with one excerpt, both are made of it; so silence is silence in both.

    Args:
        clip: front end of the clip's sound.
        target: front end of the sound around the target frame.

    Attributes:
        shapes: of what the two give.

    Returns:
        When called: both tensors, flat, one after the other, ``(n,)`` float32; :meth:`parts` takes them apart.
    """

    clip: AudioFrontEnd
    target: AudioFrontEnd
    shapes: tuple[torch.Size, torch.Size] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Front ends keep tables, which a network that is built without memory must not spoil.
        with torch.device("cpu"):
            clip, target = (front_end(torch.zeros(1)).shape for front_end in (self.clip, self.target))
        object.__setattr__(self, "shapes", (clip, target))

    @property
    def sample_rate(self) -> int:
        """That of the clip's sound."""
        return self.clip.sample_rate

    def span(self, first: float, last: float, fps: float, n_samples: int) -> tuple[int, int]:
        """That of the clip's sound."""
        return self.clip.span(first, last, fps, n_samples)

    def __call__(self, excerpt: Tensor) -> Tensor:
        """Both tensors of one excerpt ``(n,)``.

        Raises:
            ValueError: see :func:`avsal_bench.audio.waveform.check_excerpt`.
        """
        return self.join(self.clip(excerpt), self.target(excerpt))

    @staticmethod
    def join(clip: Tensor, target: Tensor) -> Tensor:
        """One tensor of what the two front ends gave."""
        return torch.cat([clip.flatten(), target.flatten()])

    def parts(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """What the two front ends gave, ``(B, ...)`` each, of ``(B, n)``.

        Raises:
            ValueError: for a tensor of another length.
        """
        clip, target = self.shapes
        n, m = clip.numel(), target.numel()
        if audio.ndim != 2 or audio.shape[1] != n + m:
            found = tuple(audio.shape)
            raise ValueError(f"a sound of shape {found}; expected (B, {n + m}), {n} of the clip and {m} more")
        return audio[:, :n].reshape(-1, *clip), audio[:, n:].reshape(-1, *target)
