"""Training on the map of every frame of a clip, at each scale that a network decodes (STANet)."""

from __future__ import annotations

from torch import Tensor

from avsal_bench.spec import Batch
from avsal_bench.training.module import SaliencyModule


class EveryFrameModule(SaliencyModule):
    """The loss is the sum of those of all frames at all scales; validation looks at what the network predicts.

    Args are those of :class:`~avsal_bench.training.module.SaliencyModule`. The network must have a method
    ``every_frame(frames, audio)``, which gives an output ``(B, t, h, w)`` for each scale, of the first t frames of the
    clip, and batches must bring ``densities``.
    """

    def training_loss(self, batch: Batch) -> Tensor:
        """Loss of a batch of clips."""
        scales = self.net.every_frame(self.normalised(batch), batch["audio"])
        truths = batch["densities"].unbind(1)
        losses = [
            self.output_loss(output, {**batch, "density": density})[0]
            for scale in scales
            for output, density in zip(scale.unbind(1), truths[: scale.shape[1]], strict=True)
        ]
        return sum(losses[1:], start=losses[0])
