"""A picture of each tested video: some frames, where people looked, and what the network predicted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.data.dataset import Video
from avsal_bench.data.reading import read_density, read_frames

#: Frames of a video in its picture, and (height, width) of each.
COLUMNS = 8
TILE = (96, 144)


def picture_frames(video: Video) -> list[int]:
    """Frames of a video that its picture shows, spread evenly."""
    numbers: list[int] = torch.linspace(1, video.n_frames, min(COLUMNS, video.n_frames)).round().int().tolist()
    return numbers


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
        frame = read_frames(video, [n], TILE)[:, 0]
        density = read_density(video.densities.path(n), TILE)
        predicted = F.interpolate(saliency[None, None].float(), TILE, mode="bilinear", antialias=True)[0, 0]
        columns.append(torch.cat([frame, overlay(frame, density), overlay(frame, predicted)], dim=1))
    picture = torch.cat(columns, dim=2).permute(1, 2, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(picture)).save(path)


def overlay(frame: Tensor, saliency: Tensor) -> Tensor:
    """Paint a map ``(h, w)`` over the grey of a frame ``(3, h, w)`` uint8: from nothing over red to yellow."""
    weight = (saliency / saliency.max().clamp_min(torch.finfo(saliency.dtype).tiny)).clamp(0, 1)
    heat = torch.stack([torch.ones_like(weight), (2 * weight - 1).clamp_min(0), torch.zeros_like(weight)]) * 255
    grey = frame.float().mean(0) * 0.6
    return (grey + weight * (heat - grey)).to(torch.uint8)
