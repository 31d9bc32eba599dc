"""From windows to scored videos: each video is scored and written the moment its last window is predicted."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from PIL import Image
from torch import Tensor

from avsal_bench.data.dataset import Video
from avsal_bench.data.reading import read_density, read_fixations
from avsal_bench.evaluation.picture import draw_video
from avsal_bench.evaluation.protocol import Protocol, to_eight_bit
from avsal_bench.evaluation.score import score_frames, video_scores
from avsal_bench.records import VideoScores, video_from_json, video_to_json, write_atomically

#: Frames whose ground truth is in memory at a time: 64 maps of 720p in float64 take 0.5 GB.
CHUNK = 64


def score_video(maps: Tensor, video: Video, protocol: Protocol) -> dict[str, Tensor]:
    """Scores of every frame of a video, read against the ground truth on the disk.

    Args:
        maps: ``(n_frames, h, w)``, one prediction for each frame, from the first.
        video: whose ground truth is read.
        protocol: how maps become scores.

    Returns:
        For each metric ``(n_frames,)``, NaN where it is undefined.

    Raises:
        FileNotFoundError, ValueError: naming a missing, unreadable or misfitting file.
    """
    numbers = range(1, video.n_frames + 1)
    union = _read_fixations(video, [1])[0]
    for frame in numbers[1:]:
        union |= _read_fixations(video, [frame], union.shape)[0]
    chunks = []
    for start in range(0, len(numbers), CHUNK):
        frames = numbers[start : start + CHUNK]
        densities = torch.stack([_read_density(video, n, union.shape) for n in frames])
        fixations = _read_fixations(video, frames, union.shape)
        part = maps[frames[0] - 1 : frames[-1]]
        where = f"{video.key}, frames {frames[0]} to {frames[-1]}"
        chunks.append(score_frames(part, densities, fixations, union, protocol, where=where))
    return {metric: torch.cat([chunk[metric] for chunk in chunks]) for metric in chunks[0]}


def _read_density(video: Video, frame: int, size: torch.Size) -> Tensor:
    path = video.densities.path(frame)
    density = read_density(path)
    if density.shape != size:
        raise ValueError(f"{path}: the map has size {tuple(density.shape)}, the fixation maps {tuple(size)}")
    return density


def _read_fixations(video: Video, frames: Sequence[int], size: torch.Size | None = None) -> Tensor:
    maps = [read_fixations(video.fixations.path(n)) for n in frames]
    for n, fixations in zip(frames, maps, strict=True):
        if size is not None and fixations.shape != size:
            path = video.fixations.path(n)
            raise ValueError(f"{path}: size {tuple(fixations.shape)}, the first frame's is {tuple(size)}")
    return torch.stack(maps)


class ScoreVideos(Callback):
    """Collects the maps of the video that is being predicted; scores it when it is whole, and writes the result.

    A result is ``<folder>/<video>.json``: the video's scores and those of each frame; beside it lies a picture of
    some frames, ``<folder>/<video>.png``. What is there when a run
    dies is kept, and :func:`scored_videos` tells the next run what it need not predict again.

    Args:
        videos: under test; batches must come video by video, in frame order.
        folder: of the results.
        protocol: how maps become scores.
        keep_maps: also write the 8-bit maps, as ``<folder>/maps/<video>/%05d.png``.
    """

    def __init__(self, videos: Sequence[Video], folder: Path, protocol: Protocol, keep_maps: bool = False) -> None:
        self.videos = {v.key: v for v in videos}
        self.folder = folder
        self.protocol = protocol
        self.keep_maps = keep_maps
        self._maps: list[Tensor] = []

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """Add the maps of a batch, and finish the video after its last frame."""
        video = self.videos[f"{batch['dataset'][0]}/{batch['video'][0]}"]
        where = [f"{video.key}, frame {frame}" for frame in batch["frame"]]
        self._maps.append(to_eight_bit(outputs, where).cpu())
        if batch["frame"][-1] == video.n_frames:
            maps = torch.cat(self._maps)
            self._maps = []
            self._finish(video, maps)

    def _finish(self, video: Video, maps: Tensor) -> None:
        frame_scores = score_video(maps, video, self.protocol)
        draw_video(maps, video, self.folder / f"{video.name}.png")
        if self.keep_maps:
            save_maps(maps, self.folder / "maps" / video.name)
        plain = {
            "video": video_to_json(video_scores(video.name, frame_scores, video.category)),
            "frames": {metric: _plain(values) for metric, values in frame_scores.items()},
        }
        write_atomically(self.folder / f"{video.name}.json", json.dumps(plain, allow_nan=False))


def save_maps(maps: Tensor, folder: Path) -> None:
    """Write uint8 maps ``(n_frames, h, w)`` as ``%05d.png``, from frame 1."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame, saliency in enumerate(maps.numpy(), start=1):
        Image.fromarray(saliency).save(folder / f"{frame:05d}.png")


def scored_videos(folder: Path) -> Iterator[VideoScores]:
    """Results that :class:`ScoreVideos` left in a folder."""
    for path in sorted(folder.glob("*.json")):
        yield video_from_json(json.loads(path.read_text(encoding="utf-8"))["video"])


def _plain(values: Tensor) -> list[float | None]:
    return [None if math.isnan(v) else v for v in values.tolist()]
