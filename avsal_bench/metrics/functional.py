"""Saliency metrics as pure functions: a batch of maps in, one value per map out.

All take maps ``(B, h, w)`` on any device and return ``(B,)``. Saliency maps are float32 or float64, in which all is
computed, and in any unit, as density maps are; fixation and negative maps are binary (any type: what is not zero
counts). Definitions are those of the MIT saliency benchmark's MATLAB code, which the field's published scores were
made with.

Three rules hold for every metric:

- NaN where it is not defined (no fixations, say); never 0, and never a number made of rounding errors.
- A saliency map with a NaN or an infinity in it has no score: NaN.
- A map is constant when its range is below 1e-12 of its largest magnitude (float32: 1e-6). A constant map that was
  blurred or resized is no longer exactly so, and its "correlation" would be noise.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

#: Added by the MIT code inside the quotient and the logarithm of the divergence: MATLAB's ``eps``.
EPS = 2.0**-52
#: Below this fraction of the largest magnitude the range of a map is rounding.
_CONSTANT = {torch.float64: 1e-12, torch.float32: 1e-6}
#: Scaled values nearer than this are tied: the jitter of the MIT code, 1e-7, would mix them.
_TIE = {torch.float64: 1e-8, torch.float32: 1e-6}
#: Pads a list of values: below them all.
_NOWHERE = -torch.inf


def cc(saliency: Tensor, density: Tensor) -> Tensor:
    """Pearson's correlation of two maps over the pixels. Range -1 to 1, higher is better.

    ``CC = Σ (P - mean P)(G - mean G) / sqrt(Σ (P - mean P)² Σ (G - mean G)²)``. Blind to ``a P + b`` for a > 0.
    NaN where one of the maps is constant.
    """
    p, g = _two_maps(saliency, density)
    (p, norm_p), (g, norm_g) = _centred(p), _centred(g)
    return (p * g).sum(1) / (norm_p * norm_g)


def sim(saliency: Tensor, density: Tensor) -> Tensor:
    """Similarity, the intersection of two histograms. Range 0 to 1, higher is better.

    ``SIM = Σ min(p, g)`` where p and g are the maps scaled to [0, 1] and then to a sum of 1. NaN where one of the
    maps is constant (the MIT code gives 0 for an empty one, which a protocol may ask for).
    """
    p, g = (_minmax(x) for x in _two_maps(saliency, density))
    return torch.minimum(p / p.sum(1, keepdim=True), g / g.sum(1, keepdim=True)).sum(1)


def kld(saliency: Tensor, density: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the prediction from the ground truth, in nats. From 0 up, lower is better.

    ``KL = Σ g ln(ε + g / (p + ε))`` with p and g the maps scaled to a sum of 1, and ε = 2⁻⁵². For negative pixels (a
    bicubic overshoot) the real part of the logarithm. NaN where one of the maps is zero everywhere.
    """
    p, g = _two_maps(saliency, density)
    p, g = (x / x.sum(1, keepdim=True) for x in (p, g))
    return (g * (EPS + g / (p + EPS)).abs().log()).sum(1)


def nss(saliency: Tensor, fixations: Tensor) -> Tensor:
    """Normalised scanpath saliency. Unbounded, 0 for chance, higher is better.

    ``NSS = mean over fixated pixels of (P - mean P) / std P``, std with n - 1. NaN for a constant map and where
    nothing is fixated. Source: Peters et al., 2005.
    """
    p, fixated = _map_and_points(saliency, fixations)
    centred, norm = _centred(p)
    n_fixated = fixated.sum(1)
    return (centred * fixated).sum(1) / n_fixated / norm * math.sqrt(p.shape[1] - 1)


