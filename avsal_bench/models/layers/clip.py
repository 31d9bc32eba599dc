"""What the networks on S3D that predict the last frame have in common: their clips, and how time ends.

S3D leaves T/8 time steps of T frames. The published networks take 32 frames, hence 4 steps; 16 and 8 leave 2 and 1.
"""

from __future__ import annotations


def check_clip(network: str, frames: int, size: tuple[int, int]) -> None:
    """Nothing, for 8, 16 or 32 frames of a height and a width that are multiples of 32.

    Raises:
        ValueError: naming what is neither.
    """
    if frames not in (8, 16, 32):
        raise ValueError(f"{network} takes 8, 16 or 32 frames; got {frames}")
    if any(side < 32 or side % 32 for side in size):
        raise ValueError(f"{network} takes a height and a width of 32, 64, 96 ... pixels; got {tuple(size)}")


def last_time_kernels(frames: int) -> tuple[int, int]:
    """Kernels, and strides, in time of the two convolutions that fold T/8 steps to one.

    >>> last_time_kernels(32), last_time_kernels(16), last_time_kernels(8)
    ((2, 2), (2, 1), (1, 1))
    """
    steps = frames // 8
    return min(2, steps), max(1, steps // 2)
