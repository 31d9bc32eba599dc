"""Log-mel patches of a clip's sound in the shape of its frames (DiffSal)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from avsal_bench.audio.spectra import PATCH_ROWS, log_mel
from avsal_bench.audio.waveform import centred, check_excerpt, frame_span

#: Samples of the buffer that the excerpt stands in, at the rate of the sound: 16 frames at ten a second of 22 050 Hz.
BUFFER = 35280
#: Rows, 10 ms each, from one patch to the next.
HOP = 11
#: Samples a second of :func:`~avsal_bench.audio.spectra.log_mel`.
_MEL_RATE = 16000
#: That are made for one rate: 320 for 22 050 samples a second, one for each of the samples that a period of both has.
_MOST_FILTERS = 2000
#: The filter ``kaiser_best`` of resampy 0.4 (bmcfee/resampy): a sinc that lets through so much of the lower rate's
#: band, under a Kaiser window of this beta, as wide as that many periods of the lower rate on each side; in a table of
#: so many values a period.
_PASSED, _BETA, _PERIODS, _TABLE = 0.917347, 12.9846, 50, 2**13


@dataclass(frozen=True)
class LogMelImages:
    """Nine overlapping log-mel patches of a clip's sound, enlarged to images (diffsal2024, junwenxiong/diff_sal).

    1. The excerpt of the frames (:func:`~avsal_bench.audio.waveform.frame_span`) stands in the middle of 35 280 zeros,
       without a window; a longer one keeps its middle, where the authors fail.
    2. The buffer is resampled to 16 kHz with resampy's filter, and becomes rows of
       :func:`~avsal_bench.audio.spectra.log_mel`: 158 of them at 22 050 samples a second.
    3. Patches of 64 rows, 11 rows apart: nine of 158 rows. Fewer (two at 44 100, one at 48 000 samples a second) are
       repeated in turn, each ``9 // n`` times, and the first ``9 % n`` once more at the end; of more, the first nine
       count.
    4. Each is enlarged to ``size``, bilinear. Time runs down the rows, and bands along the columns.

    The authors do not resample before: their sets have files of 22 050 samples a second, and the buffer is as many
    samples of any other sound. Here sound is read at ``sample_rate``. torchaudio's resampler does not have resampy's
    filter: with the same sinc and window its patches differ by 1.4e-5 (relative) at 22 050 samples a second and by
    1.4e-4 at 48 000, with its own filter by 4.6e-3. So the filter is made here, and they differ by 1.3e-7.

    Silence, and no sound at all, are ``log 0.01`` everywhere.

    Args:
        patches: how many.
        size: (height, width) of each.
        sample_rate: samples a second; DiffSal was trained with 22 050.

    Returns:
        When called: ``(1, patches, height, width)`` float32.

    Raises:
        ValueError: for no patches, a size below 1, or a rate at which the buffer is shorter than a patch, or that would
            need thousands of filters.
    """

    patches: int = 9
    size: tuple[int, int] = (112, 192)
    sample_rate: int = 22050

    def __post_init__(self) -> None:
        if self.patches < 1 or min(self.size) < 1:
            raise ValueError(f"patches = {self.patches}, size = {self.size}; both count from 1, and 9 is DiffSal's")
        # 64 rows of 10 ms, and what the last one's window of 25 ms adds.
        if not 0 < self.sample_rate <= BUFFER / 0.655:
            raise ValueError(f"sample_rate = {self.sample_rate}; {BUFFER} samples must last 0.655 s, a patch of sound")
        if _ratio(self.sample_rate)[0] > _MOST_FILTERS:
            raise ValueError(
                f"sample_rate = {self.sample_rate} has no usual ratio to {_MEL_RATE}; take one such as 22050 or 44100"
            )

    @property
    def samples(self) -> int:
        """Length of the buffer in samples."""
        return BUFFER

    def span(self, first: float, last: float, fps: float, n_samples: int) -> tuple[int, int]:
        """See :func:`avsal_bench.audio.waveform.frame_span`.

        >>> LogMelImages().span(50, 65, 25.0, 88200)
        (42777, 56890)
        """
        return frame_span(first, last, fps, self.sample_rate, n_samples)

    def rows(self, excerpt: Tensor) -> Tensor:
        """The patches of an excerpt ``(n,)`` before they are enlarged, ``(patches, 1, 64, 64)``.

        Raises:
            ValueError: see :func:`avsal_bench.audio.waveform.check_excerpt`.
        """
        check_excerpt(excerpt)
        rows = log_mel(_resampled(centred(excerpt, BUFFER), self.sample_rate))
        found = rows.unfold(0, PATCH_ROWS, HOP).transpose(1, 2)  # (n, 64 rows, 64 bands)
        times, more = divmod(self.patches, len(found))
        if times:
            found = torch.cat([found.repeat_interleave(times, 0), found[:more]])
        return found[: self.patches, None]

    def __call__(self, excerpt: Tensor) -> Tensor:
        """The images of an excerpt ``(n,)``.

        Raises:
            ValueError: see :func:`avsal_bench.audio.waveform.check_excerpt`.
        """
        return F.interpolate(self.rows(excerpt), self.size, mode="bilinear")[:, 0][None]


def _resampled(samples: Tensor, rate: int) -> Tensor:
    """Sound ``(n,)`` of ``rate`` samples a second at 16 kHz, ``(n * 16000 // rate,)``, as resampy gives it."""
    if rate == _MEL_RATE:
        return samples
    filters, reach = _filters(rate)
    new, old = _ratio(rate)
    length = len(samples) * _MEL_RATE // rate
    # One filter for each of the `new` samples that `old` ones become.
    missing = -(-length // new) * old - len(samples)
    padded = F.pad(samples, (reach, reach + max(0, missing)))
    found = F.conv1d(padded[None, None], filters[:, None], stride=old)
    return found[0].T.flatten()[:length]


def _ratio(rate: int) -> tuple[int, int]:
    common = math.gcd(_MEL_RATE, rate)
    return _MEL_RATE // common, rate // common


@lru_cache(maxsize=4)
def _filters(rate: int) -> tuple[Tensor, int]:
    """resampy's filter for each sample of a period, ``(new, taps)``, and how far they reach on each side.

    resampy looks the filter up in a table: by a straight line between the two values at the first sample of each side,
    then in steps of a whole number of values, a little short where the rates do not divide each other.
    """
    places = np.arange(_PERIODS * _TABLE + 1) / _TABLE
    window = np.kaiser(2 * _PERIODS * _TABLE + 1, _BETA)[_PERIODS * _TABLE :]
    scale = min(1.0, _MEL_RATE / rate)
    table = scale * _PASSED * np.sinc(_PASSED * places) * window
    slopes = np.append(np.diff(table), 0.0)
    step = int(scale * _TABLE)
    new, old = _ratio(rate)
    reach = len(table) // step + 1
    filters = np.zeros((new, old + 2 * reach))
    for phase in range(new):
        before, rest = divmod(phase * old, new)
        behind = scale * rest / new
        for side, distance in ((-1, behind), (1, scale - behind)):
            first = int(distance * _TABLE)
            taps = np.arange((len(table) - first) // step)
            at = first + taps * step
            samples = before + (side > 0) + side * taps
            filters[phase, reach + samples] = table[at] + (distance * _TABLE - first) * slopes[at]
    return torch.from_numpy(filters.astype(np.float32)), reach
