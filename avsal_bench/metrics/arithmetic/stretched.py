"""The four metrics of the script of the AViMoS, NTIRE 2026 and CrowdSAL challenges, of maps stretched to [0, 1].

Written from a description of what that code computes. What differs from the MIT code: small numbers are added in
quotients, the deviation of a map has n, a point counts as often as it is listed, and the area divides by n - 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from avsal_bench.metrics.arithmetic.roc import count_in_maps
from avsal_bench.metrics.arithmetic.scaling import CONSTANT, NOWHERE, Points, moved, total, values_at

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
            f"a point at row {int(rows[first])} and column {int(columns[first])}, outside of {height} rows and "
            f"{width} columns; are rows and columns swapped?"
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


def challenge_scores(p: Tensor, g: Tensor, looked: Listed) -> dict[str, Tensor]:
    """CC, NSS, AUC-J and SIM as the script computes them.

    Args:
        p: predictions ``(B, n)`` float64, stretched and then resized.
        g: densities ``(B, n)`` float64, stretched.
        looked: at which pixels.

    Returns:
        ``(B,)`` float64 each. A constant map scores 0 in CC, SIM and NSS. NSS and AUC-J are NaN without points, of
        which the script stops. AUC-J is above 1 where repeats on high values make false positives negative: at most by
        ``N / 2 (n - 2)`` for N points.
    """
    n = p.shape[1]
    sums = torch.zeros(5, len(p), dtype=torch.float64, device=p.device)
    for one, other in _blocks(p, g):
        sums += torch.stack([total(x) for x in (one, other, one * one, other * other, one * other)])
    (p_mean, g_mean, p_square, g_square, product), masses = sums / n, sums[:2]
    p_variance, g_variance = (
        (square - mean**2).clamp_min(0.0) for square, mean in ((p_square, p_mean), (g_square, g_mean))
    )
    p_std, g_std = p_variance.sqrt(), g_variance.sqrt()
    one, other = p_std + _EPS, g_std + _EPS
    norms = (n * p_variance / one**2) * (n * g_variance / other**2)
    at_points = values_at(p, looked.points)
    mean = total(at_points.where(at_points > NOWHERE, 0.0)) / looked.points.counts
    p_scale, g_scale = (1 / (mass + _EPS) for mass in masses)
    common = torch.zeros_like(p_mean)
    for one_part, other_part in _blocks(p, g):
        common += total(torch.minimum(one_part * p_scale[:, None], other_part * g_scale[:, None]))
    return {
        "CC": n * (product - p_mean * g_mean) / (one * other) / (norms + _EPS).sqrt(),
        "NSS": (mean - p_mean) / one,
        "AUC-J": _area(p, at_points, looked),
        "SIM": common,
    }


def _area(p: Tensor, at_points: Tensor, looked: Listed) -> Tensor:
    """Their area: the curve has one point for each that is listed, and repeats and the divisor are as they are.

    Of false positives ``x_i`` at i of N points the area between (0, 0) and (1, 1) is ``1 - (Σ x_i - x_N / 2) / N``.
    """
    counts = looked.points.counts
    thresholds = at_points.where(at_points > NOWHERE, torch.inf).sort(1).values.flip(1)
    padding = thresholds.shape[1] - counts[:, None]
    reached = count_in_maps(p, thresholds, thresholds)
    rank = torch.arange(1, thresholds.shape[1] + 1, device=p.device) - padding
    false = (reached - rank).where(rank > 0, 0.0)
    lost = false.sum(1) - false[:, -1] / 2
    divisor = p.shape[1] - looked.distinct
    return torch.where((counts > 0) & (divisor > 0), 1 - lost / (counts * divisor), torch.nan)


def _blocks(p: Tensor, g: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Some columns of two sets of maps at a time on a CPU; all of them on a GPU."""
    step = max(1, _BLOCK // max(1, len(p))) if p.device.type == "cpu" else p.shape[1]
    for start in range(0, p.shape[1], step):
        yield p[:, start : start + step], g[:, start : start + step]
