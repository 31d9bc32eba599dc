"""Training of a diffusion network: it learns to find the ground truth in a noisy copy of it (diffsal2024)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from avsal_bench.models.diffusion import STEPS, DiffusionNetwork
from avsal_bench.spec import Batch
from avsal_bench.training.losses import sse_loss, truth_of
from avsal_bench.training.module import SaliencyModule


class DenoisingModule(SaliencyModule):
    """Trains a network on its answer to a noisy map at a step of the schedule, drawn evenly, one a batch.

    What it should find is the ground truth with a little noise of its own, the network's ``dequantisation``. The loss
    is the sum of squared differences over the pixels, a mean over the items that have a ground truth. Validation and
    tests look at sampled maps, as everywhere. Step and noise are drawn from the random numbers of the epoch, so a
    resumed run draws them again.

    Args are those of :class:`~avsal_bench.training.module.SaliencyModule`.

    Raises:
        ValueError: for a network that is no :class:`~avsal_bench.models.diffusion.DiffusionNetwork`, and for a loss
            other than ``sse``.
    """

    net: DiffusionNetwork

    def __init__(
        self,
        model: str,
        options: Mapping[str, Any],
        loss: Mapping[str, float],
        optimizer: Mapping[str, Any],
        schedule: Mapping[str, Any],
        seed: int = 0,
        side: float = 0.0,
        auxiliary: Mapping[str, float] | None = None,
        side_last: float = 0.0,
    ) -> None:
        super().__init__(model, options, loss, optimizer, schedule, seed, side, auxiliary, side_last)
        if not isinstance(self.net, DiffusionNetwork):
            raise ValueError(f"training: denoising is for networks that are shown a noisy map; {model} is none")
        if list(self.loss) != ["sse"]:
            raise ValueError(
                "training: denoising compares with a ground truth that noise was added to, which is no density; say "
                f"`loss: {{sse: 1.0}}` and no other term, got {', '.join(self.loss) or 'none'}"
            )

    def training_loss(self, batch: Batch) -> Tensor:
        """Loss of a batch of clips; 0 where none of them has a ground truth."""
        frames = self.normalised(batch)
        density = truth_of(batch, frames[:, 0, 0]).density
        x0 = density + self.net.dequantisation * torch.randn_like(density)
        step = int(torch.randint(STEPS, ()))
        noisy = self.net.schedule.noisy(x0, torch.randn_like(x0), step)
        found = self.net.denoise(frames, batch["audio"], noisy[:, None], step)
        there = density.flatten(1).sum(1) > 0
        if not there.any():
            return found.sum() * 0
        loss: Tensor = self.loss["sse"] * sse_loss(found[there].float(), x0[there]).mean()
        return loss
