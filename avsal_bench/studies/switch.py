"""How often the classifier of an AVC-aware network is right, on the test videos of a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avsal_bench.bench.callbacks import PredictProgress
from avsal_bench.bench.checkpoints import load_network
from avsal_bench.bench.jobs.testing import tested_spec
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.stages import stage_options
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import dataset
from avsal_bench.data.labels import labels_of
from avsal_bench.models.avc import ALONE, AVC
from avsal_bench.records import read_record
from avsal_bench.spec import Batch, WindowBatch
from avsal_bench.studies.hear import plan_audition
from avsal_bench.text import fixed, many
from avsal_bench.training.module import SaliencyModule


@dataclass(frozen=True)
class Accuracy:
    """Share of frames whose decision is the label, beside that of always giving the more frequent label.

    Args:
        rate: share of all frames, in [0, 1].
        low: of its 95 % interval, a bootstrap over whole videos; NaN for a single video.
        high: likewise.
        majority: share of the frames with the more frequent label: the rule that looks and hears nothing.
        margin: ``rate - majority`` and its interval ``(low, high)``, over the same resamples.
        videos: number of them.
        frames: number of them.
    """

    rate: float
    low: float
    high: float
    majority: float
    margin: tuple[float, float, float]
    videos: int
    frames: int

    def __str__(self) -> str:
        difference, low, high = (fixed(value, sign=True) for value in self.margin)
        return (
            f"accuracy {self.rate:.3f} [{self.low:.3f}, {self.high:.3f}], majority {self.majority:.3f}, "
            f"difference {difference} [{low}, {high}], {many(self.frames, 'frame')} of {many(self.videos, 'video')}"
        )


def accuracy(
    decisions: Sequence[Sequence[bool]], labels: Sequence[Sequence[bool]], samples: int = 10_000, seed: int = 0
) -> Accuracy:
    """Accuracy over all frames of some videos, with intervals over resampled videos.

    Args:
        decisions: of each video, frame by frame.
        labels: likewise.
        samples: resamples of the videos.
        seed: of them.

    Raises:
        ValueError: for no videos, or decisions and labels of different lengths.

    >>> found = accuracy([[True, True], [False, True]], [[True, True], [True, True]])
    >>> found.rate, found.majority
    (0.75, 1.0)
    """
    if not decisions or [len(d) for d in decisions] != [len(row) for row in labels]:
        told = f"{[len(d) for d in decisions]} decisions for {[len(row) for row in labels]} labels"
        raise ValueError(f"expected a decision for each label of one or more videos; got {told}")
    pairs = [(np.asarray(d, bool), np.asarray(row, bool)) for d, row in zip(decisions, labels, strict=True)]
    # Of each video: frames, right decisions, frames with the label that is the more frequent one in all.
    counts = np.array([(len(row), (d == row).sum(), row.sum()) for d, row in pairs], dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(len(counts), size=(samples, len(counts)))
    if 2 * counts[:, 2].sum() < counts[:, 0].sum():
        counts[:, 2] = counts[:, 0] - counts[:, 2]
    rate, majority = counts.sum(0)[1:] / counts[:, 0].sum()
    frames, right, usual = counts[drawn].sum(1).T
    rates, majorities = right / frames, usual / frames

    def interval(values: np.ndarray) -> tuple[float, float]:
        low, high = np.quantile(values, [0.025, 0.975]) if len(counts) > 1 else (np.nan, np.nan)
        return float(low), float(high)

    margin = (float(rate - majority), *interval(rates - majorities))
    return Accuracy(float(rate), *interval(rates), float(majority), margin, len(counts), int(counts[:, 0].sum()))


def measure_switch(path: Path, space: Workspace, machine: Machine) -> Accuracy:
    """The accuracy of the classifier that a record was made with, on every frame of its test videos, with true sound.

    Args:
        path: of a record of ``avc`` under any sound and switch, in any folder of records, such as that of a row of an
            ablation.
        space: folders.
        machine: its first device is used.

    Raises:
        ValueError: for a record of another network, and as :func:`~avsal_bench.studies.hear.plan_audition`.
        FileNotFoundError: for weights that are gone, and for a set without labels.
    """
    record = read_record(path)
    if _alone(record.recipe):
        raise ValueError(f"{path}: {record.network} is the network alone, without a classifier; name a record of X*")
    if record.recipe.get("model") != "avc" or record.modality != "av":
        raise ValueError(f"{path}: {record.network} has no classifier; name a record of avc, modality av")
    above = path.resolve().parents
    if len(above) > 3 and above[2].name == space.records.name:  # nothing is written, so it may be any leaderboard's
        space = replace(space, leaderboard=above[3])
    audition = plan_audition(path, record, space, machine, ("original",))
    context = replace(audition.context, machine=replace(machine, devices=1, nodes=1))
    job, checkpoint = context.job, audition.trained.checkpoint
    assert checkpoint is not None, "avc is published without weights"
    videos = dataset(record.dataset).videos(space.root_of(record.dataset), "test", job.fold)
    labels = [labels_of(video) for video in videos]
    module = Decider(job.model, stage_options(job, context.recipe), {}, {}, {}, job.seed)
    load_network(module.net, checkpoint)
    data = context.data(
        [record.dataset], tested_spec(module.net, context), test_batch_size=context.recipe.test_batch_size
    )
    trainer = context.machine.trainer(logger=False, callbacks=[PredictProgress(f"decide {job.name}")])
    batches: Any = trainer.predict(module, data)
    found = iter(torch.cat(batches).tolist())
    return accuracy([list(islice(found, video.n_frames)) for video in videos], labels)


def _alone(recipe: Mapping[str, Any]) -> bool:
    network = recipe.get("network")
    return recipe.get("model") == "avc" and isinstance(network, Mapping) and network.get("classifier") == ALONE


class Decider(SaliencyModule):
    """Predicts what the classifier of an AVC-aware network decides, whoever switches."""

    net: AVC

    def predict_step(self, batch: Batch | WindowBatch, index: int) -> Tensor:
        """The decisions ``(B,)`` bool about a batch of windows."""
        assert batch["audio"] is not None, "an av network hears"
        return (self.net.consistency(self.clips_of(batch).frames, batch["audio"]) >= 0.5).cpu()
