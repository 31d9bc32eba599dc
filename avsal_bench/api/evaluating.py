"""``evaluate``: the scores of a network, a function or maps on the test list of a data set, as a record."""

from __future__ import annotations

import copy
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from avsal_bench.api.maps_of import FrameFunction, Some, check_arrays, of_arrays, of_function
from avsal_bench.api.running import borrowed, predictor_of
from avsal_bench.bench.jobs.testing import observe_training_maps
from avsal_bench.bench.provenance import provenance
from avsal_bench.bench.results import make_record
from avsal_bench.bench.workspace import Workspace, workspace
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.dataset import DataSet, Video
from avsal_bench.data.dataset import dataset as described
from avsal_bench.data.files.frames import forget_frames
from avsal_bench.data.files.presence import check_truth, check_videos
from avsal_bench.evaluation.inspection import inspect
from avsal_bench.evaluation.maps import runs_of_one_shape
from avsal_bench.evaluation.protocol import Protocol
from avsal_bench.evaluation.protocol import protocol as rules_of
from avsal_bench.evaluation.score import READ, VideoScorer
from avsal_bench.evaluation.truth import Truth
from avsal_bench.models import model_entry
from avsal_bench.prediction.predicting import Running, predict_maps
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.progress import progress as progress_bar
from avsal_bench.progress import silence
from avsal_bench.records import MAPS_PRESET, Record, VideoScores
from avsal_bench.workers import Workers

Evaluated = nn.Module | FrameFunction | Mapping[str, Any] | str | os.PathLike[str]


def evaluate(
    maps: Evaluated,
    dataset: str,
    protocol: str = "stavis",
    *,
    fold: int = 1,
    name: str = "",
    modality: str = "",
    data_root: str | os.PathLike[str] | None = None,
    frames: int = 1,
    allow_missing: bool = False,
    any_shape: bool = False,
    first: int = 1,
    batch_size: int = 8,
    device: str = "auto",
    workers: int = 0,
    progress: bool = False,
) -> Record:
    """Score saliency maps on the test videos of a data set, with the numbers that ``avsal evaluate`` gives.

    Nothing is written: :func:`avsal_bench.records.write_record` writes a record for the leaderboard.

    >>> import numpy as np, avsal_bench
    >>> def brightness(frame):  # (h, w, 3) uint8 RGB
    ...     return frame.mean(axis=2)
    >>> record = avsal_bench.evaluate(brightness, "synth")  # doctest: +SKIP
    >>> record.scores["CC"], record.videos[0].scores["NSS"]  # doctest: +SKIP
    (0.1049, 0.2127)

    Args:
        maps: what gives the maps, one of

            - a network, any ``nn.Module`` with a spec, or a ``SaliencyModule``; the name of a baseline or of a network
              whose published weights were imported; the path of a checkpoint. A baseline that is made of training maps,
              such as ``mep``, is shown those of the fold first;
            - a function ``frame -> map``: it is called with each frame, an array ``(h, w, 3)`` uint8 RGB, and gives a
              map ``(h, w)`` of any size, floating and not negative, or uint8. With ``frames=T`` it is called with
              ``(T, h, w, 3)``, the T frames that end at the one to predict (at the start of a video the clip that
              begins there, backwards, as for networks);
            - a folder of maps, in any layout that ``avsal evaluate --pred`` takes;
            - a mapping from the names of the test videos to arrays ``(n_frames, h, w)``.
        dataset: name of the data set; see :func:`avsal_bench.list_datasets`.
        protocol: how maps become scores: ``stavis``, or another of ``avsal protocols``.
        fold: 1, 2 or 3: which test list.
        name: of the network in the record, of letters, digits and ``. _ + -``; by default that of ``maps``.
        modality: ``v``, ``av`` or ``a`` in the record; by default that of a network, and "" where it is not known.
        data_root: folder of the data set; by default ``AVSAL_DATA``, and for ``synth`` a folder that is made.
        frames: that a function is called with.
        allow_missing: of a folder, score the maps that are there; the record says how many lack.
        any_shape: of a folder, score maps that do not have the shape of their ground truth, stretched.
        first: of a folder, number of the file of the first frame.
        batch_size: of a network, windows that are predicted at a time.
        device: of a network: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:<n>``.
        workers: processes that read (a network) or score (a folder); 0 does all in this one.
        progress: show bars, on stderr.

    Returns:
        The record: ``record.scores`` by metric, and for each of ``record.videos`` the same; a score is NaN where no
        frame defines it. :func:`avsal_bench.load_records` makes tables of records.

    Raises:
        ValueError: for an unknown data set, protocol or network (it suggests the nearest one), a map that does not fit
            (it names the video and the frame), and a folder that lacks maps.
        FileNotFoundError: for a data set without a root, and for files that are missing.
        TypeError: for what can give no maps, and for maps of integers other than uint8.
    """
    rules = rules_of(protocol)
    space, root, described_as = _find(dataset, data_root)
    dataset = described_as.name
    if fold not in (1, 2, 3):
        raise ValueError(f"fold: expected 1, 2 or 3, got {fold!r}")
    if frames < 1:
        raise ValueError(f"frames: expected 1 or more, got {frames!r}")
    forget_frames()
    videos = described_as.videos(root, "test", fold)
    for video in videos:
        check_truth(video)
    began = time.monotonic()
    story = provenance() | {"command": f"python: evaluate(..., {dataset!r}, {protocol!r}, fold={fold})"}
    with silence(not progress):
        if isinstance(maps, str | os.PathLike) and Path(maps).is_dir():
            known: list[Video] = []
            with suppress(FileNotFoundError):  # a root to test on may have no training lists
                known = described_as.videos(root, "train", fold)
            folder = _Folder(Path(maps), first, allow_missing, any_shape, workers)
            scores, more = folder.scores(videos, known, rules)
            source = _Source(_plain(Path(maps).resolve().name), "", None)
        else:
            source = _source(maps, videos, frames, rules, _Settings(root, dataset, fold, batch_size, device, workers))
            scores, more = _score(source.maps, videos, rules), {}  # type: ignore[arg-type]
    story |= {"fits": [], "test_seconds": round(time.monotonic() - began, 1), **more}
    return make_record(
        scores,
        rules,
        story,
        model=name or source.name,
        modality=modality or source.modality,
        dataset=dataset,
        fold=fold,
        preset=MAPS_PRESET,
        parameters=source.parameters,
        weights={"file": source.weights, "sha256": source.sha256},
    )


