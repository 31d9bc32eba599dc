"""Areas under ROC curves of flattened maps, and the exact counting of pixels that they rest on.

Maps are ``(B, n)``, finite, float32 or float64. All areas are made of whole numbers of pixels in float64 and divided
once at the end, so that they cannot leave their range by rounding.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from avsal_bench.metrics.arithmetic.scaling import NOWHERE, Points, find, values_at

#: Cells that the range of a map is cut into for counting. 4097 counters stay in the fastest cache.
_CELLS = 4096
#: Up to so many thresholds in all maps a comparison of each with all pixels is the fastest.
_FEW = 48
#: Scaled values nearer than this are tied: the jitter of the MIT code, 1e-7, would mix them.
TIE = 1e-8
_TIE = {torch.float64: TIE, torch.float32: 1e-6}


def curve_area(fp: Tensor, tp: Tensor, n_negatives: Tensor, n_positives: Tensor) -> Tensor:
    """Trapezoid area under the points ``(B, k)``, in their order, between (0, 0) and (1, 1).

    Args:
        fp: how many of the negatives are at or above each threshold.
        tp: how many of the positives are.
        n_negatives: ``(B, 1)``.
        n_positives: ``(B, 1)``.
    """
    x, y = (
        torch.cat([torch.zeros_like(total), counts, total], 1)
        for counts, total in ((fp, n_negatives.double()), (tp, n_positives.double()))
    )
    return torch.trapezoid(y, x) / (n_negatives * n_positives)[:, 0]


def steps(like: Tensor) -> Tensor:
    """The thresholds 0, 0.1, .. 1 as ``(11,)``."""
    return 0.1 * torch.arange(11, dtype=like.dtype, device=like.device)


def count_at_steps(values: Tensor, row: Tensor, rows: int) -> Tensor:
    """How many of scaled ``values`` ``(K,)`` of each of ``rows`` are at or above 1, 0.9, .. 0: ``(B, 11)`` float64."""
    reached = torch.bucketize(values, steps(values), right=True).add_(row, alpha=12)
    histogram = reached.bincount(minlength=12 * rows).view(rows, 12)
    return histogram.flip(1).cumsum(1)[:, :-1].double()


def count_rows_at_steps(values: Tensor) -> Tensor:
    """:func:`count_at_steps` of the rows ``(B, k)`` of scaled values; what pads a row is below them all."""
    if values.device.type == "cpu":
        listed = values > NOWHERE
        row = torch.arange(len(values)).repeat_interleave(listed.sum(1))
        return count_at_steps(values[listed], row, len(values))
    return (values[:, None] >= steps(values).flip(0)[:, None]).sum(2).double()


def count_drawn(values: Tensor, drawn: list[Tensor], counts: Tensor) -> Tensor:
    """How many of the values ``(K,)`` drawn for each row reach each step, ``(B, 11)``."""
    if not drawn:
        return values.new_zeros(0, 11, dtype=torch.float64)
    row = torch.arange(len(counts), device=values.device).repeat_interleave(counts)
    return count_at_steps(values[torch.cat(drawn).to(values.device)], row, len(counts))


def judd_curve(scaled: Tensor, fixated: Points) -> Tensor:
    """Judd's area without jitter, of maps scaled to [0, 1]."""
    at_fixations = values_at(scaled, fixated).sort(1, descending=True).values
    positives = fixated.counts[:, None]
    negatives = scaled.shape[1] - positives
    rank = torch.arange(1, at_fixations.shape[1] + 1, dtype=torch.float64, device=scaled.device)
    real = rank <= positives
    thresholds = at_fixations.where(real, torch.inf)
    fp = count_in_maps(scaled, thresholds, thresholds) - rank
    # The padding stays at (1, 1), where it adds no area.
    return curve_area(fp.where(real, negatives), rank.expand_as(fp).where(real, positives), negatives, positives)


def judd_expectation(scaled: Tensor, fixated: Points) -> Tensor:
    """Expectation of Judd's area over the jitter, of maps scaled to [0, 1]; see :func:`judd_of`."""

    def count(edges: Tensor, likely: Tensor) -> Tensor:
        return count_in_maps(scaled, edges, likely)

    return judd_of(values_at(scaled, fixated), fixated.counts, scaled.shape[1], count)


