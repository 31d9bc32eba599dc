"""A grid of the maps of several networks on the same frames, with the frame and the ground truth above them.

So papers compare networks: avrsp2024, Fig. 1 and 5; caspnet2023, Fig. 1 and 7; dave2019, Fig. 5 and 8; mspi2024,
Fig. 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.bench.machine import Machine
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data import painting
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.files.frames import frame_size, read_frames
from avsal_bench.data.files.truth_files import density
from avsal_bench.evaluation.map_films import to_range_one
from avsal_bench.files import whole_file
from avsal_bench.metrics.functional import cc
from avsal_bench.names import pick
from avsal_bench.prediction.viewing.side_by_side_film import heated
from avsal_bench.progress import progress
from avsal_bench.studies.showing.recorded_network import Recorded, recorded_network
from avsal_bench.studies.showing.small_maps import SmallMaps
from avsal_bench.text import many

#: Frames of each test video among which those are chosen on which networks disagree most.
CANDIDATES = 5
#: Pixels: width of a picture of the grid, and of the names of its rows; height of a line of text.
WIDTH, NAMES, LINE = 220, 130, 34

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Column:
    """One frame of the grid.

    Args:
        video: that it is of.
        frame: its number from 1.
        maps: of the networks, ``(N, h, w)``, each from 0 to 1.
        apart: 1 less the mean CC of all pairs of maps; NaN for one network, or maps that are the same everywhere.
    """

    video: Video
    frame: int
    maps: Tensor
    apart: float

    @property
    def told(self) -> str:
        """Video, frame and how far the maps are apart, in words."""
        apart = "" if np.isnan(self.apart) else f", mean CC of the maps with each other {1 - self.apart:.3f}"
        return f"{self.video.name}, frame {self.frame}{apart}"


@dataclass(frozen=True)
class MapGrid:
    """Maps of several networks on the same frames.

    Args:
        title: for people.
        names: of the networks, each once.
        columns: the frames.
    """

    title: str
    names: tuple[str, ...]
    columns: tuple[Column, ...]


def compared_maps(
    paths: Sequence[Path],
    frames: Sequence[str],
    columns: int,
    space: Workspace,
    machine: Machine,
    device: str = "auto",
) -> MapGrid:
    """Maps of the networks of some records on the same frames.

    Maps that a test kept (``--keep-maps``), or an earlier grid, are read; others are predicted by the weights of the
    record. A run that was stopped goes on with the next video.

    Args:
        paths: of the records, all of one set and fold.
        frames: ``VIDEO:N`` each; empty for those on which the networks disagree most, at most one a video as long as
            there are videos. They are looked for among ``CANDIDATES`` frames of each test video.
        columns: how many are chosen.
        space: folders.
        machine: what predicts.
        device: likewise.

    Raises:
        ValueError: for records of several sets or folds, a frame that is not of the test list, one network where frames
            are to be chosen, and as :func:`recorded_network`.
        FileNotFoundError: likewise.
    """
    found = [recorded_network(path, space, machine, device) for path in paths]
    videos = _shared_list(found)
    if frames:
        wanted = _named(frames, videos)
    elif len(found) < 2:
        raise ValueError(
            "one network cannot disagree with itself; name its frames with --frames VIDEO:N, or more records"
        )
    else:
        wanted = {v.name: painting.evenly(v.n_frames, CANDIDATES) for v in videos.values()}
    made = _maps(found, videos, wanted)
    every = [
        Column(videos[name], frame, maps, _apart(maps))
        for name, numbers in wanted.items()
        for frame, maps in ((number, made[name, number]) for number in numbers)
    ]
    r = found[0].record
    title = f"{dataset(r.dataset).title or r.dataset}, test list of fold {r.fold}"
    chosen = every if frames else _most_apart(every, columns)
    return MapGrid(title, _names(found), tuple(chosen))


def draw_grid(grid: MapGrid, path: Path) -> None:
    """Write a grid as PNG, SVG or PDF: a row for the frame, the ground truth and each network, a column a frame.

    A map is laid over the frame in grey, from its lowest to its highest value.

    Raises:
        ValueError: for another ending; naming an unreadable file.
        OSError: naming the folder, when it cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in (".png", ".svg", ".pdf"):
        raise ValueError(f"{path}: a grid is written as .png, .svg or .pdf; give it a name that ends so")
    from matplotlib import rc_context

    truth = any(column.video.has_truth for column in grid.columns)
    names = ["frame", *(["ground truth"] if truth else []), *grid.names]
    heights = [_size(column.video)[0] for column in grid.columns]
    width = NAMES + WIDTH * len(grid.columns)
    height = 2 * LINE + len(names) * max(heights)
    # Text stays text, and the same input gives the same bytes.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "avsal", "pdf.fonttype": 42}):
        figure = painting.new_figure(width, height)
        places = figure.subplots(len(names), len(grid.columns), squeeze=False)
        for axes in places.flat:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        for axes, name in zip(places[:, 0], names, strict=True):
            axes.set_ylabel(painting.fits(name, NAMES, 13), fontsize=9, rotation=0, ha="right", va="center")
        for axes, column in zip(places.T, grid.columns, strict=True):
            axes[0].set_title(f"{painting.fits(column.video.name, WIDTH - 20, 13)}\nframe {column.frame}", fontsize=9)
            for place, pixels in zip(axes, _pictures(column, truth), strict=True):
                place.imshow(pixels)
        figure.suptitle(painting.fits(grid.title, width, 16), fontsize=11, parse_math=False)
        when = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix, {})
        with whole_file(path, suffix) as temporary:
            figure.savefig(temporary, format=suffix[1:], dpi=painting.DPI, metadata=when)


