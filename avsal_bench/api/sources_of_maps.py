"""What gives the maps that are scored, and what a record tells of it."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from avsal_bench.api.maps_of import FrameFunction, Some, check_arrays, of_arrays, of_function
from avsal_bench.api.running import borrowed, predictor_of
from avsal_bench.bench.jobs.testing import observe_training_maps
from avsal_bench.bench.seen.trained_on import observed, of_checkpoint, published, said
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.presence import check_videos
from avsal_bench.evaluation.protocol import Protocol
from avsal_bench.models import model_entry
from avsal_bench.models.weights.offered import list_weights
from avsal_bench.names import plain_label, shortened
from avsal_bench.prediction.predicting import Running, predict_maps
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.record_story import nothing_known
from avsal_bench.spec import ClipSpec

#: What can be scored.
Evaluated = nn.Module | FrameFunction | Mapping[str, Any] | str | os.PathLike[str]


@dataclass(frozen=True)
class Settings:
    """Which part of which data set a network is run on, and how."""

    space: Workspace
    dataset: str
    fold: int
    running: Running


@dataclass(frozen=True)
class Source:
    """What gives maps, and what a record tells of it; the precision is "" where no network gives them.

    ``trained_on`` is what is known of the training behind it (:class:`avsal_bench.record_story.TrainedOnForm`).
    """

    name: str
    modality: str
    maps: Callable[[Video], Iterator[Some]] | None
    parameters: int | None = None
    weights: str | None = None
    sha256: str | None = None
    precision: str = ""
    trained_on: Mapping[str, Any] = field(default_factory=nothing_known)


def source_of(maps: Evaluated, videos: list[Video], frames: int, rules: Protocol, how: Settings) -> Source:
    """What gives the maps; the files that it needs were looked for.

    Args:
        maps: what a user gave, but no folder.
        videos: the test list.
        frames: that a function is called with.
        rules: the protocol.
        how: which part of which data set a network is run on.

    Raises:
        TypeError: for what can give no maps.
        ValueError, FileNotFoundError: for an unknown network, arrays that do not fit, and missing files.
    """
    if isinstance(maps, nn.Module | str | os.PathLike):
        return of_network(predictor_of(maps, "folder of maps or file of weights"), videos, rules, how)
    if isinstance(maps, Mapping):
        check_arrays(maps, videos)
        return Source("arrays", "", of_arrays(maps))
    if callable(maps):
        check_videos(videos, audio=False)
        return Source(plain_label(getattr(maps, "__name__", type(maps).__name__)), "", of_function(maps, frames))
    raise TypeError(
        "expected a network, a function frame -> map, a folder of maps, or {name of a video: array of its maps}; got "
        f"{shortened(maps) if np.ndim(maps) == 0 else type(maps).__name__}"
    )


def spec_of(predictor: Predictor, rules: Protocol) -> ClipSpec:
    """The clips that a network is given under a protocol."""
    net = predictor.module.net
    if rules.script_audio and net.spec.audio is not None and net.script_audio is not None:
        return replace(net.spec, audio=net.script_audio)
    return net.spec


def of_network(predictor: Predictor, videos: list[Video], rules: Protocol, how: Settings) -> Source:
    """What gives the maps of a network, as :func:`source_of`."""
    net, spec = predictor.module.net, spec_of(predictor, rules)
    # As in a bench: there is nothing to win with a baseline.
    running = replace(how.running, precision=Running.precision) if _is_baseline(predictor.model) else how.running
    running.torch_device()
    check_videos(videos, audio=spec.audio is not None)
    if net.observes and net.pools:
        raise ValueError(
            f"{predictor.model} with pooled=true is shown the training maps of all sets that a recipe tests, and "
            f"this is one set: `avsal bench {predictor.model} --preset pooled` makes it; or leave pooled out"
        )
    if net.observes:
        predictor = copy.deepcopy(predictor)
        config = DataConfig({how.dataset: how.space.root_of(how.dataset)}, how.fold, num_workers=how.running.workers)
        observe_training_maps(predictor.module.net, SaliencyDataModule(config, spec))

    def maps(video: Video) -> Iterator[Some]:
        with borrowed(predictor.module):
            yield from predict_maps(predictor, video, range(1, video.n_frames + 1), running, spec=spec)

    named = not predictor.options and not predictor.source
    heard = ("av" if net.sees else "a") if spec.audio is not None else "v"
    label = predictor.model if named else model_entry(predictor.model).label(predictor.options)
    return Source(
        plain_label(label),
        "" if _is_baseline(predictor.model) else heard,
        maps,
        sum(p.numel() for p in net.parameters()),
        Path(predictor.source).name if predictor.source else None,
        predictor.sha256,
        running.precision,
        _trained_on(predictor, how),
    )


def _trained_on(predictor: Predictor, how: Settings) -> Mapping[str, Any]:
    """What is known of the training of a network: of a checkpoint what lies beside it, of others the authors' word."""
    where = how.dataset, how.fold, how.space
    if _is_baseline(predictor.model):
        return observed(*where) if predictor.module.net.observes else said((), *where)
    if predictor.source in list_weights():
        return published(predictor.source, *where)
    return of_checkpoint(Path(predictor.source), *where) if predictor.source else nothing_known()


def _is_baseline(name: str) -> bool:
    with suppress(ValueError):
        return not model_entry(name).modalities
    return False