def judd_of(at_fixations: Tensor, counts: Tensor, n: int, count: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Expectation of Judd's area over the jitter.

    Args:
        at_fixations: ``(B, k)``, what maps scaled to [0, 1] hold at fixations; padded with -∞.
        counts: ``(B,)``, how many fixations a map has.
        n: pixels of a map.
        count: takes thresholds ``(B, j)``, and ``(B, k)`` values that many pixels may have; gives how many pixels of
            each map are at or above each threshold, ``(B, j)`` float64, which is overwritten.

    ``MW + (a + t k / (k + 1)) / (n - N) / 2N``: MW the Mann-Whitney statistic with half weight for ties, a the other
    pixels above the lowest fixation, t the other pixels and k the fixations tied with it. In random order,
    ``t k / (k + 1)`` of those t pixels are expected above the lowest of those k fixations.
    """
    tie = _TIE[at_fixations.dtype]
    real = at_fixations > NOWHERE
    thresholds = at_fixations.where(real, torch.inf)
    edges = torch.cat([thresholds + tie, thresholds - tie], 1)
    reached = count(edges, thresholds).sub_(count_in_list(at_fixations, edges))
    above, not_below = reached.chunk(2, 1)
    lost = ((above + not_below) / 2).where(real, 0.0).sum(1)
    lowest, index = thresholds.min(1, keepdim=True)
    a, a_and_t = above.gather(1, index)[:, 0], not_below.gather(1, index)[:, 0]
    k = (real & (at_fixations <= lowest + tie)).sum(1)
    excess = (a + (a_and_t - a) * k / (k + 1)) / 2
    return 1 - (lost - excess) / (counts * (n - counts))


def exact_area(maps: Tensor, low: Tensor, span: Tensor, fixated: Points, negatives: Points | None) -> Tensor:
    """Share of the pairs of a fixated and a negative pixel in which the fixated one is higher; half of it for equals.

    Without ``negatives`` they are all other pixels. ``low`` and ``span`` are the maps' least values and ranges
    ``(B, 1)``.
    """
    at_fixations = values_at(maps, fixated)
    real = at_fixations > NOWHERE
    thresholds = at_fixations.where(real, torch.inf)
    edges = torch.cat([thresholds.nextafter(thresholds.new_tensor(torch.inf)), thresholds], 1)
    if negatives is None:
        n_negatives = maps.shape[1] - fixated.counts
        reached = count_in_maps(maps, edges, thresholds, (low, span)) - count_in_list(at_fixations, edges)
    else:
        n_negatives = negatives.counts
        reached = count_in_list(values_at(maps, negatives), edges)
    above, not_below = reached.chunk(2, 1)
    lost = ((above + not_below) / 2).where(real, 0.0).sum(1)
    return 1 - lost / (fixated.counts * n_negatives)


def count_in_maps(
    maps: Tensor, thresholds: Tensor, likely: Tensor, limits: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """How many pixels of maps ``(B, n)`` are at or above each of ``thresholds`` ``(B, k)``: ``(B, k)`` float64.

    Exact, and made for few thresholds and many pixels. The range of each map is cut into cells by a function that
    never falls, the same one for pixels and thresholds: a pixel in a higher cell than a threshold is certainly above
    it. So most pixels are counted by their cell alone. In the cells that hold a threshold the pixels often have one
    value (8-bit maps, zeros), and are then counted with one comparison; only what is left is compared one by one.

    Args:
        maps: in [0, 1], or with ``limits``.
        thresholds: any values, and infinite ones.
        likely: ``(B, j)`` values that many pixels in the cells of the thresholds may have. The result does not depend
            on them.
        limits: least value and range of the maps, ``(B, 1)`` each.
    """
    rows, n = maps.shape
    if thresholds.numel() <= _FEW and maps.device.type == "cpu":  # NumPy compares several times faster
        pairs = zip(maps.detach().numpy(), thresholds.tolist(), strict=True)
        counts = [[np.count_nonzero(pixels >= level) for level in levels] for pixels, levels in pairs]
        return torch.tensor(counts, dtype=torch.float64).view(thresholds.shape)
    if maps.device.type != "cpu":
        return _count_by_sorting(maps, thresholds)
    low, span = limits or (maps.new_zeros(()), maps.new_ones(()))
    factor = _CELLS / span
    first = (_CELLS + 1) * torch.arange(rows, dtype=torch.int32, device=maps.device)[:, None]

    def cell(values: Tensor) -> Tensor:
        return ((values - low) * factor).clamp_(0, _CELLS).int() + first

    # Pixels lie within the limits and need no clamping.
    cells = (maps * factor if limits is None else (maps - low).mul_(factor)).int()
    cells = (cells if rows == 1 else cells.add_(first)).view(-1)
    by_cell = cells.bincount(minlength=rows * (_CELLS + 1))

    # Per cell the value that is expected of its pixels: NaN if it matters not, infinity if there is none.
    held = cell(thresholds)
    common = maps.new_full((len(by_cell),), torch.nan)
    common[held] = torch.inf
    likely = likely.clamp(low, low + span)
    common[cell(likely)] = likely
    differs = common.index_select(0, cells).sub_(maps.reshape(-1)).abs_().gt_(0.0).bool()
    other = find(differs.view(rows, n))
    if 2 * len(other.index) > len(cells):  # nearly all in a few cells: the search alone is faster
        return count_in_list(maps, thresholds)
    by_cell -= cells[other.index].bincount(minlength=len(by_cell))

    by_cell = by_cell.view(rows, _CELLS + 1)
    held = held.long()
    here = held - first
    level = (common[held] >= thresholds) * by_cell.gather(1, here)
    higher = (by_cell.flip(1).cumsum(1).flip(1) - by_cell).gather(1, here)
    return higher + level + count_in_list(values_at(maps, other), thresholds)


def count_in_list(values: Tensor, thresholds: Tensor) -> Tensor:
    """How many of ``values`` ``(B, m)`` are at or above each of ``thresholds`` ``(B, k)``: ``(B, k)`` float64."""
    if values.device.type != "cpu":
        return _count_by_sorting(values, thresholds)
    ordered, order = thresholds.sort(1)
    reached = torch.searchsorted(ordered, values, right=True)  # number of thresholds that a value reaches, 0..k
    rows, bins = len(values), thresholds.shape[1] + 1
    reached += bins * torch.arange(rows, device=values.device)[:, None]
    histogram = reached.view(-1).bincount(minlength=rows * bins).view(rows, bins)
    counts = histogram.flip(1).cumsum(1).flip(1)[:, 1:]
    return torch.empty_like(ordered, dtype=torch.float64).scatter_(1, order, counts.double())


def _count_by_sorting(values: Tensor, thresholds: Tensor) -> Tensor:
    """:func:`count_in_list` on a GPU, which sorts fast, and where any look at a number would wait for it."""
    ordered = values.sort(1).values
    return (values.shape[1] - torch.searchsorted(ordered, thresholds.contiguous())).double()
