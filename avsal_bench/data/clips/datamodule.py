"""One LightningDataModule for every data set and every network: it reads the layout by the network's spec."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from avsal_bench.data.clips.readers import readers
from avsal_bench.data.clips.sampler import ClipRequest, ClipSampler, VideoBatches, clip_counts
from avsal_bench.data.clips.sounds import hear, partners
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.files.fixation_files import read_fixated
from avsal_bench.data.files.frames import is_prepared, read_clip
from avsal_bench.data.files.images import read_density
from avsal_bench.data.labels import labels_of
from avsal_bench.data.teachers import Teacher, taught_by
from avsal_bench.data.windows import training_targets, window
from avsal_bench.spec import Batch, ClipSpec, Sound

Item = dict[str, Tensor | str | int | tuple[int, ...] | None]

#: What a flip turns around.
PICTURES = ("frames", "density", "densities", "fixated")

#: A training clip whose target map is empty is drawn again, this many times before all frames are looked at.
MAX_DRAWS = 50


def hold_out(videos: Sequence[Video], fraction: float) -> tuple[list[Video], list[Video]]:
    """Split training videos into those to fit on and those to validate on: whole videos, by a fixed rule.

    The videos of each data set are ordered by the SHA-1 of ``<set>/<name>``, and the first ``round(fraction * n)`` of
    them, at least one, are set aside. The rule knows names only: no fold, seed or machine changes it.

    Raises:
        ValueError: when a data set has fewer than two training videos, or all of them would be set aside.
    """
    aside: set[str] = set()
    for name in {v.dataset for v in videos}:
        keys = sorted({v.key for v in videos if v.dataset == name}, key=_sha1)
        if len(keys) < 2:
            raise ValueError(f"{name}: {len(keys)} training video; one to fit on and one to validate on are needed")
        if (count := max(1, round(fraction * len(keys)))) == len(keys):
            raise ValueError(f"{name}: val_fraction {fraction} sets aside all {count} training videos; lower it")
        aside.update(keys[:count])
    return [v for v in videos if v.key not in aside], [v for v in videos if v.key in aside]


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


class TrainingClips(Dataset[Item]):
    """Clips at a random place, each flipped left-right with probability ``flip``; fixations on demand."""

    def __init__(
        self,
        videos: Sequence[Video],
        spec: ClipSpec,
        flip: float,
        fixations: bool = False,
        every_frame: bool = False,
        labels: bool = False,
    ) -> None:
        self.videos = videos
        self.spec = spec
        self.flip = flip
        self.fixations = fixations
        self.every_frame = every_frame
        self.labels = labels

    def __getitem__(self, request: ClipRequest) -> Item:
        """Draw one clip; the same request gives the same clip.

        Raises:
            ValueError: for a video all of whose saliency maps are empty.
        """
        video = self.videos[request.video]
        rng = np.random.default_rng(request.seed)
        targets = training_targets(video.n_frames, self.spec.frames, self.spec.target)
        # Where most maps are empty, all are looked at in the end.
        for frame in _draws(rng, targets):
            density = read_density(video.densities.path(frame), self.spec.size)
            if density.any():
                break
        else:
            raise ValueError(
                f"{video.key}: every saliency map is empty, so no clip has a target; take it out of the list"
            )
        item = read_item(video, frame, self.spec)
        item["density"] = density
        if self.every_frame:
            numbers = window(frame, video.n_frames, self.spec.frames, self.spec.target, self.spec.start).frames
            maps = [read_density(video.densities.path(number), self.spec.size) for number in numbers]
            item["densities"] = torch.stack(maps)
        if self.fixations:
            item["fixated"] = read_fixated(video.fixations.path(frame), self.spec.size)
        if self.labels:
            item["label"] = torch.tensor(labels_of(video)[frame - 1])
        if rng.random() < self.flip:
            item |= {key: value.flip(-1) for key in PICTURES if isinstance(value := item.get(key), Tensor)}
        return item


def _draws(rng: np.random.Generator, targets: Sequence[int]) -> Iterator[int]:
    """Frames to look at for a map that is not empty: ``MAX_DRAWS`` at random, and then each of them."""
    for _ in range(MAX_DRAWS):
        yield int(rng.choice(targets))
    yield from rng.permutation(targets).tolist()


class Windows(Dataset[Item]):
    """The window of every ``(video, frame)`` asked for, as at test time; with its ground truth on demand.

    Args:
        videos: that places count.
        spec: of the network.
        density: whether an item brings its saliency map.
        sound: what is heard, as ``audio``.
        fixations: whether an item brings the fixated pixels.
        others: what else is heard, as ``others``.
        swaps: for the key of each video the one whose sound it is given where it is ``swapped``.
        labels: whether an item brings the label of consistency of its target frame.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        spec: ClipSpec,
        density: bool,
        sound: Sound = "original",
        fixations: bool = False,
        others: Sequence[Sound] = (),
        swaps: Mapping[str, Video] | None = None,
        labels: bool = False,
    ) -> None:
        self.videos = videos
        self.spec = spec
        self.density = density
        self.sound = sound
        self.fixations = fixations
        self.others = tuple(others)
        self.swaps = dict(swaps or {})
        self.labels = labels

    def __getitem__(self, place: tuple[int, int]) -> Item:
        """The window that predicts ``frame`` of video ``i``, for ``place = (i, frame)``."""
        video, frame = self.videos[place[0]], place[1]
        item = read_item(video, frame, self.spec, self.sound, self.others, self.swaps.get(video.key))
        if self.density:
            item["density"] = read_density(video.densities.path(frame), self.spec.size)
        if self.fixations:
            item["fixated"] = read_fixated(video.fixations.path(frame), self.spec.size)
        if self.labels:
            item["label"] = torch.tensor(labels_of(video)[frame - 1])
        return item


