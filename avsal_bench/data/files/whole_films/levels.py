"""Grey levels of a decoded picture, as ffmpeg writes them to a PNG, by a table where that is the same."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

#: Formats of pixels whose first plane is luma or grey, one number a pixel, by bits of that number.
_PLANAR = {
    **dict.fromkeys(("gray", "yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p"), 8),
    **dict.fromkeys(("gray10le", "yuv420p10le", "yuv422p10le", "yuv444p10le"), 10),
    **dict.fromkeys(("gray12le", "yuv420p12le", "yuv422p12le", "yuv444p12le"), 12),
}


def grey_levels(frame: av.VideoFrame) -> NDArray[Any]:
    """Grey levels ``(H, W)`` of a picture: uint8, uint16 where it has more than 8 bits, or float64, the mean of its
    channels, where these differ.

    Where a picture has no colours, a level depends on luma alone, and the luma is looked up in what ffmpeg's own
    conversion makes of each: the same numbers, without three channels a pixel.
    """
    luma = _plain_luma(frame)
    if luma is not None:
        table = _table(frame.format.name, int(frame.color_range), int(frame.colorspace))
        if table is not None:
            levels: NDArray[Any] = table.take(luma, mode="clip")
            return levels
    return converted_levels(frame)


def converted_levels(frame: av.VideoFrame) -> NDArray[Any]:
    """As :func:`grey_levels`, by ffmpeg's conversion to three channels."""
    deep = max(part.bits for part in frame.format.components) > 8
    colours = frame.to_ndarray(format="rgb48le" if deep else "rgb24", threads=1)
    grey = colours[..., 0]
    if (colours == grey[..., None]).all():
        return np.ascontiguousarray(grey)
    return np.asarray(colours.mean(-1, dtype=np.float64))


def _plain_luma(frame: av.VideoFrame) -> NDArray[Any] | None:
    """The luma ``(H, W)`` of a picture without colours; None for one that may have some."""
    bits = _PLANAR.get(frame.format.name)
    # Of 8 bits and an odd height, ffmpeg takes a way that rounds by the place of a pixel.
    if bits is None or (bits == 8 and frame.height % 2):
        return None
    luma, *chroma = (_numbers(plane, bits) for plane in frame.planes)
    neutral = 1 << (bits - 1)
    return None if any((plane != neutral).any() for plane in chroma) else luma


def _numbers(plane: av.video.plane.VideoPlane, bits: int) -> NDArray[Any]:
    rows = np.frombuffer(memoryview(plane), np.uint8 if bits == 8 else np.dtype("<u2"))
    return rows.reshape(plane.height, -1)[:, : plane.width]  # rows in memory are longer than the picture


@lru_cache(maxsize=64)
def _table(name: str, color_range: int, colorspace: int) -> NDArray[Any] | None:
    """The level of each luma, by ffmpeg's conversion of a picture that has all of them; None where it gives colours."""
    bits = _PLANAR[name]
    ramp = np.arange(1 << bits)
    frame = av.VideoFrame(len(ramp), 2, name)
    for number, plane in enumerate(frame.planes):
        _numbers(plane, bits)[:] = 1 << (bits - 1) if number else ramp
    frame.color_range, frame.colorspace = color_range, colorspace
    levels = converted_levels(frame)[0]
    return None if levels.dtype.kind == "f" else levels
