"""Batches of spoken words, through the front end of the network that tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, default_collate

from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.data.clips.sampler import ClipRequest, ClipSampler
from avsal_bench.data.files.resampling import resample
from avsal_bench.data.files.wavs import open_wav
from avsal_bench.data.utterances.speech_commands import Utterance, read_utterances


@dataclass(frozen=True)
class WordConfig:
    """Which recordings are read, and how they become batches.

    Args:
        root: data root.
        release: of Speech Commands.
        batch_size: recordings of a batch, in each process.
        seed: of their order.
        num_workers: processes that read.
    """

    root: Path | None
    release: str
    batch_size: int = 8
    seed: int = 0
    num_workers: int = 0


def read_second(path: Path, rate: int) -> Tensor:
    """The first second of a wav in mono, ``(rate,)`` float32; silence follows a shorter one.

    Raises:
        ValueError: naming a file that is no wav, or has samples that are no numbers.
    """
    try:
        wav = open_wav(path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error})") from error
    if wav is None:
        raise ValueError(f"{path}: no wav that can be read; unpack the archive of Speech Commands again")
    with wav:
        samples = wav.read(wav.samplerate, dtype="float32", always_2d=True).mean(1)
        native = wav.samplerate
    if not np.isfinite(samples).all():
        raise ValueError(f"{path}: samples that are no numbers; unpack the archive of Speech Commands again")
    heard = resample(torch.from_numpy(samples), native, rate)[:rate]
    return F.pad(heard, (0, rate - len(heard)))


class Words(Dataset[dict[str, Any]]):
    """Recordings as items: ``audio`` through the front end, ``word``, and where it is from."""

    def __init__(self, utterances: Sequence[Utterance], front_end: AudioFrontEnd) -> None:
        self.utterances = utterances
        self.front_end = front_end

    def __len__(self) -> int:
        return len(self.utterances)

    def __getitem__(self, index: int | ClipRequest) -> dict[str, Any]:
        """One recording; as often as it is asked for the same."""
        one = self.utterances[index.video if isinstance(index, ClipRequest) else index]
        sound = self.front_end(read_second(one.path, self.front_end.sample_rate))
        return {"audio": sound, "word": one.word, "dataset": "words", "video": one.key, "frame": 1}


class WordDataModule(LightningDataModule):
    """Recordings to train on, in another order each epoch, and those of the validation list.

    Args:
        config: which, and how.
        front_end: of the network.

    Attributes:
        accumulate: training batches of a step in this process: an epoch is whole steps.
        first_epoch: that a resumed run trains, from 0.
    """

    def __init__(self, config: WordConfig, front_end: AudioFrontEnd) -> None:
        super().__init__()
        self.config = config
        self.front_end = front_end
        self.accumulate = 1
        self.first_epoch = 0

    def setup(self, stage: str) -> None:
        """Tell Lightning that the sampler here shares recordings out among processes."""
        if self.trainer is not None:
            self.trainer._accelerator_connector.use_distributed_sampler = False

    def epoch_counts(self) -> list[int]:
        """One for each recording that is trained on."""
        return [1] * len(read_utterances(self.config.root, self.config.release, "train"))

    def train_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Every recording once, in whole steps."""
        config, (rank, world_size) = self.config, self._rank()
        found = read_utterances(config.root, config.release, "train")
        step = config.batch_size * self.accumulate * world_size
        sampler = ClipSampler([1] * len(found), config.seed, rank, world_size, step, self.first_epoch)
        return self._loader(found, sampler=sampler)

    def val_dataloader(self) -> DataLoader[dict[str, Any]]:
        """The validation list, shared out to processes, of which each has one at least: they wait for each other."""
        rank, world_size = self._rank()
        found = read_utterances(self.config.root, self.config.release, "val")
        return self._loader(found[rank::world_size] or found[:1])

    def _loader(self, found: Sequence[Utterance], **how: Any) -> DataLoader[dict[str, Any]]:
        collate: Callable[[Any], Any] = default_collate
        return DataLoader(
            Words(found, self.front_end),
            batch_size=self.config.batch_size,
            collate_fn=collate,
            num_workers=self.config.num_workers,
            pin_memory=torch.cuda.is_available(),
            **how,
        )

    def _rank(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
