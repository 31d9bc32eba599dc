"""Maps in a folder, scored without a trace on the disk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from avsal_bench.data.dataset import Video
from avsal_bench.evaluation.inspection import inspect
from avsal_bench.evaluation.protocol import Protocol
from avsal_bench.evaluation.score import VideoScorer
from avsal_bench.evaluation.score_files import Noted, score_files
from avsal_bench.evaluation.truth import Truth
from avsal_bench.records import VideoScores
from avsal_bench.workers import Workers


@dataclass(frozen=True)
class FolderOfMaps:
    """A folder of maps, films or a file a frame."""

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
            scored = dict(workers.run(partial(_score, videos, rules), tasks))
        for index, (_, noted) in sorted(scored.items()):
            if noted:
                found.add_film(tasks[index][0], noted.unreadable, noted.constant)
        if found.unreadable and not self.allow_missing:
            raise ValueError(
                f"{self.place}: pictures of films are no maps; write them again, or score the rest with "
                f"allow_missing=True\n{found.text(10)}"
            )
        return [scored[index][0] for index in range(len(tasks))], {"maps": found.story()}


def _score(videos: list[Video], rules: Protocol, task: tuple[Video, dict[int, Path]]) -> tuple[VideoScores, Noted]:
    video, files = task
    scorer = VideoScorer(Truth(video, videos), rules)
    noted = score_files(files, [scorer])
    return scorer.result(), noted
