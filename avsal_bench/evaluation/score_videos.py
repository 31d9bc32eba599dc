"""From windows to scored videos: frames are scored as they are predicted, and a video is written when it is whole."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from PIL import Image
from torch import Tensor

from avsal_bench.data.dataset import Video
from avsal_bench.evaluation.picture import draw_video, picture_frames
from avsal_bench.evaluation.protocol import Protocol, require_finite
from avsal_bench.evaluation.score import Results, VideoScorer
from avsal_bench.evaluation.steps import to_eight_bit
from avsal_bench.evaluation.truth import Truth

#: Form of the maps that are kept: 8-bit PNG, as STAViS stores them, or the network's own float32 numbers.
KeepMaps = Literal["png", "npy"]


class ScoreVideos(Callback):
    """Scores what is predicted, batch by batch, and writes the results of each video after its last frame.

    A result is ``<folder>/<video>.json``: the video's scores and those of each frame; beside it lies a picture of
    some frames, ``<folder>/<video>.png``. What is there when a run dies is kept, and
    :class:`~avsal_bench.evaluation.score.Results` tells the next run what it need not predict again.

    A batch may come with the maps of several sounds. The first is the true one, then; the others are compared with it.

    Args:
        videos: the test list; batches must come video by video, in frame order.
        results: where they go, and what they are made of; or for each sound that is predicted, in that order, or None
            for one that is not to be scored. What is there already and may be used is not scored again.
        protocol: how maps become scores.
        keep_maps: also write the maps, as ``<folder>/maps/<video>/%05d.<keep_maps>``.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        results: Results | Sequence[Results | None],
        protocol: Protocol,
        keep_maps: KeepMaps | None = None,
    ) -> None:
        self.videos = {v.key: v for v in videos}
        self.results = [results] if isinstance(results, Results) else list(results)
        self.done = [set() if one is None else one.read().keys() for one in self.results]
        self.protocol = protocol
        self.keep_maps = keep_maps
        self._scorers: list[VideoScorer | None] = []
        self._shown: list[dict[int, Tensor]] = []

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """Score the maps ``(B, h, w)`` of a batch, or ``(S, B, h, w)`` of S sounds; finish a whole video."""
        video = self.videos[f"{batch['dataset'][0]}/{batch['video'][0]}"]
        frames = [int(frame) for frame in batch["frame"]]
        predicted = outputs.float().cpu().view(-1, *outputs.shape[-3:])
        if frames[0] == 1:
            self._start(video)
        assert self._scorers, "a video starts with its first frame"
        wanted = picture_frames(video)
        sounds = zip(self.results, self._scorers, self._shown, predicted, strict=True)
        for number, (results, scorer, shown, maps) in enumerate(sounds):
            require_finite(maps, [f"{video.key}, frame {frame}" for frame in frames])
            if results is None or scorer is None:
                continue
            scorer.add(frames, maps)
            if number:
                scorer.compare(maps, predicted[0])
            shown |= {frame: maps[i] for i, frame in enumerate(frames) if frame in wanted}
            if self.keep_maps is not None:
                save_maps(maps, frames, results.folder / "maps" / video.name, self.keep_maps)
            if frames[-1] == video.n_frames:
                self._finish(video, scorer, shown, results)
        if frames[-1] == video.n_frames:
            self._scorers = []

    def _start(self, video: Video) -> None:
        """Make a scorer for each sound of a video whose result is not there; they share the ground truth."""
        truth = Truth(video, list(self.videos.values()))
        self._shown = [{} for _ in self.results]
        for results, done in zip(self.results, self.done, strict=True):
            if results is not None and video.name not in done:  # maps of an older test are not those of the scores
                shutil.rmtree(results.folder / "maps" / video.name, ignore_errors=True)
        self._scorers = [
            None if results is None or video.name in done else VideoScorer(truth, self.protocol)
            for results, done in zip(self.results, self.done, strict=True)
        ]

    def _finish(self, video: Video, scorer: VideoScorer, shown: Mapping[int, Tensor], results: Results) -> None:
        draw_video(shown, video, results.folder / f"{video.name}.png")
        results.write(scorer)


def forget_without_maps(videos: Sequence[Video], results: Results, form: KeepMaps) -> None:
    """Remove the results of videos whose maps are to be kept and are not: they are predicted again."""
    for video in videos:
        maps = results.folder / "maps" / video.name
        if not all((maps / f"{frame:05d}.{form}").is_file() for frame in range(1, video.n_frames + 1)):
            (results.folder / f"{video.name}.json").unlink(missing_ok=True)


def save_maps(maps: Tensor, frames: Sequence[int], folder: Path, form: KeepMaps) -> None:
    """Write the maps ``(F, h, w)`` of some frames as ``%05d.png`` or ``%05d.npy``."""
    folder.mkdir(parents=True, exist_ok=True)
    maps = to_eight_bit(maps) if form == "png" else maps.to(torch.float32)
    for frame, saliency in zip(frames, maps.numpy(), strict=True):
        path = folder / f"{frame:05d}.{form}"
        if form == "png":
            Image.fromarray(saliency).save(path)
        else:
            np.save(path, saliency)
