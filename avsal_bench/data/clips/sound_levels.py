"""How loud the sound of a video is, and how evenly: what makes two sounds alike whatever is heard in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.sound_files import audio_path, sound_blocks, sound_header
from avsal_bench.files import regular_file
from avsal_bench.progress import progress

#: Seconds of the pieces whose levels tell how even a sound is; and how far below the whole a piece may count, in dB:
#: one of digital silence has no level.
PIECE, DEEPEST = 0.5, 60.0
#: Levels count to a hundredth of a dB: no rounding of sums decides which of two sounds is nearer.
DECIMALS = 2
#: Bytes of sounds, or of films with them, from which on a bar says how many were listened to.
LARGE = 2**28


class Level(NamedTuple):
    """How loud a sound is.

    Args:
        rms: root of the mean square of its mono mix, in dB below full scale; minus infinity for digital silence.
        spread: standard deviation of the levels of its pieces of half a second, in dB; 0 for digital silence.
    """

    rms: float
    spread: float

    def distance(self, other: Level) -> float:
        """How unlike another level it is, in dB; infinity where one of them is silence."""
        if not (self.sounds and other.sounds):
            return math.inf
        return math.hypot(self.rms - other.rms, self.spread - other.spread)

    @property
    def sounds(self) -> bool:
        """Whether anything is heard."""
        return math.isfinite(self.rms)


#: Levels of files, by path, size, time and number.
_heard: dict[tuple[Path, tuple[int, ...]], Level] = {}


def levels_of(videos: Sequence[Video]) -> list[Level]:
    """The level of the sound of each video, all of which have one. Each file is listened to once a process.

    Raises:
        FileNotFoundError, ValueError: naming a file of sound that cannot be read.
    """
    paths = [audio_path(video) for video in videos]
    looks = [regular_file(path, links=True).stat() for path in paths]
    keys = [(path, (look.st_size, look.st_mtime_ns, look.st_ino)) for path, look in zip(paths, looks, strict=True)]
    fresh = {key: look.st_size for key, look in zip(keys, looks, strict=True) if key not in _heard}
    bar = progress("loudness of sounds, once", len(fresh)) if sum(fresh.values()) >= LARGE else nullcontext()
    with bar as told:
        for key in fresh:
            _heard[key] = _level(key[0])
            if told is not None:
                told.advance()
    return [_heard[key] for key in keys]


def _level(path: Path) -> Level:
    """The level of a sound."""
    powers, lengths = [], []
    for block in sound_blocks(path, max(1, round(PIECE * sound_header(path).rate))):
        mono = block.mean(axis=1, dtype=np.float64)  # networks hear the mean of the channels
        powers.append(float(mono @ mono))
        lengths.append(len(mono))
    total = math.fsum(powers)
    if not total > 0:  # nothing in it, or NaN, which reading the sound itself will name
        return Level(-math.inf, 0.0)
    rms = _decibel(total / sum(lengths))
    pieces = np.array([_decibel(p / n) if p > 0 else -math.inf for p, n in zip(powers, lengths, strict=True)])
    pieces = np.maximum(pieces, rms - DEEPEST)
    # The last piece is shorter: each counts by its length.
    weights = np.array(lengths) / sum(lengths)
    spread = math.sqrt(float(weights @ (pieces - weights @ pieces) ** 2))
    return Level(round(rms, DECIMALS), round(spread, DECIMALS))


def _decibel(power: float) -> float:
    return 10 * math.log10(power)
