"""Training of a classifier of the categories of videos, whose activation maps teach STANet (stanet2021, SCAM)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from avsal_bench.data.clips.tagged import TaggedBatch
from avsal_bench.models.scam import SCAM, ClassMaps, Kind, tag_loss
from avsal_bench.names import unknown
from avsal_bench.training.epoch_draws import DrawsByEpoch

OPTIMIZERS = ("sgd", "adamw")


class TagModule(DrawsByEpoch):
    """Trains one classifier; built from plain values, so that a checkpoint holds no pickled network.

    Args:
        kind: of the classifier.
        classes: categories.
        network: further options of :class:`~avsal_bench.models.scam.SCAM`.
        optimizer: ``sgd``, with momentum 0.9 after Nesterov, or ``adamw``.
        lr: rate of the weights of the trunks.
        bias: what the rate of a bias is multiplied by.
        new: what that of what is no trunk is multiplied by.
        weight_decay: of all parameters.
        seed: draws of epoch e start from ``seed`` and ``e``, so that a resumed run draws what an undisturbed one does.

    Raises:
        ValueError: for an unknown optimizer, and as the network.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        kind: Kind,
        classes: int,
        network: Mapping[str, Any],
        optimizer: str = "sgd",
        lr: float = 1e-4,
        bias: float = 2.0,
        new: float = 10.0,
        weight_decay: float = 5e-4,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if optimizer not in OPTIMIZERS:
            raise ValueError(unknown("optimizer", optimizer, OPTIMIZERS))
        self.save_hyperparameters()
        self.net = SCAM(kind, classes, **network)
        self.optimizer = optimizer
        self.lr, self.bias, self.new, self.weight_decay = lr, bias, new, weight_decay
        self.seed = seed
        spec = self.net.spec
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1, 1) * 255, persistent=False)

    def normalised(self, frames: Tensor) -> Tensor:
        """Frames ``(B, 3, 3, h, w)`` uint8 as the network wants them."""
        return (frames.float() - self.mean) / self.std

    def forward(self, frames: Tensor, audio: Tensor | None) -> ClassMaps:
        """The maps of normalised frames, and of the sound where the classifier hears."""
        maps: ClassMaps = self.net(frames, audio if self.net.spec.audio is not None else None)
        return maps

    def training_step(self, batch: TaggedBatch, index: int) -> Tensor:
        """Loss of a batch.

        Raises:
            FloatingPointError: for one that is not finite.
        """
        loss = tag_loss(self(self.normalised(batch["frames"]), batch["audio"]), batch["tag"])
        if not torch.isfinite(loss):
            places = ", ".join(f"{v} {f}" for v, f in zip(batch["video"], batch["frame"], strict=True))
            raise FloatingPointError(
                f"classifier {self.net.kind}: the loss is {loss.item()} in epoch {self.current_epoch}, step {index} "
                f"(frames: {places}); try a lower lr"
            )
        self.log("train/loss", loss, on_step=True, on_epoch=False)
        return loss

    def configure_optimizers(self) -> Optimizer:
        """Four rates: of weights and biases, of the trunks and of what is new."""
        groups: dict[tuple[bool, bool], list[Tensor]] = {}
        for name, parameter in self.net.named_parameters():
            if parameter.requires_grad:
                groups.setdefault((not name.startswith("trunk_"), name.endswith("bias")), []).append(parameter)
        scaled: list[dict[str, Any]] = [
            {"params": found, "lr": self.lr * (self.new if new else 1) * (self.bias if bias else 1)}
            for (new, bias), found in groups.items()
        ]
        if self.optimizer == "sgd":
            return torch.optim.SGD(scaled, lr=self.lr, momentum=0.9, nesterov=True, weight_decay=self.weight_decay)
        return torch.optim.AdamW(scaled, lr=self.lr, weight_decay=self.weight_decay)
