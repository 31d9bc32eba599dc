"""When each picture of a video file is shown, by its time stamps.

Frame n is the n-th picture that a player shows, as one pass from the start decodes them. Where the packets of a file
prove which these are, nothing is decoded; else one such pass is made.
"""

from __future__ import annotations

import math
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.files.containers import open_container, unreadable
from avsal_bench.data.files.packets import (
    CONVERSION,
    MOST_PICTURES,
    NO_STAMP,
    Packets,
    order_of_pictures,
    picture_stream,
    read_packets,
)

#: Packets of all files together that a process remembers, some 40 bytes each.
KEPT_PACKETS = 2**22


@dataclass(frozen=True, eq=False)
class Timeline:
    """When the pictures of a video file are shown.

    Args:
        times: seconds at which each stands, ``(n,)`` float64, not falling; the first is 0.
        start: time stamp of the first one in the clock of the container, in seconds.
        fps: pictures a second, on average.
        constant: whether each stands within half a picture of (n - 1) / fps.
        damage: why no more of them can be decoded, where the file goes on; "" else.
        mended: a picture in which the decoder has filled in what is damaged, in words; "" where none was met.
    """

    times: NDArray[np.float64]
    start: float
    fps: float
    constant: bool
    damage: str = ""
    mended: str = ""


@dataclass(frozen=True, eq=False)
class Index:
    """Which packet each picture of a file comes from.

    Args:
        packets: in the order of the file.
        shown: number of the packet of each picture, in the order of showing.
        checks: checksum of each picture, where a pass from the start decoded them; None where the packets are proof.
        timeline: of the pictures.
    """

    packets: Packets
    shown: NDArray[np.int64]
    checks: NDArray[np.uint32] | None
    timeline: Timeline


_indices: OrderedDict[tuple[Path, tuple[int, ...]], Index] = OrderedDict()


def timeline(path: Path) -> Timeline:
    """When each picture of a video file is shown.

    Raises:
        FileNotFoundError, ValueError: naming a file that is missing, is no video, or shows no picture.
    """
    return index_of(path).timeline


def index_of(path: Path) -> Index:
    """Which packet each picture of a file comes from; a file is looked through again only when it has changed.

    Raises:
        FileNotFoundError, ValueError: as for :func:`timeline`.
    """
    key = (path, stamp_of_video(path))
    if key in _indices:
        _indices.move_to_end(key)
        return _indices[key]
    return _keep(path, _look_through(path))


def index_by_decoding(path: Path, mended: str) -> Index | None:
    """The index of a file whose packets promised more than the decoder gives, from a pass from the start, in which the
    decoder may fill in what is damaged; None where that pass gives other pictures than the packets promised.

    Args:
        path: of the file.
        mended: the picture in which damage was met, in words.
    """
    index = index_of(path)
    shown, checks, damage = _decode_all(path, strict=False)
    if damage or not np.array_equal(shown, index.shown):
        return None
    return _keep(path, Index(index.packets, shown, checks, replace(index.timeline, mended=mended)))


def _keep(path: Path, index: Index) -> Index:
    _indices[path, stamp_of_video(path)] = index
    total = sum(len(other.packets) for other in _indices.values())
    while total > KEPT_PACKETS and len(_indices) > 1:
        total -= len(_indices.popitem(last=False)[1].packets)
    return index


def stamp_of_video(path: Path) -> tuple[int, ...]:
    """Size, time and number of a video file, which tell one version of it from another.

    Raises:
        FileNotFoundError: naming it.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"missing video {path}") from None
    return (found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev)


def picture_check(frame: av.VideoFrame) -> int:
    """A checksum of a decoded picture: of its luma, or of all colours where they are not apart."""
    kind, plane = frame.format, frame.planes[0]
    apart = any(part.plane for part in kind.components)
    bits = 8 * math.ceil(kind.components[0].bits / 8) if apart else kind.padded_bits_per_pixel
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)  # they are longer than the picture
    return zlib.crc32(np.ascontiguousarray(rows[:, : math.ceil(frame.width * bits / 8)]).data)


def decoded_pictures(
    packets: Iterator[av.Packet[av.VideoStream]], stream: av.VideoStream, first: int = 0
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Pictures in the order of showing, each with the number of its packet.

    Args:
        packets: as they come from the file.
        stream: of the packets.
        first: number of the first one.

    Raises:
        av.FFmpegError: for a packet that cannot be decoded, after what came before it was given; those before the first
            picture of all are passed over.
    """
    damage: av.FFmpegError | None = None
    number, given = first, bool(first)
    try:
        for packet in packets:
            if not packet.size:
                continue
            # The decoder hands it on to the picture: time stamps may be missing, or stand there twice.
            packet.pts, number = number, number + 1
            try:
                frames = stream.decode(packet)
            except av.FFmpegError as error:
                damage = error
                if given:
                    break
                continue
            for frame in frames:
                given, damage = True, None
                yield _number(frame), frame
    except av.FFmpegError as error:
        damage = error
    for frame in stream.decode(None):
        damage = damage if given else None
        yield _number(frame), frame
    if damage:
        raise damage


