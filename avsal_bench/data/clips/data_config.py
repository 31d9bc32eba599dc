"""What a data module reads, and how: one small object that is written down once and never changes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from avsal_bench.data.dataset import Validation, dataset
from avsal_bench.data.teachers import Teacher
from avsal_bench.spec import Sound

_COUNTS = ("batch_size", "test_batch_size", "clips_per_video", "val_stride")


@dataclass(frozen=True)
class DataConfig:
    """Which data sets are read, and how they become batches.

    >>> config = DataConfig({"synth": "data/synth"}, batch_size=4)
    >>> config.roots["synth"].as_posix(), config.fold, config.batch_size
    ('data/synth', 1, 4)

    Args:
        roots: folder of each data set, a string or a path, by the name of the set; several sets are read together.
        fold: which of the splits, from 1. A set with a single split has it in every fold.
        batch_size: clips of a training batch, in each process.
        test_batch_size: windows of a batch in validation, tests and predictions.
        clips_per_video: training clips of each video in an epoch, at random places.
        clips_every: in its place, one training clip for every so many frames of a video; None to count by video.
        flip: probability, 0 to 1, that a training clip is flipped left-right.
        val_fraction: part of the training videos of each set, from 0 and below 1, that is set aside to validate on;
            at least one video. A set with a validation list of its own is validated on that, whatever this says.
        validation: ``official`` to validate on the list that plays the test of a set whose authors made it for that;
            ``set_aside`` for no such thing.
        val_stride: every n-th frame of these videos is validated on.
        fixations: whether batches to train and validate on bring ``fixated``; the loss term ``nss`` needs it.
        every_frame: whether training batches bring ``densities``, the maps of all frames of the clip, and with
            ``fixations`` also ``all_fixated``, their fixated pixels.
        teacher: ``density`` for the maps of the set, ``pseudo`` for those of ``avsal pseudo`` in their place.
        labels: whether batches bring ``label``, whether the sound belongs to what people look at.
        hears: what it hears in training and in validation: ``original`` or ``muted``.
        val_muted: whether batches to validate on also bring the ``muted`` sound, as their ``others``.
        sound: what the network hears in tests and predictions: ``original``, ``muted``, ``swapped``, ``matched``,
            ``shifted`` or ``noise``.
        others: further sounds that predictions bring with the same frames.
        stills: folder of each set of stills, whose training images are the clips of epochs 1, 3, ..., each once and
            without sound; with none, all epochs have clips of ``roots``. The trainer has to ask for the batches of
            each epoch anew (``reload_dataloaders_every_n_epochs=1``).
        decode_on_device: whether training frames in JPEG that are not prepared come as files, and are decoded on the
            device when Lightning brings a batch there. A GPU does so by nvJPEG, with pixels that differ by rounding.
            Batches that are taken from the loader itself then have ``frames`` as a list of what came.
        seed: of everything that is drawn at random.
        num_workers: processes that read; 0 reads in this one.

    Raises:
        ValueError: for an unknown data set, and for a value that is out of its range; it names the field.
        TypeError: for a root that is no path.
    """

    roots: Mapping[str, str | os.PathLike[str]]
    fold: int = 1
    batch_size: int = 8
    test_batch_size: int = 8
    clips_per_video: int = 1
    clips_every: int | None = None
    flip: float = 0.5
    val_fraction: float = 0.1
    validation: Validation = "set_aside"
    val_stride: int = 16
    fixations: bool = False
    every_frame: bool = False
    teacher: Teacher = "density"
    labels: bool = False
    hears: Sound = "original"
    val_muted: bool = False
    sound: Sound = "original"
    others: tuple[Sound, ...] = ()
    stills: Mapping[str, str | os.PathLike[str]] = field(default_factory=dict)
    decode_on_device: bool = False
    seed: int = 0
    num_workers: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.roots, Mapping) or not self.roots:
            raise ValueError(
                f"roots: expected the folder of each data set by its name, such as {{'avad': '/data/saliency'}}; "
                f"got {self.roots!r}"
            )
        for key, roots in (("roots", self.roots), ("stills", self.stills)):
            for name, root in roots.items():
                if not isinstance(root, str | os.PathLike):
                    raise TypeError(f"{key}: the folder of {name} should be a path, got {root!r}")
                dataset(name, Path(root)).check_fold(self.fold)
                if key == "stills" and not dataset(name, Path(root)).stills:
                    raise ValueError(f"stills: {name} is a set of videos; expected a set of stills, such as salicon")
            object.__setattr__(self, key, {name: Path(root) for name, root in roots.items()})
        object.__setattr__(self, "others", tuple(self.others))
        for name in (*_COUNTS, *(("clips_every",) if self.clips_every is not None else ())):
            _check_whole(name, getattr(self, name), 1)
        _check_whole("num_workers", self.num_workers, 0)
        if not isinstance(self.flip, int | float) or not 0 <= self.flip <= 1:
            raise ValueError(f"flip: expected a probability from 0 to 1, got {self.flip!r}")
        if not isinstance(self.val_fraction, int | float) or not 0 <= self.val_fraction < 1:
            raise ValueError(f"val_fraction: expected a part from 0 and below 1, got {self.val_fraction!r}")
        sounds = get_args(Sound)
        words: list[tuple[str, str, tuple[str, ...]]] = [("teacher", self.teacher, get_args(Teacher))]
        words += [("sound", self.sound, sounds)]
        words += [("hears", self.hears, ("original", "muted")), ("validation", self.validation, get_args(Validation))]
        for name, word, known in [*words, *(("others", other, sounds) for other in self.others)]:
            if word not in known:
                raise ValueError(f"{name}: expected {' or '.join(known)}, got {word!r}")

    @property
    def folders(self) -> dict[str, Path]:
        """``roots``, as paths."""
        return {name: Path(root) for name, root in self.roots.items()}


def _check_whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}: expected a whole number from {least}, got {value!r}")
