"""From windows to scored videos: frames are scored as they are predicted, and a video is written when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from PIL import Image
from torch import Tensor

from avsal_bench.data.dataset import Video
from avsal_bench.evaluation.behind import Behind
from avsal_bench.evaluation.map_films import FILM_FORMS, FilmWriter
from avsal_bench.evaluation.picture import draw_video, picture_frames
from avsal_bench.evaluation.protocol import Protocol, require_finite
from avsal_bench.evaluation.score import AtPlaces, Results, VideoScorer
from avsal_bench.evaluation.steps import to_eight_bit
from avsal_bench.evaluation.truth import Truth
from avsal_bench.timing.stopwatch import timed

#: Form of the maps that are kept: 8-bit PNG, as STAViS stores them, the network's own float32 numbers, or a film a
#: video, see :mod:`~avsal_bench.evaluation.map_films`.
KeepMaps = Literal["png", "npy", "mp4", "mkv"]

#: What is done once a video, as a stopwatch has it.
FINISHING = "finishing"
#: Batches whose maps wait to be scored while a GPU makes the next ones.
BEHIND = 2


class ScoreVideos(Callback):
    """Scores what is predicted, batch by batch, and writes the results of each video after its last frame.

    A result is ``<folder>/<video>.json``: the video's scores and those of each frame; beside it lies a picture of
    some frames, ``<folder>/<video>.png``. What is there when a run dies is kept, and
    :class:`~avsal_bench.evaluation.score.Results` tells the next run what it need not predict again.

    A batch may come with the maps of several sounds. The first is the true one, then; the others are compared with it.

    Ground truth is read while the network is at the batch. The maps of a network on a GPU are scored there, by a thread
    that is a few batches behind, so that the network waits for no score; on a CPU, whose cores the network uses, they
    are scored before the next batch.

    Args:
        videos: the test list; batches must come video by video, in frame order.
        results: where they go, and what they are made of; or for each sound that is predicted, in that order, or None
            for one that is not to be scored. What is there already and may be used is not scored again.
        protocol: how maps become scores.
        keep_maps: also write the maps, as ``<folder>/maps/<video>/%05d.<keep_maps>``, or in a film,
            ``<folder>/maps/<video>.<keep_maps>``, which has that name when it is whole.
        at_once: score each batch before the next one, also on a GPU.
        places: for a video, and the numbers of the sounds to be scored besides the true one, what finds their NSS where
            the set says who talks or what sounds; None where nobody says it.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        results: Results | Sequence[Results | None],
        protocol: Protocol,
        keep_maps: KeepMaps | None = None,
        at_once: bool = False,
        places: Callable[[Video, Sequence[int]], AtPlaces | None] | None = None,
    ) -> None:
        self.videos = {v.key: v for v in videos}
        self.results = [results] if isinstance(results, Results) else list(results)
        self.done = [set() if one is None else one.read().keys() for one in self.results]
        self.protocol = protocol
        self.keep_maps = keep_maps
        self.at_once = at_once
        self.places = places
        self._behind = Behind(0)
        self._readers: ThreadPoolExecutor | None = None
        self._tested: _Tested | None = None

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the threads: those that read ground truth, and for a network on a GPU the one that scores."""
        self._readers = ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="ground truth")
        self._behind = Behind(0 if self.at_once or pl_module.device.type == "cpu" else BEHIND)
        self._tested = None

    def on_predict_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, *args: Any) -> None:
        """Begin to read what the maps of a batch will be scored against, while the network makes them."""
        video, frames = self._place(batch)
        if self._tested is None or self._tested.video is not video:
            self._tested = self._start(video)
        if any(self._tested.scorers):
            self._tested.truth.read_ahead(frames, self.protocol.negatives)

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """Score the maps ``(B, h, w)`` of a batch, or ``(S, B, h, w)`` of S sounds; finish a whole video."""
        assert self._tested is not None, "a batch starts before it ends"
        predicted = outputs.float().view(-1, *outputs.shape[-3:])
        self._behind.do(partial(self._score_there, self._tested, self._place(batch)[1], predicted))

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Wait for what is still being scored, and end the threads."""
        try:
            self._behind.finish()
        finally:
            self._end()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """End the threads; nothing more is scored."""
        self._behind.give_up()
        self._end()

    def _end(self) -> None:
        """End the readers of ground truth, and leave nothing of films that are not whole."""
        if self._tested is not None:
            self._tested.give_up_films()
        if self._readers is not None:
            self._readers.shutdown(cancel_futures=True)
            self._readers = None

    def _place(self, batch: Any) -> tuple[Video, list[int]]:
        """Video and frames of a batch."""
        return self.videos[f"{batch['dataset'][0]}/{batch['video'][0]}"], [int(frame) for frame in batch["frame"]]

    def _start(self, video: Video) -> _Tested:
        """Make a scorer for each sound of a video whose result is not there; they share the ground truth."""
        truth = Truth(video, list(self.videos.values()), self._readers)
        for results, done in zip(self.results, self.done, strict=True):
            if results is not None and video.name not in done:  # maps of an older test are not those of the scores
                _remove_maps(results.folder / "maps", video)
        scorers = [
            None if results is None or video.name in done else VideoScorer(truth, self.protocol)
            for results, done in zip(self.results, self.done, strict=True)
        ]
        others = [number for number, scorer in enumerate(scorers) if number and scorer is not None]
        places = self.places(video, others) if self.places is not None and others else None
        return _Tested(video, truth, scorers, [{} for _ in self.results], places)

    def _keep(self, tested: _Tested, number: int, folder: Path, frames: Sequence[int], maps: Tensor) -> None:
        """Write the maps of some frames of a video, with one of the sounds."""
        video, form = tested.video, self.keep_maps
        assert form is not None, "asked for"
        if form in ("png", "npy"):
            save_maps(maps, frames, folder / video.name, form)
            return
        if number not in tested.films:
            tested.films[number] = FilmWriter(folder / f"{video.name}.{form}", video.fps)
        film = tested.films[number]
        assert frames[0] == film.pictures + 1, "batches come in the order of frames"
        film.add(maps)
        if film.pictures == video.n_frames:
            film.close()
            del tested.films[number]

    def _score_there(self, tested: _Tested, frames: list[int], predicted: Tensor) -> None:
        """:meth:`_score`; a thread knows nothing of the modes and the GPU of another one."""
        on_gpu = predicted.device.type == "cuda"
        with torch.inference_mode(), torch.cuda.device(predicted.device) if on_gpu else nullcontext():
            self._score(tested, frames, predicted)

    def _score(self, tested: _Tested, frames: list[int], predicted: Tensor) -> None:
        """Score the maps ``(S, B, h, w)`` of some frames; and finish the video after its last one."""
        video = tested.video
        wanted = [i for i, frame in enumerate(frames) if frame in picture_frames(video)]
        if tested.places is not None:
            with timed("scoring"):
                tested.places.add(frames, predicted, tested.truth.fixations(frames))
        sounds = zip(self.results, tested.scorers, tested.shown, predicted, strict=True)
        for number, (results, scorer, shown, maps) in enumerate(sounds):
            if results is None or scorer is None:
                require_finite(maps, [f"{video.key}, frame {frame}" for frame in frames])
                continue
            with timed("scoring"):
                scorer.add(frames, maps)
                if number:
                    scorer.compare(maps, predicted[0])
            with timed("writing"):
                shown |= {frames[i]: maps[i].cpu() for i in wanted}
                if self.keep_maps is not None:
                    self._keep(tested, number, results.folder / "maps", frames, maps.cpu())
            if frames[-1] == video.n_frames:
                if number and tested.places is not None:
                    scorer.places = tested.places.means(number)
                with timed(FINISHING):
                    self._finish(video, scorer, shown, results)

    def _finish(self, video: Video, scorer: VideoScorer, shown: Mapping[int, Tensor], results: Results) -> None:
        draw_video(shown, video, results.folder / f"{video.name}.png")
        results.write(scorer)


