"""Saliency metrics as pure functions: a batch of maps in, one value per map out.

All take maps ``(B, h, w)`` on any device and return ``(B,)``. Saliency maps are float32 or float64, in which pixels are
computed; sums over pixels are float64. Maps are in any unit, as density maps are; fixation and negative maps are
binary (any type: what is not zero counts). Definitions are those of the MIT saliency benchmark's MATLAB code, which
the field's published scores were made with.

Rules that hold for every metric:

- NaN where it is not defined (no fixations, say); never 0, and never a number made of rounding errors.
- A saliency map with a NaN or an infinity in it has no score: NaN.
- A map is constant when its range is below 1e-12 of its largest magnitude (float32: 1e-6). A constant map that was
  blurred or resized is no longer exactly so, and its "correlation" would be noise.
- Maps of extreme magnitude are multiplied by a power of two first, so that nothing overflows or vanishes.
- Where the MIT code is random, the result is the expectation in closed form. With a ``generator`` it is a random
  sample as that code takes it, drawn map by map in float64 on the generator's device, so that a CPU generator gives
  one result everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from avsal_bench.metrics.arithmetic import measured, roc
from avsal_bench.metrics.arithmetic.chunks import in_chunks
from avsal_bench.metrics.arithmetic.scaling import (
    CONSTANT,
    Maps,
    Points,
    centred,
    find,
    mean_bits_at,
    measure,
    minmax,
    surely,
    within,
)

#: Noise of the MIT code that breaks ties.
_JITTER = 1e-7


@in_chunks
def cc(saliency: Tensor, density: Tensor) -> Tensor:
    """Pearson's correlation of two maps over the pixels. Range -1 to 1, higher is better.

    ``CC = Σ (P - mean P)(G - mean G) / sqrt(Σ (P - mean P)² Σ (G - mean G)²)``. Blind to ``a P + b`` for a > 0.

    Args:
        saliency: ``(B, h, w)``.
        density: ``(B, h, w)``.

    Returns:
        ``(B,)``; NaN where one of the maps is constant.

    >>> density = torch.tensor([[[0.0, 1.0], [2.0, 3.0]]])
    >>> cc(torch.tensor([[[5.0, 7.0], [9.0, 11.0]]]), density).item()
    1.0
    """
    p, g = (centred(measure(x)) for x in _two_maps(saliency, density))
    return measured.cc(p, g).to(saliency)


@in_chunks
def sim(saliency: Tensor, density: Tensor) -> Tensor:
    """Similarity, the intersection of two histograms. Range 0 to 1, higher is better.

    ``SIM = Σ min(p, g)`` where p and g are the maps scaled to [0, 1] and then to a sum of 1.

    Args:
        saliency: ``(B, h, w)``.
        density: ``(B, h, w)``.

    Returns:
        ``(B,)``; NaN where one of the maps is constant (the MIT code gives 0 for an empty one, which a protocol may
        ask for).

    Source: Judd et al., "A benchmark of computational models of saliency to predict human fixations", 2012.

    >>> sim(torch.tensor([[[0.0, 1.0], [1.0, 2.0]]]), torch.tensor([[[0.0, 0.0], [1.0, 1.0]]])).item()
    0.75
    """
    p, g = (measure(x) for x in _two_maps(saliency, density))
    return measured.sim(p, g).to(saliency)


@in_chunks
def kld(saliency: Tensor, density: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the prediction from the ground truth, in nats. From 0 up, lower is better.

    ``KL = Σ g ln(ε + g / (p + ε))`` with p and g the maps divided by their sums, and ε = 2⁻⁵². For negative pixels (a
    bicubic overshoot) the real part of the logarithm; a map with such pixels may score below 0.

    Args:
        saliency: ``(B, h, w)``. Not blind to an offset: a map in [0, 1] and the same in [1, 2] score differently.
        density: ``(B, h, w)``.

    Returns:
        ``(B,)``; NaN where the sum of one of the maps is zero.

    Source: Kullback and Leibler, 1951; as a saliency metric Bylinskii et al., "What do different evaluation metrics
    tell us about saliency models?", 2019.

    >>> kld(torch.tensor([[[1.0, 1.0]]]), torch.tensor([[[0.0, 1.0]]])).item() == torch.tensor(2.0).log().item()
    True
    """
    p, g = (measure(x) for x in _two_maps(saliency, density))
    return measured.kld(p, g).to(saliency)


