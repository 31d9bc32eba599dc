"""Frame scores of many videos, gathered over processes and averaged as the tables average: frames, then videos."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.distributed import gather_all_tensors

from avsal_bench.means import defined_mean
from avsal_bench.names import pick, unknown
from avsal_bench.text import many


class VideoMean(TypedDict):
    """One video: frames that were scored, and by metric the mean and the frames that are not in it."""

    frames: int
    scores: dict[str, float]
    undefined: dict[str, int]


class Means(TypedDict):
    """By video key; by data set and metric; and by metric over the videos of all sets."""

    videos: dict[str, VideoMean]
    sets: dict[str, dict[str, float]]
    overall: dict[str, float]


class PerVideo(Metric):
    """Mean of frame scores by video, and of videos by data set.

    The result is the same to the last bit for any number of processes, any order of the frames and any frame given
    more than once, as samplers that fill up the last batch do.

    A score of NaN is one that is not defined: it is counted, and left out of the mean. A video without a defined
    score has a mean of NaN and is left out of the mean of its set. Videos without a frame are not in the result.

    Args:
        metrics: names of the scores.
        videos: keys ``<set>/<name>`` of all videos that may come, on all processes. Strings cannot be gathered: a
            video is gathered by its number in this list, so every process gives the same keys (in any order).
        tolerance: how far the scores of one frame may lie apart when it comes more than once; the lowest counts.
            A network may give the same frame another last bit in another batch.

    >>> means = PerVideo(["CC"], ["avad/V1", "avad/V2", "etmd/V1"])
    >>> means.update({"CC": torch.tensor([0.25, 0.5, torch.nan])}, ["avad/V1", "avad/V2", "avad/V2"], [1, 1, 2])
    >>> means.update({"CC": torch.tensor([0.75])}, ["avad/V1"], [2])
    >>> result = means.compute()
    >>> result["videos"]["avad/V2"]
    {'frames': 2, 'scores': {'CC': 0.5}, 'undefined': {'CC': 1}}
    >>> result["sets"]
    {'avad': {'CC': 0.5}}
    """

    is_differentiable = False
    higher_is_better = None
    full_state_update = False

    rows: Tensor
    """``(n, 2 + metrics)`` float64: number of the video, frame, scores."""

    def __init__(self, metrics: Sequence[str], videos: Iterable[str], tolerance: float = 0.0) -> None:
        super().__init__(dist_sync_fn=_gather_rows)
        self.names = tuple(metrics)
        self.videos = {key: number for number, key in enumerate(sorted(set(videos)))}
        for key in self.videos:
            if not all(key.partition("/")):
                raise ValueError(f"expected video keys <set>/<name>, got {key!r}")
        self.tolerance = tolerance
        self.add_state("rows", torch.zeros(0, 2 + len(self.names), dtype=torch.float64), dist_reduce_fx="cat")

    def update(self, scores: Mapping[str, Tensor], videos: Sequence[str], frames: Sequence[int] | Tensor) -> None:
        """Add frames.

        Args:
            scores: ``(B,)`` for each metric, of any floating type; kept as float64.
            videos: key of each frame's video.
            frames: number of each frame.

        Raises:
            ValueError: for an unknown video or metric, one that is missing, and lengths that do not fit.
        """
        for name in scores:
            if name not in self.names:
                raise ValueError(unknown("metric", name, self.names))
        missing = [name for name in self.names if name not in scores]
        if missing:
            raise ValueError(f"no scores of {', '.join(missing)}; given: {', '.join(scores) or 'none'}")
        numbers = [pick("video", key, self.videos) for key in videos]
        shapes = {name: tuple(scores[name].shape) for name in self.names}
        if len(frames) != len(numbers) or any(shape != (len(numbers),) for shape in shapes.values()):
            raise ValueError(
                f"expected scores ({len(numbers)},), one a video, got {shapes} and {many(len(frames), 'frame')}"
            )
        columns = [torch.tensor(numbers), torch.as_tensor(frames), *(scores[name].detach() for name in self.names)]
        rows = torch.stack([column.to(self.rows.device, torch.float64) for column in columns], 1)
        # Here and where they are gathered: a module that is cast to bfloat16 takes the state with it.
        self.rows = torch.cat([self.rows.double(), rows])

    def compute(self) -> Means:
        """Means over the frames of all processes.

        Plain dictionaries, because torchmetrics walks through the result and cannot walk through a frozen one.

        Raises:
            ValueError: naming the frame, when it came more than once with scores that are further apart than
                ``tolerance``.
        """
        frames: dict[str, list[list[float]]] = {}
        for (key, frame), copies in self._copies().items():
            columns = zip(self.names, zip(*copies, strict=True), strict=True)
            frames.setdefault(key, []).append([self._one(f"{key}, frame {frame}", name, row) for name, row in columns])
        videos = {key: self._video(rows) for key, rows in frames.items()}
        sets: dict[str, list[VideoMean]] = {}
        for key, video in videos.items():
            sets.setdefault(key.partition("/")[0], []).append(video)
        return {
            "videos": videos,
            "sets": {name: self._over(members) for name, members in sets.items()},
            "overall": self._over(videos.values()),
        }

    def _copies(self) -> dict[tuple[str, int], list[list[float]]]:
        """Scores of each frame as often as they came, by video key and frame, in this order."""
        # What was gathered has one more dimension.
        table = self.rows.reshape(-1, 2 + len(self.names)).tolist()
        keys = list(self.videos)
        copies: dict[tuple[str, int], list[list[float]]] = {}
        for number, frame, *scores in sorted(table, key=lambda row: row[:2]):
            copies.setdefault((keys[int(number)], int(frame)), []).append(scores)
        return copies

    def _one(self, where: str, name: str, copies: Sequence[float]) -> float:
        """The score of a frame that came once or more often."""
        defined = sorted(value for value in copies if not math.isnan(value))
        if not defined:
            return math.nan
        low, high = defined[0], defined[-1]
        apart = 0.0 if low == high else high - low  # equal infinities have no difference
        if len(defined) < len(copies):
            high, apart = math.nan, math.inf
        if apart > self.tolerance:
            raise ValueError(f"{where}: came {len(copies)} times, and its {name} is both {low} and {high}")
        return low

    def _video(self, rows: Sequence[Sequence[float]]) -> VideoMean:
        columns = dict(zip(self.names, zip(*rows, strict=True), strict=True))
        return {
            "frames": len(rows),
            "scores": {name: defined_mean(values) for name, values in columns.items()},
            "undefined": {name: sum(map(math.isnan, values)) for name, values in columns.items()},
        }

    def _over(self, videos: Iterable[VideoMean]) -> dict[str, float]:
        members = list(videos)
        return {name: defined_mean([video["scores"][name] for video in members]) for name in self.names}


def _gather_rows(rows: Tensor, group: Any = None) -> list[Tensor]:
    """Rows of all processes, as one tensor in a list.

    torchmetrics stacks what it gathers of a tensor, which fails for processes with unlike numbers of rows; and in
    place of an empty list it sends a tensor of another shape, which hangs. One tensor in the list can be stacked.
    """
    return [torch.cat(gather_all_tensors(rows.double(), group))]
