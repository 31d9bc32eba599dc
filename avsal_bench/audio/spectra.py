"""Audio front ends that look at frequencies: log spectrograms (MSPI, STANet), and log-mel bands (CASP-Net, DAVE).

All take mono sound at 16 kHz in [-1, 1]. ``X(t, k)`` below is the one-sided discrete Fourier transform, of 512 points,
of the window of samples ``t``; windows are periodic Hann and 160 samples (10 ms) apart, but for STANet's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from avsal_bench.audio.waveform import centred, check_excerpt, frame_span

#: Points of the Fourier transform, frequencies that come out of it, and samples between two windows.
N_FFT, N_FREQUENCIES, STEP = 512, 257, 160

#: VGGish (tensorflow/models, research/audioset): samples in a window (25 ms), bands, their range in Hz, and what is
#: added before the logarithm.
MEL_WINDOW, MEL_BANDS, MEL_RANGE, MEL_OFFSET = 400, 64, (125.0, 7500.0), 0.01

#: Rows of a patch of DAVE, 10 ms each.
PATCH_ROWS = 64


@dataclass(frozen=True)
class LogSpectrogram:
    """The log power spectrogram, each column standardised (mspi2024, oraclefina/MSPI).

    1. ``s(k, t) = log(|X(t, k)|^2 + 1e-6)``, windows of 512 samples, centred on the samples 0, 160, ... of the
       excerpt, which is reflected at its ends: ``n // 160 + 1`` columns.
    2. ``z(k, t) = (s(k, t) - m(t)) / (d(t) + 1e-6)`` with mean ``m`` and unbiased deviation ``d`` of the column over
       its 257 frequencies, in float64: so that a silent column is 0, not the magnified rounding of its mean.
    3. The first ``columns`` columns, or ``fill`` to the right of fewer.

    The excerpt starts at the clip's first frame and has ``frames + 1`` frames, whatever the clip's last frame is.
    The authors train with 16 and test with 32, 16 frames past the clip: their script for tests leaves the argument
    out. A reverse window hears the same excerpt backwards, so of 33 frames at 25 a second the sound around the
    target frame is cut.

    No more than 256 samples cannot be reflected and are taken for no sound: ``fill`` everywhere, as the authors have
    it for a video without sound. Muted sound is that too. A longer excerpt of silence is 0, then ``fill``.

    Args:
        frames: L, one less than the frames of sound that are heard.
        columns: width of the tensor; 111 is L = 32 at 30 frames a second.
        fill: value of columns without sound.
        sample_rate: samples a second.

    Returns:
        When called: ``(1, 257, columns)`` float32.
    """

    frames: int = 16
    columns: int = 111
    fill: float = 0.02
    sample_rate: int = 16000

    def span(self, first: float, last: float, fps: float, n_samples: int) -> tuple[int, int]:
        """Samples from frame ``first`` (from 1) on, ``frames + 1`` frames long, clipped to ``[0, n_samples]``.

        >>> LogSpectrogram().span(1, 16, 25.0, 100_000)
        (0, 10880)
        """
        start = round((first - 1) / fps * self.sample_rate)
        stop = round((first + self.frames) / fps * self.sample_rate)
        return min(start, n_samples), min(stop, n_samples)

    def __call__(self, excerpt: Tensor) -> Tensor:
        """The spectrogram of an excerpt ``(n,)``.

        Raises:
            ValueError: see :func:`avsal_bench.audio.waveform.check_excerpt`.
        """
        check_excerpt(excerpt)
        out = torch.full((1, N_FREQUENCIES, self.columns), self.fill)
        if excerpt.shape[0] <= N_FFT // 2:
            return out
        window = torch.hann_window(N_FFT)
        spectrum = torch.stft(excerpt, N_FFT, STEP, window=window, pad_mode="reflect", return_complex=True)
        log = (spectrum[:, : self.columns].abs().square() + 1e-6).log().double()
        deviation, mean = torch.std_mean(log, dim=0)
        out[0, :, : log.shape[1]] = (log - mean) / (deviation + 1e-6)
        return out


#: VGGSound's: samples in a window, and between two windows (an overlap of 353).
PSD_WINDOW, PSD_STEP = 512, 159


@lru_cache(maxsize=1)
def tukey_window() -> Tensor:
    """The periodic Tukey window ``(512,)`` float64 whose rising and falling sides, cosines, take a quarter of it."""
    t = torch.arange(PSD_WINDOW, dtype=torch.float64) / PSD_WINDOW
    side = 0.5 * (1 + torch.cos(math.pi * (8 * torch.minimum(t, 1 - t) - 1)))
    window: Tensor = torch.where(torch.minimum(t, 1 - t) < 0.125, side, 1.0)
    return window


@dataclass(frozen=True)
class StandardisedPSD:
    """The log power spectral density of the sound around the target frame, standardised (hche11/VGGSound; STANet).

    1. ``p(k, t) = c_k |X(t, k)|^2``, the defaults of ``scipy.signal.spectrogram``: of each window of 512 samples,
       which are 159 apart, the mean is taken off; the window is Tukey's; ``c_k`` is ``2 / (fs sum w^2)``, and half
       of it for the first and the last frequency.
    2. ``s = log(p + 1e-7)``, and ``(s - m) / (d + 1e-9)`` with the mean and the population's deviation of the whole
       excerpt. Silence, and no sound at all, are 0.

    All in float64: of a quiet sound the logarithms differ little, and the division makes that large.

    The excerpt is centred on the middle of the clip's frames, and moved as far as it takes to lie inside the sound;
    a sound that is shorter stands in the middle of zeros.

    Args:
        columns: width of the tensor; 48 is half a second.
        sample_rate: samples a second.

    Returns:
        When called: ``(1, 257, columns)`` float32.
    """

    columns: int = 48
    sample_rate: int = 16000

    @property
    def samples(self) -> int:
        """Length of the excerpt, 7985 samples for 48 columns."""
        return (self.columns - 1) * PSD_STEP + PSD_WINDOW

    def span(self, first: float, last: float, fps: float, n_samples: int) -> tuple[int, int]:
        """The samples around the middle of frames ``first`` to ``last``, inside the sound.

        >>> StandardisedPSD().span(100, 102, 25.0, 200_000), StandardisedPSD().span(1, 2, 25.0, 200_000)
        ((60008, 67993), (0, 7985))
        """
        middle_sample = round(((first + last) / 2 - 1) / fps * self.sample_rate)
        start = max(0, min(middle_sample - self.samples // 2, n_samples - self.samples))
        return start, min(start + self.samples, n_samples)

    def __call__(self, excerpt: Tensor) -> Tensor:
        """The spectrogram of an excerpt ``(n,)``.

        Raises:
            ValueError: see :func:`avsal_bench.audio.waveform.check_excerpt`.
        """
        check_excerpt(excerpt)
        windows = centred(excerpt, self.samples).double().unfold(0, PSD_WINDOW, PSD_STEP)
        windows = (windows - windows.mean(1, keepdim=True)) * tukey_window()
        power = torch.fft.rfft(windows).abs().square().T * (2 / (self.sample_rate * tukey_window().square().sum()))
        power[[0, -1]] /= 2
        log = (power + 1e-7).log()
        deviation, mean = torch.std_mean(log, correction=0)
        standard: Tensor = (log - mean) / (deviation + 1e-9)
        return standard.float()[None]


def mel(hertz: float) -> float:
    """``1127 ln(1 + f / 700)``, the mel scale of HTK.

    >>> round(mel(1000.0), 2)
    999.99
    """
    return 1127.0 * math.log(1.0 + hertz / 700.0)


@lru_cache(maxsize=1)
def mel_matrix() -> Tensor:
    """Weights ``(257, 64)`` float32 from magnitudes at 0 to 8000 Hz to VGGish's bands.

    ``w(k, b) = max(0, min((m_k - e_b) / (e_{b+1} - e_b), (e_{b+2} - m_k) / (e_{b+2} - e_{b+1})))`` with ``m_k`` the
    mel of frequency k and ``e`` 66 edges evenly spaced in mel from 125 to 7500 Hz. The triangles are straight over
    mel and 1 at their peak; ``torchaudio.functional.melscale_fbanks`` has them straight over Hz.
    """
    edges = torch.linspace(mel(MEL_RANGE[0]), mel(MEL_RANGE[1]), MEL_BANDS + 2, dtype=torch.float64)
    bins = torch.tensor([mel(k * 16000 / N_FFT) for k in range(N_FREQUENCIES)], dtype=torch.float64)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles: Tensor = torch.minimum(rising, falling)
    return triangles.clamp(min=0).float()


def log_mel(samples: Tensor) -> Tensor:
    """VGGish's ``log(sum_k w(k, b) |X(t, k)| + 0.01)`` of ``(n,)`` samples at 16 kHz.

    The windows have 400 samples and none reaches beyond the sound.

    Returns:
        ``(1 + (n - 400) // 160, 64)`` float32, no rows for fewer than 400 samples. Silence is ``log 0.01``.
    """
    if samples.shape[0] < MEL_WINDOW:
        return torch.zeros(0, MEL_BANDS)
    windows = samples.unfold(0, MEL_WINDOW, STEP) * torch.hann_window(MEL_WINDOW)
    magnitude: Tensor = torch.fft.rfft(windows, n=N_FFT).abs()
    bands: Tensor = magnitude @ mel_matrix()
    return (bands + MEL_OFFSET).log()


def _mel_samples(steps: int) -> int:
    """Samples that ``steps`` rows of :func:`log_mel` need."""
    return (steps - 1) * STEP + MEL_WINDOW


@dataclass(frozen=True)
class LogMel:
    """One VGGish example: log-mel bands of the clip's sound, centred in silence (caspnet2023, CVPR 2023).

    VGGish hears 0.96 s, and 16 frames are about 0.6 s. As in STAViS, the excerpt of the frames (see
    :func:`~avsal_bench.audio.waveform.frame_span`) stands in the middle of zeros, here without a window; a longer
    excerpt keeps its middle. Silence, and no sound at all, are ``log 0.01`` everywhere.

    Args:
        steps: rows, 10 ms apart; VGGish has 96.
        sample_rate: samples a second.

    Returns:
        When called: ``(1, steps, 64)`` float32, time first; see :func:`log_mel`.
    """

    steps: int = 96
    sample_rate: int = 16000

    @property
    def samples(self) -> int:
        """Length of the buffer in samples, 15 600 for 96 rows."""
        return _mel_samples(self.steps)

    def span(self, first: float, last: float, fps: float, n_samples: int) -> tuple[int, int]:
        """See :func:`avsal_bench.audio.waveform.frame_span`."""
        return frame_span(first, last, fps, self.sample_rate, n_samples)

    def __call__(self, excerpt: Tensor) -> Tensor:
        """The example of an excerpt ``(n,)``.

        Raises:
            ValueError: see :func:`avsal_bench.audio.waveform.check_excerpt`.
        """
        check_excerpt(excerpt)
        return log_mel(centred(excerpt, self.samples))[None]


@dataclass(frozen=True)
class LogMelPatches:
    """Sixteen overlapping log-mel patches, one a frame (Tavakoli et al., arXiv 1905.10693, hrtavakoli/DAVE).

    A sound has ``N`` patches of 64 rows of :func:`log_mel` (0.64 s); patch ``p`` from 0 starts at row ``p h``, and the
    last one ends inside the sound. Frame ``f`` (from 1) hears the patches ``k - 15`` to ``k``, ``k = min(f, N)``, that
    exist; the first of them is repeated in front to make 16. ``h`` is the rows between two patches: 1 / fps seconds,
    rounded to 10 ms. So a patch starts where its frame ends: the network hears the 0.64 s after its target frame.

    At 25 frames a second h is 4. At 30 it is 3, as the authors have it, and the sound falls behind by 6 s a minute:
    ``in_step`` does not round h but each ``p h``. The authors' script cuts the sound of its first video at
    ``hop = 0.02``, and each further one at the frame rate of the video before it.

    The excerpt does not tell the frame rate. Called without ``fps`` and without ``hop``, h is read from the length of
    the excerpt: exactly for all frames from 15 on, and to 10 ms with ``in_step``. For an earlier frame, with less than
    15 h rows before it, the 16 patches are spread evenly over what is there. At the end of the sound the authors stop
    the picture too; here it goes on.

    Silence, and no sound at all, are ``log 0.01`` everywhere. Silence follows what is shorter than a patch.

    Args:
        patches: T of the network.
        hop: seconds from patch to patch; None for a frame of the video.
        in_step: do not round the hop to 10 ms.
        channels: equal copies of each patch; the authors' network has an RGB network's first layer.
        sample_rate: samples a second.

    Returns:
        When called: ``(channels, patches, 64, 64)`` float32: patch, row (time), band.

    Raises:
        ValueError: for a hop, or for fewer than two patches, that is not possible.
    """

    patches: int = 16
    hop: float | None = None
    in_step: bool = False
    channels: int = 3
    sample_rate: int = 16000

    def __post_init__(self) -> None:
        if self.hop is not None and not self.hop > 0:
            raise ValueError(f"hop = {self.hop} s between patches; it must be above 0, or None for 1 / fps")
        if self.patches < 2:
            raise ValueError(f"patches = {self.patches}; give 2 or more, 16 for DAVE")

    def span(self, first: float, last: float, fps: float, n_samples: int) -> tuple[int, int]:
        """Samples of the patches of frame ``last``, whole rows; all samples of a sound shorter than a patch.

        >>> LogMelPatches().span(85, 100, 25.0, 200_000)
        (54400, 74480)
        """
        rows = 1 + (n_samples - MEL_WINDOW) // STEP
        if rows < PATCH_ROWS:
            return 0, n_samples
        hop = self._rows_between(fps)
        # The number of p >= 0 with floor(p hop + 1/2) + 64 <= rows.
        count = math.ceil((rows - PATCH_ROWS + 0.5) / hop)
        k = min(last, count)
        earliest, latest = max(0, k - self.patches + 1), min(k, count - 1)
        start, stop = (int(p * hop + 0.5) for p in (earliest, latest))
        return start * STEP, start * STEP + _mel_samples(stop - start + PATCH_ROWS)

    def __call__(self, excerpt: Tensor, fps: float | None = None) -> Tensor:
        """The patches of an excerpt ``(n,)`` of a video of ``fps`` frames a second.

        Raises:
            ValueError: see :func:`avsal_bench.audio.waveform.check_excerpt`.
        """
        check_excerpt(excerpt)
        lacking = max(0, _mel_samples(PATCH_ROWS) - excerpt.shape[0])
        rows = log_mel(F.pad(excerpt, (0, lacking)))
        starts = self._starts(rows.shape[0] - PATCH_ROWS, fps)
        stack = torch.stack([rows[s : s + PATCH_ROWS] for s in starts])
        return stack.repeat(self.channels, 1, 1, 1)

    def _rows_between(self, fps: float) -> float:
        rows = 100 * (1 / fps if self.hop is None else self.hop)
        return rows if self.in_step else max(1, round(rows))

    def _starts(self, room: int, fps: float | None) -> list[int]:
        """First rows of the patches, where the last one starts at row ``room``."""
        gaps = self.patches - 1
        if self.hop is not None or fps is not None:
            gaps = min(gaps, round(room / self._rows_between(fps or 1.0)))
        elif room % gaps and room % (gaps - 1 or 1) == 0:
            # Frames from N on: one patch fewer, and a whole number of rows between them.
            gaps -= 1
        starts = [int(i * room / gaps + 0.5) for i in range(gaps + 1)] if gaps else [room]
        return [starts[0]] * (self.patches - len(starts)) + starts