@in_chunks
def nss(saliency: Tensor, fixations: Tensor) -> Tensor:
    """Normalised scanpath saliency, in standard deviations of the map. 0 for chance, unbounded, higher is better.

    ``NSS = mean over fixated pixels of (P - mean P) / std P``, std with n - 1.

    Args:
        saliency: ``(B, h, w)``.
        fixations: ``(B, h, w)``, binary.

    Returns:
        ``(B,)``; NaN for a constant map and where nothing is fixated.

    Source: Peters et al., "Components of bottom-up gaze allocation in natural images", 2005.

    >>> nss(torch.tensor([[[0.0, 0.0, 0.0, 4.0]]]), torch.tensor([[[0, 0, 0, 1]]])).item()
    1.5
    """
    p, fixated = _map_and_points(saliency, fixations)
    return measured.nss(centred(p), fixated).to(saliency)


@in_chunks
def information_gain(saliency: Tensor, baseline: Tensor | None, fixations: Tensor) -> Tensor:
    """Information gain over a baseline map, in bits per fixation. 0 for the baseline itself, higher is better.

    ``IG = mean over fixated pixels of log₂(ε + p) - log₂(ε + b)`` with p and b the maps scaled to [0, 1] and then to a
    sum of 1, and ε = 2⁻⁵².

    Args:
        saliency: ``(B, h, w)``.
        baseline: ``(B, h, w)``, often a centre bias. None: without the second logarithm, which is at most 0 and is
            what DHF1K's copy of the code gives.
        fixations: ``(B, h, w)``, binary.

    Returns:
        ``(B,)``; NaN where one of the maps is constant and where nothing is fixated.

    Source: Kümmerer et al., "Information-theoretic model comparison unifies saliency metrics", 2015.

    >>> saliency, fixations = torch.tensor([[[0.0, 1.0, 3.0]]]), torch.tensor([[[0, 0, 1]]])
    >>> round(information_gain(saliency, torch.tensor([[[0.0, 1.0, 1.0]]]), fixations).item(), 4)
    0.585
    """
    p, fixated = _map_and_points(saliency, fixations)
    gain = mean_bits_at(p, fixated)
    if baseline is None:
        return within(gain, -math.inf, 0.0, saliency.dtype).to(saliency)
    _, b = _two_maps(saliency, baseline, "baseline")
    return (gain - mean_bits_at(measure(b), fixated)).to(saliency)


@in_chunks
def auc(saliency: Tensor, fixations: Tensor, negatives: Tensor | None = None) -> Tensor:
    """Area under the exact ROC curve of fixated against negative pixels. Range 0 to 1, chance 0.5, higher is better.

    ``AUC = P(fixated > negative) + P(fixated = negative) / 2`` over all pairs: the Mann-Whitney statistic.

    Args:
        saliency: ``(B, h, w)``.
        fixations: ``(B, h, w)``, binary.
        negatives: ``(B, h, w)``, binary. None: all pixels that are not fixated. All ones: the uniform AUC.

    Returns:
        ``(B,)``; NaN for a constant map (and not 0.5), without fixations and without negatives.

    Source: Hanley and McNeil, "The meaning and use of the area under a ROC curve", 1982; for saliency Kümmerer's
    pysaliency.

    >>> auc(torch.tensor([[[0.0, 1.0, 2.0, 3.0, 3.0]]]), torch.tensor([[[0, 0, 0, 0, 1]]])).item()
    0.875
    """
    p, fixated = _map_and_points(saliency, fixations)
    if negatives is None:
        others, n_others = None, p.values.shape[1] - fixated.counts
    else:
        _check(saliency, "negative", negatives)
        others = find(negatives.flatten(1))
        n_others = others.counts
    defined = p.varies[:, 0] & (fixated.counts > 0) & (n_others > 0)
    values, low = (x if surely(p.varies) else x.where(p.varies, 0.0) for x in (p.values, p.low))
    return roc.exact_area(values, low, p.span, fixated, others).where(defined, torch.nan).to(saliency)


