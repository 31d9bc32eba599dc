"""Progress of fitting and testing, over the whole of each and with the time left; and the curve of a training."""

from __future__ import annotations

import math
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import nn
from torch.optim import Optimizer

from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.progress import Progress

#: What a validation may give: the loss that chooses the checkpoint, the CC, and the CC with the sound muted.
VALIDATED = ("val/loss", "val/cc", "val/cc_muted", "val/accuracy")


class FitProgress(Callback):
    """One bar over all epochs, with the last training loss and the last validation scores."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.bar: Progress | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start at the epoch that a resumed run starts at."""
        if trainer.is_global_zero:
            epochs, data = int(trainer.max_epochs or 0), getattr(trainer, "datamodule", None)
            steps = [int(trainer.num_training_batches)] * epochs
            if isinstance(data, SaliencyDataModule) and data.config.stills:  # whose epochs differ in length
                steps = data.epoch_batches(epochs)
            self.bar = Progress(self.title, sum(steps), sum(steps[: trainer.current_epoch]))

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Count a step."""
        if self.bar is not None:
            seen = trainer.callback_metrics
            names = {"train/loss": "loss", "val/loss": "val loss", "val/cc": "val CC", "val/cc_muted": "muted"}
            notes = [f"{short} {float(seen[name]):.3f}" for name, short in names.items() if name in seen]
            self.bar.advance(note=f"epoch {trainer.current_epoch + 1}, {', '.join(notes)}")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the last state on the screen."""
        if self.bar is not None:
            self.bar.close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Give the screen back."""
        self.on_train_end(trainer, pl_module)


class Curve(Callback):
    """Keeps what each epoch of a training gave; a checkpoint holds it, so that a resumed run has the whole of it.

    ``points`` is a list of one dict an epoch: ``epoch``, from 1; ``train/loss``, the mean of its steps' losses over all
    processes; what validation gave (``VALIDATED``) where it is finite; ``lr``, the rate of its first step for what
    has no scale of its own; and ``grad_norm``, the mean over its steps of the norm of the gradient of all parameters
    together, before it is clipped (mspi2024, Fig. 7).
    """

    def __init__(self) -> None:
        self.points: list[dict[str, float]] = []
        self.losses: list[float] = []
        self.norms: list[torch.Tensor] = []
        self.lr = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take down the learning rate."""
        self.losses, self.norms = [], []
        # The rest stands behind the groups with a name (``parameter_groups``).
        self.lr = float(trainer.optimizers[0].param_groups[-1]["lr"])

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Take down the norm of the gradient, which Lightning clips after this; nothing waits for a GPU here."""
        found = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if found:
            self.norms.append(nn.utils.get_total_norm(found, foreach=None))

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *args: Any) -> None:
        """Take down the loss of a batch; Lightning has divided it by the batches of a step."""
        self.losses.append(float(outputs["loss"]) * trainer.accumulate_grad_batches)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add an epoch, before its checkpoint is written."""
        own = torch.tensor(math.fsum(self.losses) / len(self.losses), device=pl_module.device)
        seen = {"train/loss": float(trainer.strategy.reduce(own, reduce_op="mean"))}
        seen |= {k: float(v) for k in VALIDATED if (v := trainer.callback_metrics.get(k)) is not None}
        if self.norms:
            seen["grad_norm"] = float(torch.stack([norm.detach().double().cpu() for norm in self.norms]).mean())
        finite = {name: value for name, value in seen.items() if math.isfinite(value)}
        self.points.append({"epoch": trainer.current_epoch + 1, **finite, "lr": self.lr})

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"points": self.points}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Of a checkpoint."""
        self.points = [dict(point) for point in state_dict["points"]]


class PredictProgress(Callback):
    """One bar over all windows of this process."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.bar: Progress | None = None

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the batches to come."""
        if trainer.is_global_zero:
            self.bar = Progress(self.title, int(sum(trainer.num_predict_batches)))

    def on_predict_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Count a batch."""
        if self.bar is not None:
            self.bar.advance()

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the last state on the screen."""
        if self.bar is not None:
            self.bar.close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Give the screen back."""
        self.on_predict_end(trainer, pl_module)
