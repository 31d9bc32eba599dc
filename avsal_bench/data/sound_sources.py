"""Where in the picture the sound comes from, as a person marked it, for any data set (dave2019, section 5.6).

One file a video, ``<root>/sound_sources/<set>/<video>.csv``, where ``<set>`` is the name of the data set as commands
take it. UTF-8, with the header line ``frame,left,top,right,bottom``, and a line a box:

- ``frame``: from 1, as in the lists.
- the box in pixels of the video's own frame, fractions allowed: x to the right and y down, (0, 0) is the top left
  corner of the frame. A frame with several sources has several lines.
- a frame that was looked at and shows no source has one line with four empty cells, such as ``17,,,,``.

Frames without a line, and videos without a file, were not looked at; as in the paper, what has no box counts nowhere.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.dataset import Video
from avsal_bench.data.face_places import pixels_in
from avsal_bench.data.faces import Box
from avsal_bench.data.files.frames import frame_size
from avsal_bench.data.files.truth_files import map_size
from avsal_bench.files import regular_file
from avsal_bench.names import shortened

HEADER = ("frame", "left", "top", "right", "bottom")
FOLDER = "sound_sources"
#: Largest file, and boxes of a frame that are believed.
MOST_BYTES, MOST_BOXES = 16_000_000, 200


def marks_path(video: Video, root: Path) -> Path:
    """Where the file of a video lies, if it was marked."""
    return root / FOLDER / video.dataset / f"{video.name}.csv"


def has_marks(name: str, root: Path) -> bool:
    """Whether sources of a data set were marked: whether it has a folder of them."""
    return (root / FOLDER / name).is_dir()


def require_marks(videos: Sequence[Video], root: Path) -> None:
    """Nothing, when one of some videos at least has a file.

    Raises:
        FileNotFoundError: naming the folder, what it should hold, and what it holds.
    """
    if videos and not any(marks_path(video, root).is_file() for video in videos):
        folder = root / FOLDER / videos[0].dataset
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:3]) or "nothing"
        raise FileNotFoundError(
            f"{folder}: no file of a test video, such as {videos[0].name}.csv; it holds {shortened(there)}"
        )


def read_marks(path: Path, n_frames: int) -> dict[int, tuple[Box, ...]]:
    """The boxes of each frame that was looked at, none where no source is seen.

    Args:
        path: of the file.
        n_frames: of the video.

    Raises:
        FileNotFoundError: naming the file.
        ValueError: naming file and line, for another header, what is no number or no box, and frames that the video
            does not have.
    """
    content = regular_file(path, MOST_BYTES, links=True).read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    lines = csv.reader(io.StringIO(text, newline=""))
    found: dict[int, list[Box]] = {}
    empty: dict[int, int] = {}
    try:
        if (head := next(lines, None)) is None or tuple(cell.strip() for cell in head) != HEADER:
            raise ValueError(f"{path}, line 1: expected the header {','.join(HEADER)}, got {shortened(head or '')}")
        for cells in lines:
            if not cells:
                continue
            where = f"{path}, line {lines.line_num}"
            frame, box = _line(where, cells, n_frames)
            boxes = found.setdefault(frame, [])
            if box is None:
                empty[frame] = lines.line_num
            else:
                boxes.append(box)
            if len(boxes) > MOST_BOXES:
                raise ValueError(f"{where}: over {MOST_BOXES} sources in frame {frame}")
            if boxes and frame in empty:
                raise ValueError(f"{where}: frame {frame} has a source, and a line without one; keep one of the two")
    except csv.Error as error:
        raise ValueError(f"{path}, line {lines.line_num}: not CSV ({error})") from None
    return {frame: tuple(boxes) for frame, boxes in sorted(found.items())}


def _line(where: str, cells: Sequence[str], n_frames: int) -> tuple[int, Box | None]:
    if len(cells) != len(HEADER):
        raise ValueError(f"{where}: {len(cells)} cells, expected {len(HEADER)}: {','.join(HEADER)}")
    number, *rest = (cell.strip() for cell in cells)
    if not (number.isascii() and number.isdecimal() and len(number) < 10 and 1 <= int(number) <= n_frames):
        raise ValueError(f"{where}: frame {shortened(number)}, expected a whole number from 1 to {n_frames}")
    if not any(rest):
        return int(number), None
    values = []
    for name, cell in zip(HEADER[1:], rest, strict=True):
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(f"{where}: {name} is {shortened(cell)}, expected a number of pixels")
        values.append(value)
    left, top, right, bottom = values
    if left >= right or top >= bottom:
        raise ValueError(
            f"{where}: a box from {left:g},{top:g} to {right:g},{bottom:g} has no area; left,top come first"
        )
    return int(number), (left, top, right, bottom)


@dataclass(frozen=True)
class MarkedSources:
    """The pixels of the marked sources of a video, at the size of its fixation maps.

    Args:
        size: height and width of the maps.
        boxes: by frame the rows and columns of its sources.
    """

    size: tuple[int, int]
    boxes: dict[int, list[tuple[slice, slice]]]

    @classmethod
    def of(cls, video: Video, root: Path) -> MarkedSources:
        """Those of a video; none for one without a file.

        Raises:
            FileNotFoundError: naming a missing file of the video.
            ValueError: as :func:`read_marks`; and naming the file, for a box that lies outside of the picture.
        """
        path, size = marks_path(video, root), map_size(video)
        if not path.is_file():
            return cls(size, {})
        height, width = frame_size(video)
        scale = size[1] / width, size[0] / height
        found: dict[int, list[tuple[slice, slice]]] = {}
        for frame, boxes in read_marks(path, video.n_frames).items():
            for box in boxes:
                pixels = pixels_in(box, scale, size)
                if pixels is None:
                    raise ValueError(
                        f"{path}: frame {frame}: the box from {box[0]:g},{box[1]:g} to {box[2]:g},{box[3]:g} holds no "
                        f"pixel of the picture, which is {width} wide and {height} high"
                    )
                found.setdefault(frame, []).append(pixels)
        return cls(size, found)

    def seen(self, frame: int) -> bool:
        """Whether a source is seen in a frame, from 1."""
        return frame in self.boxes

    def masks(self, frames: Sequence[int]) -> NDArray[np.bool_]:
        """Pixels of the sources in some frames, ``(F, H, W)``."""
        found = np.zeros((len(frames), *self.size), dtype=np.bool_)
        for mask, frame in zip(found, frames, strict=True):
            for pixels in self.boxes.get(frame, ()):
                mask[pixels] = True
        return found
