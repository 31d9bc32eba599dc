"""The pseudo map of every frame of some videos, from what trained classifiers look at (stanet2021)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from avsal_bench.data.clips.stream import Stream
from avsal_bench.data.dataset import Video
from avsal_bench.data.places import NumberedFiles
from avsal_bench.files import whole_file
from avsal_bench.models.layers.activation import Activation, activation, crop_box, enlarge, fuse, kept, paste, smooth
from avsal_bench.models.scam import Kind
from avsal_bench.progress import Progress, progress
from avsal_bench.training.classifying.tags import TagModule


@dataclass
class Made:
    """What one run found.

    Args:
        folder: of the maps.
        frames: that this run mapped.
        black: how many of them have a black map.
        right: for each classifier how many of them it gives their category, looking at the whole frame.
    """

    folder: Path
    frames: int = 0
    black: int = 0
    right: dict[str, int] = field(default_factory=dict)


def map_videos(
    taught: Sequence[Video],
    videos: Sequence[Video],
    names: Sequence[str],
    modules: Mapping[Kind, TagModule],
    folder: Path,
    workers: int,
) -> Made:
    """Write the maps of each video that lacks some.

    Args:
        taught: the videos, each with the places of its pseudo maps.
        videos: the same, as they are read.
        names: of the categories, in the order of the classifiers' outputs.
        modules: trained.
        folder: of the maps.
        workers: processes that read.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for module in modules.values():
        module.to(device)
    made = Made(folder, right=dict.fromkeys(modules, 0))
    places: list[tuple[Video, NumberedFiles]] = []
    for video, like in zip(videos, taught, strict=True):
        assert isinstance(like.densities, NumberedFiles), "pseudo maps are numbered"
        if not all(like.densities.path(n).is_file() for n in range(1, video.n_frames + 1)):
            places.append((video, like.densities))
    total = sum(video.n_frames for video in videos)
    with progress(f"pseudo maps of {videos[0].dataset}", total, total - sum(v.n_frames for v, _ in places)) as bar:
        for video, files in places:
            fused = fused_maps(video, names.index(video.category), modules, workers, made.right, bar)
            for frame, smoothed in enumerate(smooth(fused), 1):
                grey = (255 * kept(smoothed)).round().to(torch.uint8).cpu().numpy()
                made.frames += 1
                made.black += not grey.any()
                _write(files.path(frame), grey)
    return made


def fused_maps(
    video: Video, tag: int, modules: Mapping[Kind, TagModule], workers: int, right: dict[str, int], bar: Progress
) -> Iterator[Tensor]:
    """The fused map ``(H, W)`` in [0, 1] of each frame of a video, coarse and then fine, before smoothing.

    Args:
        video: whose files are read.
        tag: the number of its category.
        modules: trained.
        workers: processes that read.
        right: counts the right answers of each classifier.
        bar: counts frames.
    """
    # Of these, the one that hears is the one whose clip brings sound.
    spec = modules["sa" if "sa" in modules else next(iter(modules))].net.spec
    device = next(iter(modules.values())).device
    windows = Stream([video], [(0, range(1, video.n_frames + 1))], spec, 8, device=device, workers=workers)
    for batch in windows:
        audio = batch["audio"]
        frames = next(iter(modules.values())).normalised(batch["pool"][batch["index"]].transpose(1, 2).contiguous())
        look = partial(_look, modules, tag, spec.size)
        coarse = look(frames, audio)
        for kind, seen in coarse.items():
            right[kind] += int(seen.right.sum())
        yield from _refine(fuse(list(coarse.values())), frames, audio, look)
        bar.advance(len(frames), video.name)


def _look(
    modules: Mapping[Kind, TagModule], tag: int, size: tuple[int, int], frames: Tensor, audio: Tensor | None
) -> dict[Kind, Activation]:
    """What each classifier says of normalised clips."""
    tags = torch.full((len(frames),), tag, device=frames.device)
    with torch.no_grad():
        maps = {kind: module(frames, audio) for kind, module in modules.items()}
    return {kind: activation(before, after, tags, size) for kind, (before, after) in maps.items()}


def _refine(
    coarse: Tensor, frames: Tensor, audio: Tensor | None, look: partial[dict[Kind, Activation]]
) -> Iterator[Tensor]:
    """The map of each frame of a batch from a look at its crop; of one without a crop, zeros."""
    boxes = [crop_box(one) for one in coarse]
    crops = [(i, box) for i, box in enumerate(boxes) if box is not None]
    whole = torch.zeros_like(coarse)
    if crops:
        rows = [i for i, _ in crops]
        enlarged = torch.stack([enlarge(frames[i], box) for i, box in crops])
        fine = fuse(list(look(enlarged, None if audio is None else audio[rows]).values()))
        for (i, box), one in zip(crops, fine, strict=True):
            whole[i] = paste(one, box)
    yield from whole


def _write(path: Path, grey: np.ndarray) -> None:
    with whole_file(path) as temporary:
        Image.fromarray(grey).save(temporary, format="png")
