"""Maps in a folder, scored without a trace on the disk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from avsal_bench.data.dataset import Video
from avsal_bench.evaluation.inspection import inspect
from avsal_bench.evaluation.maps import runs_of_one_shape
from avsal_bench.evaluation.protocol import Protocol
from avsal_bench.evaluation.score import READ, VideoScorer
from avsal_bench.evaluation.truth import Truth
from avsal_bench.records import VideoScores
from avsal_bench.workers import Workers


@dataclass(frozen=True)
class FolderOfMaps:
    """A folder of maps."""

    place: Path
    first: int
    allow_missing: bool
    any_shape: bool
    workers: int

    def scores(
        self, videos: list[Video], known: list[Video], rules: Protocol
    ) -> tuple[list[VideoScores], dict[str, Any]]:
        """Scores of the videos, in their order, and what the record tells of the maps."""
        with Workers(self.workers) as workers:
            found = inspect(self.place, videos, workers, self.first, known)
            if not found.complete and not self.allow_missing:
                raise ValueError(
                    f"{self.place}: maps are missing or unreadable; mend them, or score the rest with "
                    f"allow_missing=True\n{found.text(10)}"
                )
            if found.misshapen and not self.any_shape:
                raise ValueError(
                    f"{self.place}: maps do not have the shape of their ground truth; write them again, or score them "
                    f"stretched as they are with any_shape=True\n{found.text(10)}"
                )
            tasks = [
                (one.video, {frame: one.files[frame] for frame in sorted(found.good[one.video.key])})
                for one in found.videos
            ]
            scored = dict(workers.run(partial(_score_files, videos, rules), tasks))
        return [scored[index] for index in range(len(tasks))], {"maps": found.story()}


def _score_files(videos: list[Video], rules: Protocol, task: tuple[Video, dict[int, Path]]) -> VideoScores:
    video, files = task
    scorer = VideoScorer(Truth(video, videos), rules)
    for numbers, some in runs_of_one_shape(files, READ):
        scorer.add(numbers, some)
    return scorer.result()
