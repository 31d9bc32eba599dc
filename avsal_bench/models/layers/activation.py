"""From class activation maps to pseudo maps (stanet2021, SCAM): plain rules over maps, with nothing to learn."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

#: A crop holds all that is above so many means; below so many of them a smoothed map is set to 0.
CROP_MEANS, KEPT_MEANS = 2.0, 3.0

#: Frames of the running average, around the middle one.
SMOOTHED = 5


class Activation(NamedTuple):
    """What one classifier says of the frames of a batch."""

    maps: Tensor
    """``(B, H, W)`` in [0, 1]; 0 where the classifier is wrong."""
    confidence: Tensor
    """``(B,)`` in [0, 1], of the true category."""
    right: Tensor
    """``(B,)`` bool: whether the largest logit is that of the true category."""


class Box(NamedTuple):
    """Part of a map: rows ``top`` to ``bottom`` and columns ``left`` to ``right``, the ends not among them."""

    top: int
    bottom: int
    left: int
    right: int


def activation(before: Tensor, after: Tensor, tags: Tensor, size: tuple[int, int]) -> Activation:
    """The class activation maps of the true categories.

    Logits are the means of those of both heads, confidences their sigmoids.

    Args:
        before: ``(B, C, h, w)``, before the attention.
        after: likewise, behind it.
        tags: the true category of each item, ``(B,)`` int.
        size: (H, W) of the maps; they are enlarged bilinearly.
    """
    both = (before + after) / 2
    rows = torch.arange(len(both), device=both.device)
    logits = both.mean((2, 3))
    right = logits.argmax(1) == tags
    maps = both[rows, tags].clamp_min(0)
    maps = F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)[:, 0]
    largest = maps.amax((1, 2), keepdim=True)
    kept = (largest > 0) & right[:, None, None]
    return Activation(torch.where(kept, maps / largest, 0.0), logits[rows, tags].sigmoid(), right)


def fuse(seen: Sequence[Activation]) -> Tensor:
    """The maps of some classifiers, weighted by their confidences, then from 0 to 1; ``(B, H, W)``.

    A map that is the same everywhere, such as where all classifiers are wrong, is 0.
    """
    weighted = [one.confidence[:, None, None] * one.maps for one in seen]
    weights = torch.stack([one.confidence for one in seen]).sum(0)[:, None, None]
    fused = torch.stack(weighted).sum(0) / weights
    least = fused.amin((1, 2), keepdim=True)
    span = fused.amax((1, 2), keepdim=True) - least
    return torch.where(span > 0, (fused - least) / span, 0.0)


def crop_box(fused: Tensor) -> Box | None:
    """The smallest box around all values of a map ``(H, W)`` above twice its mean; None where there are none."""
    above = fused > CROP_MEANS * fused.mean()
    rows, columns = (above.any(1).nonzero()[:, 0], above.any(0).nonzero()[:, 0])
    if not len(rows):
        return None
    return Box(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)


def enlarge(pictures: Tensor, box: Box) -> Tensor:
    """What lies in a box of pictures ``(C, T, H, W)``, bilinearly at the size of the whole."""
    cropped = pictures[..., box.top : box.bottom, box.left : box.right]
    size = list(pictures.shape[2:])
    return F.interpolate(cropped.transpose(0, 1), size, mode="bilinear", align_corners=False).transpose(0, 1)


def paste(fine: Tensor, box: Box) -> Tensor:
    """A map ``(H, W)`` of a box, back in its place in a map of zeros of the same size."""
    whole = torch.zeros_like(fine)
    size = (box.bottom - box.top, box.right - box.left)
    whole[box.top : box.bottom, box.left : box.right] = F.interpolate(
        fine[None, None], size, mode="bilinear", align_corners=False, antialias=True
    )[0, 0]
    return whole


def smooth(maps: Iterable[Tensor]) -> Iterator[Tensor]:
    """For each map ``(H, W)`` of a video the mean of those of up to two frames before it, of it, and of two after.

    A map that is 0 everywhere stays so: no classifier was right there.
    """
    half = SMOOTHED // 2
    nothing: list[Tensor | None] = [None] * half
    held = deque(nothing, maxlen=SMOOTHED)
    for one in chain(maps, nothing):
        held.append(one)
        if len(held) == SMOOTHED and (middle := held[half]) is not None:
            there = [near for near in held if near is not None]
            yield torch.stack(there).mean(0) if middle.any() else middle


def kept(smoothed: Tensor) -> Tensor:
    """A smoothed map ``(H, W)`` without what is below three times its mean, then divided by its maximum, in [0, 1].

    It is 0 everywhere where nothing is left.
    """
    left = torch.where(smoothed >= KEPT_MEANS * smoothed.mean(), smoothed, 0.0)
    return left / left.max() if left.any() else left