@in_chunks
def auc_judd(saliency: Tensor, fixations: Tensor, jitter: bool = True, *, generator: Generator | None = None) -> Tensor:
    """Area under the ROC curve of fixated against all other pixels, after Judd. Range 0 to 1, higher is better.

    The curve has one point for each of the N fixations and then runs straight to (1, 1), so that the area exceeds
    the exact one by ``fp / 2N``, with fp the false positives at the lowest fixation.

    Args:
        saliency: ``(B, h, w)``.
        fixations: ``(B, h, w)``, binary.
        jitter: the MIT code adds noise of 1e-7 to break ties. True: the expectation over that noise, exact for values
            that are equal or far apart; values equal to 8 decimals are ties. False: the curve without noise, which
            runs backwards at ties, is far too low on a map of many zeros, and can fall below 0 where most pixels are
            fixated.
        generator: draws the noise instead, once, uniform in [0, 1e-7), and adds it to the map as it is.

    Returns:
        ``(B,)``; NaN where nothing or everything is fixated. A constant map has ``1/2 + 1 / (2 (N + 1))`` with
        jitter and NaN without.

    Source: Judd et al., "Learning to predict where humans look", ICCV 2009.

    >>> saliency, fixations = torch.tensor([[[0.0, 1.0, 2.0, 3.0]]]), torch.tensor([[[0, 0, 1, 1]]])
    >>> auc_judd(saliency, fixations).item()
    1.0
    >>> auc_judd(saliency, 1 - fixations).item()
    0.25
    """
    if generator is not None and not jitter:
        raise ValueError("a generator draws the jitter: it has no use with jitter=False")
    p, fixated = _map_and_points(saliency, fixations)
    if generator is not None:
        noise = torch.rand(saliency.shape, dtype=torch.float64, device=generator.device, generator=generator)
        p = measure((saliency.double() + _JITTER * noise.to(saliency.device)).flatten(1))
    if generator is None and jitter:
        return measured.judd(p, fixated).to(saliency)
    area = roc.judd_curve(minmax(p), fixated)
    defined = p.varies[:, 0] & (fixated.counts > 0) & (fixated.counts < p.values.shape[1])
    return area.where(defined, torch.nan).to(saliency)


@in_chunks
def auc_borji(saliency: Tensor, fixations: Tensor, *, splits: int = 100, generator: Generator | None = None) -> Tensor:
    """Area under the ROC curve of fixations against random pixels, after Borji. Range 0 to 1, higher is better.

    The curve is taken at the thresholds 0, 0.1, .. 1 of the map scaled to [0, 1]. The negatives are as many pixels as
    fixations, drawn uniformly with replacement, the fixated ones among them. The area is linear in their
    false-positive rate, so the curve with all pixels as negatives is exactly the expectation.

    Args:
        saliency: ``(B, h, w)``.
        fixations: ``(B, h, w)``, binary.
        splits: how many draws to take the mean of. Of no effect without a generator.
        generator: draws the negatives. None: the expectation.

    Returns:
        ``(B,)``; NaN for a constant map and for fewer than 2 fixations, as in the MIT code.

    Source: Borji et al., "Analysis of scores, datasets, and models in visual saliency prediction", ICCV 2013.

    >>> saliency = torch.tensor([[[0.0, 1.0, 2.0, 3.0]]])
    >>> auc_borji(saliency, torch.tensor([[[0, 0, 1, 1]]])).item()
    0.75
    """
    _check_splits(splits)
    p, fixated = _map_and_points(saliency, fixations)
    n = p.values.shape[1]
    scaled = minmax(p)
    if generator is None:
        steps = roc.steps(scaled).flip(0).expand(len(scaled), -1)
        fp = roc.count_in_maps(scaled, steps, steps)
        n_negatives = torch.full_like(fixated.counts, n)
    else:
        drawn = [
            torch.randint(n, (splits * k,), device=generator.device, generator=generator) + n * row
            for row, k in enumerate(fixated.counts.tolist())
        ]
        n_negatives = splits * fixated.counts
        fp = roc.count_drawn(scaled.view(-1), drawn, n_negatives)
    tp = roc.count_at_steps(scaled.view(-1)[fixated.index], fixated.row, len(scaled))
    area = roc.curve_area(fp, tp, n_negatives[:, None], fixated.counts[:, None])
    return area.where(p.varies[:, 0] & (fixated.counts > 1), torch.nan).to(saliency)


