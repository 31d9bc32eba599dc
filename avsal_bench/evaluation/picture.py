"""A picture of each tested video: some frames, where people looked, and what the network predicted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.data import painting
from avsal_bench.data.dataset import Video
from avsal_bench.data.reading import read_density, read_frames

#: Frames of a video in its picture, and (height, width) of each.
COLUMNS = 8
TILE = (96, 144)


def picture_frames(video: Video) -> list[int]:
    """Frames of a video that its picture shows, spread evenly."""
    return painting.evenly(video.n_frames, COLUMNS)


def draw_video(maps: Mapping[int, Tensor], video: Video, path: Path) -> None:
    """Write a picture with a column for each of some frames.

    The rows are the frame, the ground truth over the frame, and the prediction over the frame.

    Args:
        maps: for each frame shown its map ``(h, w)``, not negative.
        video: whose files are read.
        path: of the PNG.
    """
    columns = []
    for n, saliency in sorted(maps.items()):
        frame = np.asarray(read_frames(video, [n], TILE)[:, 0].permute(1, 2, 0))
        density = read_density(video.densities.path(n), TILE)
        predicted = F.interpolate(saliency[None, None].float(), TILE, mode="bilinear", antialias=True)[0, 0]
        rows = [frame, *(painting.blend(frame, np.asarray(laid)) for laid in (density, predicted))]
        columns.append(np.concatenate(rows))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(columns, axis=1)).save(path)
