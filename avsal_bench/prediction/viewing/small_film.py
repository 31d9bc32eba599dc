"""Films and posters that stay small whatever is in them: what came out too large is encoded again, coarser.

The bits that an encoder is told to keep to hold for usual pictures; noise takes several times as many.
"""

from __future__ import annotations

from pathlib import Path

import av
from av.video.stream import VideoStream
from PIL import Image

from avsal_bench.files import whole_file
from avsal_bench.leaderboard.films.film_places import MOST_FILM, MOST_POSTER

#: Bytes a second that a film may have where ``MOST_FILM`` would be less: one of over half a minute.
MOST_A_SECOND = 10_000
#: What is tried in turn: the part of the width and height that is kept, and the constant quality (63 is worst).
STEPS = ((1.0, 46), (0.75, 50), (0.75, 60), (0.5, 56), (0.5, 63), (0.25, 60), (0.25, 63))
#: Pictures between those that can be jumped to.
GROUP = 100
#: Qualities of a poster that are tried in turn.
QUALITIES = (80, 65, 50, 35, 20, 10)


def most_bytes(seconds: float) -> int:
    """Bytes that a film of some length may have.

    >>> most_bytes(5), most_bytes(60)
    (300000, 600000)
    """
    return max(MOST_FILM, round(seconds * MOST_A_SECOND))


def shrink_film(path: Path, most: int) -> None:
    """Encode a film again, coarser and coarser, until it has at most so many bytes; its sound stays as it is.

    Args:
        path: of a WebM film, which is replaced; left alone where it is small enough.
        most: bytes. A film that has more with the coarsest step, too, stays at that.

    Raises:
        OSError: naming the folder, when it cannot be written.
    """
    if path.stat().st_size <= most:
        return
    with whole_file(path) as temporary:
        for scale, quality in STEPS:
            _encode(path, temporary, scale, quality)
            if temporary.stat().st_size <= most:
                break


def write_poster(path: Path, picture: Image.Image) -> None:
    """Write the picture that stands for a film until it plays, as JPEG of at most ``MOST_POSTER`` bytes."""
    with whole_file(path, ".jpg") as temporary:
        for quality in QUALITIES:
            picture.save(temporary, format="JPEG", quality=quality)
            if temporary.stat().st_size <= MOST_POSTER:
                break


def _encode(path: Path, out: Path, scale: float, quality: int) -> None:
    """Encode the pictures of a film again, smaller by ``scale`` and of a quality; packets of sound are copied."""
    same_bytes = {"fflags": "+bitexact"}
    with (
        av.open(f"file:{path}") as given,
        av.open(f"file:{out}", "w", format="webm", options=same_bytes) as made,
    ):
        pictures = given.streams.video[0]
        options = {"crf": str(quality), "deadline": "good", "cpu-used": "4", "g": str(GROUP)}
        stream = made.add_stream("libvpx-vp9", rate=pictures.average_rate, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = (
            max(2, 2 * round(side * scale / 2)) for side in (pictures.width, pictures.height)
        )
        stream.pix_fmt, stream.bit_rate = "yuv420p", 0  # the quality alone counts
        stream.codec_context.time_base = pictures.time_base or stream.codec_context.time_base
        stream.codec_context.thread_count = 1  # the same bytes on every machine
        copies = {sound.index: made.add_stream_from_template(sound) for sound in given.streams.audio}
        for packet in given.demux():
            if packet.stream.index in copies:
                if packet.dts is not None:
                    packet.stream = copies[packet.stream.index]
                    made.mux(packet)
                continue
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame)
                small = frame.reformat(stream.width, stream.height, interpolation="AREA")
                small.pts, small.time_base = frame.pts, frame.time_base
                made.mux(stream.encode(small))
        made.mux(stream.encode(None))
