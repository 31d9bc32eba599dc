"""Saliency losses: differentiable, by item, from maps ``(B, h, w)`` to ``(B,)``; and their weighted sum.

These are the terms that networks are trained with. The scores of the tables are in ``metrics``: they follow the
field's MATLAB code, edge cases included, and need no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

EPS = 2.2204e-16  # samyak0210/ViNet, loss.py; added to float32 it only guards exact zeros


def kl_loss(saliency: Tensor, density: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the maps as distributions, in nats; at least 0 (avrsp2024, Eq. 16)."""
    p, g = _distribution(saliency), _distribution(density)
    return (g * torch.log(EPS + g / (p + EPS))).sum((1, 2))


def cc_loss(saliency: Tensor, density: Tensor) -> Tensor:
    """Pearson correlation, in [-1, 1] (avrsp2024, Eq. 17)."""
    p = saliency - saliency.mean((1, 2), keepdim=True)
    g = density - density.mean((1, 2), keepdim=True)
    norm = ((p * p).sum((1, 2)) * (g * g).sum((1, 2))).clamp_min(1e-20).sqrt()
    return (p * g).sum((1, 2)) / norm


def sim_loss(saliency: Tensor, density: Tensor) -> Tensor:
    """Similarity: the common mass of the maps as distributions, in [0, 1] (avrsp2024, Eq. 18)."""
    return torch.minimum(_distribution(saliency), _distribution(density)).sum((1, 2))


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"kl": kl_loss, "cc": cc_loss, "sim": sim_loss}


def saliency_loss(saliency: Tensor, density: Tensor, weights: Mapping[str, float]) -> tuple[Tensor, Tensor]:
    """Weighted sum of the terms named in ``weights``, a mean over the items that have a ground truth.

    Args:
        saliency: ``(B, h, w)``, non-negative.
        density: ``(B, h, w)``, non-negative. An item that is all zero has no defined loss and is left out.
        weights: of each term, by its name in :data:`LOSSES`; a negative weight rewards.

    Returns:
        The loss, and the number of items in it; the loss is 0 when there is none.
    """
    valid = density.flatten(1).sum(1) > 0
    saliency, density = saliency[valid].float(), density[valid].float()
    terms = [weight * LOSSES[name](saliency, density) for name, weight in weights.items()]
    total = torch.stack(terms).sum(0)
    return (total.mean() if valid.any() else saliency.sum()), valid.sum()


def _distribution(maps: Tensor) -> Tensor:
    return maps / maps.sum((1, 2), keepdim=True).clamp_min(EPS)
