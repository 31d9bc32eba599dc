"""Windows that are predicted with several sounds, one after the other, so that the maps can be compared."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from avsal_bench.spec import Batch
from avsal_bench.training.module import SaliencyModule


class Listener(SaliencyModule):
    """Predicts each batch with its ``audio``, and with each sound of its ``others``.

    Nothing that a network keeps from batch to batch with one sound is there when it hears another.
    """

    def on_predict_start(self) -> None:
        """Forget what was kept of another run."""
        super().on_predict_start()
        self.memories: dict[int, dict[Any, Any]] = {}

    def predict_step(self, batch: Batch, index: int) -> Tensor:
        """Saliency maps ``(1 + S, B, h, w)`` of a batch with S others."""
        maps = []
        assert batch["audio"] is not None, "a network that hears"
        for number, audio in enumerate([batch["audio"], *batch["others"].unbind(1)]):
            self.memory = self.memories.setdefault(number, {})
            # Contiguous, as a sound that comes alone: the memory layout decides the last digits.
            maps.append(super().predict_step({**batch, "audio": audio.contiguous()}, index))
        return torch.stack(maps)
