"""Retention with the own sound and with another one, on one absolute scale: a figure, and a statistic over a set.

Fig. 6 of avrsp2024 sets pairs of picture and sound that belong together beside such that do not; its maps are close to
1 for the first and close to 0 for the others. Eqs. 2 and 3 give any numbers, so two readings are shown: the scores as
they are, where what is below 0 or above 1 is as dark or bright as can be, and their sigmoid.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from avsal_bench.data import painting
from avsal_bench.data.clips import collate, partners, read_item
from avsal_bench.data.dataset import Video
from avsal_bench.evaluation.score import consistency
from avsal_bench.files import write_atomically
from avsal_bench.leaderboard.statistics import Interval, bootstrap_interval
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.progress import progress
from avsal_bench.studies.retention import Retained, Scores, avrsp_of, scores_of
from avsal_bench.text import fixed, many, text_table

#: Pixels: width of a map, height of a row of maps with its title, what is added for names, and for the title.
CELL, ROW, MARGIN, TITLE = 120, 96, 90, 60
#: Which frames of a video count: all; and, where the set has labels, those whose sound belongs to the picture, or not.
GROUPS = ("all", "belongs", "does not")


def draw_pair(own: Retained, other: Retained, names: tuple[str, str], path: Path) -> None:
    """Write a PNG: for each block, Ret_A and Ret_V and each reading a row, the heads with the one sound and the other.

    All maps are from 0, dark, to 1, bright; the mean of each stands above it.

    Args:
        own: from :func:`~avsal_bench.studies.retention.read_retention`.
        other: of the same frame with another sound.
        names: of the two sounds.
        path: of the PNG.

    Raises:
        ValueError: for a name that does not end in .png.
        OSError: naming the folder, when it cannot be written.
    """
    rows = [
        (f"block {block}\n{name}\n{reading}", first[block - 1][which], second[block - 1][which])
        for block in range(1, len(own.blocks) + 1)
        for which, name in enumerate(("Ret_A", "Ret_V"))
        for reading, first, second in _readings(own, other)
    ]
    heads = len(rows[0][1])
    width = MARGIN + 2 * heads * CELL
    figure = painting.new_figure(width, TITLE + len(rows) * ROW)
    grid = figure.subplots(len(rows), 2 * heads, squeeze=False)
    for axes, (name, first, second) in zip(grid, rows, strict=True):
        axes[0].set_ylabel(name, fontsize=8)
        for place, cells in zip(axes, (*first, *second), strict=True):
            place.imshow(cells.numpy(), vmin=0, vmax=1, cmap="gray", interpolation="nearest", aspect="auto")
            place.set(xticks=[], yticks=[])
            place.set_title(f"{cells.mean():.3g}", fontsize=8)
    title = f"left: {names[0]}; right: {names[1]}. Heads 1 to {heads} each; black is 0, white 1, means above"
    figure.suptitle(painting.fits(title, width, 14), fontsize=9, parse_math=False)
    painting.write_figure(figure, path)


def _readings(own: Retained, other: Retained) -> Iterator[tuple[str, Sequence[Scores], Sequence[Scores]]]:
    if not own.trained_squeezed:
        yield "as it is", own.blocks, other.blocks
    yield "sigmoid", own.squeezed, other.squeezed


@dataclass(frozen=True)
class Kept:
    """How much is kept with the own sound and with another one, of one block, map, reading and head over a set.

    Args:
        block: from 1.
        name: ``Ret_A`` or ``Ret_V``.
        reading: ``as it is`` or ``sigmoid``.
        head: from 1; 0 for the mean over heads.
        group: of frames, of :data:`GROUPS`.
        own: mean over videos with their own sound.
        other: likewise with that of another video.
        gain: own less other, paired by video, with its 95 % bootstrap interval over videos.
        more: share of the videos in which more is kept with the own sound.
    """

    block: int
    name: str
    reading: str
    head: int
    group: str
    own: float
    other: float
    gain: Interval
    more: float


def measure_retention(
    predictor: Predictor, videos: Sequence[Video], stride: int, device: torch.device
) -> tuple[list[Kept], int]:
    """Compare what is kept with the own sound and with that of another video, as a test ``swapped`` gives it.

    Each map counts by its mean over places at the last time step; a video by the mean over its frames.

    Args:
        predictor: the network.
        videos: a whole test list; those without sound are left out.
        stride: every so many frames of a video, from the first one on.
        device: to compute on.

    Returns:
        A line for each block, map, reading, head and group; and how many frames were looked at.

    Raises:
        ValueError: for a network without retention maps, a list with fewer than two videos that sound, and as
            :func:`~avsal_bench.data.clips.partners`.
        OSError: naming a file that cannot be read.
    """
    net = avrsp_of(predictor)
    given = partners(videos)
    heard = [video for video in videos if video.key in given]
    if len(heard) < 2:
        raise ValueError(f"{many(len(heard), 'video')} with sound; a comparison with another sound needs two or more")
    module = predictor.module.to(device).eval()
    # By place, group and video: the pairs of means.
    found: dict[tuple[int, str, str, int], dict[str, dict[str, list[tuple[float, float]]]]]
    found = defaultdict(lambda: {group: defaultdict(list) for group in GROUPS})
    frames_seen = 0
    with progress("compare sounds", len(heard)) as bar, torch.inference_mode():
        for video in heard:
            labels = consistency(video)
            for frame in range(1, video.n_frames + 1, stride):
                frames_seen += 1
                item = read_item(video, frame, net.spec, "original", ("swapped",), given[video.key])
                batch = collate([item])
                assert batch["audio"] is not None, "an av network hears"
                sounds = [batch["audio"], batch["others"][:, 0]]
                frames = module.normalised(batch | {"frames": batch["frames"].to(device)})
                own, other = (scores_of(net, frames, sound.to(device)) for sound in sounds)
                groups = ["all"] + ([] if labels is None else [GROUPS[1] if labels[frame - 1] else GROUPS[2]])
                for place, pair in _pairs(own, other):
                    for group in groups:
                        found[place][group][video.key].append(pair)
            bar.advance()
    kept = [
        _line(place, group, by_video)
        for place, groups in found.items()
        for group, by_video in groups.items()
        if by_video
    ]
    return kept, frames_seen


def _pairs(own: Retained, other: Retained) -> Iterator[tuple[tuple[int, str, str, int], tuple[float, float]]]:
    """The means of each map with both sounds, by block, name, reading and head; head 0 is the mean over heads."""
    for reading, first, second in _readings(own, other):
        for block, (one, two) in enumerate(zip(first, second, strict=True), 1):
            for name, a, b in zip(("Ret_A", "Ret_V"), one, two, strict=True):
                means = [(float(x.mean()), float(y.mean())) for x, y in zip(a, b, strict=True)]
                yield (block, name, reading, 0), (float(a.mean()), float(b.mean()))
                for head, pair in enumerate(means, 1):
                    yield (block, name, reading, head), pair


def _line(place: tuple[int, str, str, int], group: str, by_video: Mapping[str, Sequence[tuple[float, float]]]) -> Kept:
    own, other = (
        torch.tensor([sum(pair[which] for pair in pairs) / len(pairs) for pairs in by_video.values()]).double()
        for which in (0, 1)
    )
    gain = own - other
    more = float((gain > 0).double().mean())
    return Kept(*place, group, float(own.mean()), float(other.mean()), bootstrap_interval(gain.numpy()), more)


def retention_table(kept: Sequence[Kept]) -> str:
    """The means over heads as a table for a terminal."""
    header = [
        "block",
        "map",
        "reading",
        "frames",
        "own sound",
        "other sound",
        "own less other",
        "videos",
        "own is more",
    ]
    body = [
        [
            str(line.block),
            line.name,
            line.reading,
            line.group,
            fixed(line.own),
            fixed(line.other),
            line.gain.text(),
            str(line.gain.n),
            f"{line.more:.0%}",
        ]
        for line in kept
        if not line.head
    ]
    return text_table(header, body, numbers=[0, 4, 5, 6, 7, 8])


def write_retention(kept: Sequence[Kept], path: Path) -> None:
    """Write all lines as CSV, with each head; the column ``head`` is 0 for the mean over heads.

    Raises:
        OSError: naming the folder, when it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["block", "map", "reading", "head", "frames", "own", "other", "gain", "low", "high", "videos", "share_more"]
    )
    for one in kept:
        interval = (one.gain.mean, one.gain.low, one.gain.high)
        numbers = [f"{value:.6g}" for value in (one.own, one.other, *interval)]
        writer.writerow(
            [one.block, one.name, one.reading, one.head, one.group, *numbers, one.gain.n, f"{one.more:.4g}"]
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.getvalue())
