"""Faces of a video and who of them talks, frame by frame, as the authors of MVVA annotate them.

Two NumPy files a video: boxes, ``[frame][face]`` with ``x1, y1, x2, y2`` in pixels of the video, where the place of a
face is who it is; and an array faces x frames, 1 where a face talks. As the number of faces may change, the boxes may
be Python's lists: :mod:`avsal_bench.data.plain_arrays` reads those without running anything.

A face that is not seen is an empty place, zeros, NaN or negative numbers. The authors' own script stops at the shorter
of the two files, so the last frames of a video may have neither boxes nor talkers; many of them are an error.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.places import FaceFiles
from avsal_bench.data.plain_arrays import read_lists
from avsal_bench.text import many

#: So many frames at the end of a video, or this share of it where that is more, may be without annotation.
LACKING, LACKING_SHARE = 25, 0.05
#: Faces of a video that are believed.
MOST_FACES = 200
#: What says who talks: 1; what does not: 0, -1 for who is not seen, NaN.
_VALUES = (-1, 0, 1)

#: Corners of a face: left, top, right, bottom.
Box = tuple[float, float, float, float]
#: For each frame the faces that are seen, each with whether it talks.
Faces = tuple[tuple[tuple[Box, bool], ...], ...]


def read_boxes(path: Path, n_frames: int) -> tuple[tuple[Box | None, ...], ...]:
    """The faces of each frame of a video, None in the place of one that is not seen.

    Args:
        path: of the boxes.
        n_frames: of the video, by its fold list.

    Raises:
        FileNotFoundError: naming the file.
        ValueError: naming the file, and the frame and the face of what is no box; and where the file has far fewer
            frames than the video.
    """
    found = read_lists(path)
    _check_length(path, "boxes", len(found), n_frames)
    frames = []
    for n, faces in enumerate(found[:n_frames], start=1):
        listed = [] if faces is None else faces
        if not isinstance(listed, list) or len(listed) > MOST_FACES:
            raise ValueError(f"{path}: frame {n}: {_short(faces)} in the place of a list of faces")
        if len(listed) == 4 and all(isinstance(one, float | int) for one in listed):
            raise ValueError(f"{path}: frame {n}: four numbers in the place of a list of faces; put them into a list")
        frames.append(tuple(_box(f"{path}: frame {n}, face {k}", face) for k, face in enumerate(listed, start=1)))
    return tuple(frames) + ((),) * (n_frames - len(frames))


def read_talking(path: Path, n_frames: int) -> NDArray[np.bool_]:
    """Who talks: ``(faces, n_frames)`` bool.

    Raises:
        FileNotFoundError: naming the file.
        ValueError: naming the file, for another form, values that are no labels, and far fewer frames than the video
            has.
    """
    rows = read_lists(path)
    if rows and all(isinstance(value, int | float) for value in rows):
        rows = [rows]  # of one face
    lengths = {len(row) if isinstance(row, list) else 0 for row in rows}
    if len(lengths) != 1 or len(rows) > max(MOST_FACES, n_frames):
        raise ValueError(f"{path}: expected an array faces x frames, 1 where a face talks; got {_form(rows)}")
    length = lengths.pop()
    if length < len(rows) and abs(len(rows) - n_frames) <= _allowed(n_frames):
        raise ValueError(f"{path}: frames x faces, {len(rows)} x {length}, expected faces x frames; save its transpose")
    _check_length(path, "labels", length, n_frames)
    try:
        values = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.zeros(0)
    if values.ndim != 2:
        raise ValueError(f"{path}: expected an array faces x frames of 0 and 1, got lists in it")
    strange = ~np.isnan(values) & ~np.isin(values, _VALUES)
    if strange.any():
        face, frame = np.argwhere(strange)[0]
        raise ValueError(
            f"{path}: face {face + 1}, frame {frame + 1}: {values[face, frame]:g}, expected 1 where it talks, else 0"
        )
    talking = np.zeros((len(rows), n_frames), dtype=np.bool_)
    talking[:, : min(length, n_frames)] = values[:, :n_frames] == 1
    return talking


def talking_labels(path: Path, n_frames: int) -> tuple[bool, ...]:
    """For each frame whether any face talks: then the sound is made by what is seen.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_talking`.
    """
    return tuple(map(bool, np.any(read_talking(path, n_frames), axis=0)))


def read_faces(files: FaceFiles, n_frames: int) -> Faces:
    """For each frame the boxes of the faces that are seen, each with whether it talks.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_boxes` and :func:`read_talking`; also naming a frame with more
            faces than the other file knows.
    """
    told = (path.stat() for path in (files.boxes, files.talking) if path.is_file())
    return _read_faces(files, n_frames, *((one.st_size, one.st_mtime_ns) for one in told))


@lru_cache(maxsize=8)
def _read_faces(files: FaceFiles, n_frames: int, *stamps: tuple[int, int]) -> Faces:
    boxes, talking = read_boxes(files.boxes, n_frames), read_talking(files.talking, n_frames)
    frames = []
    for n, faces in enumerate(boxes):
        if len(faces) > len(talking) and any(faces[len(talking) :]):
            raise ValueError(
                f"{files.boxes}: frame {n + 1} has {many(len(faces), 'face')}, and {files.talking} tells of "
                f"{len(talking)}; fetch both again"
            )
        frames.append(tuple((box, bool(talking[k, n])) for k, box in enumerate(faces) if box is not None))
    return tuple(frames)


def _box(where: str, face: Any) -> Box | None:
    if face is None or face == []:
        return None
    if not isinstance(face, list) or len(face) < 4 or not all(isinstance(v, int | float) or v is None for v in face):
        raise ValueError(f"{where}: {_short(face)}, expected x1, y1, x2, y2")
    x1, y1, x2, y2 = (math.nan if value is None else float(value) for value in face[:4])
    if any(map(math.isnan, (x1, y1, x2, y2))) or (x1, y1, x2, y2) == (0, 0, 0, 0) or (x2 < 0 and y2 < 0):
        return None
    if not (x1 < x2 and y1 < y2) or math.inf in map(abs, (x1, y1, x2, y2)):
        raise ValueError(
            f"{where}: from ({x1:g}, {y1:g}) to ({x2:g}, {y2:g}), expected x1, y1, x2, y2 with x1 < x2 and y1 < y2"
        )
    return x1, y1, x2, y2


def _allowed(n_frames: int) -> int:
    return max(LACKING, int(LACKING_SHARE * n_frames))


def _check_length(path: Path, what: str, length: int, n_frames: int) -> None:
    if length < n_frames - _allowed(n_frames):
        raise ValueError(
            f"{path}: {what} of {many(length, 'frame')}, the video has {n_frames:,}; is it of another video, or are "
            "faces and frames swapped?"
        )


def _form(rows: list[Any]) -> str:
    kinds = {f"a list of {len(row)}" if isinstance(row, list) else _short(row) for row in rows[:100]}
    return f"{many(len(rows), 'row')}: {', '.join(sorted(kinds)[:3])}" if rows else "nothing"


def _short(what: object) -> str:
    text = str(what)
    return text if len(text) <= 40 else f"{text[:37]}..."
