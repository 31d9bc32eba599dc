"""Which library reads the pictures of video files: PyAV, or decord where the environment asks for it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from avsal_bench.data.files import video_files
from avsal_bench.data.files.readers import decord_files

#: The environment that names it, which all processes of a run inherit.
VIDEO_READER = "AVSAL_VIDEO_READER"
READERS = ("pyav", "decord")


def other_decoders() -> tuple[str, ...]:
    """Libraries that read pictures of video files, beside PyAV, which finds out which pictures there are.

    Raises:
        ValueError: when the environment names a reader that there is not.
    """
    asked = os.environ.get(VIDEO_READER, "") or READERS[0]
    if asked not in READERS:
        raise ValueError(f"{VIDEO_READER}={asked}: expected {' or '.join(READERS)}")
    return () if asked == READERS[0] else (asked,)


def read_pictures(path: Path, numbers: Sequence[int]) -> list[Tensor]:
    """Pictures of a video file by their numbers from 1, each ``(3, H, W)`` uint8 RGB at its own size.

    Raises:
        FileNotFoundError, ValueError: naming the file, and the frame that it does not have or that cannot be decoded;
            by decord also why it is not trusted with the file.
    """
    if other_decoders():
        return decord_files.read_pictures(path, numbers)
    return video_files.read_pictures(path, numbers)


def check_reader(path: Path) -> None:
    """Nothing, when the reader that the environment names shows a video file as a player does.

    Raises:
        FileNotFoundError, ValueError: naming the file, and why not.
    """
    if other_decoders():
        decord_files.read_pictures(path, [1])