def auc_judd(saliency: Tensor, fixations: Tensor, jitter: bool = True) -> Tensor:
    """Area under the ROC curve of fixated against all other pixels, after Judd. Range 0 to 1, higher is better.

    The curve has one point for each of the N fixations and then runs straight to (1, 1), so that the area exceeds
    the exact one by ``fp / 2N``, with fp the false positives at the lowest fixation.

    Args:
        saliency: ``(B, h, w)``.
        fixations: ``(B, h, w)``, binary.
        jitter: the MIT code adds noise of 1e-7 to break ties. True: the exact expectation over that noise. False:
            the curve without noise, which runs backwards at ties and is far too low on a map of many zeros.

    Returns:
        ``(B,)``; NaN where nothing or everything is fixated. A constant map has ``1/2 + 1 / (2 (N + 1))`` with
        jitter and NaN without.

    Source: Judd et al., "Learning to predict where humans look", ICCV 2009.
    """
    p, fixated = _map_and_points(saliency, fixations)
    scaled = _minmax(p)
    area = _judd_expectation if jitter else _judd_curve
    if jitter:
        all_tied = scaled[:, 0].isnan() & p.sum(1).isfinite()
        scaled = scaled.masked_fill(all_tied[:, None], 0.0)
    n_fixated = fixated.sum(1)
    defined = (n_fixated > 0) & (n_fixated < fixated.shape[1]) & ~scaled[:, 0].isnan()
    return area(scaled, fixated).where(defined, torch.nan).to(p)


def auc_shuffled(saliency: Tensor, fixations: Tensor, negatives: Tensor) -> Tensor:
    """Area under the ROC curve of fixations against fixations of other frames. Range 0 to 1, higher is better.

    The curve is taken at the thresholds 0, 0.1, .. 1 of the map scaled to [0, 1]. The MIT code averages over 100
    random draws from the negatives; the area is linear in their false-positive rate, so the curve of all negatives
    is exactly the expectation.

    Args:
        saliency: ``(B, h, w)``.
        fixations: ``(B, h, w)``, binary.
        negatives: ``(B, h, w)``, binary: the pixels that count as not fixated. Which they are is up to the protocol.

    Returns:
        ``(B,)``; NaN for a constant map, without fixations and without negatives.

    Source: Zhang et al., "SUN: a Bayesian framework for saliency using natural statistics", 2008.
    """
    p, fixated = _map_and_points(saliency, fixations)
    _, others = _map_and_points(saliency, negatives)
    low, span = _low_and_span(p)
    thresholds = (0.1 * torch.arange(10, -1, -1, dtype=p.dtype, device=p.device)).expand(len(p), -1)
    tp, fp = (
        _count_from((_values_at(p, points) - low) / span, thresholds) / points.sum(1, keepdim=True)
        for points in (fixated, others)
    )
    return _roc_area(fp, tp).where(~span[:, 0].isnan(), torch.nan).to(p)


def _judd_curve(scaled: Tensor, fixated: Tensor) -> Tensor:
    """Judd's area without jitter, of maps and masks ``(B, n)``."""
    thresholds = _values_at(scaled, fixated).sort(1, descending=True).values
    n_fixated = fixated.sum(1, keepdim=True)
    rank = torch.arange(1, thresholds.shape[1] + 1, dtype=torch.float64, device=scaled.device)
    fp = (_count_from(scaled, thresholds) - rank) / (fixated.shape[1] - n_fixated)
    tp = rank / n_fixated
    # The padding stays at (1, 1), where it adds no area.
    real = rank <= n_fixated
    return _roc_area(fp.where(real, 1.0), tp.where(real, 1.0))


def _judd_expectation(scaled: Tensor, fixated: Tensor) -> Tensor:
    """Expectation of Judd's area over the jitter, of maps and masks ``(B, n)``.

    ``MW + (a + t k / (k + 1)) / (n - N) / 2N``: MW the Mann-Whitney statistic with half weight for ties, a the other
    pixels above the lowest fixation, t the other pixels and k the fixations tied with it. In random order,
    ``t k / (k + 1)`` of those t pixels are expected above the lowest of those k fixations.
    """
    n_fixated = fixated.sum(1)
    n_others = fixated.shape[1] - n_fixated
    tie = _TIE[scaled.dtype]
    at_fixations = _values_at(scaled, fixated)
    real = at_fixations > _NOWHERE
    others = scaled.masked_fill(fixated, _NOWHERE)
    above, not_below = _count_from(others, torch.cat([at_fixations + tie, at_fixations - tie], 1)).chunk(2, 1)
    lost = ((above + not_below) / 2).where(real, 0.0).sum(1)
    lowest, index = at_fixations.where(real, 2.0).min(1, keepdim=True)
    a, a_and_t = above.gather(1, index)[:, 0], not_below.gather(1, index)[:, 0]
    k = (real & (at_fixations <= lowest + tie)).sum(1)
    excess = (a + (a_and_t - a) * k / (k + 1)) / 2
    return 1 - (lost - excess) / (n_fixated * n_others)


