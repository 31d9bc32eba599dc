"""A look inside a few files: what a picture is of, and how fast, how long and by how many it was seen."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from avsal_bench.data.files.fixation_files import mat_size, not_fixations
from avsal_bench.data.files.sound_files import sound_header
from avsal_bench.data.files.tracks import has_track
from avsal_bench.data.files.video_files import frame_rate

#: Levels of 255 by which the channels of a grey picture may differ.
GREY = 8
#: Neighbours of a video are no further apart than this, on average of 255 levels.
ALIKE = 25
#: Header of gaze in the interchange form.
GAZE = ["video", "observer", "frame", "x", "y"]
#: Frame rates that there are.
RATES = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001, 60.0)

Content = Literal["frames", "maps", "fixations", ""]


def picture_of(paths: Iterable[Path]) -> Content:
    """What pictures are, by their pixels: in colours, few bright points on black, or grey; "" where all are black."""
    found: list[Content] = []
    for path in paths:
        if path.suffix == ".mat":
            found.append("fixations")
            continue
        try:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB"), dtype=np.int16)
        except (OSError, ValueError, Image.DecompressionBombError):
            continue
        if (pixels.max(-1) - pixels.min(-1)).max() > GREY:
            found.append("frames")
            continue
        grey = pixels[..., 0]
        if path.suffix.lower() in (".jpg", ".jpeg"):
            grey = np.where(grey >= 128, 255, 0) if (grey > GREY).mean() < 0.2 and _points(grey) else grey
        if grey.any():
            found.append("fixations" if not not_fixations(grey) and (grey > 0).mean() < 0.1 else "maps")
    return max(set(found), key=found.count) if found else ""


def _points(grey: np.ndarray) -> bool:
    bright = grey >= 128
    inside = bright[1:-1, 1:-1] & bright[:-2, 1:-1] & bright[2:, 1:-1] & bright[1:-1, :-2] & bright[1:-1, 2:]
    return bool(bright.any() and 2 * inside.sum() <= bright.sum())


def is_film(paths: Sequence[Path]) -> bool:
    """Whether pictures in their order are frames of one video: of one size, and neighbours look alike."""
    small = []
    sizes = set()
    for path in paths:
        try:
            with Image.open(path) as image:
                sizes.add(image.size)
                small.append(np.asarray(image.convert("L").resize((16, 16)), dtype=np.int16))
        except (OSError, ValueError, Image.DecompressionBombError):
            return False
    apart = [float(np.abs(a - b).mean()) for a, b in pairwise(small)]
    return len(sizes) == 1 and bool(apart) and float(np.median(apart)) < ALIKE


def size_of(path: Path) -> tuple[int, ...] | None:
    """(height, width) of a picture or fixation map; None for one that cannot be read."""
    try:
        if path.suffix == ".mat":
            return mat_size(path)
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


def rate_of(path: Path) -> float | None:
    """Frames a second of a video file; None where nobody knows."""
    try:
        return frame_rate(path) or None
    except (OSError, ValueError):
        return None


def track_in(path: Path) -> bool:
    """Whether a video file has sound."""
    try:
        return has_track(path)
    except (OSError, ValueError):
        return False


def seconds_of(path: Path) -> float | None:
    """Length of a sound; None where it cannot be read."""
    try:
        return sound_header(path).seconds or None
    except (OSError, ValueError):
        return None


def near_rate(rate: float) -> float | None:
    """The frame rate that there is within half a hundredth of one that was measured; None for none."""
    near = min(RATES, key=lambda known: abs(known - rate))
    return near if abs(near / rate - 1) < 0.005 else None


def observers_in(path: Path) -> int | None:
    """How many observers a file of gaze has; None for a table of another form."""
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            rows = csv.reader(file)
            if [cell.strip().lower() for cell in next(rows, [])] != GAZE:
                return None
            return len({row[1] for row in rows if len(row) == len(GAZE)})
    except (OSError, csv.Error):
        return None
