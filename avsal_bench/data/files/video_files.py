"""Pictures straight from video files, by PyAV: frame n is the n-th picture that a player shows, asked in any order.

Pixels are RGB of 8 bits by the matrix and the range that the file names (BT.601, limited, where it names none), turned
and mirrored as the file says. They are as many as are stored: a pixel that is not square is not made so. Interlaced
pictures stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.data.files.containers import open_container
from avsal_bench.data.files.open_readers import OpenReaders
from avsal_bench.data.files.packets import NO_STAMP, picture_stream
from avsal_bench.data.files.timeline import (
    Index,
    decoded_pictures,
    index_by_decoding,
    index_of,
    picture_check,
    stamp_of_video,
    timeline,
)
from avsal_bench.data.files.whole_films.levels import grey_levels

#: Video files that a process keeps open.
OPEN_FILES = 2
#: Video files whose size of pictures a process remembers.
KEPT_SIZES = 2**14
#: Packets after its own that a picture is waited for in a decoder.
PATIENCE = 64
#: Packets that are rather decoded than jumped over.
NEAR = 16
#: In the place of a packet to jump to: open the file anew.
FROM_THE_START = -1

# Nothing here has threads: what a fork copies of them hangs when it is freed.
_readers: OpenReaders[_Reader] = OpenReaders(OPEN_FILES)
_grey_readers: OpenReaders[_Reader] = OpenReaders(OPEN_FILES)


def count_frames(path: Path) -> int:
    """The number of pictures that a player shows of a video file.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    return len(timeline(path).times)


def announced_frames(path: Path) -> int:
    """How many pictures the header of a video file tells of; 0 where it does not tell.

    A file whose end is missing has fewer, and a player shows those without a word.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    with open_container(path) as container:
        return int(picture_stream(container, path, strict=False).frames)


def announced_rate(path: Path) -> float:
    """Frames a second by the header of a video file; 0 where it does not tell, or where nothing can be read of it.

    What :func:`frame_rate` gives takes a look at all packets.
    """
    try:
        with open_container(path) as container:
            return float(picture_stream(container, path, strict=False).average_rate or 0)
    except (OSError, ValueError):
        return 0.0


def until_damage(path: Path) -> str:
    """Words that follow the number of pictures of a file of which the rest cannot be decoded; "" for other files."""
    line = timeline(path)
    return line.damage and f" before it is damaged, at {line.times[-1]:.3f} s ({line.damage})"


def frame_rate(path: Path) -> float:
    """Frames a second of a video file, on average.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    fps = timeline(path).fps
    if not 0 < fps < math.inf:
        raise ValueError(f"{path}: its frame rate is {fps}; give it one with `ffmpeg -i {path.name} -r 25 <new file>`")
    return fps


def picture_size(path: Path) -> tuple[int, int]:
    """(height, width) of the first picture of a video file, which is decoded once."""
    return _size(path, stamp_of_video(path))


@lru_cache(maxsize=KEPT_SIZES)
def _size(path: Path, stamp: tuple[int, ...]) -> tuple[int, int]:
    del stamp  # part of the key
    height, width = read_pictures(path, [1])[0].shape[-2:]
    return height, width


def read_pictures(path: Path, numbers: Sequence[int]) -> list[Tensor]:
    """Pictures of a video file by their numbers from 1, each ``(3, H, W)`` uint8 RGB at its own size.

    Raises:
        FileNotFoundError, ValueError: naming the file, and the frame that it does not have or that cannot be decoded.
    """
    index = index_of(path)
    require_frames(path, index, numbers)
    reader = _readers.get((path, stamp_of_video(path)), lambda: _Reader(path, index))
    found = {n: reader.picture(n - 1) for n in sorted(set(numbers))}
    return [found[n] for n in numbers]


def require_frames(path: Path, index: Index, numbers: Sequence[int]) -> None:
    """Nothing, when a file has all of some frames.

    Raises:
        ValueError: naming the file and the first that it does not have.
    """
    n_frames = len(index.shown)
    if beyond := [n for n in numbers if not 1 <= n <= n_frames]:
        raise ValueError(
            f"{path}: no frame {beyond[0]}, the file has {n_frames}{until_damage(path)}; fetch it again, or mend the "
            "number of frames in the fold list"
        )


def read_levels(path: Path, numbers: Sequence[int]) -> list[Tensor]:
    """Maps in a video file by their numbers from 1, each ``(H, W)``: the levels that ffmpeg writes to a PNG of them.

    They are uint8, or uint16 from a file of more than 8 bits, turned and mirrored as the file says. Of a picture whose
    channels differ, as lossy files in colours have it, the mean of them is taken, float64 in the unit of the levels.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_pictures`.
    """
    index = index_of(path)
    require_frames(path, index, numbers)
    reader = _grey_readers.get((path, stamp_of_video(path)), lambda: _Reader(path, index, grey_levels))
    found = {n: reader.picture(n - 1) for n in sorted(set(numbers))}
    return [found[n] for n in numbers]


def _colours(frame: av.VideoFrame) -> NDArray[Any]:
    """RGB of a picture ``(H, W, 3)`` uint8."""
    return np.asarray(frame.to_ndarray(format="rgb24", threads=1), np.uint8)


