"""Human infinite: how well some of a video's observers tell where the others look (dave2019, section 5.1).

The observers of a video are drawn into two halves, the same ones in all of its frames. The fixations of a half, under a
Gaussian of one degree of visual angle, are its saliency map. That of the one half is a prediction like any network's,
and goes through the same protocol; the fixations and the map of the other half are the ground truth. Both directions
count, and the mean is over several draws. It is a lower estimate of the ceiling: a half knows less than all.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import frame_size
from avsal_bench.data.gaze.samples import Gaze, read_gaze
from avsal_bench.evaluation.parts import Gaussians
from avsal_bench.evaluation.protocol import Protocol
from avsal_bench.evaluation.score import VideoScorer
from avsal_bench.evaluation.sparse import Preparation, as_levels, is_quick, scores
from avsal_bench.evaluation.truth import Truth


@dataclass(frozen=True)
class Halving:
    """How observers are drawn into halves.

    Args:
        degree: one degree of visual angle in pixels of the video's frames: the deviation of the Gaussian.
        splits: draws a video.
        seed: of the draws.
        width: of the Gaussian of the half that predicts, in degrees; that of the ground truth is always one degree.
            Few observers leave zeros where others look, which KL punishes without bound: a wider one leaves fewer.

    Raises:
        ValueError: for a degree or width that is not above 0, less than one split, or a seed below 0.
    """

    degree: float
    splits: int = 10
    seed: int = 0
    width: float = 1.0

    def __post_init__(self) -> None:
        if not (self.degree > 0 and math.isfinite(self.degree)):
            raise ValueError(f"degree {self.degree}: expected the pixels of one degree of visual angle, above 0")
        if self.splits < 1:
            raise ValueError(f"splits {self.splits}: expected at least 1; 10 is usual")
        if self.seed < 0:
            raise ValueError(f"seed {self.seed} of the draws: expected 0 or above")
        if not (self.width > 0 and math.isfinite(self.width)):
            raise ValueError(f"width {self.width}: expected degrees of visual angle above 0; 1 is usual")


class Half(Truth):
    """What some observers of a video make of it, as ground truth or as a prediction.

    Args:
        video: whose observers they are.
        gaze: of all its observers.
        observers: indices of those that count.
        size: height and width of its frames, in whose pixels the gaze is.
        degree: deviation of the Gaussian, in pixels.
        test_list: all test videos of its data set, for protocols that draw negatives from them.
        width: deviation of the Gaussian where it predicts, in degrees.
    """

    def __init__(
        self,
        video: Video,
        gaze: Gaze,
        observers: Collection[int],
        size: tuple[int, int],
        degree: float,
        test_list: Sequence[Video] = (),
        width: float = 1.0,
    ) -> None:
        super().__init__(video, test_list)
        self.size, self.degree, self.width = size, degree, width
        points = [gaze.points(frame, observers).astype(np.int64) for frame in range(1, video.n_frames + 1)]
        #: For each frame the pixels looked at, one an observer.
        self.points = [torch.from_numpy(p) for p in points]
        self._pixels: list[Tensor] = [torch.unique(p[:, 1] * size[1] + p[:, 0]) for p in self.points]
        self._fixated = dict(enumerate(self._pixels, start=1))
        self._of_video: Tensor = self._mask([torch.cat(self._pixels)])[0]
        self._negatives: dict[str, Tensor] = {}

    def blurred(self, frames: Sequence[int]) -> Tensor:
        """A Gaussian at each fixation of some frames, their sum: ``(F, H, W)`` float64, zeros where nobody looks."""
        return torch.stack([self.one_blurred(frame) for frame in frames])

    def one_blurred(self, frame: int, out: Tensor | None = None, width: float = 1.0) -> Tensor:
        """:meth:`blurred` of one frame ``(H, W)``, so many degrees wide, in the memory of ``out`` if given."""
        return Gaussians(self.points[frame - 1], self.size, self.degree * width).whole(out)

    def predicted(self, frames: Sequence[int]) -> Tensor:
        """As :meth:`blurred`, with the Gaussian of a prediction."""
        return torch.stack([self.one_blurred(frame, width=self.width) for frame in frames])

    def densities(self, frames: Sequence[int]) -> Tensor:
        """As :meth:`blurred`, each with its maximum at 255, ``(F, H, W)`` uint8: as data sets store their maps."""
        maps = self.blurred(frames)
        return as_levels(maps, maps.amax((1, 2), keepdim=True))

    def listed(self, frames: Sequence[int]) -> list[Tensor]:
        """Where its observers look in some frames, each ``(N, 2)``: row and column, one an observer."""
        return [self.points[frame - 1].flip(1) for frame in frames]

    def pixels(self, frame: int) -> Tensor:
        """The pixels fixated in a frame, in order, among the H W of it."""
        return self._pixels[frame - 1]

    def negative_pixels(self, frame: int, source: Literal["video", "dataset"]) -> Tensor:
        """The pixels of :meth:`negatives` of a frame, in order."""
        if source not in self._negatives:
            mask = self._of_video if source == "video" else self.negatives([frame], source)[0]
            self._negatives[source] = mask.flatten().nonzero()[:, 0]
        found = self._negatives[source]
        return found if source == "dataset" else found[~torch.isin(found, self.pixels(frame))]


def split_observers(
    video: Video, observers: int, splits: int, seed: int
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Indices of the observers in either half, for each split; of an odd number the second half has one more.

    The draw is of the video's name and the seed, so that a score can be had again.
    """
    found = []
    for split in range(splits):
        order = np.random.default_rng([seed, split, crc32(video.key.encode())]).permutation(observers).tolist()
        found.append((tuple(sorted(order[: observers // 2])), tuple(sorted(order[observers // 2 :]))))
    return found


def read_observers(video: Video) -> tuple[Gaze, tuple[int, int]]:
    """Gaze of the single observers of a video, and height and width of its frames.

    Raises:
        FileNotFoundError, ValueError: naming a file that is missing or wrong, or holds fewer than two observers.
    """
    if video.gaze is None:
        raise FileNotFoundError(f"{video.key}: no gaze of single observers; docs/data.md says how it is laid out")
    size = frame_size(video)
    gaze = read_gaze(video.gaze, video.n_frames, size, video.called or video.name)
    if len(gaze.observers) < 2:
        raise ValueError(f"{video.gaze}: one observer, and two halves need two at the least; leave the video out")
    return gaze, size


def halves(
    video: Video, halving: Halving, test_list: Sequence[Video] = (), splits: Sequence[int] | None = None
) -> Iterator[tuple[Half, Half, list[int]]]:
    """For each split, or some of them, the two halves and their common frames: those in which both have a fixation.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_observers`.
    """
    gaze, size = read_observers(video)
    drawn = split_observers(video, len(gaze.observers), halving.splits, halving.seed)
    for sides in drawn if splits is None else [drawn[split] for split in splits]:
        one, other = (Half(video, gaze, side, size, halving.degree, test_list, halving.width) for side in sides)
        pairs = enumerate(zip(one.points, other.points, strict=True), start=1)
        yield one, other, [frame for frame, (a, b) in pairs if len(a) and len(b)]


def duels(video: Video, halving: Halving, test_list: Sequence[Video] = ()) -> Iterator[tuple[Half, Half, list[int]]]:
    """For each split, in both directions: the half that predicts, the half that is right, and their common frames.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_observers`.
    """
    for one, other, frames in halves(video, halving, test_list):
        yield one, other, frames
        yield other, one, frames


def score_frame(predicting: Half, right: Half, frame: int, protocol: Protocol) -> dict[str, float]:
    """Every metric of one frame in one direction, NaN where it is not defined: what all others are held against."""
    scorer = VideoScorer(right, protocol)
    scorer.add([frame], predicting.predicted([frame]))
    return {metric: value for metric, (value,) in scorer.scores.items()}


def score_both(
    one: Half, other: Half, frame: int, protocol: Protocol, preparation: Preparation | None
) -> list[dict[str, float]]:
    """:func:`score_frame` in both directions, each map made once; with a ``preparation`` in a tenth of the time."""
    sides = [(one, other), (other, one)]
    found = _quickly(one, other, frame, protocol, preparation) if preparation else [None, None]
    return [
        values or score_frame(predicting, right, frame, protocol)
        for values, (predicting, right) in zip(found, sides, strict=True)
    ]


def _quickly(
    one: Half, other: Half, frame: int, protocol: Protocol, preparation: Preparation
) -> list[dict[str, float] | None]:
    """:func:`score_both` from what is not zero; None where that does not tell enough."""
    points = torch.cat([half.points[frame - 1] for half in (one, other)])
    box = preparation.box(points, max(half.degree * max(1.0, half.width) for half in (one, other)))
    parts, densities = [], []
    for side, half in enumerate((one, other)):
        part, density = preparation.both(side, half.points[frame - 1], half.degree, half.width, box)
        parts.append(part)
        densities.append(density)
    found: list[dict[str, float] | None] = []
    for part, density, right in zip(parts, densities[::-1], (other, one), strict=True):
        if part is None:
            found.append(None)
            continue
        found.append(scores(part, density, right.pixels(frame), right.negative_pixels(frame, protocol.negatives)))
    return found


@dataclass(frozen=True)
class Drawn:
    """What one split, or several, make of a video.

    Args:
        values: for each metric and frame the scores in both directions, where they are defined.
        left_out: frames in which one half looked nowhere, over the splits.
    """

    values: dict[str, list[list[float]]]
    left_out: int


def score_splits(
    video: Video, halving: Halving, protocol: Protocol, test_list: Sequence[Video], splits: Sequence[int]
) -> Drawn:
    """Score every frame of a video under some splits, from 0; as :func:`score_halves`.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_observers`.
    """
    found: dict[str, list[list[float]]]
    found = {metric: [[] for _ in range(video.n_frames)] for metric in protocol.all_metrics}
    left_out = 0
    preparation: Preparation | None = None
    for one, other, frames in halves(video, halving, test_list, splits):
        if preparation is None and is_quick(protocol):
            preparation = Preparation(protocol, one.size)
        for frame in frames:
            for values in score_both(one, other, frame, protocol, preparation):
                for metric, value in values.items():
                    if not math.isnan(value):
                        found[metric][frame - 1].append(value)
        left_out += video.n_frames - len(frames)
    return Drawn(found, left_out)


def mean_of_splits(
    video: Video, halving: Halving, protocol: Protocol, parts: Sequence[Drawn], test_list: Sequence[Video] = ()
) -> tuple[VideoScorer, int]:
    """What :func:`score_halves` returns, from what splits made of a video, in any order."""
    gaze, size = read_observers(video)
    everyone = Half(video, gaze, range(len(gaze.observers)), size, halving.degree, test_list)
    means: dict[str, list[float]] = {}
    for metric in protocol.all_metrics:
        rows = [[v for part in parts for v in part.values[metric][i]] for i in range(video.n_frames)]
        means[metric] = [math.fsum(v) / len(v) if v else math.nan for v in rows]
    nobody = sum(not len(points) for points in everyone.points)
    frames = list(range(1, video.n_frames + 1))
    scorer = VideoScorer(everyone, protocol, frames, means, unfixated=nobody)
    return scorer, sum(part.left_out for part in parts)


def score_halves(
    video: Video, halving: Halving, protocol: Protocol, test_list: Sequence[Video] = ()
) -> tuple[VideoScorer, int]:
    """Score every frame of a video by its observers.

    Args:
        video: with gaze of single observers.
        halving: how they are drawn.
        protocol: how maps become scores; negatives of the same video are those of the half that is right.
        test_list: all test videos of its data set.

    Returns:
        The scores of each frame, the mean over draws and directions, NaN where none defines a metric; and how often, in
        all draws, a frame was left out because one half had no fixation in it.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_observers`.
    """
    drawn = score_splits(video, halving, protocol, test_list, range(halving.splits))
    return mean_of_splits(video, halving, protocol, [drawn], test_list)
