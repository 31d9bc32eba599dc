"""The four metrics of the script of the AViMoS, NTIRE 2026 and CrowdSAL challenges, of maps stretched to [0, 1].

Written from a description of what that code computes. What differs from the MIT code: small numbers are added in
quotients, the deviation of a map has n, a point counts as often as it is listed, and the area divides by n - 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from avsal_bench.metrics.arithmetic.measured import DISTURBED, judd
from avsal_bench.metrics.arithmetic.roc import count_in_maps, judd_of
from avsal_bench.metrics.arithmetic.scaling import (
    CONSTANT,
    EPS,
    NOWHERE,
    Maps,
    Points,
    moved,
    surely,
    total,
    values_at,
    within,
)
from avsal_bench.text import many

#: Added to the range of a map, as the script does: about 2⁻²³.
RANGE_EPS = 1.19209e-7
#: Added to sums, deviations, and the product of two norms.
_EPS = 1e-7
#: Pixels that are worked on at a time: some arrays of this size stay near a processor.
_BLOCK = 2**15


@dataclass(frozen=True, slots=True)
class Listed:
    """Where people looked in ``B`` frames, each point as often as it is listed.

    Args:
        points: pixels, with repeats.
        distinct: ``(B,)``, what the script takes for the number of distinct points: 2, or 1 where row and column are
            equal in every point of the frame.
    """

    points: Points
    distinct: Tensor

    def to(self, device: torch.device) -> Listed:
        """The same on another device."""
        return Listed(self.points.to(device), moved(self.distinct, device))


def listed(points: Sequence[Tensor], size: tuple[int, int]) -> Listed:
    """Points of frames of one size, each ``(N, 2)`` integers: row and column from 0.

    Negative numbers count from the other side, as they do in the script; readers of files refuse them.

    Raises:
        ValueError: for what has another form, and a point outside of the frame.
    """
    height, width = size
    for number, of_frame in enumerate(points):
        if of_frame.ndim != 2 or of_frame.shape[1] != 2 or of_frame.is_floating_point():
            raise ValueError(
                f"points of frame {number}: expected whole numbers (N, 2), row and column, got "
                f"{of_frame.dtype} of shape {tuple(of_frame.shape)}"
            )
    counts = torch.tensor([len(of_frame) for of_frame in points], dtype=torch.int64)
    together = torch.cat([of_frame.long() for of_frame in points]) if len(points) else torch.zeros(0, 2).long()
    rows, columns = together.unbind(1)
    outside = (rows < -height) | (rows >= height) | (columns < -width) | (columns >= width)
    if outside.any():
        first = int(outside.nonzero()[0])
        raise ValueError(
            f"a point at row {int(rows[first])} and column {int(columns[first])}, outside of {many(height, 'row')} and "
            f"{many(width, 'column')}; are rows and columns swapped?"
        )
    row = torch.arange(len(points)).repeat_interleave(counts)
    index = row * height * width + rows % height * width + columns % width
    return Listed(Points(index, row, counts, max([1, *counts.tolist()])), _distinct(rows == columns, row, counts))


def each_once(fixated: Points, size: tuple[int, int]) -> Listed:
    """Fixated pixels of frames of one size as points, each once: of data sets that keep fixation maps."""
    height, width = size
    pixel = fixated.index % (height * width)
    return Listed(fixated, _distinct(pixel // width == pixel % width, fixated.row, fixated.counts))


def _distinct(equal: Tensor, row: Tensor, counts: Tensor) -> Tensor:
    """2, or 1 for a frame in which all points are ``equal`` in row and column."""
    others = torch.zeros_like(counts).index_add_(0, row, (~equal).long())
    return (others > 0).long() + 1


def in_levels(maps: Tensor) -> Tensor:
    """Maps ``(B, h, w)`` of any type as float64 in the levels of a file.

    Those of whole numbers are levels. Floating ones have none: they count as if stored with a range of 255, unrounded;
    one that is constant but for rounding is 0.
    """
    if not maps.is_floating_point():
        return maps.double()
    low, high = (x.double() for x in (maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)))
    span = high - low
    varies = span > CONSTANT.get(maps.dtype, CONSTANT[torch.float32]) * torch.maximum(low.abs(), high.abs())
    return ((maps.double() - low) / span.where(varies, 1.0)).mul_(255).where(varies, 0.0)


def stretch(levels: Tensor) -> Tensor:
    """Maps ``(B, h, w)`` float64 in the levels of their files, each scaled to [0, 1]; a constant one is 0."""
    low, high = levels.amin((1, 2), keepdim=True), levels.amax((1, 2), keepdim=True)
    return (levels - low).div_(high - low + RANGE_EPS)


def challenge_scores(p: Maps, g: Maps, looked: Listed, fixated: Points) -> tuple[dict[str, Tensor], Tensor]:
    """CC, NSS, AUC-J and SIM as the script computes them, and beside them KL and AUC-J of the MIT code.

    Args:
        p: predictions, float64, stretched and then resized.
        g: densities, float64, stretched.
        looked: at which pixels, as often as they are listed.
        fixated: the same pixels, each once.

    Returns:
        ``(B,)`` float64 each: ``CC``, ``NSS``, ``AUC-J``, ``SIM`` and ``KL``, and the other AUC-J. A constant map
        scores 0 in CC, SIM and NSS, and has no KL. NSS and AUC-J are NaN without points, where the script stops. Its
        AUC-J is above 1 where repeats on high values make false positives negative: by ``N / 2 (n - 2)`` at most for N
        points.
    """
    n = p.values.shape[1]
    sums = torch.zeros(5, len(p.values), dtype=torch.float64, device=p.values.device)
    for one, other in _blocks(p, g):
        sums += torch.stack([total(x) for x in (one, other, one * one, other * other, one * other)])
    (p_mean, g_mean, p_square, g_square, product), masses = sums / n, sums[:2]
    p_variance, g_variance = (p_square - p_mean**2).clamp_min(0.0), (g_square - g_mean**2).clamp_min(0.0)
    p_std, g_std = p_variance.sqrt() + _EPS, g_variance.sqrt() + _EPS
    norms = (n * p_variance / p_std**2) * (n * g_variance / g_std**2)
    at_points = values_at(p.values, looked.points)
    mean = total(at_points.where(at_points > NOWHERE, 0.0)) / looked.points.counts
    common, divergence = _overlap(p, g, *masses)
    theirs, usual = _areas(p, at_points, looked, fixated)
    scores = {
        "CC": n * (product - p_mean * g_mean) / (p_std * g_std) / (norms + _EPS).sqrt(),
        "NSS": (mean - p_mean) / p_std,
        "AUC-J": theirs,
        "SIM": common,
        "KL": within(divergence, 0.0, math.inf),
    }
    return scores, usual


def _overlap(p: Maps, g: Maps, p_mass: Tensor, g_mass: Tensor) -> tuple[Tensor, Tensor]:
    """Their SIM, and KL as :func:`~avsal_bench.metrics.arithmetic.measured.kld` has it, of maps with these sums."""
    p_scale, g_scale = (1 / (mass[:, None] + _EPS) for mass in (p_mass, g_mass))
    p_sum, g_sum = (mass[:, None].where(mass[:, None] > 0, torch.nan) for mass in (p_mass, g_mass))
    common, divergence = torch.zeros_like(p_mass), torch.zeros_like(p_mass)
    for one, other in _blocks(p, g):
        common += total(torch.minimum(one * p_scale, other * g_scale))
        share = other / g_sum
        ratio = (one / p_sum).add_(EPS)
        ratio = torch.div(share, ratio, out=ratio).add_(EPS).abs_().log_()
        divergence += total(ratio.mul_(share))
    return common, divergence


def _areas(p: Maps, at_points: Tensor, looked: Listed, fixated: Points) -> tuple[Tensor, Tensor]:
    """Their area, and that of :func:`~avsal_bench.metrics.arithmetic.measured.judd`: pixels are counted once for both.

    Their curve has a point for each that is listed. With false positives ``x_i`` at i of N points the area between
    (0, 0) and (1, 1) is ``1 - (Σ x_i - x_N / 2) / N``.
    """
    counts = looked.points.counts
    thresholds = at_points.where(at_points > NOWHERE, torch.inf).sort(1).values.flip(1)
    limits = (p.low, p.span)
    if surely((p.span >= DISTURBED[1]) & p.varies):
        reached = thresholds

        def count(edges: Tensor, likely: Tensor) -> Tensor:
            nonlocal reached
            wanted = torch.cat([edges * p.span + p.low, thresholds], 1)
            found = count_in_maps(p.values, wanted, thresholds, limits)
            reached = found[:, edges.shape[1] :]
            return found[:, : edges.shape[1]]

        n = p.values.shape[1]
        usual = judd_of((values_at(p.values, fixated) - p.low) / p.span, fixated.counts, n, count)
        usual = usual.where((fixated.counts > 0) & (fixated.counts < n), torch.nan)
    else:  # maps of a small range, whose values the MIT code's noise mixes
        usual = judd(p, fixated)
        reached = count_in_maps(p.values, thresholds, thresholds, limits)
    rank = torch.arange(1, thresholds.shape[1] + 1, device=thresholds.device) - thresholds.shape[1] + counts[:, None]
    false = (reached - rank).where(rank > 0, 0.0)
    lost = false.sum(1) - false[:, -1] / 2
    divisor = p.values.shape[1] - looked.distinct
    return torch.where((counts > 0) & (divisor > 0), 1 - lost / (counts * divisor), torch.nan), usual


def _blocks(p: Maps, g: Maps) -> Iterator[tuple[Tensor, Tensor]]:
    """Some columns of two sets of maps at a time on a CPU; all of them on a GPU."""
    maps, n = p.values.shape
    step = max(1, _BLOCK // max(1, maps)) if p.values.device.type == "cpu" else n
    for start in range(0, n, step):
        yield p.values[:, start : start + step], g.values[:, start : start + step]
