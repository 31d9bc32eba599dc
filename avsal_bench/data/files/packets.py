"""Packets of the pictures of a video file: the stream that counts, what each packet says, and what they prove."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.stream import Discard, Disposition
from numpy.typing import NDArray

#: Pictures of one file at most: two days at 24 a second.
MOST_PICTURES = 2**22
#: Pixels of a picture at most: 8192 x 8192.
MOST_PIXELS = 2**26
#: What to do with a codec that is not read.
CONVERSION = "convert it, with `ffmpeg -i {} -c:v libx264 -crf 12 -c:a copy <new file>`"
#: In the place of a time stamp that a packet lacks.
NO_STAMP = np.iinfo(np.int64).min
#: Decoders that give one picture a packet, each with the time stamp of its packet.
_ONE_EACH = {"h264", "hevc", "av1", "libdav1d", "mpeg4", "mjpeg"}
#: A packet of fewer bytes may say "nothing new", and give no picture.
_SMALLEST = 16
#: Packets that a picture may wait for others in a decoder.
_MOST_DEPTH = 32
#: Streams of still pictures that are no video: covers, and thumbnails of chapters.
_STILL = Disposition.attached_pic | Disposition.timed_thumbnails


@dataclass(frozen=True, eq=False)
class Packets:
    """What the packets of a stream say, in the order of the file, each ``(n,)``.

    Args:
        positions: in the file, in bytes; negative where it is not known.
        stamps: when the picture is shown, in units of the stream; ``NO_STAMP`` where there is none.
        decoded: when it is decoded, in the same units.
        keys: whether it is marked as a key frame.
        sizes: in bytes.
        odd: whether some packet is marked as damaged or not to be shown.
    """

    positions: NDArray[np.int64]
    stamps: NDArray[np.int64]
    decoded: NDArray[np.int64]
    keys: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    odd: bool

    def __len__(self) -> int:
        return len(self.positions)

    def find(self, packet: av.Packet[av.VideoStream], container: str) -> int | None:
        """The number of a packet that was read after a jump, from 0; None where it cannot be told."""
        if packet.pos is None or packet.pos < 0:
            return None
        same = self.positions == packet.pos
        if container != "avi":  # where a time stamp after a jump may be another one
            same &= self.stamps == (NO_STAMP if packet.pts is None else packet.pts)
        (found,) = np.nonzero(same)
        return int(found[0]) if len(found) == 1 else None


def picture_stream(container: InputContainer, path: Path, strict: bool) -> av.VideoStream:
    """The stream whose pictures are the video: the one marked as default, else the first; no cover. Others are skipped.

    Args:
        container: of the file.
        path: of the file, for errors.
        strict: whether damage in a picture is an error of the decoder, where it sees it; else it fills in what lacks,
            from whatever it has decoded before.

    Raises:
        ValueError: naming a file without one, one whose codec no decoder knows, and one with too large pictures.
    """
    streams = [stream for stream in container.streams.video if not stream.disposition & _STILL]
    if not streams:
        only = " but a cover picture" if container.streams.video else ""
        raise ValueError(f"{path}: no pictures in this video{only}; fetch it again")
    stream = next((s for s in streams if s.disposition & Disposition.default), streams[0])
    if stream.codec_context is None:
        raise ValueError(f"{path}: its pictures are in a codec that is not known here; {CONVERSION.format(path.name)}")
    height, width = stream.codec_context.height, stream.codec_context.width
    if height * width > MOST_PIXELS:
        raise ValueError(f"{path}: pictures of {height}x{width}, at most {MOST_PIXELS:,} pixels are decoded")
    for other in container.streams:
        other.discard = Discard.default if other is stream else Discard.all
    # The processes that read share the cores.
    stream.codec_context.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)} | ({"err_detect": "explode"} if strict else {})
    return stream


def read_packets(container: InputContainer, stream: av.VideoStream, path: Path) -> Packets:
    """Every packet of a stream; nothing is decoded.

    Raises:
        av.FFmpegError: when not even the first can be read.
        ValueError: naming a file with more than ``MOST_PICTURES`` packets.
    """
    rows: list[tuple[int, int, int, bool, int]] = []
    odd = False
    try:
        for packet in islice(container.demux(stream), MOST_PICTURES + 2):
            if not packet.size:
                odd |= packet.pts is not None or packet.dts is not None  # without both, it is the end
                continue
            pts, dts = (NO_STAMP if stamp is None else stamp for stamp in (packet.pts, packet.dts))
            rows.append((-1 if packet.pos is None else packet.pos, pts, dts, packet.is_keyframe, packet.size))
            odd |= packet.is_discard or packet.is_corrupt
    except av.FFmpegError:
        if not rows:
            raise
        odd = True
    if len(rows) > MOST_PICTURES:
        raise ValueError(f"{path}: over {MOST_PICTURES:,} pictures, more than are read of one file; cut it into parts")
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    positions, stamps, decoded, keys, sizes = table.T.copy()
    return Packets(positions, stamps, decoded, keys.astype(bool), sizes, odd)


def order_of_pictures(packets: Packets, container: InputContainer, stream: av.VideoStream) -> NDArray[np.int64] | None:
    """Packets in the order in which their pictures are shown, where the packets alone prove it; else None.

    They do where each gives one picture at a time of its own: in a container with time stamps, or in AVI where the
    order of the file is that of showing; when the first is a key frame and shown first, none is empty, damaged or not
    to be shown, and the decoder holds pictures back as long as their order needs.
    """
    coder = stream.codec_context
    plain = coder.name in _ONE_EACH and not packets.odd and len(packets) > 0
    if not plain or not packets.keys[0] or packets.sizes.min() < _SMALLEST or (packets.stamps == NO_STAMP).any():
        return None
    kinds = set(container.format.name.split(","))
    straight = bool((packets.stamps == packets.decoded).all()) and not coder.reorder_depth
    if not (kinds & {"mov", "matroska"} or (kinds & {"avi"} and straight)):
        return None
    order = np.argsort(packets.stamps, kind="stable")
    if order[0] or (np.diff(packets.stamps[order]) <= 0).any() or _depth(order) > coder.reorder_depth:
        return None
    return order


def _depth(order: NDArray[np.int64]) -> int:
    """How many pictures that are shown later may come before one in the file; over ``_MOST_DEPTH`` for too many."""
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    before = np.zeros_like(ranks)
    for back in range(1, min(_MOST_DEPTH, len(ranks) - 1) + 1):
        before[back:] += ranks[:-back] > ranks[back:]
    far = np.maximum.accumulate(ranks)[: -_MOST_DEPTH - 1] > ranks[_MOST_DEPTH + 1 :]
    return _MOST_DEPTH + 1 if far.any() else int(before.max(initial=0))