def _number(frame: av.VideoFrame) -> int:
    return -1 if frame.pts is None else frame.pts


def _look_through(path: Path) -> Index:
    with open_container(path) as container:
        stream = picture_stream(container, path, strict=True)
        try:
            packets = read_packets(container, stream, path)
        except av.FFmpegError as error:
            raise unreadable(path, error) from error
        shown = order_of_pictures(packets, container, stream) if _progressive(stream.codec_context, path) else None
        unit, rate, codec = stream.time_base, float(stream.average_rate or 0), stream.codec_context.name
    seconds = float(unit) if unit else 0.0
    if shown is not None:
        return Index(packets, shown, None, _timeline(packets.stamps[shown], seconds, rate))
    shown, checks, damage = _decode_all(path, strict=True)
    mended = ""
    if damage:
        mended = f"frame {len(shown) + 1} ({damage})"
        shown, checks, damage = _decode_all(path, strict=False)
    if not len(shown):
        reason = damage or "none comes out of the decoder"
        raise ValueError(
            f"{path}: no picture in it can be decoded (codec {codec}: {reason}); fetch it again, or "
            f"{CONVERSION.format(path.name)}"
        )
    line = _timeline(packets.stamps[shown], seconds, rate)
    return Index(packets, shown, checks, replace(line, damage=damage, mended="" if damage else mended))


def _progressive(coder: av.VideoCodecContext, path: Path) -> bool:
    """Whether the pictures of a stream are whole ones, and not fields of half their lines."""
    if hasattr(coder, "field_order"):
        return coder.field_order in (0, 1)
    # PyAV 17, the last one for Python 3.10, says it of pictures only.
    with open_container(path) as container:
        try:
            first = next(container.decode(picture_stream(container, path, strict=True)), None)
        except av.FFmpegError:
            return True  # who reads it is told
    return first is None or not first.interlaced_frame


def _decode_all(path: Path, strict: bool) -> tuple[NDArray[np.int64], NDArray[np.uint32], str]:
    """Packet and checksum of each picture that a pass from the start gives, and what ended it."""
    shown: list[int] = []
    checks: list[int] = []
    damage = ""
    with open_container(path) as container:
        stream = picture_stream(container, path, strict)
        try:
            for number, frame in decoded_pictures(container.demux(stream), stream):
                shown.append(number)
                checks.append(picture_check(frame))
                if len(shown) > MOST_PICTURES:
                    raise ValueError(f"{path}: over {MOST_PICTURES:,} pictures, more than are read of one file")
        except av.FFmpegError as error:
            damage = error.strerror or type(error).__name__
    return np.array(shown, np.int64), np.array(checks, np.uint32), damage


def _timeline(stamps: NDArray[np.int64], unit: float, rate: float) -> Timeline:
    """Times of pictures from their stamps, in ``unit`` seconds; ``rate`` is what the container says of them."""
    n = len(stamps)
    known = stamps != NO_STAMP
    start = float(stamps[known][0] * unit) if known.any() else 0.0
    even = np.arange(n) / (rate or 25.0)
    times = np.maximum.accumulate((stamps - stamps[0]) * unit) if known.all() else even
    if rate and (np.abs(times - even) <= 0.5 / rate).all():
        return Timeline(times, start, rate, True)
    fps = float((n - 1) / times[-1]) if times[-1] > 0 else rate
    constant = fps > 0 and bool((np.abs(times - np.arange(n) / fps) <= 0.5 / fps).all())
    return Timeline(times, start, fps, constant)
