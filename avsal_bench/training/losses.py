"""Saliency losses: differentiable, by item, from a prediction and its ground truth to ``(B,)``; and their weighted sum.

These are the terms that networks are trained with. The scores of the tables are in ``metrics``: they follow the
field's MATLAB code, edge cases included, and need no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.spec import Clip

EPS = 2.2204e-16  # samyak0210/ViNet, loss.py; added to float32 it only guards exact zeros


class Prediction(NamedTuple):
    """What a network predicts: maps ``(B, h, w)``, non-negative, and their logits or logarithms where it has those."""

    saliency: Tensor
    logits: Tensor | None = None
    log_density: Tensor | None = None


class Truth(NamedTuple):
    """Ground truth at the size of the prediction."""

    density: Tensor
    """``(B, h, w)`` float32 in [0, 1]."""
    fixated: Tensor | None = None
    """``(B, h, w)`` bool; None where no loss asks for it."""


def kl_loss(saliency: Tensor, density: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the maps as distributions, in nats; at least 0 (avrsp2024, Eq. 16)."""
    return _divergence(_distribution(saliency), _distribution(density))


def kl_log_loss(log_density: Tensor, density: Tensor) -> Tensor:
    """:func:`kl_loss` of a map of which the logarithm is known, however small its values are (rdroste/unisal)."""
    g = _distribution(density)
    return (torch.xlogy(g, g) - g * log_density).sum((1, 2))


def kl_batch_loss(saliency: Tensor, density: Tensor) -> Tensor:
    """The divergence with one distribution over all pixels of the batch; its parts by item, whose mean is the loss.

    MichiganCOG/TASED-Net computes it so. Items whose maps have more mass weigh more.
    """
    p, g = (maps / maps.sum().clamp_min(EPS) for maps in (saliency, density))
    return _divergence(p, g) * len(saliency)


def cc_loss(saliency: Tensor, density: Tensor) -> Tensor:
    """Pearson correlation, in [-1, 1] (avrsp2024, Eq. 17)."""
    p = saliency - saliency.mean((1, 2), keepdim=True)
    g = density - density.mean((1, 2), keepdim=True)
    norm = ((p * p).sum((1, 2)) * (g * g).sum((1, 2))).clamp_min(1e-20).sqrt()
    return (p * g).sum((1, 2)) / norm


def sim_loss(saliency: Tensor, density: Tensor) -> Tensor:
    """Similarity: the common mass of the maps as distributions, in [0, 1] (avrsp2024, Eq. 18)."""
    return torch.minimum(_distribution(saliency), _distribution(density)).sum((1, 2))


def nss_loss(saliency: Tensor, fixated: Tensor) -> Tensor:
    """Mean over the fixated pixels of the map, standardised with the population's deviation (atsiami/STAViS).

    0 where nothing is fixated.
    """
    deviation, mean = torch.std_mean(saliency, (1, 2), correction=0, keepdim=True)
    standard = (saliency - mean) / deviation.clamp_min(1e-10)
    return (standard * fixated).sum((1, 2)) / fixated.sum((1, 2)).clamp_min(1)


def bce_loss(prediction: Prediction, density: Tensor) -> Tensor:
    """Binary cross entropy of every pixel against the density in [0, 1], summed over the pixels (atsiami/STAViS)."""
    if prediction.logits is None:
        return F.binary_cross_entropy(prediction.saliency, density, reduction="none").sum((1, 2))
    return F.binary_cross_entropy_with_logits(prediction.logits, density, reduction="none").sum((1, 2))


def sse_loss(saliency: Tensor, density: Tensor) -> Tensor:
    """Sum of squared differences over the pixels (junwenxiong/diff_sal)."""
    return (saliency - density).square().sum((1, 2))


def _kl(prediction: Prediction, truth: Truth) -> Tensor:
    if prediction.log_density is not None:
        return kl_log_loss(prediction.log_density, truth.density)
    return kl_loss(prediction.saliency, truth.density)


def _nss(prediction: Prediction, truth: Truth) -> Tensor:
    if truth.fixated is None:
        raise ValueError("the loss term nss needs to know the fixated pixels; give DataConfig(..., fixations=True)")
    return nss_loss(prediction.saliency, truth.fixated)


#: Terms by their names in a recipe.
LOSSES: dict[str, Callable[[Prediction, Truth], Tensor]] = {
    "kl": _kl,
    "kl_batch": lambda p, t: kl_batch_loss(p.saliency, t.density),
    "cc": lambda p, t: cc_loss(p.saliency, t.density),
    "sim": lambda p, t: sim_loss(p.saliency, t.density),
    "nss": _nss,
    "bce": lambda p, t: bce_loss(p, t.density),
    "sse": lambda p, t: sse_loss(p.saliency, t.density),
}


def needs_fixations(names: Iterable[str]) -> bool:
    """Whether one of these terms asks which pixels were fixated."""
    return "nss" in names


def saliency_loss(prediction: Prediction, truth: Truth, weights: Mapping[str, float]) -> tuple[Tensor, Tensor]:
    """Weighted sum of the terms named in ``weights``, a mean over the items that have a ground truth.

    Args:
        prediction: of the network.
        truth: an item whose density is all zero has no defined loss and is left out.
        weights: of each term, by its name in :data:`LOSSES`; a negative weight rewards.

    Returns:
        The loss, and the number of items in it; the loss is 0 when there is none.
    """
    valid = truth.density.flatten(1).sum(1) > 0
    if not valid.any():
        return prediction.saliency.sum() * 0, valid.sum()
    kept = Prediction(*(None if part is None else part[valid].float() for part in prediction))  # type: ignore[arg-type]
    against = Truth(*(None if part is None else part[valid].float() for part in truth))  # type: ignore[arg-type]
    terms = [weight * LOSSES[name](kept, against) for name, weight in weights.items()]
    return torch.stack(terms).sum(0).mean(), valid.sum()


def _distribution(maps: Tensor) -> Tensor:
    return maps / maps.sum((1, 2), keepdim=True).clamp_min(EPS)


def _divergence(p: Tensor, g: Tensor) -> Tensor:
    return (g * torch.log(EPS + g / (p + EPS))).sum((1, 2))


def truth_of(batch: Clip, saliency: Tensor) -> Truth:
    """Ground truth of a batch at the size of the maps ``(B, h, w)``; a fixated pixel stays one when maps shrink."""
    density, fixated = batch["density"], batch["fixated"]
    if density is None:
        raise ValueError("the batch has no `density` to learn from or to score against")
    size = saliency.shape[1:]
    if density.shape != saliency.shape:
        density = F.interpolate(density[:, None], size, mode="bilinear", antialias=True)[:, 0]
        if fixated is not None:
            fixated = F.interpolate(fixated[:, None].float(), size, mode="bilinear", antialias=True)[:, 0] > 0
    return Truth(density, fixated)
