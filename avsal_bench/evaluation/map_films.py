"""Films of saliency maps: one file a video, frame n of the video is its n-th picture. So challenges take and give them.

Each map is scaled to its own lowest and highest value, as in 8-bit pictures of maps. Two kinds are written:

- ``mp4``: H.264 in grey, of 10 bits (as the maps that CrowdSAL and its kin hand out, constant rate factor 0) or of 8
  bits, which every player shows. Both are lossy; docs/howto/map_films.md says how far scores move.
- ``mkv``: FFV1 of 16 bits, without loss.

A film is there whole or not at all: it has its name when its last picture is written.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, get_args

import av
import numpy as np
import torch
from av.video.stream import VideoStream
from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.files import whole_file

#: Endings of the films that are written.
FilmForm = Literal["mp4", "mkv"]
FILM_FORMS: tuple[str, ...] = get_args(FilmForm)
#: Bits of the levels in an mp4.
Bits = Literal[8, 10]
#: Constant rate factor of an mp4, by its bits. In 8 bits, 0 would be a profile of H.264 that few players know.
CRF = {10: "0", 8: "2"}
#: Pictures between those that can be jumped to.
GROUP = "50"
#: Without times and random numbers in the container.
_SAME_BYTES = {"fflags": "+bitexact"}
_CONTAINERS = {"mp4": "mp4", "mkv": "matroska"}


class FilmWriter:
    """Writes maps as they come to a film; use it in a ``with`` statement, or close it.

    Args:
        path: of the film, which ends in ``.mp4`` or ``.mkv``; what is there is replaced when the film is whole.
        fps: pictures a second.
        bits: of an mp4.

    Raises:
        ValueError: for another ending, and a number of pictures a second that is none.
        OSError: for a folder that cannot be written.
    """

    def __init__(self, path: Path, fps: float, bits: Bits = 10) -> None:
        form = path.suffix.lower().removeprefix(".")
        if form not in FILM_FORMS:
            raise ValueError(f"{path}: films of maps are written as {' or '.join(FILM_FORMS)}; give it such an ending")
        if not 0 < fps < math.inf:
            raise ValueError(f"{path}: expected pictures a second, above 0, got {fps:g}")
        self.path = path
        self.pictures = 0
        self._rate = Fraction(fps).limit_denominator(100_000)
        self._lossless = form == "mkv"
        self._bits = 16 if self._lossless else bits
        self._stack = ExitStack()
        temporary = self._stack.enter_context(whole_file(path))
        opened = av.open(f"file:{temporary}", "w", format=_CONTAINERS[form], options=_SAME_BYTES)
        self._container = self._stack.enter_context(opened)
        self._stream: VideoStream | None = None

    def __enter__(self) -> FilmWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._stack.__exit__(kind, error, trace)

    def add(self, maps: Tensor) -> None:
        """Write the maps ``(F, h, w)`` of the next frames, of any type and unit, all of one size in a film.

        Raises:
            ValueError: for a map of another size.
        """
        size = (maps.shape[1], maps.shape[2])
        if self._stream is None:
            self._stream = self._begin(size)
        begun = (self._stream.height, self._stream.width)
        if size != begun:
            raise ValueError(
                f"{self.path}: map {self.pictures + 1} is {size[0]}x{size[1]}, those before it {begun[0]}x{begun[1]}; "
                "a film has one size"
            )
        for saliency in maps:
            self._container.mux(self._stream.encode(self._picture(to_range_one(saliency), self._stream.pix_fmt)))
            self.pictures += 1

    def close(self) -> None:
        """Write what the encoder still holds, and give the film its name.

        Raises:
            ValueError: when no map was written.
        """
        with self._stack:
            if self._stream is None:
                raise ValueError(f"{self.path}: no map was written; a film needs one")
            self._container.mux(self._stream.encode(None))
            self._container.close()

    def give_up(self) -> None:
        """Leave nothing of the film."""
        error = InterruptedError("given up")
        self._stack.__exit__(InterruptedError, error, None)

    def _begin(self, size: tuple[int, int]) -> VideoStream:
        height, width = size
        # Where chroma is halved, sides must be even. Of FFV1, grey is without loss as three equal planes only, as no
        # range of levels is in question there.
        layout = "yuv420p" if height % 2 == width % 2 == 0 else "yuv444p"
        codec, pix_fmt = ("ffv1", "gbrp16le") if self._lossless else ("libx264", layout)
        options = {"level": "3"} if self._lossless else {"crf": CRF[self._bits], "preset": "veryfast", "bf": "0"}
        stream = self._container.add_stream(codec, rate=self._rate, options={**options, "g": GROUP})
        assert isinstance(stream, VideoStream)
        stream.codec_context.thread_count = 1  # the same bytes on every machine
        stream.height, stream.width = height, width
        stream.pix_fmt = pix_fmt + ("10le" if self._bits == 10 else "")
        return stream

    def _picture(self, saliency: Tensor, pix_fmt: str | None) -> av.VideoFrame:
        assert pix_fmt is not None, "given at the start"
        height, width = saliency.shape
        frame = av.VideoFrame(width, height, pix_fmt)
        values = _levels(saliency, self._bits)
        for number, plane in enumerate(frame.planes):
            rows = np.frombuffer(memoryview(plane), values.dtype).reshape(plane.height, -1)
            if number == 0 or self._lossless:
                rows[:, :width] = values
            else:
                rows[:] = 1 << (self._bits - 1)
        frame.pts, frame.time_base = self.pictures, 1 / self._rate
        return frame


def _levels(saliency: Tensor, bits: int) -> NDArray[Any]:
    """Levels of luma, in the range of video, of a map from 0 to 1; of 16 bits, in the whole range."""
    values: NDArray[Any] = saliency.numpy()
    if bits == 8:
        # ffmpeg reads level Y as (Y - 16) * 255 / 219 without its fraction: half a level more makes that the nearest.
        return np.asarray(np.rint(16 + 219 * (values + 0.5 / 255)).clip(max=235), np.uint8)
    return np.asarray(np.rint(values * 65535 if bits == 16 else 64 + 876 * values), np.uint16)


def to_range_one(saliency: Tensor) -> Tensor:
    """A map ``(h, w)`` of any type from 0 to 1, on the CPU, in float64 if it is and else in float32.

    It is zero everywhere where the map is constant.
    """
    wide = saliency.dtype in (torch.float64, torch.int64, torch.int32)
    values = saliency.detach().to("cpu", torch.float64 if wide else torch.float32)
    low, high = values.aminmax()
    return (values - low).div_(high - low) if high > low else torch.zeros_like(values)
