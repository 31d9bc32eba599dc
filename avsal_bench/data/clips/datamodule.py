"""One LightningDataModule for every data set and every network: it reads the layout by the network's spec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.encoded import EncodedClip, frames_in_bytes, read_encoded
from avsal_bench.data.clips.items import Densities, Item, TrainingClips, collate
from avsal_bench.data.clips.readers import readers
from avsal_bench.data.clips.sampler import ClipSampler, clip_counts, of_stills, share_videos
from avsal_bench.data.clips.sounds import swaps_of
from avsal_bench.data.clips.stream import Brought, Stream, Wanted
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.files.frames import is_prepared
from avsal_bench.data.files.prepared import maps_are_prepared
from avsal_bench.data.setting_aside import fit_and_val, need_training
from avsal_bench.data.teachers import taught_by
from avsal_bench.spec import ClipSpec, Sound
from avsal_bench.text import many


class SaliencyDataModule(LightningDataModule):
    """Clips to train on, windows to validate on, to test on and to predict, of one or several data sets.

    Batches are a :class:`~avsal_bench.spec.Batch` in training, and a :class:`~avsal_bench.spec.WindowBatch` else: uint8
    frames at the size of the network, the sound through its front end, and the ground truth. Validation reads whole
    videos of the set's own validation list, else those of the training list that were set aside
    (:func:`~avsal_bench.data.setting_aside.fit_and_val`); the test list is read by ``test_dataloader`` and
    ``predict_dataloader`` alone.

    Args:
        config: which data sets are read, and how.
        spec: what the network takes: ``net.spec``.

    Attributes:
        accumulate: training batches of a step in this process: an epoch is whole steps.
        first_epoch: that a resumed run trains, from 0.
        skip: keys ``<set>/<video>`` of test videos that are left out.

    Raises:
        TypeError: for a ``config`` or a ``spec`` of another kind.
    """

    def __init__(self, config: DataConfig, spec: ClipSpec) -> None:
        super().__init__()
        if not isinstance(config, DataConfig) or not isinstance(spec, ClipSpec):
            raise TypeError(
                f"SaliencyDataModule(DataConfig({{'avad': '/data/saliency'}}), net.spec) is how it is built; got "
                f"{type(config).__name__} and {type(spec).__name__}"
            )
        # With more processes than videos left to test, some have none.
        self.allow_zero_length_dataloader_with_multiple_devices = True
        self.config = config
        self.spec = spec
        self.accumulate = 1
        self.first_epoch = 0
        self.skip: set[str] = set()

    def setup(self, stage: str) -> None:
        """Tell Lightning that samplers here share clips and videos out among processes, so that it puts none around."""
        if self.trainer is not None:
            self.trainer._accelerator_connector.use_distributed_sampler = False

    def listed(self, part: str) -> list[Video]:
        """Videos that the lists of all sets name for ``part``."""
        fold = self.config.fold
        return [v for name, root in self.config.folders.items() for v in dataset(name, root).videos(root, part, fold)]

    def _fit_and_val(self) -> tuple[list[Video], list[Video]]:
        """Videos to fit on and to validate on, of all sets, with the maps of the ``teacher``."""
        config = self.config
        fit: list[Video] = []
        val: list[Video] = []
        for name, root in config.folders.items():
            one = dataset(name, root)
            fitted, validated = fit_and_val(
                one,
                lambda part, one=one, root=root: taught_by(  # type: ignore[misc]
                    config.teacher, one.videos(root, part, config.fold), root
                ),
                config.val_fraction,
                config.validation,
            )
            fit += fitted
            val += validated
        return fit, val

    def fit_videos(self) -> list[Video]:
        """Training videos less those set aside."""
        return self._fit_and_val()[0]

    def val_videos(self) -> list[Video]:
        """Videos that choose the checkpoint: of the validation list of a set, else training videos set aside."""
        return self._fit_and_val()[1]

    def test_videos(self) -> list[Video]:
        """Test videos, less those in ``skip``."""
        return [v for v in self.listed("test") if v.key not in self.skip]

    def prepared_count(self) -> tuple[int, int]:
        """How many of the listed videos, of all parts, are read from their prepared form, and of how many.

        Those that could be: none where frames are resized as no prepared form holds them.
        """
        if not self.spec.plain_frames:
            return 0, 0
        sets, fold = self.config.folders, self.config.fold
        parts = [(dataset(name, root), root, part) for name, root in sets.items() for part in dataset(name, root).parts]
        videos = {v.key: v for one, root, part in parts for v in one.videos(root, part, fold)}
        rate = self.spec.audio.sample_rate if self.spec.audio is not None else None
        size = self.spec.size
        ready = [v for v in videos.values() if is_prepared(v, size, rate) and maps_are_prepared(v, size)]
        return len(ready), len(videos)

    def encoded_count(self) -> tuple[int, int]:
        """Of how many videos to fit on frames can be decoded on the device, by their first ones, and of how many."""
        videos = self.fit_videos()
        return sum(read_encoded(video, [1], self.spec) is not None for video in videos), len(videos)

    def still_videos(self) -> list[Video]:
        """The training images of all sets of ``stills``, each a video of one frame; none is set aside."""
        fold = self.config.fold
        sets = [(dataset(name, Path(root)), Path(root)) for name, root in self.config.stills.items()]
        return [video for one, root in sets for video in need_training(one, one.videos(root, "train", fold))]

    def epoch_counts(self) -> list[int]:
        """Training clips of each of :meth:`fit_videos` in an epoch, where it is not one of stills."""
        return clip_counts(self.fit_videos(), self.config.clips_per_video, self.config.clips_every)

    def train_dataloader(self) -> DataLoader[Item]:
        """Training clips in the order of the epoch, in whole steps; or, at its turn, an epoch of ``stills``."""
        epoch = max(self.first_epoch, self.trainer.current_epoch if self.trainer else 0)
        return self._epoch_of_stills() if self.config.stills and of_stills(epoch) else self._epoch_of_clips()

    def epoch_batches(self, epochs: int) -> list[int]:
        """Training batches of each of some epochs in this process, from the first."""
        clips = len(self._epoch_of_clips())
        stills = len(self._epoch_of_stills()) if self.config.stills else clips
        return [stills if of_stills(epoch) else clips for epoch in range(epochs)]

    def _epoch_of_clips(self) -> DataLoader[Item]:
        config = self.config
        rank, world_size = self._rank()
        step = config.batch_size * self.accumulate * world_size
        maps = 2 + config.every_frame * (1 + config.fixations) * self.spec.frames
        videos = self.fit_videos()
        frames = config.batch_size * self.spec.frames
        if config.decode_on_device:
            frames *= frames_in_bytes(videos, self.spec)
        return DataLoader(
            TrainingClips(
                videos,
                self.spec,
                config.flip,
                config.fixations,
                config.every_frame,
                config.labels,
                hears=config.hears,
                encoded=config.decode_on_device,
            ),
            sampler=ClipSampler(self.epoch_counts(), config.seed, rank, world_size, step, self.first_epoch),
            batch_size=config.batch_size,
            collate_fn=collate,
            num_workers=readers(
                config.num_workers, self.spec, config.batch_size, frames=frames, maps=maps, beside=self._beside()
            ),
            persistent_workers=False,
            pin_memory=torch.cuda.is_available(),
        )

    def _epoch_of_stills(self) -> DataLoader[Item]:
        """Every still once, for as many frames as a clip has, without sound; in whole steps."""
        config, images = self.config, self.still_videos()
        rank, world_size = self._rank()
        step = config.batch_size * self.accumulate * world_size
        spec = replace(self.spec, audio=None)
        return DataLoader(
            TrainingClips(images, spec, config.flip, config.fixations),
            sampler=ClipSampler([1] * len(images), config.seed, rank, world_size, step, self.first_epoch),
            batch_size=config.batch_size,
            collate_fn=collate,
            num_workers=readers(
                config.num_workers, replace(spec, frames=1), config.batch_size, maps=2, beside=self._beside()
            ),
            persistent_workers=False,
            pin_memory=torch.cuda.is_available(),
        )

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Decode frames that came as files on the device that the batch goes to, so that it is as any other.

        Before the transfer, as a GPU's decoder takes files from the memory of the processor.
        """
        if not isinstance(frames := batch.get("frames"), list):
            return batch
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        clips = [clip.frames(device) if isinstance(clip, EncodedClip) else clip.to(device) for clip in frames]
        return {**batch, "frames": torch.stack(clips)}

    def val_dataloader(self) -> Stream:
        """Every ``val_stride``-th frame of the set-aside videos, shared out evenly to processes.

        A network that goes by frames walks through a whole video in one process; one without a video has nothing to
        validate on, but the first frame of a video to walk: Lightning skips a process without batches, and the others
        would wait for it for ever.
        """
        videos, every = self.val_videos(), self.config.val_stride
        asked = [range(min(every // 2 + 1, video.n_frames), video.n_frames + 1, every) for video in videos]
        rank, world_size = self._rank()
        config = self.config
        others: tuple[Sound, ...] = ("muted",) if config.val_muted else ()
        brought = Brought(config.hears, others, density=True, fixations=config.fixations, labels=config.labels)
        if self.spec.walk == "frames":
            mine = share_videos([frames[-1] for frames in asked], world_size)[rank]
            wanted: list[Wanted] = [(i, asked[i]) for i in mine] or [(0, ())]
            return self._stream(videos, wanted, brought, spanning=True)
        places = [(i, frame) for i, frames in enumerate(asked) for frame in frames]
        if len(places) < world_size:
            raise ValueError(
                f"{many(len(places), 'window')} to validate on for "
                f"{many(world_size, 'process', plural='processes')}; lower val_stride"
            )
        by_video = groupby(places[rank::world_size], key=itemgetter(0))
        wanted = [(i, [frame for _, frame in of_video]) for i, of_video in by_video]
        return self._stream(videos, wanted, brought, spanning=True)

    def test_dataloader(self) -> Stream:
        """As :meth:`predict_dataloader`, with the ground truth at the size of the clip, for metrics in the module.

        A protocol reads the ground truth at its own size: for the numbers of the tables see ``avsal_bench.evaluate``.
        """
        return self._test_windows(truth=True)

    def predict_dataloader(self) -> Stream:
        """All windows of the test videos in video order, whole videos to processes, without ground truth."""
        return self._test_windows(truth=False)

    def densities_dataloader(self) -> DataLoader[Tensor]:
        """Every saliency map of the training videos, at the size of the clip; all of them on every process."""
        data = Densities(self.listed("train"), self.spec.size)
        stills = replace(self.spec, frames=1, audio=None)
        return DataLoader(data, batch_size=64, num_workers=readers(self.config.num_workers, stills, 64))

    def _test_windows(self, truth: bool) -> Stream:
        """Whole videos, each to one process.

        For a test in the module, a process without a video has the first batch of the first one, which another has
        too: Lightning skips the test of a process without batches, and the others would wait for its scores for ever.
        Who gathers them counts a repeated frame once.
        """
        config, videos = self.config, self.test_videos()
        # Of the whole list: what was tested before has its partner still.
        swaps = swaps_of(self.listed("test"), (config.sound, *config.others))
        rank, world_size = self._rank()
        mine = share_videos([video.n_frames for video in videos], world_size)[rank]
        wanted: list[Wanted] = [(i, range(1, videos[i].n_frames + 1)) for i in mine]
        if truth and videos and not mine:
            wanted = [(0, range(1, min(config.test_batch_size, videos[0].n_frames) + 1))]
        brought = Brought(config.sound, config.others, swaps, density=truth, fixations=truth, labels=config.labels)
        return self._stream(videos, wanted, brought)

    def _stream(
        self, videos: Sequence[Video], wanted: Sequence[Wanted], brought: Brought, spanning: bool = False
    ) -> Stream:
        return Stream(
            videos,
            wanted,
            self.spec,
            self.config.test_batch_size,
            brought,
            spanning=spanning,
            device=self.trainer.strategy.root_device if self.trainer else None,
            workers=self.config.num_workers,
            beside=self._beside(),
        )

    def _rank(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _beside(self) -> int:
        """Processes on this machine, each of which reads."""
        return self.trainer.num_devices if self.trainer else 1
