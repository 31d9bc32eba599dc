"""Training by dynamic routing (dave2019, section 3.2): epochs of clips with sound, and epochs of stills without."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.clips.sampler import of_stills
from avsal_bench.spec import Batch
from avsal_bench.training.module import SaliencyModule


class AlternatingModule(SaliencyModule):
    """Trains on clips in epochs 0, 2, ... and on stills in epochs 1, 3, ...

    A still is repeated for as long as a clip is. dave2019 takes pictures of image saliency sets, its remedy for few
    videos, and does not name them: so does a data module with ``DataConfig.stills``. Without, a still is the target
    frame of a clip, which adds no scene to those of the videos; that is ours. In an epoch of stills what hears
    (``audio_only`` of the network) is frozen and left out: no gradient, no optimiser step, no change of its batch
    norms. A network that only hears has no use for stills, and trains on clips in every epoch.

    Args are those of :class:`~avsal_bench.training.module.SaliencyModule`. The network must have a method
    ``forward_stills(frames)``, its output for clips without sound.
    """

    @property
    def on_stills(self) -> bool:
        """Whether this epoch is one of stills."""
        return of_stills(self.clock[0]) and self.net.sees

    def training_loss(self, batch: Batch) -> Tensor:
        """Loss of a batch of clips, or of the stills that are, or are made from, its target frames."""
        if not self.on_stills:
            return super().training_loss(batch)
        target = self.net.spec.target_index
        frames = self.normalised(batch)
        stills = frames[:, :, target : target + 1].expand_as(frames)
        loss = self.output_loss(self.net.forward_stills(stills), batch)[0]
        # Several processes wait for a gradient of every parameter; these are zero, and dropped before the step.
        return loss + sum(parameter.sum() * 0 for parameter in self._heard())

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Freeze what hears: an optimiser leaves alone what has no gradient, momentum and weight decay too."""
        super().on_before_optimizer_step(optimizer)
        if self.on_stills:
            for parameter in self._heard():
                parameter.grad = None

    def planned_steps(self) -> int:
        """As for any network; where epochs of stills are longer or shorter than those of clips, the sum of both."""
        data = getattr(self.trainer, "datamodule", None)
        if not isinstance(data, SaliencyDataModule) or not data.config.stills:
            return super().planned_steps()
        batches = data.epoch_batches(self.trainer.max_epochs or 1)
        return sum(math.ceil(count / self.trainer.accumulate_grad_batches) for count in batches)

    def _heard(self) -> list[Parameter]:
        return [p for name, p in self.net.named_parameters() if name.startswith(self.net.audio_only)]
