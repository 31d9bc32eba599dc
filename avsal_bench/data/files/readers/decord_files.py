"""Pictures of video files by decord, for who asks for it: files that it would show otherwise than PyAV are refused.

After a jump decord gives other pictures than a player shows in many kinds of files: AVI with B-frames, open groups of
pictures, cut clips. A file is read only where its packets prove which picture is which, where it is in H.264 with key
frames from which a decoder can start, where decord counts and times its pictures the same, and where those at all key
frames, each after a jump, are PyAV's to the last bit. Damage inside a file is not looked for: `avsal data check` does.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avsal_bench.data.files.containers import open_container
from avsal_bench.data.files.open_readers import OpenReaders
from avsal_bench.data.files.packets import picture_stream
from avsal_bench.data.files.timeline import Index, index_of, stamp_of_video
from avsal_bench.data.files.video_files import OPEN_FILES, require_frames
from avsal_bench.data.files.video_files import read_pictures as read_by_pyav
from avsal_bench.text import many

#: Seconds that two readings of one time stamp may be apart: decord's are float32.
_SLACK = 1e-3

_readers: OpenReaders[Any] = OpenReaders(OPEN_FILES)
_proved: set[tuple[Path, tuple[int, ...]]] = set()


def read_pictures(path: Path, numbers: Sequence[int]) -> list[Tensor]:
    """Pictures of a video file by their numbers from 1, each ``(3, H, W)`` uint8 RGB; those of
    :func:`avsal_bench.data.files.video_files.read_pictures`.

    Raises:
        FileNotFoundError, ValueError: naming the file, and the frame that it does not have, what cannot be decoded, or
            why decord does not show it as a player does.
    """
    index = index_of(path)
    require_frames(path, index, numbers)
    stamp = stamp_of_video(path)
    reader = _readers.get((path, stamp), lambda: _open(path, stamp, index))
    try:
        pictures = reader.get_batch([n - 1 for n in numbers]).asnumpy()
    except _decord().DECORDError as error:
        _readers.close((path, stamp))  # what it would give from here on is not known
        raise _refused(path, f"frames {min(numbers)} to {max(numbers)}: {_line(error)}") from error
    return list(torch.from_numpy(pictures).permute(0, 3, 1, 2))


@cache
def _decord() -> Any:
    """decord, with its libraries to itself: it brings a zlib 1.2.3 and asks for it to be shared with every library that
    is loaded later, after which no PNG can be read.
    """
    shared = ctypes.RTLD_GLOBAL
    ctypes.RTLD_GLOBAL = ctypes.RTLD_LOCAL  # type: ignore[misc]
    try:
        return importlib.import_module("decord")
    except (ImportError, OSError) as error:
        raise ValueError(
            f"AVSAL_VIDEO_READER=decord, and decord cannot be imported ({error}); install it with `pip install "
            "'avsal-bench[decord]'` (Linux on x86-64 only), or unset AVSAL_VIDEO_READER"
        ) from error
    finally:
        ctypes.RTLD_GLOBAL = shared  # type: ignore[misc]


def _open(path: Path, stamp: tuple[int, ...], index: Index) -> Any:
    """A reader of decord of a file that it shows as PyAV does.

    Raises:
        ValueError: naming the file, and why decord is not trusted with it.
    """
    decord = _decord()
    try:
        # One thread: the processes that read share the cores.
        reader = decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=1)
        if (path, stamp) not in _proved:
            if reason := _unlike(path, index, reader):
                raise _refused(path, reason)
            _proved.add((path, stamp))
    except (RuntimeError, decord.DECORDError) as error:
        raise _refused(path, _line(error)) from error
    return reader


def _unlike(path: Path, index: Index, reader: Any) -> str:
    """Why decord may show other pictures of a file than PyAV; "" where it does not."""
    packets, line = index.packets, index.timeline
    if index.checks is not None:
        return "its packets do not prove which pictures a player shows"
    if reason := _no_exact_codec(path):
        return reason
    if len(reader) != len(line.times):
        return f"it counts {many(len(reader), 'picture')}, and a player shows {len(line.times)}"
    began = np.asarray(reader.get_frame_timestamp(list(range(len(reader)))))[:, 0]
    if not np.abs(began - began[0] - line.times).max() <= _SLACK:
        return "it gives other times for its pictures"
    places = np.flatnonzero(packets.keys[index.shown])
    if sorted(reader.get_key_indices()) != places.tolist():
        return "it takes other pictures for key frames"
    for place in places[::-1]:  # from the last one back: each is a jump
        (expected,) = read_by_pyav(path, [int(place) + 1])
        found = torch.from_numpy(reader[int(place)].asnumpy()).permute(2, 0, 1)
        if not torch.equal(found, expected):
            return f"it gives another picture for frame {place + 1}"
    return ""


def _no_exact_codec(path: Path) -> str:
    """Why two decoders may not give the same pictures of a file, also after a jump; "" where they do.

    The standard of H.264 says every bit of a picture, which that of MPEG-4 does not. A decoder that starts at an IDR
    picture needs nothing from before it, which is not so at other pictures that are marked as key frames.
    """
    with open_container(path) as container:
        stream = picture_stream(container, path, strict=True)
        coder = stream.codec_context
        head = bytes(coder.extradata or b"")
        if coder.name != "h264" or head[:1] != b"\1" or len(head) < 5:
            return f"its pictures are in {coder.name}, and it is exact for H.264 in mp4, mov and mkv only"
        width = 1 + (head[4] & 3)
        for packet in container.demux(stream):
            if packet.size and packet.is_keyframe and not _is_idr(bytes(packet), width):
                return "not every key frame in it is one from which a decoder can start"
    return ""


def _is_idr(packet: bytes, width: int) -> bool:
    """Whether a packet of H.264 has an IDR picture; each unit in it begins with its length in ``width`` bytes."""
    place = 0
    while place + width < len(packet):
        if packet[place + width] & 31 == 5:
            return True
        place += width + int.from_bytes(packet[place : place + width], "big")
    return False


def _refused(path: Path, reason: str) -> ValueError:
    return ValueError(
        f"{path}: decord is not trusted with this file ({reason}); unset AVSAL_VIDEO_READER: PyAV reads it"
    )


def _line(error: Exception) -> str:
    """The last words of the first line of an error, without the time and the place in decord's sources."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return line.split(": ", 1)[-1]