def _roc_area(fp: Tensor, tp: Tensor) -> Tensor:
    """Trapezoid area under the points ``(B, k)``, in their order, between (0, 0) and (1, 1)."""
    x, y = (pad(pad(rate, (1, 0), value=0.0), (0, 1), value=1.0) for rate in (fp, tp))
    return torch.trapezoid(y, x)


def _values_at(maps: Tensor, points: Tensor) -> Tensor:
    """Values of ``maps`` ``(B, n)`` where the mask ``points`` is set, padded with -∞ to ``(B, k)``, k at least 1."""
    row, column = points.nonzero(as_tuple=True)
    counts = points.sum(1)
    position = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[row]
    values = maps.new_full((len(counts), max([1, *counts.tolist()])), _NOWHERE)
    values[row, position] = maps[row, column]
    return values


def _count_from(values: Tensor, thresholds: Tensor) -> Tensor:
    """How many of ``values`` ``(B, n)`` are at or above each of ``thresholds`` ``(B, k)``: ``(B, k)`` float64."""
    ordered, order = thresholds.sort(1)
    reached = torch.searchsorted(ordered, values, right=True)  # number of thresholds that a value reaches, 0..k
    rows, bins = len(values), thresholds.shape[1] + 1
    reached += bins * torch.arange(rows, device=values.device)[:, None]
    histogram = reached.flatten().bincount(minlength=rows * bins).view(rows, bins)
    counts = histogram.flip(1).cumsum(1).flip(1)[:, 1:]
    return torch.empty_like(ordered, dtype=torch.float64).scatter_(1, order, counts.double())


def _minmax(maps: Tensor) -> Tensor:
    """Maps ``(B, n)`` scaled to [0, 1]; NaN throughout for one that is constant or not finite."""
    low, span = _low_and_span(maps)
    return (maps - low) / span


def _low_and_span(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Least value and range ``(B, 1)`` of maps ``(B, n)``; a range of NaN for one that is constant or not finite."""
    low, high = maps.amin(1, keepdim=True), maps.amax(1, keepdim=True)
    varies = high - low > _CONSTANT[maps.dtype] * torch.maximum(low.abs(), high.abs())
    return low, (high - low).where(varies, torch.nan)


def _centred(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Maps ``(B, n)`` less their mean, and their norm ``(B,)``; NaN for one that is constant or not finite."""
    _, span = _low_and_span(maps)
    centred = maps - maps.mean(1, keepdim=True)
    return centred, centred.square().sum(1).sqrt().where(~span[:, 0].isnan(), torch.nan)


def _two_maps(saliency: Tensor, density: Tensor) -> tuple[Tensor, Tensor]:
    """Both maps as ``(B, n)`` of the saliency map's type."""
    _check(saliency, "density", density)
    return saliency.flatten(1), density.flatten(1).to(saliency)


def _map_and_points(saliency: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """The map as ``(B, n)`` and the points as a mask ``(B, n)``."""
    _check(saliency, "point", points)
    return saliency.flatten(1), points.flatten(1).bool()


def _check(saliency: Tensor, name: str, other: Tensor) -> None:
    """Raise ValueError unless both are ``(B, h, w)`` of one shape and the saliency map is floating."""
    if saliency.ndim != 3 or saliency.shape != other.shape:
        got = f"{tuple(saliency.shape)} and {tuple(other.shape)}"
        raise ValueError(f"expected saliency and {name} maps of one shape (B, h, w), got {got}")
    if saliency.dtype not in _CONSTANT:
        raise ValueError(f"expected float32 or float64 saliency maps, got {saliency.dtype}; divide 8-bit maps by 255")
