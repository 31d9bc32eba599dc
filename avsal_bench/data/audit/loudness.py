"""Faults of a sound, heard a tenth of a second at a time: clipped, broken, digital zero."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.audit.notes import Notes
from avsal_bench.data.files.moments import shown_between
from avsal_bench.data.files.sound_limits import LOUDEST
from avsal_bench.text import frame_ranges, many

#: Amplitude from which a sample is at full scale, and the share of such samples, in runs, that is worth a note.
FULL_SCALE, CLIPPED_SHARE = 0.9999, 1e-4
#: Digital silence of this many seconds is worth a note; it is looked for in steps of a tenth of one.
SILENCE = 1.0
_STEPS = 10


class Loudness:
    """Faults of a sound, a tenth of a second after the other."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.length = max(1, rate // _STEPS)
        self.samples = 0
        self.clipped = 0
        self.broken = 0
        self.loudest = 0.0
        self.silent: list[bool] = []

    def add(self, block: NDArray[np.float32]) -> None:
        """Take a tenth of a second ``(n, channels)``, or what is left."""
        self.samples += len(block)
        full = np.abs(block) >= FULL_SCALE
        self.clipped += int((full[1:] & full[:-1]).any(axis=1).sum())  # a single peak is no clipping
        self.broken += int((~np.isfinite(block)).any(axis=1).sum())
        self.loudest = max(self.loudest, float(np.abs(block, where=np.isfinite(block), out=np.zeros_like(block)).max()))
        self.silent.append(not block.mean(axis=1).any())  # networks hear the mean of the channels

    def tell(self, notes: Notes, path: Path) -> None:
        """Note what was heard."""
        video = notes.video
        if self.broken:
            notes.add("broken samples", path, f"{self.broken} of {many(self.samples, 'sample')} are NaN or infinite")
        if self.loudest > LOUDEST:
            notes.add("broken samples", path, f"samples of up to {self.loudest:g}, and full scale is 1")
        elif self.clipped > CLIPPED_SHARE * self.samples:
            notes.add("clipped sound", path, f"{100 * self.clipped / self.samples:.2g} % of the samples are clipped")
        if all(self.silent):
            notes.add("no sound in it", path, "the whole track is digital zero")
            return
        edges = [i for i, (a, b) in enumerate(pairwise([False, *self.silent, False])) if a != b]
        runs = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= SILENCE * _STEPS]
        step = self.length / self.rate
        frames = {n for a, b in runs for n in shown_between(video, a * step, b * step)} & set(
            range(1, video.n_frames + 1)
        )
        if frames:
            seconds = sum(b - a for a, b in runs) / _STEPS
            notes.add("no sound in it", frame_ranges(frames), f"{seconds:.1f} s of digital zero in {path.name}")
