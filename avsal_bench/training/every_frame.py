"""Training on the maps of all frames of a clip, at each scale that a network decodes: their sum, or their mean."""

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


class MeanOfFramesModule(SaliencyModule):
    """The loss is the mean over all frames of all clips that have a ground truth; of several scales, the sum of theirs.

    As :class:`EveryFrameModule`. Where a loss asks for fixations, batches must bring ``all_fixated``.
    """

    def training_loss(self, batch: Batch) -> Tensor:
        """Loss of a batch of clips."""
        scales = self.net.every_frame(self.normalised(batch), batch["audio"])
        fixated = batch.get("all_fixated")
        losses = []
        for scale in scales:
            steps = scale.shape[1]
            truth: Batch = {
                **batch,
                "density": batch["densities"][:, :steps].flatten(0, 1),
                "fixated": None if fixated is None else fixated[:, :steps].flatten(0, 1),
            }
            losses.append(self.output_loss(scale.flatten(0, 1), truth)[0])
        return sum(losses[1:], start=losses[0])