@dataclass(frozen=True)
class _Tested:
    """A video that is being tested, and by sound its scorer (None: there is nothing to do), the maps to be shown, and
    the film that is being written; and what is scored where what sounds is seen, if anybody says where that is."""

    video: Video
    truth: Truth
    scorers: list[VideoScorer | None]
    shown: list[dict[int, Tensor]]
    places: AtPlaces | None = None
    films: dict[int, FilmWriter] = field(default_factory=dict)

    def give_up_films(self) -> None:
        """Leave nothing of films that are not whole."""
        for film in self.films.values():
            film.give_up()
        self.films.clear()


def _remove_maps(folder: Path, video: Video) -> None:
    """Remove what was kept of the maps of a video, in any form."""
    shutil.rmtree(folder / video.name, ignore_errors=True)
    for form in FILM_FORMS:
        (folder / f"{video.name}.{form}").unlink(missing_ok=True)


def forget_without_maps(videos: Sequence[Video], results: Results, form: KeepMaps) -> None:
    """Remove the results of videos whose maps are to be kept and are not: they are predicted again."""
    for video in videos:
        maps = results.folder / "maps" / video.name
        if form in FILM_FORMS:
            kept = maps.with_name(f"{video.name}.{form}").is_file()  # whole, or not there
        else:
            kept = all((maps / f"{frame:05d}.{form}").is_file() for frame in range(1, video.n_frames + 1))
        if not kept:
            (results.folder / f"{video.name}.json").unlink(missing_ok=True)


def save_maps(maps: Tensor, frames: Sequence[int], folder: Path, form: KeepMaps) -> None:
    """Write the maps ``(F, h, w)`` of some frames as ``%05d.png`` or ``%05d.npy``, a file a frame."""
    folder.mkdir(parents=True, exist_ok=True)
    maps = to_eight_bit(maps) if form == "png" else maps.to(torch.float32)
    for frame, saliency in zip(frames, maps.numpy(), strict=True):
        path = folder / f"{frame:05d}.{form}"
        if form == "png":
            Image.fromarray(saliency).save(path)
        else:
            np.save(path, saliency)
