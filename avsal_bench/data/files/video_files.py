"""Pictures straight from video files, by decord."""

from __future__ import annotations

import ctypes
import importlib
import math
import os
import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor


def _import_decord() -> ModuleType:
    """Import decord with its libraries to itself.

    It brings a zlib 1.2.3, and asks for it to be shared with every library that is loaded later: after that, no PNG
    can be read.
    """
    shared = ctypes.RTLD_GLOBAL
    ctypes.RTLD_GLOBAL = ctypes.RTLD_LOCAL  # type: ignore[misc]
    try:
        return importlib.import_module("decord")
    finally:
        ctypes.RTLD_GLOBAL = shared  # type: ignore[misc]


decord = _import_decord()

#: Video files that a process keeps open.
OPEN_FILES = 2

# A reader made before a fork hangs in the new process, and so does closing it, which waits for threads that did not
# come along. So each process opens its own, and never touches an entry of another.
_readers: OrderedDict[tuple[int, Path], Any] = OrderedDict()


def count_frames(path: Path) -> int:
    """The number of pictures that a video file decodes to.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    return len(_reader(path))


def frame_rate(path: Path) -> float:
    """Frames a second of a video file, on average.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    fps = float(_reader(path).get_avg_fps())
    if not 0 < fps < math.inf:
        raise ValueError(f"{path}: its frame rate is {fps}; give it one with `ffmpeg -i {path.name} -r 25 <new file>`")
    return fps


def picture_size(path: Path) -> tuple[int, int]:
    """(height, width) of the pictures of a video file."""
    height, width = read_pictures(path, [1]).shape[-2:]
    return height, width


def read_pictures(path: Path, numbers: Sequence[int]) -> Tensor:
    """Pictures of a video file by their numbers from 1, ``(n, 3, H, W)`` uint8 RGB at their own size.

    Raises:
        FileNotFoundError, ValueError: naming the file, and the frame that it does not have.
    """
    reader = _reader(path)
    if beyond := [n for n in numbers if not 1 <= n <= len(reader)]:
        raise ValueError(
            f"{path}: no frame {beyond[0]}, the file has {len(reader)}; fetch it again, or mend the number of frames "
            "in the fold list"
        )
    try:
        pictures = reader.get_batch([n - 1 for n in numbers]).asnumpy()
    except (RuntimeError, decord.DECORDError) as error:
        _readers.pop((os.getpid(), path), None)  # what it would give from here on is not known
        raise ValueError(
            f"unreadable video {path}, somewhere in frames {min(numbers)} to {max(numbers)} ({_line(error)}); "
            "fetch it again"
        ) from error
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


def _reader(path: Path) -> Any:
    """The open reader of a file in this process."""
    mine = os.getpid()
    if (mine, path) in _readers:
        _readers.move_to_end((mine, path))
        return _readers[mine, path]
    _require(path)
    own = [key for key in _readers if key[0] == mine]
    for key in own[: len(own) - OPEN_FILES + 1]:
        del _readers[key]
    try:
        # One thread: the processes that read share the cores.
        reader = decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=1)
    except (RuntimeError, decord.DECORDError) as error:
        raise _unreadable(path, error) from error
    if not len(reader):
        raise ValueError(f"{path}: a video without frames; fetch it again")
    _readers[mine, path] = reader
    return reader


def _require(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"missing video {path}")


def _unreadable(path: Path, error: Exception) -> ValueError:
    return ValueError(f"unreadable video {path} ({_line(error)}); it may be cut short; fetch it again")


def _line(error: Exception) -> str:
    """The first line of an error, without the times and the places in decord's sources."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return re.sub(r"\[[\d:]+\] \S+: ", "", line)