class _Reader:
    """An open video file, read on as long as that leads to the picture that is asked for, else from a key frame on.

    Every picture that it gives is the one that a pass from the start gives: it comes from the packet that the index
    names, and it has the checksum of that pass, or follows what the decoder itself takes for a key frame. Where what
    comes after a jump is not that, the next jump goes further back, in the end to the start.
    """

    def __init__(self, path: Path, index: Index, convert: Callable[[av.VideoFrame], NDArray[Any]] = _colours) -> None:
        self._path = path
        self._index = index
        self._convert = convert
        self._keys = np.flatnonzero(index.packets.keys)
        self._promised = index.checks is None  # by packets, and not known by a pass from the start
        self._turned: tuple[int, bytes | None] | None = None  # angle and display matrix of the pictures here
        self._last: tuple[int, Tensor] | None = None  # place and pixels of the picture that was given last
        self._open()

    def picture(self, place: int) -> Tensor:
        """The picture at a place from 0, ``(3, H, W)`` in colours or ``(H, W)`` in grey.

        Raises:
            ValueError: naming file, frame and time of one that cannot be decoded.
        """
        if self._last is None or self._last[0] != place:
            frame = self._look_for(place)
            pixels = self._convert(frame)
            # A picture whose side data are looked at holds itself (PyAV 18), and waits for Python's own collection,
            # which comes after hundreds of them. So that is done where the angle says that they have changed.
            if self._turned is None or self._turned[0] != frame.rotation:
                matrix: Any = frame.side_data.get("DISPLAYMATRIX")
                self._turned = (frame.rotation, None if matrix is None else bytes(matrix))
            upright = _upright(pixels, self._turned[1], self._path)
            picture = torch.from_numpy(upright)
            self._last = (place, picture.permute(2, 0, 1) if picture.ndim == 3 else picture)
        return self._last[1]

    def _look_for(self, place: int) -> av.VideoFrame:
        wanted = int(self._index.shown[place])
        starts = self._starts(place)
        reason = "no picture comes of it"
        last, self._last = self._last, None
        # Going on costs the packets from here on, a jump those from the key frame on.
        nearer = wanted - self._reached <= wanted - starts[0] + NEAR
        attempts = [None, *starts] if last is not None and last[0] < place and nearer else starts
        for start in attempts:
            try:
                if start is None or self._jump(start):
                    frame = self._find(place, wanted)
                    if frame is not None:
                        return frame
            except av.FFmpegError as error:
                reason = error.strerror or type(error).__name__
        where = f"frame {place + 1}, at {self._index.timeline.times[place]:.3f} s"
        if self._promised:
            self._promised = False
            index = index_by_decoding(self._path, f"{where} ({reason})")
            if index is not None:
                self._index = index
                self._open()
                return self._look_for(place)
        raise ValueError(f"unreadable video {self._path}: {where}, cannot be decoded ({reason}); fetch it again")

    def _starts(self, place: int) -> list[int]:
        """Packets to start from for a picture: a key frame, some that lie further back, and in the end the start."""
        wanted, stamps = self._index.shown[place], self._index.packets.stamps
        end = np.searchsorted(self._keys, wanted, side="right")
        keys = self._keys[max(0, end - 16) : end]
        # A picture that is shown before a key frame and comes after it in the file may need what lies before both.
        keys = keys[stamps[keys] <= stamps[wanted]][::-1]
        return [*map(int, keys[[k for k in (0, 1, 3, 7) if k < len(keys)]]), FROM_THE_START]

    def _open(self) -> None:
        """Stand before the first picture."""
        self._container = open_container(self._path)
        self._stream = picture_stream(self._container, self._path, strict=self._index.checks is None)
        self._depth = self._stream.codec_context.reorder_depth
        self._begin(self._container.demux(self._stream), 0, whole=True)

    def _begin(self, packets: Iterator[av.Packet[av.VideoStream]], first: int, whole: bool) -> None:
        self._frames = decoded_pictures(packets, self._stream, first)
        self._turned = None
        self._reached = first
        self._whole = self._sure = whole

    def _jump(self, start: int) -> bool:
        """Stand before a key frame, or before one that lies further back; whether that was possible."""
        if start == FROM_THE_START:
            self._open()
            return True
        table = self._index.packets
        for stamp in (table.stamps[start], table.decoded[start]):
            if stamp == NO_STAMP:
                continue
            self._container.seek(int(stamp), stream=self._stream)
            # A flushed decoder may forget how long it must hold pictures back.
            context = self._stream.codec_context
            context.reorder_depth = max(context.reorder_depth, self._depth)
            packets = self._container.demux(self._stream)
            packet = next(packets)
            first = table.find(packet, self._container.format.name)
            if first is not None and first <= start and table.keys[first]:
                self._begin(chain([packet], packets), first, whole=False)
                return True
        return False

    def _find(self, place: int, wanted: int) -> av.VideoFrame | None:
        for number, frame in self._frames:
            self._reached = max(self._reached, number)
            self._sure |= frame.key_frame
            if number == wanted and self._is_it(frame, place):
                return frame
            if number > wanted + PATIENCE:
                break
        return None

    def _is_it(self, frame: av.VideoFrame, place: int) -> bool:
        """Whether a picture of the right packet is the one that a pass from the start gives."""
        if self._index.checks is not None:
            return picture_check(frame) == int(self._index.checks[place])
        return self._whole or (self._sure and not frame.is_corrupt)


def _upright(pixels: NDArray[Any], matrix: bytes | None, path: Path) -> NDArray[Any]:
    """A picture ``(H, W, 3)`` or ``(H, W)``, turned and mirrored as the file says."""
    if matrix is None:
        return pixels
    # x' = a x + c y and y' = b x + d y, of which only signs count: a picture is not made larger.
    a, b, _, c, d, *_ = map(int, np.sign(np.round(np.frombuffer(matrix, np.int32) / 2**12)))
    if (b or c) and (a or d):
        raise ValueError(
            f"{path}: its pictures are turned by an angle that is not a quarter; turn them with "
            f"`ffmpeg -i {path.name} <new file>`"
        )
    if b or c:
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return np.ascontiguousarray(pixels[:: d or 1, :: a or 1])
