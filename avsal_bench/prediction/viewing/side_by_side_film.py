"""A film of several pictures side by side with the sound of a video, in WebM: VP9, and Opus for the sound.

One file holds all pictures and the sound, so that one player keeps them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from avsal_bench.data import painting
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.moments import shown_at, shown_until, varies
from avsal_bench.data.pictures.show import CLOCK, SoundWriter, Track
from avsal_bench.files import whole_file

#: Pixels: the longer side of a pane, the least width of its name, height of the line of the name, and between panes.
#: Three panes stand in a row.
PANE, NAME, HEAD, GAP, COLUMNS = 240, 120, 20, 4, 3
#: Constant quality of the pictures (0 is best, 63 worst), and the most bits a second that they may take.
QUALITY, MOST_BITS = "36", 500_000
#: Bits a second of the sound.
SOUND_BITS = 40_000
#: Pictures between those that can be jumped to.
GROUP = 25

GROUND, INK = (24, 26, 30), (232, 232, 228)
#: Where a map has more than another one, and where less.
MORE, LESS = (255, 120, 0), (40, 150, 255)

Pixels = NDArray[np.uint8]
Map = NDArray[np.float32]


def pane_size(size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a pane, for a frame of (height, width); both even, the longer one ``PANE``.

    >>> pane_size((360, 640)), pane_size((640, 360))
    ((136, 240), (240, 136))
    """
    height, width = (max(2, 2 * round(PANE * side / max(size) / 2)) for side in size)
    return height, width


def joined(panes: Mapping[str, Pixels], size: tuple[int, int]) -> Image.Image:
    """Panes of (height, width), three in a row, each below its name; of even sides, as VP9 halves colour."""
    height, width = size[0], max(size[1], NAME)
    inset = (width - size[1]) // 2
    columns = min(COLUMNS, len(panes))
    rows = -(-len(panes) // columns)
    whole = Image.new("RGB", (columns * (width + GAP) - GAP, rows * (HEAD + height)), GROUND)
    brush = ImageDraw.Draw(whole)
    for number, (name, pixels) in enumerate(panes.items()):
        x, y = number % columns * (width + GAP), number // columns * (HEAD + height)
        brush.text((x + 4, y + 2), painting.fits(name, width - 8, 13), INK, painting.font(13))
        whole.paste(Image.fromarray(pixels), (x + inset, y + HEAD))
    return whole


def heated(frame: Pixels, saliency: Map) -> Pixels:
    """A map ``(h, w)`` from 0 to 1, laid over the frame in grey and darkened, so that the map is what is seen first."""
    grey = (np.asarray(frame, np.float32).mean(2, keepdims=True) * 0.6).repeat(3, 2).round().astype(np.uint8)
    return painting.blend(grey, saliency)


def difference(frame: Pixels, one: Map, other: Map) -> Pixels:
    """Where a map of probabilities has more than another one (orange), and where less (blue), over the frame in grey.

    Both maps ``(h, w)`` count with a sum of 1; the colour is full at the highest value of the two.
    """
    one, other = (m / total if (total := float(m.sum())) > 0 else m for m in (one, other))
    peak = max(float(one.max()), float(other.max()), 1e-12)
    change = ((one - other) / peak).clip(-1, 1)
    grey = np.asarray(frame, np.float32).mean(2, keepdims=True).repeat(3, 2) * 0.6
    strength = np.sqrt(np.abs(change))[..., None]
    strength[np.abs(change) < painting.NOISE] = 0
    colour = np.where(change[..., None] > 0, np.array(MORE, np.float32), np.array(LESS, np.float32))
    return np.asarray((grey + strength * (colour - grey)).round(), np.uint8)


@dataclass
class SideBySide:
    """A film that is being written, see :func:`side_by_side`."""

    _container: av.container.OutputContainer
    _video: Video
    _sound: SoundWriter | None
    _stream: VideoStream | None = None
    _done: int = 0

    def add(self, picture: Image.Image) -> None:
        """Write the picture of the next frame."""
        self._done += 1
        step = Fraction(1, CLOCK) if varies(self._video) else 1 / self._rate
        if self._stream is None:
            options = {"crf": QUALITY, "deadline": "good", "cpu-used": "4", "threads": "1", "g": str(GROUP)}
            stream = self._container.add_stream("libvpx-vp9", rate=self._rate, options=options)
            assert isinstance(stream, VideoStream)
            stream.bit_rate = MOST_BITS
            stream.width, stream.height, stream.pix_fmt = *picture.size, "yuv420p"
            stream.codec_context.time_base = step
            stream.codec_context.thread_count = 1  # the same bytes on every machine
            self._stream = stream
        frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
        frame.pts, frame.time_base = round(shown_at(self._video, self._done) / step), step
        self._container.mux(self._stream.encode(frame))
        if self._sound is not None:
            self._sound.write(shown_until(self._video, self._done))

    @property
    def _rate(self) -> Fraction:
        return Fraction(self._video.fps).limit_denominator(1001)

    def close(self) -> None:
        """Write what the encoders still hold.

        Raises:
            ValueError: when no picture was written.
        """
        if self._stream is None:
            raise ValueError(f"{self._video.key}: no picture was written; a film needs one")
        self._container.mux(self._stream.encode(None))
        if self._sound is not None:
            self._sound.close()


@contextmanager
def side_by_side(path: Path, video: Video, track: Track | None) -> Iterator[SideBySide]:
    """A film of a picture for each frame of a video, with its sound; it is there whole or not at all.

    Args:
        path: of the film, a ``.webm``.
        video: whose frames and sound are shown, at their times.
        track: the sound; None for none.

    Raises:
        OSError: naming the folder, when it cannot be written.
    """
    options = {"fflags": "+bitexact"}  # without times and random numbers in the container
    with whole_file(path) as temporary, av.open(f"file:{temporary}", "w", format="webm", options=options) as container:
        sound = None if track is None else SoundWriter(container, track, "libopus", SOUND_BITS)
        film = SideBySide(container, video, sound)
        yield film
        film.close()


def seconds_of(video: Video) -> tuple[list[float], float]:
    """Second at which each frame of a video is shown, and its duration, to the millisecond."""
    numbers: Sequence[int] = range(1, video.n_frames + 1)
    return [round(shown_at(video, n), 3) for n in numbers], round(shown_until(video, video.n_frames), 3)
