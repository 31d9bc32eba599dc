"""Lightning's loops under a stopwatch: what it says that it does, by the parts that people know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.profilers import Profiler

from avsal_bench.timing.stopwatch import Stopwatch, measuring, timed

#: Parts by the ends of Lightning's names of what it does. What scores says so itself, by ``stopwatch.timed``.
PARTS = {
    "_next": "reading",
    ".batch_to_device": "copying",
    ".predict_step": "network",
    ".training_step": "forward",
    ".backward": "backward",
    ".optimizer_step": "optimiser",
}
#: What is done between the parts: progress, hooks, and all that has no name.
OTHER = "other"


@dataclass
class Spent:
    """Seconds of some batches by part, and of how many clips or windows they are."""

    seconds: dict[str, float] = field(default_factory=dict)
    batches: int = 0
    items: int = 0


class Parts(Profiler):
    """Tells a stopwatch which part Lightning is at."""

    def __init__(self, watch: Stopwatch) -> None:
        super().__init__()
        self.watch = watch

    def start(self, action_name: str) -> None:
        """A part begins, within another one."""
        if part := _part(action_name):
            self.watch.start(part)

    def stop(self, action_name: str) -> None:
        """It ends."""
        if _part(action_name):
            self.watch.stop()


def _part(action: str) -> str:
    return next((part for end, part in PARTS.items() if action.endswith(end)), "")


class Counted(Callback):
    """Counts batches, as the last of the callbacks; the first ones warm up, and are not timed.

    Args:
        watch: that is held.
        warm: batches that are not timed; at least one is.
    """

    def __init__(self, watch: Stopwatch, warm: int) -> None:
        self.watch = watch
        self.warm = warm
        self.last = 0
        self.seen = 0
        self.spent = Spent()

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ask how many batches there are."""
        self._begin(int(sum(trainer.num_predict_batches)))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ask how many batches there are."""
        self._begin(int(trainer.num_training_batches))

    def _begin(self, batches: int) -> None:
        self.last, self.warm = batches, min(self.warm, batches - 1)
        if not self.warm:
            self.watch.lap()

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """Count a batch of a test."""
        self._count(batch)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """Count a batch of a training."""
        self._count(batch)

    def _count(self, batch: Any) -> None:
        self.seen += 1
        if self.seen <= self.warm:
            if self.seen == self.warm:
                self.watch.lap()
            return
        self.spent.batches += 1
        self.spent.items += len(batch["video"])
        if self.seen == self.last:
            self.spent.seconds = self.watch.lap()


def watch_run(trainer: Trainer, warm: int, run: Callable[[], object]) -> Spent:
    """Where the time goes of what a trainer runs, batch by batch, but for the first ones.

    On a GPU each part is waited for at its end, so that its time is its own.
    """
    device = trainer.strategy.root_device
    watch = Stopwatch(partial(torch.cuda.synchronize, device) if device.type == "cuda" else None)
    counted = Counted(watch, warm)
    trainer.callbacks.append(counted)  # type: ignore[attr-defined]
    trainer.profiler = Parts(watch)  # type: ignore[attr-defined]
    with measuring(watch), timed(OTHER):
        run()
    return counted.spent
