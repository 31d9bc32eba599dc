"""The six metrics of the tables, of maps that are measured and points that are found: the one core of all their forms.

Maps are float32 or float64, and sums over pixels are float64 for both. Nothing here waits for a GPU: no number is
looked at on the way. Scores are ``(B,)`` float64.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from avsal_bench.metrics.arithmetic import roc
from avsal_bench.metrics.arithmetic.scaling import (
    EPS,
    Maps,
    Points,
    centred,
    from_zero,
    mean_at,
    measure,
    minmax,
    surely,
    to_sum_1,
    total,
    values_at,
    within,
)

#: Ranges of maps that the noise of the MIT code disturbs: of larger ones it mixes only what is tied anyhow, smaller
#: ones would drown in it.
DISTURBED = (1e-5, 0.05)


def cc(p: tuple[Tensor, Tensor], g: tuple[Tensor, Tensor]) -> Tensor:
    """Pearson's correlation of two maps that are :func:`~avsal_bench.metrics.arithmetic.scaling.centred`."""
    (one, norm), (other, other_norm) = p, g
    return within(total(one * other) / (norm * other_norm), -1.0, 1.0, one.dtype)


def nss(p: tuple[Tensor, Tensor], fixated: Points) -> Tensor:
    """Normalised scanpath saliency of a map that is :func:`~avsal_bench.metrics.arithmetic.scaling.centred`."""
    deviation, norm = p
    return mean_at(deviation, fixated) / norm * math.sqrt(deviation.shape[1] - 1)


def sim(p: Maps, g: Maps) -> Tensor:
    """Similarity."""
    (one, mass), (other, other_mass) = from_zero(p), from_zero(g)
    common = torch.minimum(one, other.mul_((mass / other_mass)[:, None].to(other)))
    return within(total(common) / mass, 0.0, 1.0, one.dtype)


def kld(p: Maps, g: Maps) -> Tensor:
    """Kullback-Leibler divergence of the first map from the second."""
    one, other = to_sum_1(p), to_sum_1(g)
    ratio = (other / (one + EPS)).add_(EPS).abs_().log_()
    return within(total(ratio.mul_(other)), 0.0, math.inf, one.dtype)


def judd(p: Maps, fixated: Points) -> Tensor:
    """Judd's area, in expectation over the jitter."""
    tied = _merge_by_jitter(p)
    area = roc.judd_expectation(minmax(tied), fixated)
    some = (fixated.counts > 0) & (fixated.counts < p.values.shape[1])
    return area.where(tied.finite[:, 0] & some, torch.nan)


def shuffled(p: Maps, fixated: Points, others: Points) -> Tensor:
    """The shuffled area, in expectation over the draws."""
    tp, fp = (roc.count_rows_at_steps((values_at(p.values, x) - p.low) / p.span) for x in (fixated, others))
    area = roc.curve_area(fp, tp, others.counts[:, None], fixated.counts[:, None])
    return area.where(p.varies[:, 0] & (fixated.counts > 0) & (others.counts > 0), torch.nan)


def table_scores(
    p: Maps, g: Maps, fixated: Points, others: Points, dtype: torch.dtype = torch.float64
) -> dict[str, Tensor]:
    """The six metrics of a record, sharing what several of them ask of a map; as ``functional.IN_TABLES``.

    Args:
        p: predictions, float64. The areas are of these numbers: their last bits decide which values are tied.
        g: densities.
        fixated: pixels.
        others: the negatives of the shuffled AUC.
        dtype: in which the pixels of the other four metrics are computed: float64, or float32.
    """
    one, other = (x if x.values.dtype == dtype else measure(x.values.to(dtype)) for x in (p, g))
    middle = centred(one)
    return {
        "CC": cc(middle, centred(other)),
        "NSS": nss(middle, fixated),
        "AUC-J": judd(p, fixated),
        "sAUC": shuffled(p, fixated, others),
        "SIM": sim(one, other),
        "KL": kld(one, other),
    }


def _merge_by_jitter(p: Maps) -> Maps:
    """Maps of a small range, softmax probabilities for instance, with values tied that the jitter would mix."""
    disturbed = (p.span > DISTURBED[0]) & (p.span < DISTURBED[1])
    if surely(~disturbed):
        return p
    return replace(measure(p.values.round(decimals=8).where(disturbed, p.values)), finite=p.finite)
