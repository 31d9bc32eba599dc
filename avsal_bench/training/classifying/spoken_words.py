"""Training of DAVE's sound encoder to tell spoken words apart, before it hears videos (dave2019, section 3.1).

The paper starts it from Kinetics and trains it again on Speech Commands, and says neither how long nor how, nor how
sixteen patches are cut from a second. Here the front end spreads them evenly over it, 23 ms apart; the feature is the
mean that the network takes of it too, and one linear layer names the word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import MeanMetric

from avsal_bench.models.dave import DAVE
from avsal_bench.spec import Batch, WindowBatch
from avsal_bench.training.module import SaliencyModule


class WordsModule(SaliencyModule):
    """Trains by the cross-entropy of the words; the checkpoint is chosen by it, on the validation list.

    Args are those of :class:`~avsal_bench.training.module.SaliencyModule`, of which ``loss``, ``side`` and
    ``auxiliary`` say nothing here. Validation logs ``val/loss``, and ``val/accuracy``, the share of words that are
    named right.

    Raises:
        ValueError: for a network that names no words.
    """

    net: DAVE

    def __init__(
        self,
        model: str,
        options: Mapping[str, Any],
        *settings: Any,
        **named: Any,
    ) -> None:
        super().__init__(model, options, *settings, **named)
        if not isinstance(self.net, DAVE) or not self.net.words:
            raise ValueError(
                f"training: words is for dave with modality a and `options: {{words: 30}}`; {model} names no words"
            )
        self.val_accuracy = MeanMetric()

    def training_loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of a batch."""
        return self._loss(batch)[0]

    def validation_step(self, batch: Batch | WindowBatch, index: int) -> None:
        """Add a batch to the loss and to the accuracy."""
        loss, right = self._loss(batch)
        self.val_loss.update(loss, len(right))
        self.val_accuracy.update(right.float())
        self.log("val/loss", self.val_loss, on_epoch=True)
        self.log("val/accuracy", self.val_accuracy, on_epoch=True)

    def _loss(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy, and which words are named right, ``(B,)``."""
        logits = self.net.name_words(batch["audio"])
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return F.cross_entropy(logits, batch["word"]), logits.argmax(1) == batch["word"]
