"""What a sound may be: its rate, its length, its loudness; and the errors for one that is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: Samples a second, from and to.
RATES = (1_000, 768_000)
#: Samples of one channel: three hours at 48 000 a second, 2 GB in memory.
MOST_SAMPLES = 2**29
#: Largest amplitude; full scale is 1. A mix may exceed full scale, floats meant as 16-bit integers do by far.
LOUDEST = 16.0


def check_rate(path: Path, rate: int) -> int:
    """The rate again, where it is in ``RATES``.

    Raises:
        ValueError: naming the file.
    """
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(
            f"{path}: a sound of {rate} samples a second, expected {RATES[0]} to {RATES[1]}; "
            "its header may be damaged: extract it again"
        )
    return rate


def check_length(path: Path, samples: int, rate: int) -> None:
    """Nothing, for a sound that fits into memory.

    Raises:
        ValueError: naming the file.
    """
    if samples > MOST_SAMPLES:
        raise ValueError(
            f"{path}: over {MOST_SAMPLES / rate / 3600:.1f} hours of sound at {rate} samples a second, more than is "
            f"read; cut it, with `ffmpeg -i {path.name} -t <seconds> <new file>`"
        )


def check_samples(path: Path, samples: NDArray[np.float32], rate: int, first: int = 0) -> None:
    """Nothing, for samples ``(n,)`` or ``(n, channels)`` that are finite and not over ``LOUDEST``.

    Args:
        path: of the sound, for the error.
        samples: to look at.
        rate: of them, a second.
        first: which sample of the sound they begin with.

    Raises:
        ValueError: naming the file, the second and the value.
    """
    if not samples.size or np.abs(samples).max() <= LOUDEST:  # a NaN is not
        return
    rows = samples.reshape(len(samples), -1)
    row, channel = np.argwhere(~(np.abs(rows) <= LOUDEST))[0]
    value = rows[row, channel]
    where = f"{path}: the sound is {value:g} at {(first + row) / rate:.3f} s"
    if not np.isfinite(value):
        raise ValueError(f"{where}, which is no number; extract it again")
    raise ValueError(f"{where}, and full scale is 1; divide it (by 32768, if it was 16 bit), or extract it again")


def soundless(path: Path) -> ValueError:
    """The error for a sound without samples."""
    return ValueError(f"{path}: a sound without samples; extract it again")
