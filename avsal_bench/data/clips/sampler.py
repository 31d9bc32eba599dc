"""Which clip comes when, and on which process. Random draws are functions of (seed, epoch, clip), never of a worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from avsal_bench.data.dataset import Video


def of_stills(epoch: int) -> bool:
    """Whether an epoch, from 0, of a training by turns is one of stills: every second one is, and the first is not."""
    return epoch % 2 == 1


class ClipRequest(NamedTuple):
    """Asks for one training clip: which video, and the seed of everything drawn at random for it."""

    video: int
    seed: tuple[int, int, int]


def clip_counts(videos: Sequence[Video], clips_per_video: int, clips_every: int | None = None) -> list[int]:
    """Training clips of each video in an epoch: so many, or one for every ``clips_every`` frames, at least one."""
    if clips_every is None:
        return [clips_per_video] * len(videos)
    return [max(1, round(video.n_frames / clips_every)) for video in videos]


class ClipSampler(Sampler[ClipRequest]):
    """Every video as often as ``counts`` says in an epoch, shuffled; equal shares for all processes.

    Lightning calls ``set_epoch``. The last clips of an epoch that do not make a whole step of ``step`` clips are left
    out of it. So a step has the same clips for any number of processes: each takes every ``world_size``-th of them. An
    epoch of less than one step is one step of all its clips, less those that the processes cannot share evenly.

    A run that resumes says its ``first_epoch``: reading processes draw their first clips before Lightning says it.
    """

    def __init__(
        self,
        counts: Sequence[int],
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        step: int = 1,
        first_epoch: int = 0,
    ) -> None:
        turns = range(max(counts, default=0))
        self.clips = [video for turn in turns for video, count in enumerate(counts) if turn < count]
        self.size = len(self.clips) // step * step or len(self.clips)
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = self.first_epoch = first_epoch

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order is drawn next."""
        self.epoch = max(epoch, self.first_epoch)

    def __len__(self) -> int:
        return self.size // self.world_size

    def __iter__(self) -> Iterator[ClipRequest]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.clips))
        for clip in order[self.rank :: self.world_size][: len(self)]:
            yield ClipRequest(self.clips[clip], (self.seed, self.epoch, int(clip)))


def share_videos(lengths: Sequence[int], world_size: int) -> list[list[int]]:
    """Indices of the videos of each rank: the longest first, each to the rank with the least frames so far.

    >>> share_videos([5, 9, 4, 1], 2)
    [[1, 3], [0, 2]]
    """
    shares: list[list[int]] = [[] for _ in range(world_size)]
    load = [0] * world_size
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        rank = load.index(min(load))
        shares[rank].append(i)
        load[rank] += lengths[i]
    return [sorted(share) for share in shares]
