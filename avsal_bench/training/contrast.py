"""Training that asks for the sound: a clip must be predicted better with its own sound than with another clip's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from avsal_bench.spec import Batch
from avsal_bench.training.losses import cc_loss, truth_of
from avsal_bench.training.module import SaliencyModule
from avsal_bench.training.tasks import Contrast


class ContrastModule(SaliencyModule):
    """Trains on clips, and beside the loss of the recipe on ``relu(margin + CC(other sound) - CC(own sound))``.

    The other sound is that of another clip of the batch. A network that ignores its sound has the whole margin as its
    loss, and what the gradient of both maps has in common cancels: what is left is about the sound. No paper trains its
    network so; it is a help for networks that start from random weights, and its weight falls to 0 in the last epoch.
    A network without sound, or on silence, is trained as without it, and a clip alone in its batch has no other sound.

    Args:
        contrast: fields of :class:`~avsal_bench.training.tasks.Contrast`.

    The others are those of :class:`~avsal_bench.training.module.SaliencyModule`.
    """

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
        contrast: Mapping[str, Any] | None = None,
        side_last: float = 0.0,
    ) -> None:
        super().__init__(model, options, loss, optimizer, schedule, seed, side, auxiliary, side_last)
        self.contrast = Contrast.from_plain(contrast or {})

    def setup(self, stage: str) -> None:
        """As the base; and look whether a batch has another sound.

        Raises:
            ValueError: for batches of a single clip, and as the base.
        """
        super().setup(stage)
        config = getattr(getattr(self.trainer, "datamodule", None), "config", None)
        if stage == "fit" and self.net.spec.audio is not None and getattr(config, "batch_size", 2) < 2:
            raise ValueError(
                "training: contrast swaps the sounds of a batch, and each process has a single clip at a time; make "
                "batch_size larger, or --clips-a-device; where there are no more clips to train on, train the stage by "
                "`training: clips` and `contrast: null`"
            )

    def training_loss(self, batch: Batch) -> Tensor:
        """Loss of a batch, and what it lacks of the margin."""
        frames, audio = self.normalised(batch), batch["audio"]
        outputs = self.net.outputs(frames, audio)
        loss = self.outputs_loss(outputs, batch)
        weight = self.contrast_weight
        if audio is None or len(audio) < 2 or not weight:
            return loss
        other = audio.roll(int(torch.randint(1, len(audio), ())), 0)
        if torch.equal(other, audio):  # a stage on silence has nothing to tell apart
            return loss
        own, swapped = (self._cc(output, batch) for output in (outputs.main, self.net.outputs(frames, other).main))
        lacking = (self.contrast.margin + swapped - own).relu().mean()
        if self._trainer is not None:  # a batch may be looked at without one
            self.log("train/contrast", lacking, on_step=True, on_epoch=False)
        return loss + weight * lacking

    @property
    def contrast_weight(self) -> float:
        """Weight of the contrast in this epoch."""
        epoch, epochs = self.clock
        return self.contrast.weight * (1 - epoch / max(1, epochs - 1))

    def _cc(self, output: Tensor, batch: Batch) -> Tensor:
        """CC of each item ``(B,)`` with its density."""
        saliency = self.map_of(output)
        return cc_loss(saliency, truth_of(batch, saliency).density)
