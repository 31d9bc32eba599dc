"""Where people looked in all frames of a video, as a list in JSON: for each frame its points, row and column.

::

    [[[540, 960], [541, 958]], [], ...]      one entry a frame; a point is [row, column] from 0, and may repeat
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.dataset import Video
from avsal_bench.files import regular_file
from avsal_bench.names import shortened
from avsal_bench.text import many

#: Bytes of a file at most; one of 550 frames and 80 viewers has 2 MB.
MOST_BYTES = 16_000_000
#: Points of a frame at most, and numbers of a point.
MOST_POINTS, MOST_NUMBERS = 100_000, 16
#: Rows and columns that no picture has.
_BEYOND = 2**20
#: What JSON takes for blanks.
_BLANKS = re.compile(r"[ \t\n\r]*")


def read_point_list(path: Path, video: Video) -> Sequence[NDArray[np.int64]]:
    """The points of each frame of a video, ``(N, 2)`` int64: row and column from 0, repeats kept; none where nobody
    looked. What follows the first two numbers of a point is left out.

    Frames are read one after the other: beside the text, the lists of one frame are in memory at a time.

    Args:
        path: of a file in the form above.
        video: whose frames they are.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file, and the frame and the point that are not as they should be; also for points of
            more or fewer frames than the video has.
    """
    text = _text(path)
    found: list[NDArray[np.int64]] = []
    at = _after(text, 0)
    if text[at : at + 1] != "[":
        raise ValueError(f"{path}: expected a list with an entry a frame, got {_start(text, at)}; fetch it again")
    at = _after(text, at + 1)
    while text[at : at + 1] != "]" or found:
        frame = len(found) + 1
        entry, at = _entry(path, text, at, frame)
        if frame <= video.n_frames:
            found.append(_points(path, frame, entry))
        else:  # count on, to say how many there are
            found.append(found[0])
        if frame > 4 * video.n_frames + 1000:
            break
        at = _after(text, at)
        if text[at : at + 1] == "]":
            break
        if text[at : at + 1] != ",":
            raise ValueError(f"{path}: after frame {frame} comes {_start(text, at)}, expected , or ]; fetch it again")
        at = _after(text, at + 1)
    if len(found) != video.n_frames:
        least = "at least " if len(found) > 4 * video.n_frames + 1000 else ""
        raise ValueError(
            f"{path}: points of {least}{many(len(found), 'frame')}, and {video.key} has {video.n_frames}; is it the "
            "file of another video? Fetch it again"
        )
    if (rest := _after(text, at + 1)) < len(text):
        raise ValueError(f"{path}: after the list comes {_start(text, rest)}; fetch it again")
    return found


def _text(path: Path) -> str:
    data = regular_file(path, MOST_BYTES, links=True).read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: no JSON in UTF-8 ({error.reason}, byte {error.start}); fetch it again") from None


def _after(text: str, at: int) -> int:
    """The place of the next character that is no blank."""
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def _start(text: str, at: int) -> str:
    """What stands at a place, for an error."""
    return shortened(text[at : at + 20]) if at < len(text) else "the end of the file"


class _NotFinite(ValueError):
    """NaN or an infinity, which JSON does not have."""


def _refuse(name: str) -> NoReturn:
    raise _NotFinite(name)


_decoder = json.JSONDecoder(parse_constant=_refuse)


def _entry(path: Path, text: str, at: int, frame: int) -> tuple[Any, int]:
    """The value of one frame, and where it ends."""
    try:
        return _decoder.raw_decode(text, at)
    except _NotFinite as error:
        raise ValueError(f"{path}: frame {frame} has a point with {error}; expected whole numbers") from None
    except json.JSONDecodeError as error:
        where = f"{error.msg}, byte {error.pos}"
        raise ValueError(f"{path}: no JSON from frame {frame} on ({where}); was it cut short? Fetch it again") from None
    except (RecursionError, ValueError) as error:  # lists without an end in each other; numbers of thousands of digits
        raise ValueError(f"{path}: frame {frame} cannot be read ({shortened(str(error))}); fetch it again") from None


def _points(path: Path, frame: int, entry: Any) -> NDArray[np.int64]:
    if not isinstance(entry, list):
        raise ValueError(f"{path}: frame {frame} is {shortened(entry)}, expected a list of points; fetch it again")
    if len(entry) > MOST_POINTS:
        raise ValueError(f"{path}: frame {frame} has {many(len(entry), 'point')}, at most {MOST_POINTS:,} are read")
    try:
        return _plainly(entry)
    except (ValueError, TypeError):
        for number, point in enumerate(entry, 1):
            if problem := _problem(point):
                raise ValueError(f"{path}: frame {frame}, point {number} {problem}; fetch it again") from None
    return np.array([[int(point[0]), int(point[1])] for point in entry], np.int64).reshape(-1, 2)


def _plainly(entry: list[Any]) -> NDArray[np.int64]:
    """Points whose numbers are whole, and not negative; ValueError or TypeError for all others."""
    if not entry:
        return np.empty((0, 2), np.int64)
    if any(type(point) is not list or len(point) != 2 for point in entry):
        raise ValueError
    if {type(number) for point in entry for number in point} != {int}:
        raise ValueError
    points = np.array(entry)
    if points.dtype.kind != "i" or points.min() < 0 or points.max() >= _BEYOND:
        raise ValueError
    return points.astype(np.int64)


def _problem(point: Any) -> str:
    """What is wrong with a point; "" where nothing is."""
    if not isinstance(point, list):
        return f"is {shortened(point)}, expected [row, column]"
    if len(point) < 2:
        return f"has {many(len(point), 'number')}, expected a row and a column"
    if len(point) > MOST_NUMBERS:
        return f"has {len(point)} numbers, expected a row and a column"
    for number in point[:2]:
        if type(number) not in (int, float):
            return f"is {shortened(point)}, expected numbers"
        if not math.isfinite(number) or number != math.floor(number):
            return f"is {shortened(point)}, and pixels are whole"
        if number < 0:
            return f"is {shortened(point)}, and rows and columns count from 0"
        if number >= _BEYOND:
            return f"is {shortened(point)}, which no picture has"
    return ""
