"""Per-observer gaze: one form for all data sets.

The form is a CSV file a video, ``<root>/annotations/<SET>/<video>/observers.csv``, UTF-8, with the header line
``video,observer,frame,x,y``:

- ``video``: its name in the lists, the same in every line.
- ``observer``: any text that is not blank; the same observer may watch several videos.
- ``frame``: from 1, as in the lists.
- ``x``, ``y``: in pixels of the video's own frame, fractions allowed, x to the right and y down. (0, 0) is the top
  left corner of the top left pixel, not its centre: the pixel of a point is the floor of both, and a frame of W x H
  pixels holds 0 <= x < W and 0 <= y < H.

A sample that is lost, in a blink or outside the frame has no line; an empty number is an error. An observer has at
most one line a frame. Lines may come in any order.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from avsal_bench.files import write_atomically

Array = NDArray[np.float64]
HEADER = ("video", "observer", "frame", "x", "y")
FILE_NAME = "observers.csv"


class Sample(NamedTuple):
    """Where one observer looks in one frame (from 1); x and y as in the form."""

    observer: str
    frame: int
    x: float
    y: float


@dataclass(frozen=True, eq=False)
class Gaze:
    """Gaze on one video: a row a sample, in the order of frames, and within a frame of observers.

    Args:
        observers: their names, sorted.
        observer: ``(N,)`` index into ``observers``.
        frame: ``(N,)``, from 1.
        x: ``(N,)``, in pixels from the left edge of the frame.
        y: ``(N,)``, in pixels from its top edge.
    """

    observers: tuple[str, ...]
    observer: NDArray[np.int64]
    frame: NDArray[np.int64]
    x: Array
    y: Array

    def __post_init__(self) -> None:
        columns = (self.observer, self.frame, self.x, self.y)
        if len({column.shape for column in columns}) != 1 or self.frame.ndim != 1:
            raise ValueError(f"columns of one length expected, got shapes {[c.shape for c in columns]}")
        keys = self.frame * max(len(self.observers), 1) + self.observer
        if np.any(np.diff(keys) <= 0):
            raise ValueError("rows must be in the order of frames and observers, each pair once; use Gaze.of")

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Gaze:
        """Gaze from samples in any order.

        Raises:
            ValueError: when an observer has two samples in a frame.
        """
        ordered = sorted(samples, key=lambda s: (s.frame, s.observer))
        for first, second in pairwise(ordered):
            if first[:2] == second[:2]:
                raise ValueError(f"observer {first.observer!r} has two samples in frame {first.frame}; keep one")
        names = tuple(sorted({s.observer for s in ordered}))
        index = {name: i for i, name in enumerate(names)}
        return cls(
            names,
            np.array([index[s.observer] for s in ordered], dtype=np.int64),
            np.array([s.frame for s in ordered], dtype=np.int64),
            np.array([s.x for s in ordered], dtype=np.float64),
            np.array([s.y for s in ordered], dtype=np.float64),
        )

    def __len__(self) -> int:
        return len(self.frame)

    def points(self, frame: int, observers: Collection[int] | None = None) -> Array:
        """Points ``(n, 2)`` x, y in a frame; of all observers, or only of those with the indices given."""
        start, stop = np.searchsorted(self.frame, [frame, frame + 1])
        points = np.stack([self.x[start:stop], self.y[start:stop]], axis=1)
        if observers is None:
            return points
        return np.asarray(points[np.isin(self.observer[start:stop], list(observers))])

    def fixation_map(
        self, frame: int, size: tuple[int, int], observers: Collection[int] | None = None
    ) -> NDArray[np.bool_]:
        """Binary map ``(h, w)`` of the pixels looked at in a frame; ``size`` is that of the video's frames.

        Raises:
            ValueError: for a point outside ``size``.
        """
        points = self.points(frame, observers)
        fixated = np.zeros(size, dtype=np.bool_)
        if np.any(points < 0) or np.any(points >= np.array(size[::-1])):
            raise ValueError(f"gaze in frame {frame} lies outside a frame of {size[1]} x {size[0]} pixels")
        fixated[points[:, 1].astype(int), points[:, 0].astype(int)] = True
        return fixated


def read_gaze(path: Path, n_frames: int, size: tuple[int, int], video: str | None = None) -> Gaze:
    """The gaze of one file of the form.

    Args:
        path: the file.
        n_frames: of the video; a later frame is an error.
        size: height and width of the video's frames; a point outside is an error.
        video: its name; None takes the one in the file.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming file and line, for anything that is not of the form.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"no gaze file {path}; its form is in docs/data.md") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8") from None
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    samples: dict[tuple[str, int], Sample] = {}
    try:
        header = tuple(next(lines, []))
        if header != HEADER:
            raise ValueError(f"the first line must be {','.join(HEADER)}, got {','.join(header)!r}")
        for row in lines:
            if not row:  # a blank line
                continue
            video, sample = _read_row(row, n_frames, size, video)
            key = (sample.observer, sample.frame)
            if key in samples:
                raise ValueError(f"observer {key[0]!r} has a second sample in frame {key[1]}; keep one")
            samples[key] = sample
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path}:{max(lines.line_num, 1)}: {error}") from None
    if not samples:
        raise ValueError(f"{path}: no gaze in it; leave the file out if nobody was tracked")
    return Gaze.of(samples.values())


