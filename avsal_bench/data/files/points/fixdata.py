"""Where each viewer looked in each frame, as LEDOV keeps it: ``Data.mat`` with a row a fixation, in milliseconds.

The rules are those of the authors' ``demo.m``:

- Rows are in the order of viewers, and a new viewer begins where the start time falls. Of each viewer, fixations are
  dropped up to the first one that lies off the centre, across **and** down, by more than a twentieth of the height.
  (AAM takes across **or** down, and so keeps more.)
- A point counts where 0 < x < width and 0 < y < height. It is of all frames from that of its start to that of its end,
  each rounded up, at least the first and at most the last.
- Pixels are counted from 1, as MATLAB does, and cut to whole ones: x of 1.0 to 1.9 is column 0 here. Below 1 it is
  column 0 too; there the authors' maps have their peak just outside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.points.mat_structs import struct_fields
from avsal_bench.data.files.points.swapping import swapped
from avsal_bench.files import regular_file
from avsal_bench.text import many

#: Of the Gaussian of a map: full width at half maximum of 2 degrees of 40 pixels; and half the side of its window.
SIGMA, REACH = 2 * 40 / (2 * math.sqrt(2 * math.log(2))), 100
_SIDE = np.exp(-(np.arange(-REACH, REACH + 1) ** 2) / (2 * SIGMA**2))
_WINDOW = np.outer(_SIDE, _SIDE)
#: Part of the height by which the first fixation that counts is off the centre.
_CENTRE = 20
_FIELDS = ("VideoFrames", "VideoFrameRate", "VideoSize", "fixdata")
#: Frames of a video, frames a second and pixels along a side that are believed.
_MOST_FRAMES, _MOST_RATE, _MOST_SIDE = 1_000_000, 1000, 32_768
#: Where more than this share of the points of a video lies outside, sides are swapped, or it is another video.
_MOST_OUTSIDE = 0.5
#: Points of all frames of a video; the whole of LEDOV has 5 million.
_MOST_POINTS = 20_000_000


@dataclass(frozen=True)
class About:
    """What a ``Data.mat`` says of its video: number of frames, frames a second, (height, width)."""

    frames: int
    fps: float
    size: tuple[int, int]


def about(path: Path) -> About:
    """What a file says of its video; a file that has not changed is read once in a process.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_fixdata`.
    """
    found = regular_file(path, links=True).stat()
    return _about(path, found.st_size, found.st_mtime_ns)


def read_fixdata(path: Path, video: Video) -> list[NDArray[np.int64]]:
    """The points of each frame, ``(N, 2)``: row and column from 0; in the order of the rows, repeats kept.

    Raises:
        FileNotFoundError: naming the file.
        ValueError: naming the file, for one of another form, and for fixations most of which lie outside.
    """
    of_video, rows = _read(path)
    return points_of_frames(path, of_video, rows)


def points_of_frames(path: Path, video: About, rows: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """The points of each frame of fixations ``(N, 5)``: viewer, start and duration in milliseconds, x and y."""
    start, duration, x, y = rows[:, 1:].T
    height, width = video.size
    inside = (x > 0) & (x < width) & (y > 0) & (y < height)
    if len(rows) - inside.sum() > _MOST_OUTSIDE * len(rows) or swapped(x, y, video.size):
        raise ValueError(
            f"{path}: {many(len(rows) - int(inside.sum()), 'fixation')} of {len(rows)} lie outside of "
            f"{width} x {height} pixels; is VideoSize height and width, or are x and y swapped? It is width and height"
        )
    kept = inside & ~_before_the_first(start, inside & _off_centre(x, y, video.size)) & np.isfinite(start + duration)
    frame_ms = 1000 / video.fps
    first = np.maximum(np.ceil(start[kept] / frame_ms), 1).astype(np.int64)
    last = np.minimum(np.ceil((start[kept] + duration[kept]) / frame_ms), video.frames).astype(np.int64)
    lengths = np.maximum(last - first + 1, 0)
    if (number := int(lengths.sum())) > _MOST_POINTS:
        raise ValueError(
            f"{path}: {many(number, 'point')} in {many(video.frames, 'frame')}, which no viewers have; fetch it again"
        )
    places = np.stack([np.maximum(np.floor(along[kept]), 1) - 1 for along in (y, x)], axis=1).astype(np.int64)
    which = np.repeat(np.arange(len(lengths)), lengths)
    frames = np.repeat(first, lengths) + np.arange(len(which)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    order = np.argsort(frames, kind="stable")
    edges = np.searchsorted(frames[order], np.arange(1, video.frames + 2))
    sorted_places = places[which[order]]
    return [sorted_places[a:b] for a, b in pairwise(edges.tolist())]


def paint(points: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The authors' map of a frame, ``(H, W)``, the highest 255: a Gaussian in a window of 201 pixels at each point.

    Args:
        points: row and column of each fixation, ``(N, 2)``; one that stands twice counts twice.
        size: (height, width) of the map.
    """
    density = np.zeros(size)
    for row, column in points.tolist():
        top, left = max(0, row - REACH), max(0, column - REACH)
        bottom, right = min(size[0], row + REACH + 1), min(size[1], column + REACH + 1)
        down, along = (slice(a - b + REACH, c - b + REACH) for a, b, c in ((top, row, bottom), (left, column, right)))
        density[top:bottom, left:right] += _WINDOW[down, along]
    peak = density.max(initial=0)
    return np.round(255 * density / peak).astype(np.uint8) if peak else np.zeros(size, dtype=np.uint8)


def _off_centre(x: NDArray[np.float64], y: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.bool_]:
    height, width = size
    centre = math.floor(height / _CENTRE + 0.5)  # MATLAB's round
    return (np.abs(x - width / 2) > centre) & (np.abs(y - height / 2) > centre)


def _before_the_first(start: NDArray[np.float64], counts: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which fixations come before the first one of their viewer that ``counts``, or are of one who has none."""
    viewer = np.cumsum(np.concatenate([[False], start[1:] < start[:-1]])) if len(start) else np.zeros(0, dtype=np.int64)
    number = np.arange(len(start))
    first = np.full(int(viewer.max(initial=-1)) + 1, len(start))
    np.minimum.at(first, viewer[counts], number[counts])
    return np.asarray(number < first[viewer])


@lru_cache(maxsize=4096)
def _about(path: Path, size: int, stamp: int) -> About:
    return _read(path)[0]


def _read(path: Path) -> tuple[About, NDArray[np.float64]]:
    found = struct_fields(path, "Data", _FIELDS)
    frames, fps = (_single(path, name, found[name]) for name in ("VideoFrames", "VideoFrameRate"))
    size = found["VideoSize"].ravel().astype(np.float64)
    if frames != int(frames) or not 1 <= frames <= _MOST_FRAMES or not 0 < fps < _MOST_RATE:
        raise ValueError(f"{path}: VideoFrames {frames:g} and VideoFrameRate {fps:g} are of no video; fetch it again")
    if len(size) != 2 or not ((size >= 1) & (size <= _MOST_SIDE) & (size == np.floor(size))).all():
        raise ValueError(f"{path}: VideoSize {size.tolist()} is no width and height; fetch it again")
    rows = found["fixdata"].astype(np.float64)
    if rows.ndim == 2 and rows.shape[0] == 5 and rows.shape[1] != 5:
        rows = rows.T  # as some readers of version 7.3 hand it on
    if rows.size and (rows.ndim != 2 or rows.shape[1] != 5):
        raise ValueError(f"{path}: fixdata of shape {rows.shape}, expected viewer, start, duration, x and y a row")
    rows = rows if rows.size else np.zeros((0, 5))
    return About(int(frames), float(fps), (int(size[1]), int(size[0]))), rows


def _single(path: Path, name: str, values: NDArray[Any]) -> float:
    if values.size != 1 or not np.isfinite(value := float(values.ravel()[0])):
        raise ValueError(f"{path}: {name} is no single number ({values.shape}); fetch it again")
    return value
