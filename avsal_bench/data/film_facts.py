"""What the header of a film tells: layouts ask for it, where no list says how long a video is."""

from __future__ import annotations

from typing import NamedTuple


class FilmFacts(NamedTuple):
    """What the header of a video file tells, without decoding a picture.

    Args:
        frames: how many pictures it announces.
        fps: pictures a second, on average.
        height: of a picture as it is stored.
        width: likewise.
        bits: of a number of a pixel.
        sound: whether there is a sound track.
    """

    frames: int
    fps: float
    height: int
    width: int
    bits: int
    sound: bool