def _pictures(column: Column, truth: bool) -> Iterable[Pixels]:
    """The pictures of a column, from top to bottom."""
    video, size = column.video, _size(column.video)
    stored = read_frames(video, [column.frame], None)[:, 0]
    frame = np.asarray(F.interpolate(stored[None], size, mode="bilinear", antialias=True)[0].permute(1, 2, 0))
    yield frame
    if truth:
        looked = density(video, column.frame, size) if video.has_truth else torch.zeros(size)
        yield heated(frame, to_range_one(looked).numpy())
    for saliency in column.maps:
        resized = F.interpolate(saliency[None, None], size, mode="bilinear", antialias=True)[0, 0]
        yield heated(frame, to_range_one(resized).numpy())


def _size(video: Video) -> tuple[int, int]:
    height, width = frame_size(video)
    return max(1, round(WIDTH * height / width)), WIDTH


def _shared_list(found: Sequence[Recorded]) -> dict[str, Video]:
    """The test list that all records share, by name.

    Raises:
        ValueError: where they do not.
    """
    first = found[0].record
    for other in found[1:]:
        r = other.record
        if (r.dataset, r.fold) != (first.dataset, first.fold):
            raise ValueError(
                f"{other.path}: is of {r.dataset}, fold {r.fold}, and {found[0].path.name} of {first.dataset}, fold "
                f"{first.fold}; maps are compared on one test list"
            )
    return {video.name: video for video in found[0].videos}


def _named(frames: Sequence[str], videos: Mapping[str, Video]) -> dict[str, list[int]]:
    """Frames by video, as a user types them.

    Raises:
        ValueError: naming what is wrong.
    """
    wanted: dict[str, list[int]] = {}
    # Names of videos may have commas, at which the text was cut: a piece without a number goes on in the next one.
    texts = [text.strip(", ") for text in re.findall(r".+?:[^,]*|.+", ",".join(frames))]
    for text in texts:
        name, colon, number = text.rpartition(":")
        if not colon or not number.isascii() or not number.isdigit():
            raise ValueError(f"--frames {text}: expected VIDEO:N, such as {next(iter(videos))}:12")
        video = pick("test video", name, videos)
        if not 1 <= int(number[:10]) <= video.n_frames:
            raise ValueError(f"--frames {text}: {video.key} has frames 1 to {video.n_frames}")
        if int(number) not in wanted.setdefault(name, []):
            wanted[name].append(int(number))
    if sum(map(len, wanted.values())) > 20:
        raise ValueError(f"--frames: {many(sum(map(len, wanted.values())), 'frame')}; a grid has room for 20")
    return wanted


def _maps(
    found: Sequence[Recorded], videos: Mapping[str, Video], wanted: Mapping[str, Sequence[int]]
) -> dict[tuple[str, int], Tensor]:
    """Maps ``(N, h, w)`` of N networks, each from 0 to 1, by video and frame."""
    total = len(found) * sum(map(len, wanted.values()))
    made: dict[tuple[str, int], list[Tensor]] = {(name, n): [] for name, numbers in wanted.items() for n in numbers}
    with progress("maps", total) as bar:
        for one in found:
            maps = SmallMaps(one)
            for name, numbers in wanted.items():
                for number, saliency in maps.of(videos[name], numbers).items():
                    made[name, number].append(saliency)
                bar.advance(len(numbers), f"{one.label}, {name}")
    return {key: torch.stack(maps) for key, maps in made.items()}


def _apart(maps: Tensor) -> float:
    """1 less the mean CC of all pairs of maps ``(N, h, w)``; NaN where none is defined."""
    pairs = torch.triu_indices(len(maps), len(maps), 1)
    if not pairs.shape[1]:
        return float("nan")
    found = cc(maps[pairs[0]].double(), maps[pairs[1]].double())
    defined = found[~found.isnan()]
    return float(1 - defined.mean()) if len(defined) else float("nan")


def _most_apart(every: Sequence[Column], count: int) -> list[Column]:
    """The columns on which networks disagree most; each video once before any stands twice."""
    ordered = sorted(every, key=lambda c: (-np.nan_to_num(c.apart, nan=-1), c.video.name, c.frame))
    seen: dict[str, int] = {}
    turns = []
    for column in ordered:
        turns.append((seen.get(column.video.name, 0), column))
        seen[column.video.name] = seen.get(column.video.name, 0) + 1
    turns.sort(key=lambda pair: pair[0])
    return [column for _, column in turns[:count]]


def _names(found: Sequence[Recorded]) -> tuple[str, ...]:
    """Names of the rows; fold, seed and preset are told where networks are called alike."""
    labels = [one.label for one in found]
    told = []
    for one, label in zip(found, labels, strict=True):
        r = one.record
        told.append(f"{label}, {r.preset}, seed {r.seed}" if labels.count(label) > 1 else label)
    return tuple(told)
