"""Data sets in numbers: how much there is of them, where people look in them, and how their folds overlap."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.dataset import DataSet, Video, dataset
from avsal_bench.data.files.presence import check_truths
from avsal_bench.data.files.truth_files import fixation_path, fixations, map_size, points
from avsal_bench.data.places import PointsFile
from avsal_bench.means import defined_mean
from avsal_bench.progress import progress
from avsal_bench.workers import Workers

Array = NDArray[np.float64]

#: (rows, columns) of the grid that every fixation map is brought to, whatever the size of its video.
GRID = (36, 64)

#: For each fold and part, the videos of its list.
Lists = Mapping[tuple[int, str], Sequence[Video]]


@dataclass(frozen=True)
class PartStats:
    """One list: its videos as they stand there, their frames and hours, and the mean number of fixations a frame."""

    videos: int
    frames: int
    hours: float
    fixations: float


@dataclass(frozen=True)
class FoldStats:
    """One fold; a set with one split has fold 1 only, and most sets have no validation list."""

    fold: int
    train: PartStats
    test: PartStats
    val: PartStats | None = None


@dataclass(frozen=True)
class Overlaps:
    """What is odd about the lists of a set: for each video that is concerned, the folds.

    Args:
        leaks: videos that stand in two lists of a fold, one of which is the test's or the validation's.
        tested_again: videos in the test lists of several folds.
        repeated: videos that stand twice in one list.
        left_out: videos of the set that are in no list of a fold.
        unequal: videos whose frames or frame rate differ from list to list.
        never_tested: videos in no test list; empty for a set with one split, where it says nothing.
    """

    leaks: dict[str, tuple[int, ...]]
    tested_again: dict[str, tuple[int, ...]]
    repeated: dict[str, tuple[int, ...]]
    left_out: dict[str, tuple[int, ...]]
    unequal: dict[str, tuple[int, ...]]
    never_tested: tuple[str, ...]


@dataclass(frozen=True)
class GazeStats:
    """Where people look in a set, over the frames that were read.

    A fixation is a pixel of a fixation map that is set: two viewers on one pixel count once.

    Args:
        frames: that were read.
        mean: fixations a frame.
        median: fixations a frame.
        empty: share of frames without any.
        centre_auc: see :func:`centre_auc`; mean over the videos that have fixations.
        centre_distance: see :func:`centre_distance`; mean over the videos that have fixations.
        unfixated: videos without a fixation in any frame that was read.
        histogram: frames with 0, 1, 2, ... fixations.
    """

    frames: int
    mean: float
    median: float
    empty: float
    centre_auc: float
    centre_distance: float
    unfixated: tuple[str, ...]
    histogram: tuple[int, ...]


@dataclass(frozen=True)
class SetStats:
    """A data set in numbers. Each of its videos counts once, in however many lists it stands.

    Args:
        name: of the set.
        synthetic: True when the project makes the set itself.
        stride: every which frame was read for ``gaze`` and ``map``.
        videos: that any list names.
        frames: of all of them.
        hours: of all of them.
        durations: seconds of each video, by name.
        folds: train and test list of each.
        overlaps: between the lists.
        gaze: fixations.
        map: mean fixation map on ``GRID``: that of each video has sum 1, and so has their mean; zeros when nobody
            fixated anything.
        category_maps: likewise of the videos of each category, where the set has categories; empty where it has none.
        category_videos: how many videos with fixations each has.
    """

    name: str
    synthetic: bool
    stride: int
    videos: int
    frames: int
    hours: float
    durations: dict[str, float]
    folds: tuple[FoldStats, ...]
    overlaps: Overlaps
    gaze: GazeStats
    map: Array = field(compare=False)
    category_maps: dict[str, Array] = field(compare=False, default_factory=dict)
    category_videos: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class VideoStats:
    """Fixations of one video: their number in each frame that was read, centre bias (NaN without any), and map."""

    counts: tuple[int, ...]
    auc: float
    distance: float
    map: Array = field(compare=False)


def set_stats(name: str, root: Path, workers: Workers, stride: int = 1) -> SetStats:
    """Numbers of one set; its fixation maps are read in parallel by video, with a progress bar.

    Videos whose ground truth is kept back count, and say nothing of where people look.

    Args:
        name: of the set.
        root: the data root.
        workers: that read.
        stride: read the fixations of every ``stride``-th frame, from the first.

    Raises:
        ValueError: for an unknown set, or a stride below 1; naming an unreadable or misfitting file.
        FileNotFoundError: naming a missing file, before any is read.
    """
    if stride < 1:
        raise ValueError(f"stride {stride}: expected at least 1, which reads every frame")
    description = dataset(name)
    lists = read_lists(description, root)
    videos = distinct_videos(lists)
    told = [video for video in videos if video.has_truth]
    check_truths(told)
    read: dict[str, VideoStats] = {}
    with progress(f"{name}: fixations", len(told)) as bar:
        for index, result in workers.run(video_stats, [(video, stride) for video in told]):
            read[told[index].name] = result
            bar.advance()
    by_category: dict[str, list[Array]] = {}
    for video in told:
        if video.category and read[video.name].map.any():
            by_category.setdefault(video.category, []).append(read[video.name].map)
    return SetStats(
        name=name,
        synthetic=description.embedded,
        stride=stride,
        videos=len(videos),
        frames=sum(v.n_frames for v in videos),
        hours=_hours(videos),
        durations={v.name: v.seconds for v in videos},
        folds=tuple(
            FoldStats(fold, **{part: _part_stats(lists[fold, part], read) for part in description.parts})
            for fold in sorted({fold for fold, _ in lists})
        ),
        overlaps=find_overlaps(lists),
        gaze=_gaze_stats({v.name: read[v.name] for v in told}),
        map=_mean_map([read[v.name].map for v in told]),
        category_maps={kind: _mean_map(maps) for kind, maps in sorted(by_category.items())},
        category_videos={kind: len(maps) for kind, maps in sorted(by_category.items())},
    )


def read_lists(description: DataSet, root: Path) -> dict[tuple[int, str], list[Video]]:
    """The videos of all parts of each fold: (fold, part) to videos. A set with one split has fold 1 only.

    Raises:
        FileNotFoundError, ValueError: naming the list that is missing or wrong.
    """
    folds = description.fold_numbers
    return {(fold, part): description.videos(root, part, fold) for fold in folds for part in description.parts}


def distinct_videos(lists: Lists) -> list[Video]:
    """Every video once, by name; the longest where lists disagree."""
    longest: dict[str, Video] = {}
    for videos in lists.values():
        for video in videos:
            if video.name not in longest or longest[video.name].n_frames < video.n_frames:
                longest[video.name] = video
    return [longest[name] for name in sorted(longest)]


def find_overlaps(lists: Lists) -> Overlaps:
    """Videos that stand where they should not, or not where they should. No file is read."""
    names = {place: Counter(video.name for video in videos) for place, videos in lists.items()}
    folds = sorted({fold for fold, _ in lists})
    known = sorted(set().union(*names.values()))
    said = {name: {(v.n_frames, v.fps) for vs in lists.values() for v in vs if v.name == name} for name in known}

    def within(part: str, name: str) -> tuple[int, ...]:
        return tuple(fold for fold in folds if name in names[fold, part])

    tested = {name: within("test", name) for name in known}
    parts = {part for _, part in names}
    listed = {name: {fold: sum(names[fold, part][name] > 0 for part in parts) for fold in folds} for name in known}
    repeated = {n: tuple(f for f in folds if any(names[f, part][n] > 1 for part in parts)) for n in known}
    return Overlaps(
        leaks=_filled({n: tuple(f for f in folds if listed[n][f] > 1) for n in known}),
        tested_again={n: where for n, where in tested.items() if len(where) > 1},
        repeated=_filled(repeated),
        left_out=_filled({n: tuple(f for f in folds if not listed[n][f]) for n in known}),
        unequal={n: tuple(f for f in folds if listed[n][f]) for n in known if len(said[n]) > 1},
        never_tested=tuple(n for n in known if not tested[n]) if len(folds) > 1 else (),
    )


def video_stats(task: tuple[Video, int]) -> VideoStats:
    """Fixations of a video; the task is the video and the stride, for :meth:`Workers.run`.

    Raises:
        FileNotFoundError, ValueError: naming a missing, unreadable or misfitting file.
    """
    video, stride = task
    counts: list[int] = []
    total = np.zeros((0, 0), dtype=np.int64)
    for frame in range(1, video.n_frames + 1, stride):
        if isinstance(listed := video.fixations, PointsFile):
            pixels, size = _pixels(video, frame, listed)
            total = total if counts else np.zeros(size, dtype=np.int64)
            total.reshape(-1)[pixels] += 1
            counts.append(len(pixels))
            continue
        fixated = fixations(video, frame).numpy()
        if not counts:
            total = np.zeros(fixated.shape, dtype=np.int64)
        if fixated.shape != total.shape:
            raise ValueError(
                f"{fixation_path(video, frame)}: size {fixated.shape}, the first frame's is {total.shape}; "
                "all fixation maps of a video have one size: fetch them again"
            )
        total += fixated
        counts.append(int(np.count_nonzero(fixated)))
    return VideoStats(tuple(counts), centre_auc(total), centre_distance(total), to_grid(total))


def _pixels(video: Video, frame: int, listed: PointsFile) -> tuple[NDArray[np.int64], tuple[int, int]]:
    """The fixated pixels of a frame, among the H W of it, each once, and (H, W); no map is made for a few points."""
    size = listed.size or map_size(video)
    rows, columns = points(video, frame, size).numpy().T
    return np.unique(rows * size[1] + columns), size


def centre_auc(counts: NDArray[np.int64]) -> float:
    """Strength of the centre bias: the chance that a fixation is nearer the centre than a random pixel is.

    ``AUC = mean over fixations f of (share of pixels p with r(p) > r(f)) + (share with r(p) = r(f)) / 2`` where
    ``r² = ((x - W/2) / W)² + ((y - H/2) / H)²``. That is the area under the ROC curve of any map that falls with r,
    as a centred Gaussian stretched to the frame does, with all pixels as negatives: hence no sigma to choose. After the
    centre baseline of Judd, Durand and Torralba 2012. 0.5 without a bias, 1 when all look at the centre.

    Args:
        counts: ``(H, W)``, fixations of each pixel over all frames.

    Returns:
        NaN without fixations.

    >>> centre_auc(np.ones((4, 6), dtype=np.int64))
    0.5
    >>> centre_auc(np.array([[0, 0, 0], [0, 5, 0], [0, 0, 0]]))  # 8 of 9 pixels are farther, and 1 is itself
    0.9444444444444444
    """
    if not counts.any():
        return math.nan
    height, width = counts.shape
    # In integers, of the centres of pixels: equal distances are exactly equal.
    rows, columns = ((2 * np.arange(n, dtype=np.int64) + 1 - n) for n in (height, width))
    squared = (rows[:, None] * width) ** 2 + (columns * height) ** 2
    _, ring, pixels = np.unique(squared.ravel(), return_inverse=True, return_counts=True)
    farther = counts.size - np.cumsum(pixels)
    fixations = np.bincount(ring, weights=counts.ravel())
    return float(fixations @ (farther + pixels / 2) / counts.size / counts.sum())


def centre_distance(counts: NDArray[np.int64]) -> float:
    """Mean distance of fixations from the centre, in half diagonals: 0 at the centre, 1 in a corner.

    ``mean of sqrt((x - W/2)² + (y - H/2)²) / (sqrt(W² + H²) / 2)`` at the centres of pixels (on the bias: Tatler 2007).
    Uniform fixations have 0.54 in a square frame and 0.53 in one of 16:9.

    Args:
        counts: ``(H, W)``, fixations of each pixel over all frames.

    Returns:
        NaN without fixations.
    """
    if not counts.any():
        return math.nan
    height, width = counts.shape
    rows, columns = (np.arange(n) + 0.5 - n / 2 for n in (height, width))
    distance = np.hypot(rows[:, None], columns) / (math.hypot(height, width) / 2)
    return float((counts * distance).sum() / counts.sum())


def to_grid(counts: NDArray[np.int64]) -> Array:
    """Fixations ``(H, W)`` on ``GRID`` with a sum of 1: each pixel is shared out by area. Zeros stay zeros."""
    return on_grid(counts) / max(int(counts.sum()), 1)


def on_grid(values: NDArray[np.int64] | Array) -> Array:
    """A map ``(H, W)`` on ``GRID``, with the same sum: each pixel is shared out by area."""
    rows, columns = (_shares(cells, pixels) for cells, pixels in zip(GRID, values.shape, strict=True))
    return np.asarray(rows @ values @ columns.T)


def _shares(cells: int, pixels: int) -> Array:
    """``(cells, pixels)``: the part of each pixel that lies in each cell, when both span the same length."""
    cell, pixel = np.arange(cells)[:, None] / cells, np.arange(pixels) / pixels
    overlap = np.minimum(cell + 1 / cells, pixel + 1 / pixels) - np.maximum(cell, pixel)
    return np.asarray(overlap.clip(0) * pixels, dtype=np.float64)


def _gaze_stats(read: Mapping[str, VideoStats]) -> GazeStats:
    if not read:
        return GazeStats(0, math.nan, math.nan, math.nan, math.nan, math.nan, (), (0,))
    counts = np.concatenate([r.counts for r in read.values()])
    seen = [r for r in read.values() if any(r.counts)]
    return GazeStats(
        frames=len(counts),
        mean=float(counts.mean()),
        median=float(np.median(counts)),
        empty=float((counts == 0).mean()),
        centre_auc=defined_mean([r.auc for r in seen]),
        centre_distance=defined_mean([r.distance for r in seen]),
        unfixated=tuple(name for name, r in read.items() if not any(r.counts)),
        histogram=tuple(np.bincount(counts).tolist()),
    )


def _part_stats(videos: Sequence[Video], read: Mapping[str, VideoStats]) -> PartStats:
    counts = np.concatenate([[], *(read[v.name].counts for v in videos if v.name in read)])
    mean = float(counts.mean()) if len(counts) else math.nan
    return PartStats(len(videos), sum(v.n_frames for v in videos), _hours(videos), mean)


def _mean_map(maps: Sequence[Array]) -> Array:
    seen = [m for m in maps if m.any()]
    return np.asarray(np.mean(seen, axis=0)) if seen else np.zeros(GRID)


def _hours(videos: Sequence[Video]) -> float:
    return math.fsum(v.seconds for v in videos) / 3600


def _filled(found: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {name: folds for name, folds in found.items() if folds}
