"""``hear``: what the scores of a network lose when it hears another sound, without a trace on the disk."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from avsal_bench.api.evaluating import find_set
from avsal_bench.api.running import Model, borrowed, predictor_of
from avsal_bench.api.sources_of_maps import Settings, of_network, spec_of
from avsal_bench.bench.plan import asked_sounds
from avsal_bench.bench.provenance import provenance
from avsal_bench.bench.results import make_record
from avsal_bench.bench.seen.saying import asked_words
from avsal_bench.bench.seen.trained_on import said
from avsal_bench.data.clips.sounds import swaps_of
from avsal_bench.data.files.presence import check_truth
from avsal_bench.data.layouts.lists import story_of_lists
from avsal_bench.evaluation.protocol import protocol as rules_of
from avsal_bench.evaluation.score import VideoScorer
from avsal_bench.evaluation.truth import Truth
from avsal_bench.leaderboard.sound_losses import SoundLoss, losses_text, sound_losses
from avsal_bench.names import plain_name
from avsal_bench.prediction.predicting import Running, predict_sounds
from avsal_bench.progress import progress as progress_bar
from avsal_bench.progress import silence
from avsal_bench.record_story import same_but_sound
from avsal_bench.records import MAPS_PRESET, SOUNDS, Record, VideoScores
from avsal_bench.spec import Sound
from avsal_bench.typed import MOST_FOLDS


@dataclass(frozen=True)
class Heard:
    """What a network scored with each sound; printed, it is the table of ``avsal hear``.

    Args:
        records: one a sound, the true one first.
    """

    records: tuple[Record, ...]

    @property
    def losses(self) -> list[SoundLoss]:
        """What is lost with each other sound, by the frames that it is told on."""
        return sound_losses(self.records)

    def __str__(self) -> str:
        return losses_text(self.losses)


def hear(
    model: Model,
    dataset: str,
    sounds: Sequence[str] = SOUNDS,
    protocol: str = "stavis",
    *,
    fold: int = 1,
    name: str = "",
    data_root: str | os.PathLike[str] | None = None,
    batch_size: int | None = None,
    device: str = "auto",
    workers: int = 0,
    progress: bool = False,
    trained_on: str | None = None,
) -> Heard:
    """Test a network with the true sound and with others, as ``avsal hear``: the frames are the same, and the weights.

    Nothing is written to the disk, unless you write the records.

    >>> import avsal_bench
    >>> heard = avsal_bench.hear(net, "avad", ["muted", "swapped"])  # doctest: +SKIP
    >>> print(heard)  # doctest: +SKIP
    >>> heard.losses[0].losses["CC"].mean, heard.losses[0].map_cc.mean  # doctest: +SKIP

    Args:
        model: a network, any ``nn.Module`` with a spec that has an audio front end; the name of a network whose
            published weights were imported; or the path of a checkpoint of a training here.
        dataset: name of the data set.
        sounds: that are asked for, such as ``muted``, ``swapped``, ``matched``, ``shifted`` and ``noise``; the true one
            is always among them. docs/hearing.md has the rules.
        protocol: how maps become scores.
        fold: which test list, from 1.
        name: of the network in the records; by default its own.
        data_root: folder of the data set; by default ``AVSAL_DATA``, and for ``synth`` a folder that is made.
        batch_size: windows that are predicted at a time; None for as many as pay on the device.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:<n>``.
        workers: processes that read; 0 reads in this one.
        progress: show a bar, on stderr.
        trained_on: see :func:`avsal_bench.evaluate`.

    Returns:
        The records, of preset ``maps``, and the losses.

    Raises:
        ValueError: for a network that takes no sound, or sound alone, an unknown name (it suggests the nearest one),
            and a test list with nothing to swap.
        FileNotFoundError: for a data set without a root, and for files that are missing.
        TypeError: for what is no network.
    """
    if name:
        plain_name("name", name)
    running, rules = Running(batch_size, device, workers), rules_of(protocol)
    if fold not in range(1, MOST_FOLDS + 1):
        raise ValueError(f"fold: expected a whole number from 1 to {MOST_FOLDS}, got {fold!r}")
    words = None if trained_on is None else asked_words(trained_on, fold)
    others: list[Sound] = [sound for sound in asked_sounds(sounds) if sound != "original"]
    if not others:
        raise ValueError(f"sounds: name one beside the true sound, such as muted; got {list(sounds)}")
    predictor = predictor_of(model)
    net = predictor.module.net
    if net.spec.audio is None or not net.sees:
        takes = "sound alone" if net.spec.audio is not None else "no sound, so it loses nothing with another one"
        raise ValueError(f"model: {predictor.name} takes {takes}; expected a network that sees and hears")
    space, described = find_set(dataset, data_root, fold)
    root = space.root_of(described.name)
    videos = described.videos(root, "test", fold)
    for video in videos:
        check_truth(video)
    began = time.monotonic()
    source = of_network(predictor, videos, rules, Settings(space, described.name, fold, running))
    swaps, spec = swaps_of(videos, others), spec_of(predictor, rules)
    scored: list[list[VideoScores]] = [[] for _ in range(1 + len(others))]
    total = sum(video.n_frames for video in videos)
    with silence(not progress), progress_bar("predict with all sounds", total) as bar, borrowed(predictor.module):
        for video in videos:
            truth = Truth(video, videos)
            scorers = [VideoScorer(truth, rules) for _ in scored]
            for numbers, maps in predict_sounds(predictor, video, running, others, swaps, spec):
                for number, (scorer, of_sound) in enumerate(zip(scorers, maps, strict=True)):
                    scorer.add(numbers, of_sound)
                    if number:
                        scorer.compare(of_sound, maps[0])
                bar.advance(len(numbers), video.name)
            for of_sound_videos, scorer in zip(scored, scorers, strict=True):
                of_sound_videos.append(scorer.result())
    sha256 = source.sha256 or _numbers_sha256(net)
    story = provenance() | {"command": f"python: hear(..., {described.name!r}, protocol={protocol!r}, fold={fold})"}
    story |= {**story_of_lists(root, described, fold), "fits": [], "precision": running.precision}
    story |= {"test_seconds": round(time.monotonic() - began, 1), **same_but_sound("network", sha256)}
    story["trained_on"] = source.trained_on if words is None else said(words, described.name, fold, space)
    sounds_heard: list[Sound] = ["original", *others]
    return Heard(
        tuple(
            make_record(
                of_sound_videos,
                rules,
                story | {"sounds": sounds_heard},
                model=name or source.name,
                modality="av",
                dataset=described.name,
                fold=fold,
                preset=MAPS_PRESET,
                parameters=source.parameters,
                sound=sound,
                weights={"file": source.weights, "sha256": sha256},
            )
            for sound, of_sound_videos in zip(sounds_heard, scored, strict=True)
        )
    )


def _numbers_sha256(net: nn.Module) -> str:
    """SHA-256 over names and numbers of a network that has no file."""
    digest = hashlib.sha256()
    for key, value in sorted(net.state_dict().items()):
        digest.update(f"{key} {tuple(value.shape)} {value.dtype}\0".encode())
        digest.update(value.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
