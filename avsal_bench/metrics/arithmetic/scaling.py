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


def surely(flags: Tensor) -> bool:
    """Whether all flags are known to be set: those on a GPU are not looked at, as this process would wait for it."""
    return flags.device.type == "cpu" and bool(flags.all())


def measure(maps: Tensor) -> Maps:
    """Range of maps ``(B, n)``, after scaling those of extreme magnitude by a power of two."""
    maps = maps.contiguous()
    low, high = maps.amin(1, keepdim=True), maps.amax(1, keepdim=True)
    size = torch.maximum(low.abs(), high.abs())
    finite = size.isfinite()
    safe = (size > _SAFE[0]) & (size < _SAFE[1])
    if not surely(safe):  # for maps of ordinary magnitude the factor is 1
        exponent = torch.frexp(size.where(finite & ~safe, 0.5)).exponent  # that of 0.5 is 0
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
    return scaled if surely(maps.varies) else scaled.where(maps.varies, 0.0)


def total(maps: Tensor) -> Tensor:
    """Sum of each of the maps ``(B, n)``, ``(B,)`` float64: float32 would lose digits in a long sum."""
    return maps.sum(1, dtype=torch.float64)


def from_zero(maps: Maps) -> tuple[Tensor, Tensor]:
    """Maps ``(B, n)`` less their least value, and their sum ``(B,)`` float64; NaN for a constant one."""
    raised = maps.values - maps.low
    return raised, total(raised).where(maps.varies[:, 0], torch.nan)


def centred(maps: Maps) -> tuple[Tensor, Tensor]:
    """Maps ``(B, n)`` less their mean, and their norm ``(B,)`` float64; NaN for a constant one."""
    deviation = maps.values - maps.low  # float32 has no digits to spare for an offset
    mean = total(deviation) / deviation.shape[1]
    deviation = deviation.sub_(mean[:, None].to(deviation))
    return deviation, total(deviation.square()).sqrt().where(maps.varies[:, 0], torch.nan)


def to_sum_1(maps: Maps) -> Tensor:
    """Maps ``(B, n)`` divided by their sum; NaN where that is zero or rounding and where a map is not finite."""
    mass = total(maps.values)[:, None]
    mass = mass.where(mass.abs() > CONSTANT[maps.values.dtype] * maps.size, torch.nan)
    return maps.values / mass.to(maps.values)


def mean_at(values: Tensor, points: Points) -> Tensor:
    """Mean ``(B,)`` of ``values`` ``(B, n)`` at the points; NaN where there are none."""
    listed = values_at(values, points)
    return total(listed.where(listed > NOWHERE, 0.0)) / points.counts


def mean_bits_at(maps: Maps, points: Points) -> Tensor:
    """Mean logarithm ``(B,)``, to base 2, of the share of the points in the sum of a map."""
    raised, mass = from_zero(maps)
    listed = values_at(raised, points)
    bits = (listed.clamp(min=0.0) / mass[:, None] + EPS).log2()
    return total(bits.where(listed > NOWHERE, 0.0)) / points.counts


def within(scores: Tensor, low: float, high: float, dtype: torch.dtype | None = None) -> Tensor:
    """Scores that rounding alone carried past an end of their range, back at that end; others as they are.

    Args:
        scores: of maps.
        low: the one end.
        high: the other one.
        dtype: of the maps, where it is not that of the scores.
    """
    slack = _ROUNDING[dtype or scores.dtype]
    scores = scores.masked_fill((scores < low) & (scores >= low - slack), low)
    return scores.masked_fill((scores > high) & (scores <= high + slack), high)


@dataclass(frozen=True, slots=True)
class Points:
    """The pixels that ``B`` masks of n pixels mark, in order."""

    index: Tensor  #: (K,) position among all B n pixels
    row: Tensor  #: (K,) which mask
    counts: Tensor  #: (B,) how many in each mask
    most: int  #: the largest of the counts, at least 1

    def to(self, device: torch.device) -> Points:
        """The same on another device, where nothing waits for them."""
        if self.index.device == device:
            return self
        index, row, counts = (moved(part, device) for part in (self.index, self.row, self.counts))
        return Points(index, row, counts, self.most)


def moved(values: Tensor, device: torch.device) -> Tensor:
    """Values on another device; to a GPU from pinned memory, so that this process need not wait for it."""
    if device.type == "cuda" and values.device.type == "cpu" and not values.is_pinned():
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


def find(masks: Tensor) -> Points:
    """What is not zero in masks ``(B, n)`` of any type; of masks on a GPU this waits for it."""
    marked = (masks if masks.dtype == torch.bool else masks != 0).reshape(-1).contiguous()
    if len(marked) % 8 == 0 and marked.storage_offset() % 8 == 0:
        # Few pixels are marked: eight at a time, as one integer, the search takes a fifth of the time.
        eights = marked.view(torch.int64).nonzero()[:, 0]
        which, within = marked.view(-1, 8)[eights].nonzero(as_tuple=True)
        index = eights[which] * 8 + within
    else:
        index = marked.nonzero()[:, 0]
    row = index // max(masks.shape[1], 1)
    counts = row.bincount(minlength=len(masks))
    return Points(index, row, counts, max([1, *counts.tolist()]))


def values_at(maps: Tensor, points: Points) -> Tensor:
    """Values of maps ``(B, n)`` at the points, padded with -∞ to ``(B, k)``, k at least 1."""
    before = (points.counts.cumsum(0) - points.counts)[points.row]
    position = torch.arange(len(before), device=maps.device) - before
    padded = maps.new_full((len(maps), points.most), NOWHERE)
    padded[points.row, position] = maps.reshape(-1)[points.index]
    return padded
