"""Another rate for a sound, within bounds of memory and time."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Samples beyond both ends of an excerpt that resampling is given, at the rate of the front end.
MARGIN = 64
#: Weights that torchaudio may make, a filter for each phase. Usual rates take 3.3 million at most; 22 051 Hz and
#: 22 050 Hz, which have no common divisor, 490 million.
MOST_WEIGHTS = 2**22
#: Samples on each side that a filter of torchaudio and of scipy reaches, at the lower of two rates.
_WIDTH, _REACH = 6, 10


def resample(samples: Tensor, native: int, rate: int) -> Tensor:
    """Sound ``(n,)`` at ``rate`` instead of ``native`` samples a second, ``(ceil(n * rate / native),)`` float32."""
    if native == rate or not len(samples):
        return samples
    common = math.gcd(native, rate)
    new, old = rate // common, native // common
    if new * (old + 2 * math.ceil(_WIDTH * old / min(new, old))) <= MOST_WEIGHTS:
        import torchaudio  # here, as are scipy's filters: few sounds are resampled, and both take long to import

        resampled: Tensor = torchaudio.functional.resample(samples, native, rate)
        return resampled
    from scipy.signal import resample_poly

    return torch.from_numpy(resample_poly(samples.numpy(), new, old, window=_taps(max(new, old))).astype(np.float32))


@lru_cache(maxsize=2)
def _taps(longer: int) -> NDArray[np.float64]:
    """The filter of :func:`scipy.signal.resample_poly`, made once; up to 15 million weights."""
    from scipy.signal import firwin

    taps: NDArray[np.float64] = firwin(2 * _REACH * longer + 1, 1 / longer, window=("kaiser", 5.0))
    return taps


class Excerpt(NamedTuple):
    """Samples to read of a sound, and which to keep of them once they are resampled."""

    first: int
    last: int
    skip: int
    length: int

    @classmethod
    def around(cls, start: int, stop: int, native: int, rate: int) -> Excerpt:
        """What to read at ``native`` Hz for the samples ``start`` to ``stop`` at ``rate`` Hz.

        A filter that resamples needs samples on both sides, and a start that is a sample at both rates: else the
        excerpt is shifted by a part of a sample, and its ends are wrong.

        >>> Excerpt.around(22050, 44100, 22050, 22050)
        Excerpt(first=22050, last=44100, skip=0, length=22050)
        >>> Excerpt.around(1000, 1600, 44100, 16000)
        Excerpt(first=2205, last=4851, skip=200, length=600)
        """
        if native == rate:
            return cls(start, stop, 0, stop - start)
        common = math.gcd(native, rate)
        new, old = rate // common, native // common
        margin = max(MARGIN, math.ceil(_REACH * rate / native))
        first = max(0, start - margin) // new
        last = -(-(stop + margin) // new)
        return cls(first * old, last * old, start - first * new, stop - start)
