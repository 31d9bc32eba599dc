"""The scores of one frame by the script of the AViMoS, NTIRE 2026 and CrowdSAL challenges, of arrays as it has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from avsal_bench.metrics.arithmetic.scaling import find, measure
from avsal_bench.metrics.arithmetic.stretched import challenge_scores, in_levels, listed, stretch
from avsal_bench.metrics.further import AUC_J_MIT
from avsal_bench.metrics.resize import bilinear


def crowdsal_scores(pred: ArrayLike, density: ArrayLike, points: ArrayLike) -> dict[str, float]:
    """Score one frame as the protocol ``crowdsal`` does, step by step as its script: see ``docs/protocols.md``.

    Args:
        pred: predicted map in the levels of its file: ``(h, w)``, or ``(h, w, C)`` of 3 or 4 channels, of which the
            mean is taken; alpha counts as a channel. uint8, uint16 or floating, which has no levels and counts as
            stretched from 0 to 255.
        density: the ground-truth map, likewise; the prediction is resized to its size.
        points: where people looked, whole numbers ``(N, 2)``: **row** and **column** from 0, not x and y, in pixels of
            ``density``; each counts as often as it is listed. Negative ones count from the other side.

    Returns:
        ``CC``, ``NSS``, ``AUC-J`` and ``SIM`` of the script, and ``AUC-J-mit``, the area of the MIT code: each pixel
        once, and its true number of others. Without points CC and SIM alone are defined, and the others NaN; the script
        stops there.

    Raises:
        ValueError: for what is no map or no list of points, and a point outside of the map.

    >>> pred = np.arange(12, dtype=np.uint8).reshape(3, 4)
    >>> scores = crowdsal_scores(pred, pred[::-1].copy(), [[2, 3], [2, 3], [1, 0]])
    >>> {name: round(value, 3) for name, value in scores.items()}
    {'CC': -0.79, 'NSS': 0.917, 'AUC-J': 0.95, 'SIM': 0.515, 'AUC-J-mit': 0.85}
    """
    p, g = (
        in_levels(torch.from_numpy(_grey(name, given))[None]) for name, given in (("pred", pred), ("density", density))
    )
    size = (g.shape[1], g.shape[2])
    p, g = bilinear(stretch(p), size).flatten(1), stretch(g).flatten(1)
    where = np.asarray(points)
    if where.size == 0:
        where = np.zeros((0, 2), np.int64)
    looked = listed([torch.from_numpy(where)], size)
    mask = torch.zeros(1, size[0] * size[1], dtype=torch.bool)
    mask[0, looked.points.index] = True
    scores, usual = challenge_scores(measure(p), measure(g), looked, find(mask))
    return {name: float(scores[name]) for name in ("CC", "NSS", "AUC-J", "SIM")} | {AUC_J_MIT: float(usual)}


def _grey(name: str, given: ArrayLike) -> NDArray[Any]:
    """A map ``(h, w)``; of several channels their mean."""
    found = np.asarray(given)
    if found.ndim not in (2, 3) or (found.ndim == 3 and found.shape[2] not in (1, 3, 4)) or not found.size:
        raise ValueError(f"{name} has shape {found.shape}: expected one map (h, w), or (h, w, 3 or 4) as it is read")
    if found.dtype.kind not in "buif":
        raise ValueError(f"{name}: expected numbers, got {found.dtype}")
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise ValueError(f"{name} holds NaN or infinity, and such a map has no score; has the network diverged?")
    if found.ndim == 2 or found.shape[2] == 1:
        return np.ascontiguousarray(found.reshape(found.shape[:2]))
    return _mean_of_levels(found)


def _mean_of_levels(channels: NDArray[Any]) -> NDArray[Any]:
    """The mean of channels ``(h, w, C)``: whole numbers where they are equal, which have the levels of their file."""
    if (channels == channels[..., :1]).all():
        return np.ascontiguousarray(channels[..., 0])
    return np.asarray(channels.mean(-1, dtype=np.float64))
