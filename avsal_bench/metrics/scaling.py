"""What the metrics ask of a batch of maps ``(B, n)``: range, scale, centre, and the values at some pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

#: Added by the MIT code inside its quotients and logarithms: MATLAB's ``eps``.
EPS = 2.0**-52
#: Below this fraction of the largest magnitude the range of a map is rounding.
CONSTANT = {torch.float64: 1e-12, torch.float32: 1e-6}
#: How far rounding can carry a score past the end of its range.
_ROUNDING = {torch.float64: 1e-9, torch.float32: 1e-5}
#: Maps whose largest magnitude is outside are rescaled: squares and sums of all others are safe in float32.
_SAFE = (2.0**-32, 2.0**32)
#: Pads a list of values: below them all.
NOWHERE = -torch.inf


@dataclass(frozen=True, slots=True)
class Maps:
    """Flattened maps without extreme magnitudes, and what all metrics ask of them."""

    values: Tensor  #: (B, n); zero throughout for a map that is not finite
    low: Tensor  #: (B, 1) least value
    span: Tensor  #: (B, 1) range; 1 for a constant map
    varies: Tensor  #: (B, 1) neither constant nor not finite
    finite: Tensor  #: (B, 1)
    size: Tensor  #: (B, 1) largest magnitude


def measure(maps: Tensor) -> Maps:
    """Range of maps ``(B, n)``, after scaling those of extreme magnitude by a power of two."""
    maps = maps.contiguous()
    low, high = maps.amin(1, keepdim=True), maps.amax(1, keepdim=True)
    size = torch.maximum(low.abs(), high.abs())
    finite = size.isfinite()
    safe = (size > _SAFE[0]) & (size < _SAFE[1])
    if not bool(safe.all()):
        exponent = torch.frexp(size.where(finite & ~safe, 1.0)).exponent
        # In two steps: the inverse of the least number would be infinite.
        for part in (exponent // 2, exponent - exponent // 2):
            factor = torch.exp2(-part.to(maps.dtype))
            maps, low, high, size = (x * factor for x in (maps, low, high, size))
        maps, low, high, size = (x.where(finite, 0.0) for x in (maps, low, high, size))
    span = high - low
    varies = span > CONSTANT[maps.dtype] * size
    return Maps(maps, low, span.where(varies, 1.0), varies, finite, size)


def minmax(maps: Maps) -> Tensor:
    """Maps ``(B, n)`` scaled to [0, 1]; a constant one is 0."""
    scaled = (maps.values - maps.low).div_(maps.span)
    return scaled if bool(maps.varies.all()) else scaled.where(maps.varies, 0.0)


def from_zero(maps: Maps) -> tuple[Tensor, Tensor]:
    """Maps ``(B, n)`` less their least value, and their sum ``(B, 1)``; NaN for a constant one."""
    raised = maps.values - maps.low
    return raised, raised.sum(1, keepdim=True).where(maps.varies, torch.nan)


def centred(maps: Maps) -> tuple[Tensor, Tensor]:
    """Maps ``(B, n)`` less their mean, and their norm ``(B,)``; NaN for a constant one."""
    deviation = maps.values - maps.low  # float32 has no digits to spare for an offset
    deviation.sub_(deviation.mean(1, keepdim=True))
    return deviation, deviation.square().sum(1).sqrt().where(maps.varies[:, 0], torch.nan)


def to_sum_1(maps: Maps) -> Tensor:
    """Maps ``(B, n)`` divided by their sum; NaN where that is zero or rounding and where a map is not finite."""
    total = maps.values.sum(1, keepdim=True)
    return maps.values / total.where(total.abs() > CONSTANT[total.dtype] * maps.size, torch.nan)


def mean_at(values: Tensor, points: Points) -> Tensor:
    """Mean ``(B,)`` of ``values`` ``(B, n)`` at the points; NaN where there are none."""
    listed = values_at(values, points)
    return listed.where(listed > NOWHERE, 0.0).sum(1) / points.counts


def mean_bits_at(maps: Maps, points: Points) -> Tensor:
    """Mean logarithm ``(B,)``, to base 2, of the share of the points in the sum of a map."""
    raised, total = from_zero(maps)
    listed = values_at(raised, points)
    bits = (listed.clamp(min=0.0) / total + EPS).log2()
    return bits.where(listed > NOWHERE, 0.0).sum(1) / points.counts


def within(scores: Tensor, low: float, high: float) -> Tensor:
    """Scores that rounding alone carried past an end of their range, back at that end; others as they are."""
    slack = _ROUNDING[scores.dtype]
    scores = scores.masked_fill((scores < low) & (scores >= low - slack), low)
    return scores.masked_fill((scores > high) & (scores <= high + slack), high)


@dataclass(frozen=True, slots=True)
class Points:
    """The pixels that ``B`` masks of n pixels mark, in order."""

    index: Tensor  #: (K,) position among all B n pixels
    row: Tensor  #: (K,) which mask
    counts: Tensor  #: (B,) how many in each mask


def find(masks: Tensor) -> Points:
    """What is not zero in masks ``(B, n)`` of any type."""
    marked = (masks if masks.dtype == torch.bool else masks != 0).reshape(-1).contiguous()
    if len(marked) % 8 == 0 and marked.storage_offset() % 8 == 0:
        # Few pixels are marked: eight at a time, as one integer, the search takes a fifth of the time.
        eights = marked.view(torch.int64).nonzero()[:, 0]
        which, within = marked.view(-1, 8)[eights].nonzero(as_tuple=True)
        index = eights[which] * 8 + within
    else:
        index = marked.nonzero()[:, 0]
    row = index // max(masks.shape[1], 1)
    return Points(index, row, row.bincount(minlength=len(masks)))


def values_at(maps: Tensor, points: Points) -> Tensor:
    """Values of maps ``(B, n)`` at the points, padded with -∞ to ``(B, k)``, k at least 1."""
    before = (points.counts.cumsum(0) - points.counts)[points.row]
    position = torch.arange(len(before), device=maps.device) - before
    padded = maps.new_full((len(maps), max([1, *points.counts.tolist()])), NOWHERE)
    padded[points.row, position] = maps.reshape(-1)[points.index]
    return padded
