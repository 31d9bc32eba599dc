"""Progress of fitting and testing, over the whole of each and with the time left."""

from __future__ import annotations

from typing import Any

from lightning import Callback, LightningModule, Trainer

from avsal_bench.progress import Progress


class FitProgress(Callback):
    """One bar over all epochs, with the last training loss and the last validation scores."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.bar: Progress | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start at the epoch that a resumed run starts at."""
        if trainer.is_global_zero:
            steps = int(trainer.num_training_batches)
            epochs = int(trainer.max_epochs or 0)
            self.bar = Progress(self.title, epochs * steps, trainer.current_epoch * steps)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Count a step."""
        if self.bar is not None:
            seen = trainer.callback_metrics
            names = {"train/loss": "loss", "val/loss": "val loss", "val/cc": "val CC"}
            notes = [f"{short} {float(seen[name]):.3f}" for name, short in names.items() if name in seen]
            self.bar.advance(note=f"epoch {trainer.current_epoch + 1}, {', '.join(notes)}")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the last state on the screen."""
        if self.bar is not None:
            self.bar.close()


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