def _read_row(row: list[str], n_frames: int, size: tuple[int, int], video: str | None) -> tuple[str, Sample]:
    if len(row) != len(HEADER):
        raise ValueError(f"{len(HEADER)} fields expected ({','.join(HEADER)}), got {len(row)} in {','.join(row)!r}")
    name, observer, frame, x, y = row
    if video not in (None, name) or not name:
        raise ValueError(f"video {name!r}, but this file is of {video!r}; a file holds one video")
    if not observer.strip():
        raise ValueError("no observer; any text will do, the same in all lines of one person")
    if not (frame.isascii() and frame.isdigit() and 1 <= int(frame) <= n_frames):
        raise ValueError(f"frame {frame!r} is not a whole number from 1 to {n_frames}")
    if not x.strip() or not y.strip():
        raise ValueError("no x or no y; leave the line out where gaze is lost")
    try:
        point = float(x), float(y)
    except ValueError:
        raise ValueError(f"x {x!r} and y {y!r} must be numbers") from None
    if not (0 <= point[0] < size[1] and 0 <= point[1] < size[0]):
        raise ValueError(
            f"({x}, {y}) is outside the frame of {size[1]} x {size[0]} pixels; leave the line out, "
            "or turn screen coordinates into those of the frame"
        )
    return name, Sample(observer, int(frame), *point)


def format_gaze(gaze: Gaze, video: str) -> str:
    """The text of a file of the form, x and y to a hundredth of a pixel; no point moves into another pixel."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(HEADER)
    columns = (gaze.observer.tolist(), gaze.frame.tolist(), _hundredths(gaze.x), _hundredths(gaze.y))
    for observer, frame, x, y in zip(*columns, strict=True):
        writer.writerow((video, gaze.observers[observer], frame, f"{x:.2f}", f"{y:.2f}"))
    return buffer.getvalue()


def write_gaze(path: Path, gaze: Gaze, video: str) -> None:
    """Write gaze in the form, all of the file or nothing.

    Raises:
        OSError: naming the folder, when it cannot be written.
    """
    write_atomically(path, format_gaze(gaze, video))


def _hundredths(values: Array) -> list[float]:
    """Rounded, but down where rounding up would reach the next pixel, which may be outside the frame."""
    rounded = np.round(values, 2)
    return list(map(float, np.where(np.floor(rounded) > np.floor(values), rounded - 0.01, rounded)))
