"""The LightningModule that trains and runs any network by its recipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torchmetrics import MeanMetric

from avsal_bench.metrics.functional import cc
from avsal_bench.metrics.per_video import PerVideo
from avsal_bench.models import Network, create_model
from avsal_bench.names import pick, unknown
from avsal_bench.spec import Batch
from avsal_bench.training.losses import saliency_loss

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
}


class SaliencyModule(LightningModule):
    """Trains a network on one stage of its recipe.

    Built from a name and plain values, so that a checkpoint holds no pickled network.

    Args:
        model: name in the registry.
        options: of the network.
        loss: weight of each loss term.
        optimizer: ``name`` and arguments.
        schedule: ``name`` and arguments.
        seed: draws of epoch e start from ``seed`` and ``e``, so that a resumed run draws what an undisturbed one does.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: str,
        options: Mapping[str, Any],
        loss: Mapping[str, float],
        optimizer: Mapping[str, Any],
        schedule: Mapping[str, Any],
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = create_model(model, **options)
        self.loss = dict(loss)
        self.optimizer = dict(optimizer)
        self.schedule = dict(schedule)
        self.seed = seed
        spec = self.net.spec
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1, 1) * 255, persistent=False)
        self.val_loss = MeanMetric()
        self.val_cc: PerVideo | None = None
        self.plateau: ReduceLROnPlateau | None = None
        self._plateau_state: dict[str, Any] | None = None

    def setup(self, stage: str) -> None:
        """Learn from the data module which videos will be validated on; without one there is no validation CC."""
        data = getattr(self.trainer, "datamodule", None)
        if stage in ("fit", "validate") and data is not None:
            # A frame that two processes validate, each in another batch, may get two scores by rounding.
            self.val_cc = PerVideo(["CC"], [video.key for video in data.val_videos()], tolerance=math.inf)

    def forward(self, batch: Batch) -> Tensor:
        """Saliency maps ``(B, h, w)`` of a batch whose frames are uint8; normalised here, on the device."""
        frames = (batch["frames"].float() - self.mean) / self.std
        output: Tensor = self.net(frames, batch["audio"])
        return self.net.to_map(output)

    def on_train_epoch_start(self) -> None:
        """Start the random numbers of the epoch."""
        torch.manual_seed(100_003 * self.seed + self.current_epoch)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Loss of a batch of clips.

        Raises:
            FloatingPointError: when the loss is not finite, with the videos of the batch.
        """
        saliency, density = self._maps(batch)
        loss, _ = saliency_loss(saliency, density, self.loss)
        if not torch.isfinite(loss):
            places = ", ".join(f"{v} {f}" for v, f in zip(batch["video"], batch["frame"], strict=True))
            raise FloatingPointError(
                f"the loss is {loss.item()} in epoch {self.current_epoch}, step {index} (frames: {places}); "
                f"try a lower learning rate"
            )
        self.log("train/loss", loss, on_step=True, on_epoch=False)
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        """Add a batch of windows to the validation loss and CC.

        The loss chooses checkpoints. The CC is the scores' own: a mean over each video's frames, then over videos.
        """
        saliency, density = self._maps(batch)
        loss, count = saliency_loss(saliency, density, self.loss)
        self.val_loss.update(loss, count)
        self.log("val/loss", self.val_loss, on_epoch=True)
        if self.val_cc is not None:
            keys = [f"{dataset}/{video}" for dataset, video in zip(batch["dataset"], batch["video"], strict=True)]
            self.val_cc.update({"CC": cc(saliency.float(), density)}, keys, batch["frame"])

    def on_validation_epoch_end(self) -> None:
        """Log the CC of all processes."""
        if self.val_cc is not None:
            # Every process has the same value; the largest of equals is the value itself, to the last bit.
            self.log("val/cc", self.val_cc.compute()["overall"]["CC"], sync_dist=True, reduce_fx="max")
            self.val_cc.reset()

    def predict_step(self, batch: Batch, index: int) -> Tensor:
        """Saliency maps ``(B, h, w)`` of a batch of windows."""
        saliency: Tensor = self(batch)
        return saliency

    def _maps(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Prediction and ground truth at the size of the prediction."""
        saliency, density = self(batch), batch["density"]
        assert density is not None, "training and validation batches carry a density"
        if density.shape != saliency.shape:
            density = F.interpolate(density[:, None], saliency.shape[1:], mode="bilinear", antialias=True)[:, 0]
        return saliency, density

    def configure_optimizers(self) -> Any:
        """Optimiser and schedule by their names in the recipe."""
        arguments = {k: v for k, v in self.optimizer.items() if k not in ("name", "lr_scale")}
        optimizer_class = pick("optimizer", self.optimizer["name"], OPTIMIZERS)
        groups = parameter_groups(self.net, arguments["lr"], self.optimizer.get("lr_scale", {}))
        optimizer = optimizer_class(groups, **arguments)
        schedules: dict[str, Callable[..., LRScheduler | None]] = {
            "constant": self._constant,
            "cosine": self._cosine,
            "plateau": self._plateau,
        }
        arguments = {k: v for k, v in self.schedule.items() if k != "name"}
        schedule = pick("schedule", self.schedule["name"], schedules)(optimizer, **arguments)
        if schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _constant(self, optimizer: Optimizer) -> None:
        """The rate stays what it is."""

    def _plateau(self, optimizer: Optimizer, **arguments: Any) -> None:
        """The rate falls when the validation loss does not; see :meth:`on_train_epoch_end`."""
        self.plateau = ReduceLROnPlateau(optimizer, **arguments)

    def _cosine(self, optimizer: Optimizer, warmup: float = 0.05) -> LRScheduler:
        """Linear warm-up over a part of all steps, then a cosine to zero."""
        total = int(self.trainer.estimated_stepping_batches)
        rise = max(1, round(warmup * total))

        def factor(step: int) -> float:
            fall = (step - rise) / max(1, total - rise)
            return (step + 1) / rise if step < rise else 0.5 * (1 + math.cos(math.pi * fall))

        return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

    def on_train_epoch_end(self) -> None:
        """Let the plateau schedule see the validation loss.

        Lightning would do so after the checkpoint of the epoch is written, and not at all for the epoch that a run
        resumes from.
        """
        value = self.trainer.callback_metrics.get("val/loss")
        if self.plateau is not None and value is not None:
            self.plateau.step(float(value))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the plateau schedule's state."""
        if self.plateau is not None:
            checkpoint["plateau"] = self.plateau.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Read the plateau schedule's state; the schedule itself does not exist yet."""
        self._plateau_state = checkpoint.get("plateau")

    def on_fit_start(self) -> None:
        """Take up the plateau schedule of an interrupted run."""
        if self.plateau is not None and self._plateau_state is not None:
            self.plateau.load_state_dict(self._plateau_state)


def parameter_groups(net: Network, lr: float, lr_scale: Mapping[str, float]) -> list[dict[str, Any]]:
    """Parameters of a network, those whose name starts with a key of ``lr_scale`` at a learning rate of their own.

    The parts that hear (``audio_only``) may be named although a ``v`` network has none.

    Raises:
        ValueError: for a key that no parameter's name starts with.
    """
    named = dict(net.named_parameters())
    parts = {name.split(".")[0] for name in named}
    groups = []
    for prefix, scale in lr_scale.items():
        mine = [name for name in named if name.startswith(prefix)]
        if not mine and not f"{prefix}.".startswith(net.audio_only):
            raise ValueError(unknown("part in lr_scale", prefix, parts))
        groups.append({"params": [named.pop(name) for name in mine], "lr": lr * scale})
    groups.append({"params": list(named.values()), "lr": lr})
    return [group for group in groups if group["params"]]
