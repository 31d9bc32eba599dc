"""The windows that a network is watched on: of some videos, evenly spread, with the true sound and with others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from avsal_bench.data.clips.items import collate, read_item
from avsal_bench.data.clips.sounds import partners
from avsal_bench.data.dataset import Video
from avsal_bench.data.files import truth_files
from avsal_bench.data.windows import training_targets
from avsal_bench.progress import progress
from avsal_bench.spec import Batch, ClipSpec, Sound

#: Categories of scenes in which the sound decides where people look; those of the embedded set.
SOUNDING = ("timbre", "pulse")
#: What a window is heard with, beside its own sound, where nobody says: in this order in ``others``.
OTHERS: tuple[Sound, ...] = ("swapped", "muted")


def sounding(videos: Sequence[Video]) -> list[Video]:
    """Videos whose sound decides where people look; all that sound, of a set that does not say so."""
    known = [video for video in videos if video.category in SOUNDING]
    return known or [video for video in videos if not video.silent]


def watched_windows(
    videos: Sequence[Video],
    spec: ClipSpec,
    count: int,
    *,
    sounds: Sequence[Sound] = OTHERS,
    among: Sequence[Video] = (),
    device: torch.device | None = None,
) -> list[Batch]:
    """Windows of some videos, each as a batch of one, with ``others`` in the order of ``sounds``, and ``density``.

    Windows run forwards inside their video. Frames whose saliency map is empty are left out.

    Args:
        videos: that are watched, as many windows of each as of the others, but for one.
        spec: of the network.
        count: how many windows; fewer, where the videos have no more.
        sounds: beside the true one.
        among: videos whose sounds are swapped; by default ``videos``.
        device: where they go.

    Raises:
        ValueError: for no videos, a count below 1, and where no sounds can be swapped.
        OSError: naming a file that cannot be read.
    """
    if not videos or count < 1:
        raise ValueError(f"expected videos, and windows of them from 1; got {len(videos)} and {count}")
    swaps = partners(among or videos) if "swapped" in sounds else {}
    shares = np.diff(np.linspace(0, count, len(videos) + 1).round().astype(int))
    found: list[Batch] = []
    with progress("windows", int(count)) as bar:
        for video, share in zip(videos, shares, strict=True):
            targets = training_targets(video.n_frames, *spec.form)
            places = np.linspace(0, len(targets) - 1, 2 * min(int(share), len(targets)) + 1).round().astype(int)[1::2]
            for place in dict.fromkeys(places.tolist()):
                bar.advance()
                density = truth_files.density(video, targets[place], spec.size)
                if not density.any():
                    continue
                item = read_item(video, targets[place], spec, others=sounds, partner=swaps.get(video.key))
                found.append(on_device(collate([{**item, "density": density}]), device))
    return found


def on_device(batch: Batch, device: torch.device | None) -> Batch:
    """A batch with all of its tensors on a device; as it is without one."""
    if device is None:
        return batch
    moved = {key: value.to(device) if isinstance(value, torch.Tensor) else value for key, value in batch.items()}
    return moved  # type: ignore[return-value]
