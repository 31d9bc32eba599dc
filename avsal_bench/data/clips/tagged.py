"""Clips with the category of their video, and nothing of where people look: what weak supervision learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from avsal_bench.data.clips.items import Item, collate, read_item
from avsal_bench.data.clips.readers import readers
from avsal_bench.data.clips.sampler import ClipRequest, ClipSampler, clip_counts
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.windows import training_targets
from avsal_bench.spec import Batch, ClipSpec
from avsal_bench.text import many


class TaggedBatch(Batch):
    """A batch of clips with the categories of their videos."""

    tag: Tensor
    """``(B,)`` int64, the number of the category."""


def categories(videos: Sequence[Video], root: Path) -> list[str]:
    """The categories of the videos of one data set, sorted; their places there are their numbers.

    Raises:
        ValueError: for videos without a category, and for fewer than two categories.
    """
    name = videos[0].dataset
    path = root / "annotations" / dataset(name).folder / "categories.csv"
    if untold := [video.name for video in videos if not video.category]:
        raise ValueError(
            f"{name}: {len(untold)} of {many(len(videos), 'training video')} have no category, such as {untold[0]}; "
            f"expected one for each in {path}, a table with the columns video,category"
        )
    found = sorted({video.category for video in videos})
    if len(found) < 2:
        raise ValueError(f"{name}: all training videos are {found[0]!r}; expected two categories or more in {path}")
    return found


class TaggedClips(Dataset[Item]):
    """Clips at random places of their videos; the same request gives the same clip. Nothing is flipped."""

    def __init__(self, videos: Sequence[Video], numbers: Mapping[str, int], spec: ClipSpec) -> None:
        self.videos = videos
        self.numbers = numbers
        self.spec = spec

    def __getitem__(self, request: ClipRequest) -> Item:
        """Draw one clip."""
        video = self.videos[request.video]
        targets = training_targets(video.n_frames, *self.spec.form)
        frame = int(np.random.default_rng(request.seed).choice(targets))
        return read_item(video, frame, self.spec) | {"tag": torch.tensor(self.numbers[video.category])}


class TagDataModule(LightningDataModule):
    """Clips to train a classifier on, in one process.

    Args:
        videos: with their categories.
        names: of the categories, as :func:`categories` has them.
        spec: of the classifier.
        batch_size: clips of a step; an epoch of fewer is one step.
        clips_every: frames to a clip of an epoch.
        seed: of the random draws.
        first_epoch: that a resumed run trains, from 0.
        num_workers: processes that read.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        names: Sequence[str],
        spec: ClipSpec,
        *,
        batch_size: int,
        clips_every: int,
        seed: int = 0,
        first_epoch: int = 0,
        num_workers: int = 0,
    ) -> None:
        super().__init__()
        self.videos = videos
        self.numbers = {name: number for number, name in enumerate(names)}
        self.spec = spec
        self.batch_size = batch_size
        self.clips_every = clips_every
        self.seed = seed
        self.first_epoch = first_epoch
        self.num_workers = num_workers

    def train_dataloader(self) -> DataLoader[Item]:
        """Clips in the order of the epoch, in whole steps."""
        counts = clip_counts(self.videos, 1, self.clips_every)
        return DataLoader(
            TaggedClips(self.videos, self.numbers, self.spec),
            batch_size=self.batch_size,
            sampler=ClipSampler(counts, self.seed, step=self.batch_size, first_epoch=self.first_epoch),
            collate_fn=collate,
            num_workers=readers(self.num_workers, self.spec, self.batch_size),
            pin_memory=torch.cuda.is_available(),
        )