class Densities(Dataset[Tensor]):
    """Every saliency map of some videos, resized."""

    def __init__(self, videos: Sequence[Video], size: tuple[int, int]) -> None:
        self.places = [(video, frame) for video in videos for frame in range(1, video.n_frames + 1)]
        self.size = size

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Tensor:
        """One map, ``(h, w)`` float32 in [0, 1]."""
        video, frame = self.places[index]
        return read_density(video.densities.path(frame), self.size)


def read_item(
    video: Video,
    frame: int,
    spec: ClipSpec,
    sound: Sound = "original",
    others: Sequence[Sound] = (),
    partner: Video | None = None,
) -> Item:
    """The window of a frame as an item of a :class:`~avsal_bench.spec.Batch`, without ground truth.

    Args:
        video: whose files are read.
        frame: the target frame, from 1.
        spec: of the network.
        sound: what is heard, as ``audio``.
        others: what else is heard, as ``others``; nothing for a network without sound.
        partner: whose sound is heard where it is ``swapped``.
    """
    clip = window(frame, video.n_frames, spec.frames, spec.target, spec.start)
    audio, further = None, {}
    if spec.audio is not None:
        audio = hear(video, clip, spec.audio, sound, partner)
        heard = [hear(video, clip, spec.audio, other, partner) for other in others]
        further = {"others": torch.stack(heard)} if heard else {}
    return {
        **further,
        "frames": read_clip(video, clip, spec.size, spec.antialias),
        "audio": audio,
        "density": None,
        "fixated": None,
        "dataset": video.dataset,
        "video": video.name,
        "frame": frame,
        "window": clip.frames,
    }


def collate(items: Sequence[Item]) -> Batch:
    """Stack items into a batch."""
    columns = {key: [item[key] for item in items] for key in items[0]}
    return {  # type: ignore[return-value]
        key: default_collate(column)  # which stacks straight into the memory that processes share
        if isinstance(column[0], Tensor)
        else (None if column[0] is None else column)
        for key, column in columns.items()
    }


