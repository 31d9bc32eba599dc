"""Protocols: every choice between a network's map and a score, under a name that each record carries.

Published scores of the same maps differ by protocol more than networks differ from each other. A new protocol is one
entry of :data:`PROTOCOLS`; a choice that no field can say yet is a new field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from avsal_bench.metrics.resize import gaussian_blur, imresize
from avsal_bench.names import pick


@dataclass(frozen=True)
class Blur:
    """A Gaussian blur of the map at its own resolution, borders mirrored; ``sigma`` and ``kernel`` in its pixels."""

    sigma: float
    kernel: int


@dataclass(frozen=True)
class Protocol:
    """How maps become scores, step by step.

    Args:
        name: of the protocol.
        source: whose evaluation code it follows.
        eight_bit: the map is stored in 8 bits before anything else, see :func:`to_eight_bit`.
        minmax: the map is then scaled to [0, 1] (a constant one to 1/2; one of zeros has no score).
        blur: what is then applied to the map, or None.
        resize: how the map is brought to the size of the ground truth: ``bicubic`` as MATLAB's ``imresize``.
        negatives: of the shuffled AUC. ``video``: what is fixated in any frame of the video, less what is fixated
            in the frame itself.
        empty_density: SIM and KL of a frame whose ground-truth map is zero everywhere. ``zero``: 0, as the MIT code
            has it, which lowers a video's mean of both; ``nan``: not defined.
        averaging: ``videos``: the mean over a video's frames where the metric is defined, then over videos.
    """

    name: str
    source: str
    eight_bit: bool
    minmax: bool
    blur: Blur | None
    resize: Literal["bicubic"] = "bicubic"
    negatives: Literal["video"] = "video"
    empty_density: Literal["zero", "nan"] = "zero"
    averaging: Literal["videos"] = "videos"


PROTOCOLS = {
    entry.name: entry
    for entry in (
        Protocol(
            name="stavis",
            source="Tsiami et al., CVPR 2020: the authors' MATLAB scripts, as they really compute",
            eight_bit=True,
            minmax=True,
            blur=Blur(sigma=2.0, kernel=13),
        ),
    )
}


def protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    return pick("protocol", name, PROTOCOLS)


def to_eight_bit(maps: Tensor, where: Sequence[str] = ()) -> Tensor:
    """Maps ``(B, h, w)`` scaled one by one to 0..255 and truncated to uint8, as STAViS saves its predictions.

    A constant map becomes zero everywhere: it says nothing about where people look. Maps in uint8 come back as
    they are.

    Args:
        maps: of any floating type.
        where: name of each map, for the error.

    Raises:
        ValueError: naming the first map with a NaN or an infinity, which 8 bits would hide.
    """
    if maps.dtype == torch.uint8:
        return maps
    require_finite(maps, where)
    maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    scale = 255.0 / (high - low)
    return ((maps - low) * scale).where(scale.isfinite(), 0.0).clamp(0, 255).to(torch.uint8)


def require_finite(maps: Tensor, where: Sequence[str] = ()) -> None:
    """Check that predictions ``(B, h, w)`` hold no NaN and no infinity.

    Raises:
        ValueError: naming the first that does, from ``where`` or by its place in the batch.
    """
    if not maps.is_floating_point():
        return
    finite = maps.isfinite().all(-1).all(-1)
    if not finite.all():
        bad = int(finite.logical_not().nonzero()[0])
        name = where[bad] if where else f"map {bad}"
        raise ValueError(f"{name}: the predicted map holds NaN or infinity; has the network diverged?")


def prepare(maps: Tensor, size: tuple[int, int], protocol: Protocol, dtype: torch.dtype = torch.float64) -> Tensor:
    """Predictions ``(B, h, w)``, uint8 or floating, made ready for the metrics: ``(B, *size)`` of type ``dtype``.

    A map that the protocol gives no score is NaN throughout.
    """
    if protocol.eight_bit:
        maps = to_eight_bit(maps)
    maps = maps.to(dtype) / 255 if maps.dtype == torch.uint8 else maps.to(dtype)
    if protocol.minmax:
        maps = _minmax(maps)
    if protocol.blur is not None:
        maps = gaussian_blur(maps, protocol.blur.sigma, protocol.blur.kernel)
    return imresize(maps, size)


def _minmax(maps: Tensor) -> Tensor:
    """Maps scaled to [0, 1]: a constant one to 1/2, one of zeros to NaN, as STAViS's scripts do."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    scaled = ((maps - low) / (high - low)).where(high > low, 0.5)
    return scaled.where((low != 0) | (high != 0), torch.nan)
