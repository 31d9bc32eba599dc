"""Where the sound goes in one network, from its windows to what is printed: what ``avsal study path`` does."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from avsal_bench.progress import progress
from avsal_bench.spec import Sound
from avsal_bench.studies.sound_path.path_sources import Source
from avsal_bench.studies.sound_path.sound_gradients import Learning, measure_learning
from avsal_bench.studies.sound_path.sound_shares import SCENES, Path, check_followed, follow_sound
from avsal_bench.studies.sound_path.watched_windows import OTHERS, sounding, watched_windows


@dataclass(frozen=True)
class Traced:
    """What was found.

    Args:
        paths: by the sound that the true one is compared with.
        learnt: the gradients of each part; none where they were not asked for.
    """

    paths: dict[str, Path]
    learnt: list[Learning]


def trace(
    source: Source,
    windows: int = 64,
    batches: int = 4,
    depth: int = 2,
    device: torch.device | None = None,
    sounds: tuple[Sound, ...] = OTHERS,
) -> Traced:
    """Follow the sound of a network through test windows of sounding scenes, and its gradients in training batches.

    Args:
        source: the network.
        windows: how many; of a set that does not say which scenes sound, of all that are not declared silent.
        batches: of its training; 0 leaves gradients out.
        depth: of parts.
        device: where it runs; by default the CPU.
        sounds: that the true one is compared with.

    Raises:
        ValueError, OSError: as :func:`~.watched_windows.watched_windows`, :func:`~.sound_shares.follow_sound` and
            :func:`~.sound_gradients.measure_learning`.
    """
    device = device or torch.device("cpu")
    module = source.module.to(device)
    videos = sounding(source.videos)
    seen = watched_windows(videos, module.net.spec, windows, sounds=sounds, among=source.videos, device=device)
    check_followed(module, seen, depth)
    paths: dict[str, Path] = {}
    with progress("sounds", len(sounds)) as bar:
        for number, sound in enumerate(sounds):
            paths[sound] = follow_sound(module, seen, number, sound, depth, scenes=0 if number else SCENES)
            bar.advance()
    learnt = measure_learning(module, source.batches(batches, device)) if batches else []
    return Traced(paths, learnt)