class SaliencyDataModule(LightningDataModule):
    """Clips to fit on, windows to validate on, and windows to test on, of one or several data sets.

    Args:
        roots: folder of each data set, by name; its keys are the sets.
        spec: of the network.
        fold: 1, 2 or 3.
        batch_size: clips of a training batch on this process.
        accumulate: training batches of a step on this process.
        first_epoch: that a resumed run trains, from 0.
        test_batch_size: windows of a validation or test batch.
        clips_per_video: training clips of each video in an epoch.
        clips_every: frames to a clip, where the clips of a video are to follow from its length.
        flip: probability of a horizontal flip.
        val_fraction: of the training videos of each set, set aside by :func:`hold_out`.
        val_stride: every n-th frame of a set-aside video is validated on.
        fixations: whether clips and windows to validate on bring the fixated pixels.
        every_frame: whether clips bring the maps of all of their frames.
        teacher: what clips and windows to validate on bring as their maps.
        seed: of the random draws.
        num_workers: processes that read.
        sound: what is heard in the test part.
        others: what else is heard there, with the same frames.
        labels: whether every part brings the labels of consistency of its target frames.
    """

    def __init__(
        self,
        roots: Mapping[str, Path],
        spec: ClipSpec,
        fold: int,
        *,
        batch_size: int = 8,
        accumulate: int = 1,
        first_epoch: int = 0,
        test_batch_size: int = 8,
        clips_per_video: int = 1,
        clips_every: int | None = None,
        flip: float = 0.5,
        val_fraction: float = 0.1,
        val_stride: int = 16,
        fixations: bool = False,
        every_frame: bool = False,
        teacher: Teacher = "density",
        seed: int = 0,
        num_workers: int = 0,
        sound: Sound = "original",
        others: Sequence[Sound] = (),
        labels: bool = False,
    ) -> None:
        super().__init__()
        # With more processes than videos left to test, some have none.
        self.allow_zero_length_dataloader_with_multiple_devices = True
        self.roots = dict(roots)
        self.spec = spec
        self.fold = fold
        self.batch_size = batch_size
        self.accumulate = accumulate
        self.first_epoch = first_epoch
        self.test_batch_size = test_batch_size
        self.clips_per_video = clips_per_video
        self.clips_every = clips_every
        self.flip = flip
        self.val_fraction = val_fraction
        self.val_stride = val_stride
        self.fixations = fixations
        self.every_frame = every_frame
        self.teacher = teacher
        self.seed = seed
        self.num_workers = num_workers
        self.sound = sound
        self.others = tuple(others)
        self.labels = labels
        self.skip: set[str] = set()

    def listed(self, part: str) -> list[Video]:
        """Videos that the lists of all sets name for ``part``."""
        return [v for name, root in self.roots.items() for v in dataset(name).videos(root, part, self.fold)]

    def taught(self) -> list[Video]:
        """Videos of the training lists, with the maps of the ``teacher``."""
        listed = ((root, dataset(name).videos(root, "train", self.fold)) for name, root in self.roots.items())
        return [video for root, videos in listed for video in taught_by(self.teacher, videos, root)]

    def fit_videos(self) -> list[Video]:
        """Training videos less those set aside."""
        return hold_out(self.taught(), self.val_fraction)[0]

    def val_videos(self) -> list[Video]:
        """Training videos set aside to choose the checkpoint."""
        return hold_out(self.taught(), self.val_fraction)[1]

    def test_videos(self) -> list[Video]:
        """Test videos, less those in ``skip``."""
        return [v for v in self.listed("test") if v.key not in self.skip]

    def prepared_count(self) -> tuple[int, int]:
        """How many of the listed videos, of training and test, are read from their prepared form, and of how many."""
        videos = {v.key: v for part in ("train", "test") for v in self.listed(part)}
        rate = self.spec.audio.sample_rate if self.spec.audio is not None else None
        return sum(is_prepared(v, self.spec.size, rate) for v in videos.values()), len(videos)

    def epoch_counts(self) -> list[int]:
        """Training clips of each of :meth:`fit_videos` in an epoch."""
        return clip_counts(self.fit_videos(), self.clips_per_video, self.clips_every)

    def train_dataloader(self) -> DataLoader[Item]:
        """Training clips in the order of the epoch, in whole steps."""
        rank, world_size = self._rank()
        step = self.batch_size * self.accumulate * world_size
        return self._loader(
            TrainingClips(self.fit_videos(), self.spec, self.flip, self.fixations, self.every_frame, self.labels),
            sampler=ClipSampler(self.epoch_counts(), self.seed, rank, world_size, step, self.first_epoch),
            batch_size=self.batch_size,
            items=self.batch_size,
        )

    def val_dataloader(self) -> DataLoader[Item]:
        """Every ``val_stride``-th frame of the set-aside videos."""
        videos = self.val_videos()
        places = [
            (i, frame)
            for i, video in enumerate(videos)
            for frame in range(min(self.val_stride // 2 + 1, video.n_frames), video.n_frames + 1, self.val_stride)
        ]
        rank, world_size = self._rank()
        if len(places) < world_size:
            raise ValueError(f"{len(places)} windows to validate on for {world_size} processes; lower val_stride")
        return self._loader(
            Windows(videos, self.spec, density=True, fixations=self.fixations, labels=self.labels),
            sampler=places[rank::world_size],
            batch_size=self.test_batch_size,
            items=self.test_batch_size,
        )

    def predict_dataloader(self) -> DataLoader[Item]:
        """All windows of the test videos in video order, whole videos to processes."""
        videos = self.test_videos()
        # Of the whole list: what was tested before has its partner still.
        swaps = partners(self.listed("test")) if "swapped" in (self.sound, *self.others) else None
        return self._loader(
            Windows(
                videos, self.spec, density=False, sound=self.sound, others=self.others, swaps=swaps, labels=self.labels
            ),
            batch_sampler=VideoBatches(videos, self.test_batch_size, *self._rank()),
            items=self.test_batch_size,
        )

    def densities_dataloader(self) -> DataLoader[Tensor]:
        """Every saliency map of the training videos, at the size of the clip; all of them on every process."""
        data = Densities(self.listed("train"), self.spec.size)
        stills = replace(self.spec, frames=1, audio=None)
        return DataLoader(data, batch_size=64, num_workers=readers(self.num_workers, stills, 64))

    def _rank(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _loader(self, data: Dataset[Item], items: int, **options: object) -> DataLoader[Item]:
        maps, sounds = 2 + self.every_frame * self.spec.frames, 1 + len(self.others)
        beside = self.trainer.num_devices if self.trainer else 1
        return DataLoader(
            data,
            collate_fn=collate,
            num_workers=readers(self.num_workers, self.spec, items, maps=maps, sounds=sounds, beside=beside),
            persistent_workers=False,
            pin_memory=torch.cuda.is_available(),
            **options,  # type: ignore[arg-type]
        )
