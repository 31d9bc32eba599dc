"""How many processes may read: their batches lie in memory that is shared, and a container may have little of it."""

from __future__ import annotations

import math
import shutil
import sys
from pathlib import Path

import torch

from avsal_bench.spec import ClipSpec
from avsal_bench.text import many

#: Where Linux keeps what processes share. Docker gives 64 MB unless asked for more; who writes beyond is killed by a
#: bus error.
SHARED = Path("/dev/shm")
#: Batches that a reading process has ready (torch's own number), and those that are being used.
AHEAD, IN_USE = 2, 2
#: The part of the free memory that is counted on: other loaders and other programs have some too.
PART = 0.7

_said: set[str] = set()


def readers(
    wanted: int,
    spec: ClipSpec,
    items: int,
    *,
    frames: int | None = None,
    maps: int = 1,
    sounds: int = 1,
    beside: int = 1,
) -> int:
    """As many reading processes as are wanted, or fewer where shared memory is short; that is said once.

    Args:
        wanted: processes.
        spec: of the clips.
        items: of a batch.
        frames: of a batch at most; by default each item has its own.
        maps: that an item brings at most, float32 at the size of the clip.
        sounds: that an item brings.
        beside: processes on this machine that read so many each.
    """
    if wanted < 1 or not SHARED.is_dir():
        return wanted
    batch = items * item_bytes(spec, maps, sounds, 0) + frame_bytes(spec, frames or items * spec.frames)
    free = shutil.disk_usage(SHARED).free
    fitting = max(0, math.floor((PART * free / (beside * batch) - IN_USE) / AHEAD))
    if fitting >= wanted:
        return wanted
    needed = math.ceil((wanted * AHEAD + IN_USE) * beside * batch / PART / 1e6)
    instead = fitting or "this process alone"
    _say_once(
        f"{SHARED} has {free / 1e6:.0f} MB free, and {many(wanted, 'reading process', plural='reading processes')} "
        f"would share up to {needed} MB: reading with {instead}; "
        f"`docker run --shm-size={math.ceil(needed / 1000)}g` or --ipc=host gives more"
    )
    return fitting


def item_bytes(spec: ClipSpec, maps: int = 1, sounds: int = 1, frames: int | None = None) -> int:
    """Bytes of one item of a batch: frames of 8 bits, by default those of a clip, maps and sounds of float32."""
    height, width = spec.size
    sound = 0 if spec.audio is None else 4 * spec.audio(torch.zeros(1)).numel()
    return frame_bytes(spec, spec.frames if frames is None else frames) + 4 * maps * height * width + sounds * sound


def frame_bytes(spec: ClipSpec, frames: int) -> int:
    """Bytes of some frames of 8 bits."""
    height, width = spec.size
    return 3 * frames * height * width


def _say_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        print(text, file=sys.stderr, flush=True)