@in_chunks
def auc_shuffled(
    saliency: Tensor, fixations: Tensor, negatives: Tensor, *, splits: int = 100, generator: Generator | None = None
) -> Tensor:
    """Area under the ROC curve of fixations against fixations of other frames. Range 0 to 1, higher is better.

    The curve is taken at the thresholds 0, 0.1, .. 1 of the map scaled to [0, 1]. The MIT code averages over 100
    random draws from the negatives, each of as many as there are fixations, without replacement. The area is linear
    in their false-positive rate, so the curve of all negatives is exactly the expectation.

    Args:
        saliency: ``(B, h, w)``.
        fixations: ``(B, h, w)``, binary.
        negatives: ``(B, h, w)``, binary: the pixels that count as not fixated. Which they are is up to the protocol.
        splits: how many draws to take the mean of. Of no effect without a generator.
        generator: draws among the negatives. None: the expectation.

    Returns:
        ``(B,)``; NaN for a constant map, without fixations and without negatives.

    Source: Zhang et al., "SUN: a Bayesian framework for saliency using natural statistics", 2008.

    >>> saliency, fixations = torch.tensor([[[0.0, 1.0, 2.0, 3.0]]]), torch.tensor([[[0, 0, 1, 1]]])
    >>> auc_shuffled(saliency, fixations, torch.tensor([[[1, 0, 1, 0]]])).item()
    0.875
    """
    _check_splits(splits)
    p, fixated = _map_and_points(saliency, fixations)
    _check(saliency, "negative", negatives)
    others = find(negatives.flatten(1))
    if generator is None:
        return measured.shuffled(p, fixated, others).to(saliency)
    positives, candidates = (
        (p.values.reshape(-1)[x.index] - p.low[x.row, 0]) / p.span[x.row, 0] for x in (fixated, others)
    )
    drawn, start = [], 0
    for k, m in zip(fixated.counts.tolist(), others.counts.tolist(), strict=True):
        order = torch.rand(splits, m, dtype=torch.float64, device=generator.device, generator=generator).argsort(1)
        drawn.append(order[:, :k].reshape(-1) + start)
        start += m
    n_negatives = splits * torch.minimum(fixated.counts, others.counts)
    fp = roc.count_drawn(candidates, drawn, n_negatives)
    tp = roc.count_at_steps(positives, fixated.row, len(saliency))
    area = roc.curve_area(fp, tp, n_negatives[:, None], fixated.counts[:, None])
    return area.where(p.varies[:, 0] & (fixated.counts > 0) & (others.counts > 0), torch.nan).to(saliency)


def _two_maps(saliency: Tensor, other: Tensor, name: str = "density") -> tuple[Tensor, Tensor]:
    """Both maps as ``(B, n)`` of the saliency map's type."""
    _check(saliency, name, other)
    return saliency.flatten(1), other.flatten(1).to(saliency)


def _map_and_points(saliency: Tensor, points: Tensor) -> tuple[Maps, Points]:
    """The map measured, and the points found."""
    _check(saliency, "point", points)
    return measure(saliency.flatten(1)), find(points.flatten(1))


def _check(saliency: Tensor, name: str, other: Tensor) -> None:
    """Raise ValueError unless both are ``(B, h, w)`` of one shape and the saliency map is floating."""
    if saliency.ndim != 3 or saliency.shape != other.shape:
        got = f"{tuple(saliency.shape)} and {tuple(other.shape)}"
        raise ValueError(f"expected saliency and {name} maps of one shape (B, h, w), got {got}")
    if not saliency.shape[1:].numel():
        raise ValueError(f"expected maps of at least one pixel, got {tuple(saliency.shape)}")
    if saliency.dtype not in CONSTANT:
        fix = "convert them with .float()" if saliency.is_floating_point() else "divide 8-bit maps by 255"
        raise ValueError(f"expected float32 or float64 saliency maps, got {saliency.dtype}; {fix}")


def _check_splits(splits: int) -> None:
    if splits < 1:
        raise ValueError(f"expected at least 1 split, got {splits}")


#: The metrics of a record, and what each compares the saliency map with; which way is better is in ``records.METRICS``.
IN_TABLES: dict[str, tuple[Callable[..., Tensor], tuple[str, ...]]] = {
    "CC": (cc, ("density",)),
    "NSS": (nss, ("fixations",)),
    "AUC-J": (auc_judd, ("fixations",)),
    "sAUC": (auc_shuffled, ("fixations", "negatives")),
    "SIM": (sim, ("density",)),
    "KL": (kld, ("density",)),
}