def data_root(dataset: str, root: str | os.PathLike[str] | None = None) -> Path:
    """The folder that a data set is read from, as commands find it; ``synth`` is made where it is not there.

    Args:
        dataset: name of the set.
        root: that is said to hold it; by default ``AVSAL_DATA``, and for ``synth`` a folder below ``AVSAL_HOME``.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
        FileNotFoundError: where no root is known, or it is not there.
    """
    return _find(dataset, root)[1]


def _find(name: str, root: str | os.PathLike[str] | None) -> tuple[Workspace, Path, DataSet]:
    given = None if root is None else os.fspath(root)
    found = described(name, None if given is None else Path(given))
    if found.embedded:
        space = workspace(synth_root=given)
    else:
        space = workspace(given)
        if space.data_root is None:
            raise FileNotFoundError(
                f"{name}: no data root; give data_root='/folder/of/the/sets', or set AVSAL_DATA, see `avsal data check`"
            )
    return space, space.root_of(name), found


@dataclass(frozen=True)
class _Settings:
    """Which part of which data set a network is run on, and how."""

    root: Path
    dataset: str
    fold: int
    batch_size: int
    device: str
    workers: int


@dataclass(frozen=True)
class _Source:
    """What gives maps, and what a record tells of it."""

    name: str
    modality: str
    maps: Callable[[Video], Iterator[Some]] | None
    parameters: int | None = None
    weights: str | None = None
    sha256: str | None = None


def _source(maps: Evaluated, videos: list[Video], frames: int, rules: Protocol, how: _Settings) -> _Source:
    if isinstance(maps, nn.Module | str | os.PathLike):
        return _of_network(predictor_of(maps), videos, rules, how)
    if isinstance(maps, Mapping):
        check_arrays(maps, videos)
        return _Source("arrays", "", of_arrays(maps))
    if callable(maps):
        check_videos(videos, audio=False)
        return _Source(_plain(getattr(maps, "__name__", type(maps).__name__)), "", of_function(maps, frames))
    raise TypeError(f"expected a network, a function frame -> map, a folder or arrays of maps, got {maps!r}")


def _plain(name: str) -> str:
    """A name with the characters that a record allows."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", name).strip("-._+")[:100] or "maps"


def _of_network(predictor: Predictor, videos: list[Video], rules: Protocol, how: _Settings) -> _Source:
    net = predictor.module.net
    spec = net.spec
    if rules.script_audio and spec.audio is not None and net.script_audio is not None:
        spec = replace(spec, audio=net.script_audio)
    check_videos(videos, audio=spec.audio is not None)
    running = Running(how.batch_size, how.device, how.workers)
    if net.observes:
        predictor = copy.deepcopy(predictor)
        config = DataConfig({how.dataset: how.root}, how.fold, num_workers=how.workers)
        observe_training_maps(predictor.module.net, SaliencyDataModule(config, spec))

    def maps(video: Video) -> Iterator[Some]:
        with borrowed(predictor.module):
            yield from predict_maps(predictor, video, range(1, video.n_frames + 1), running, spec=spec)

    named = not predictor.options and not predictor.source
    heard = ("av" if net.sees else "a") if spec.audio is not None else "v"
    label = predictor.model if named else model_entry(predictor.model).label(predictor.options)
    return _Source(
        _plain(label),
        "" if _is_baseline(predictor.model) else heard,
        maps,
        sum(p.numel() for p in net.parameters()),
        Path(predictor.source).name if predictor.source else None,
        predictor.sha256,
    )


def _is_baseline(name: str) -> bool:
    with suppress(ValueError):
        return not model_entry(name).modalities
    return False


def _score(maps: Callable[[Video], Iterator[Some]], videos: list[Video], rules: Protocol) -> list[VideoScores]:
    scores = []
    with progress_bar("score the maps", sum(video.n_frames for video in videos)) as bar:
        for video in videos:
            scorer = VideoScorer(Truth(video, videos), rules)
            for numbers, some in maps(video):
                scorer.add(numbers, some)
                bar.advance(len(numbers), video.name)
            scores.append(scorer.result())
    return scores


@dataclass(frozen=True)
class _Folder:
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
