"""Windows that are predicted with several sounds, one after the other, so that the maps can be compared."""

from __future__ import annotations

import torch
from torch import Tensor

from avsal_bench.models import Memory
from avsal_bench.models.base import predict_windows
from avsal_bench.spec import Batch, WindowBatch
from avsal_bench.training.module import SaliencyModule


class Listener(SaliencyModule):
    """Predicts each batch with its ``audio``, and with each sound of its ``others``.

    What is seen in a batch is seen once for all its sounds. Nothing that a network keeps from batch to batch of what it
    heard is there when it hears another sound.
    """

    def on_predict_start(self) -> None:
        """Forget what was kept of another run."""
        super().on_predict_start()
        self.memories: dict[int, Memory] = {}

    def predict_step(self, batch: Batch | WindowBatch, index: int) -> Tensor:
        """Saliency maps ``(1 + S, B, h, w)`` of a batch with S others."""
        maps = []
        assert batch["audio"] is not None, "a network that hears"
        clips = self.clips_of(batch)
        for number, audio in enumerate([batch["audio"], *batch["others"].unbind(1)]):
            memory = self.memories.setdefault(number, self.memory.other_sound())
            # Contiguous, as a sound that comes alone: the memory layout decides the last digits.
            maps.append(self.map_of(predict_windows(self.net, clips, audio.contiguous(), memory)))
        return torch.stack(maps)
