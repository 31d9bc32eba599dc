"""From samples of an eye tracker, in whatever file they come, to the ground truth of a video.

    <root>/maps/<video>/0001.png            density, 8 bits, the highest 255; black where nobody looked
    <root>/fixations/<video>/0001.png       255 where somebody looked, else 0
    <root>/gaze/<video>/observers.csv       of single observers, as :mod:`avsal_bench.data.gaze.samples` has it

``avsal data init`` finds these names, and the film may lie anywhere below the root.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avsal_bench.data.files.timeline import Timeline, timeline
from avsal_bench.data.files.video_files import picture_size
from avsal_bench.data.gaze.samples import FILE_NAME, Gaze, Sample, format_gaze
from avsal_bench.files import whole_file, write_atomically
from avsal_bench.names import safe_name
from avsal_bench.progress import progress
from avsal_bench.strays import without_strays
from avsal_bench.text import many

Array = NDArray[np.float64]
#: Part of the samples that may lie outside the frame, or before or after the film, without a word.
USUAL = 0.25


class Look(NamedTuple):
    """One sample of an eye tracker: who, when (seconds from the first frame on), and where in the frame."""

    observer: str
    seconds: float
    x: float
    y: float


@dataclass(frozen=True)
class GroundTruth:
    """What was written of one video.

    Args:
        video: its name, that of the film without the ending.
        frames: of it.
        observers: who looked at it.
        points: one a frame and observer: of the samples in the frame the middle one in time.
        unfixated: frames that nobody looked at.
        outside: samples outside the frame, or lost (NaN).
        elsewhen: samples before the first frame or after the last one.
        files: written.
    """

    video: str
    frames: int
    observers: tuple[str, ...]
    points: int
    unfixated: int
    outside: int
    elsewhen: int
    files: tuple[Path, ...]

    def __str__(self) -> str:
        left = f"{many(self.outside, 'sample')} outside the frame, {self.elsewhen} outside the film"
        return (
            f"{self.video}: {many(self.frames, 'frame')}, {many(len(self.observers), 'observer')}, "
            f"{many(self.points, 'point')}; left out: {left}"
        )


def write_ground_truth(
    root: str | Path,
    film: str | Path,
    samples: Iterable[tuple[str, float, float, float]],
    *,
    sigma: float,
    fractions: bool = False,
) -> GroundTruth:
    """Write density maps, fixation maps and the gaze of single observers of a video, from samples of any rate.

    A sample belongs to the frame that is shown at its time, by the time stamps of the film. The density of a frame is
    the sum of a Gaussian at each observer's point. What is lost, outside the frame or outside the film is left out and
    counted. The same samples give the same files, bit for bit, in any order.

    Args:
        root: folder of the data set; made where it is not there.
        film: the video file.
        samples: ``(observer, seconds, x, y)`` each, with x to the right and y down from the top left corner of the
            frame; :class:`Look` has these names.
        sigma: of the Gaussian, in pixels of the frame: usually that of one degree of visual angle.
        fractions: whether x and y are fractions of the width and the height, and not pixels.

    Raises:
        FileNotFoundError: when there is no such film.
        ValueError: for a film that cannot be read, for a sample that is no such four values, where none of them lies
            in the frames of the film, and where the folder of the maps holds files of no frame of it.

    >>> from avsal_bench.data.gaze.ground_truth import frames_at
    >>> frames_at([0.0, 0.04, 0.08], 0.04, [-0.1, 0.0, 0.05, 0.119, 0.2]).tolist()
    [0, 1, 2, 3, 0]
    """
    film, root = Path(film), Path(root)
    if not (isinstance(sigma, int | float) and 0 < sigma < math.inf):
        raise ValueError(f"sigma: expected pixels above 0, got {sigma!r}")
    name = safe_name("video", film.stem)
    line, size = timeline(film), picture_size(film)
    kept, outside, elsewhen, total = _kept(film, samples, line, size, fractions)
    gaze = Gaze.of(_middle(kept))
    if not len(gaze):
        raise ValueError(
            f"{film}: none of {many(total, 'sample')} lies in its {many(len(line.times), 'frame')} of "
            f"{size[1]}x{size[0]} pixels: {outside} outside the frame, {elsewhen} outside the film; are x and y "
            f"{'fractions' if fractions else 'pixels'}, and the times seconds?"
        )
    for left, what in ((outside, "outside the frame"), (elsewhen, "before or after the film")):
        if left > USUAL * total:
            warnings.warn(
                f"{film}: {left} of {many(total, 'sample')} lie {what}; are units and origin right?", stacklevel=2
            )
    frames = len(line.times)
    written = _write_maps(root, name, gaze, frames, size, sigma)
    path = root / "gaze" / name / FILE_NAME
    write_atomically(path, format_gaze(gaze, name))
    unfixated = frames - len(np.unique(gaze.frame))
    return GroundTruth(name, frames, gaze.observers, len(gaze), unfixated, outside, elsewhen, (*written, path))


def frames_at(times: Sequence[float] | Array, last: float, seconds: Sequence[float] | Array) -> NDArray[np.int64]:
    """The frame, from 1, that is shown at each of some times; 0 before the first one and after the last one.

    Args:
        times: seconds at which each frame begins.
        last: seconds for which the last one is shown.
        seconds: asked for.
    """
    begins, asked = np.asarray(times, dtype=np.float64), np.asarray(seconds, dtype=np.float64)
    found = np.searchsorted(begins, asked, side="right").astype(np.int64)
    found[~(asked < begins[-1] + last)] = 0
    return found


def _kept(
    film: Path,
    samples: Iterable[tuple[str, float, float, float]],
    line: Timeline,
    size: tuple[int, int],
    fractions: bool,
) -> tuple[dict[tuple[str, int], list[tuple[float, float, float]]], int, int, int]:
    """Time and place of the samples of each observer and frame; how many lie outside the frame, how many outside the
    film, and how many came."""
    looks = [_look(film, number, sample) for number, sample in enumerate(samples, 1)]
    if not looks:
        raise ValueError(f"{film}: no sample")
    x, y = (np.array([look[place] for look in looks], dtype=np.float64) for place in (2, 3))
    if not fractions and 0 < np.nanmax(np.maximum(x, y), initial=-math.inf) <= 1:
        raise ValueError(f"{film}: no x and y above 1; give fractions=True where they are fractions of the frame")
    if fractions:
        x, y = x * size[1], y * size[0]
    frame = frames_at(line.times, 1 / line.fps, [look.seconds for look in looks])
    inside = (x >= 0) & (x < size[1]) & (y >= 0) & (y < size[0])
    kept: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    for n in np.flatnonzero(inside & (frame > 0)).tolist():
        kept.setdefault((looks[n].observer, int(frame[n])), []).append((looks[n].seconds, float(x[n]), float(y[n])))
    elsewhen = int((frame == 0).sum())
    return kept, int((~inside & (frame > 0)).sum()), elsewhen, len(looks)


def _look(film: Path, number: int, sample: tuple[str, float, float, float]) -> Look:
    try:
        observer, seconds, x, y = sample
        look = Look(str(observer), float(seconds), float(x), float(y))
    except (TypeError, ValueError):
        raise ValueError(f"{film}: sample {number} is {sample!r}; expected (observer, seconds, x, y)") from None
    if not look.observer.strip():
        raise ValueError(f"{film}: sample {number} has no observer; any text will do, the same for one person")
    return look


def _middle(kept: Mapping[tuple[str, int], list[tuple[float, float, float]]]) -> Iterable[Sample]:
    """One point an observer and frame."""
    for (observer, frame), points in kept.items():
        _, x, y = sorted(points)[(len(points) - 1) // 2]
        yield Sample(observer, frame, x, y)


def _write_maps(root: Path, name: str, gaze: Gaze, frames: int, size: tuple[int, int], sigma: float) -> list[Path]:
    folders = root / "maps" / name, root / "fixations" / name
    wanted = {f"{frame:04d}.png" for frame in range(1, frames + 1)}
    for folder in folders:
        if folder.is_dir() and (odd := sorted({p.name for p in without_strays(folder.iterdir())} - wanted)):
            raise ValueError(
                f"{folder / odd[0]}: of no frame of {name}, which has {frames}; are these maps of something else? "
                "Move them away first"
            )
        folder.mkdir(parents=True, exist_ok=True)
    written = []
    with progress(f"ground truth of {name}", frames) as bar:
        for frame in range(1, frames + 1):
            points = gaze.points(frame)
            levels = (_density(points, size, sigma), gaze.fixation_map(frame, size) * np.uint8(255))
            for folder, picture in zip(folders, levels, strict=True):
                with whole_file(folder / f"{frame:04d}.png") as temporary:
                    Image.fromarray(picture).save(temporary, format="png")
                written.append(folder / f"{frame:04d}.png")
            bar.advance()
    return written


def _density(points: Array, size: tuple[int, int], sigma: float) -> NDArray[np.uint8]:
    """Density ``(h, w)`` of points ``(n, 2)``, each on the middle of its pixel; the highest value is 255."""
    if not len(points):
        return np.zeros(size, dtype=np.uint8)
    columns, rows = np.floor(points).astype(np.int64).T
    down, along = (_bells(length, sigma) for length in size)
    density = down[:, rows] @ along[columns]
    levels: NDArray[np.uint8] = np.round(255 * density / density.max()).astype(np.uint8)
    return levels


@lru_cache(maxsize=8)
def _bells(length: int, sigma: float) -> Array:
    """``(length, length)``: the Gaussian around each place, symmetric."""
    at = np.arange(length, dtype=np.float64)
    bells: Array = np.exp(-((at[:, None] - at[None]) ** 2) / (2 * sigma**2))
    return bells
