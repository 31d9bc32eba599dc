"""The LightningModule that trains and runs any network by its recipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torchmetrics import MeanMetric
from typing_extensions import Self

from avsal_bench.files import whole_file
from avsal_bench.metrics.functional import cc
from avsal_bench.metrics.per_video import PerVideo
from avsal_bench.models import Network, Place, create_model
from avsal_bench.models.weights.loading import open_safely
from avsal_bench.names import pick, unknown
from avsal_bench.spec import Batch
from avsal_bench.training.losses import Prediction, Truth, saliency_loss
from avsal_bench.training.optimising import OPTIMIZERS


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
        side: weight of the loss of each side output; it falls in even steps, one an epoch, to 0 in the last one.
        auxiliary: weight of each loss that the network computes itself.
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
        side: float = 0.0,
        auxiliary: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = create_model(model, **options)
        self.loss = dict(loss)
        self.optimizer = dict(optimizer)
        self.schedule = dict(schedule)
        self.seed = seed
        self.side = side
        self.auxiliary = dict(auxiliary or {})
        spec = self.net.spec
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1, 1) * 255, persistent=False)
        self.val_loss = MeanMetric()
        self.val_cc: PerVideo | None = None
        self.memory: dict[Any, Any] = {}
        self.failure = ""
        self._batch: tuple[int, Batch] | None = None
        self._clock: tuple[int, int] | None = None
        self.plateau: ReduceLROnPlateau | None = None
        self._plateau_state: dict[str, Any] | None = None

    def setup(self, stage: str) -> None:
        """Learn from the data module which videos will be validated on; without one there is no validation CC."""
        data = getattr(self.trainer, "datamodule", None)
        if stage in ("fit", "validate") and data is not None:
            # A frame that two processes validate, each in another batch, may get two scores by rounding.
            self.val_cc = PerVideo(["CC"], [video.key for video in data.val_videos()], tolerance=math.inf)

    def forward(self, batch: Batch, memory: dict[Any, Any] | None = None) -> Tensor:
        """Saliency maps ``(B, h, w)`` of a batch of windows at test time; see :meth:`Network.predict`.

        Frames are uint8, and normalised here, on the device. Without ``memory`` nothing is kept for the next batch.
        """
        origins = zip(batch["dataset"], batch["video"], batch["window"], strict=True)
        # Pinning memory for a GPU makes lists of tuples.
        labels = batch["label"].tolist() if "label" in batch else [None] * len(batch["video"])
        places = [
            Place(f"{dataset}/{video}", tuple(window), label)
            for (dataset, video, window), label in zip(origins, labels, strict=True)
        ]
        output = self.net.predict(self.normalised(batch), batch["audio"], places, {} if memory is None else memory)
        return self.net.to_map(output)

    def normalised(self, batch: Batch) -> Tensor:
        """Frames ``(B, 3, T, h, w)`` float32 as the spec wants them."""
        return (batch["frames"].float() - self.mean) / self.std

    def on_train_epoch_start(self) -> None:
        """Start the random numbers of the epoch, other ones for each process."""
        torch.manual_seed(100_003 * self.seed + self.current_epoch + 1_000_003 * self.global_rank)

    @property
    def clock(self) -> tuple[int, int]:
        """Epoch, from 0, and how many there are."""
        return self._clock or (self.current_epoch, self.trainer.max_epochs or 1)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Loss of a batch of clips; one that is not finite stops the training before the next optimiser step."""
        loss = self.training_loss(batch)
        self._batch = (index, batch)
        if not self.failure and not torch.isfinite(loss):
            self._fail(f"the loss is {loss.item()}")
        self.log("train/loss", loss, on_step=True, on_epoch=False)
        return loss

    def on_after_backward(self) -> None:
        """Look at the gradient while the batch that it comes from is known."""
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        # A gradient scaler makes infinities on purpose, and leaves out the step.
        if not self.failure and getattr(self.trainer.precision_plugin, "scaler", None) is None:
            norm = torch.nn.utils.get_total_norm(gradients)
            if not torch.isfinite(norm):
                self._fail(f"the norm of the gradient is {norm.item()}")
        self._batch = None

    def _fail(self, what: str) -> None:
        """Keep the batch and the network in a file, and remember why to stop."""
        assert self._batch is not None, "a step has a batch"
        index, batch = self._batch
        epoch, epochs = self.clock
        name = f"nan-epoch{epoch}-step{index}-rank{self.global_rank}.pt"
        path = Path(self.trainer.default_root_dir).absolute() / name
        kept = {
            "batch": dict(batch),
            "network": self.net.state_dict(),
            "arguments": dict(self.hparams),
            "clock": (epoch, epochs),
        }
        with whole_file(path) as temporary:
            torch.save(kept, temporary)
        places = ", ".join(f"{v} {f}" for v, f in zip(batch["video"], batch["frame"], strict=True))
        own = type(self)
        self.failure = (
            f"{what} in epoch {epoch}, step {index} (frames: {places}); try a lower learning rate. "
            f"The batch and the network are in {path}: from {own.__module__} import {own.__name__}; "
            f"module, batch = {own.__name__}.reopen({str(path)!r}); module.training_loss(batch)"
        )

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Stop all processes when one of them has failed.

        Raises:
            FloatingPointError: when a loss or a gradient is not finite, with the frames and the file of the batch.
        """
        failed = torch.tensor(float(bool(self.failure)), device=self.device)
        if self.trainer.strategy.reduce(failed, reduce_op="max"):
            folder = self.trainer.default_root_dir
            raise FloatingPointError(self.failure or f"another process has stopped: see {folder}/nan-*.pt")

    @classmethod
    def reopen(cls, path: str | Path) -> tuple[Self, Batch]:
        """Module and batch of a step whose loss or gradient was not finite, on the CPU.

        The loss is that of the step again, but for what dropout hides.
        """
        kept: Any = open_safely(Path(path), "train the stage again")
        module = cls(**kept["arguments"])
        module.net.load_state_dict(kept["network"])
        module._clock = kept["clock"]
        return module, kept["batch"]

    def training_loss(self, batch: Batch) -> Tensor:
        """Loss of the main output, and of the side outputs of a network that has them."""
        main, side, auxiliary = self.net.outputs(self.normalised(batch), batch["audio"])
        loss = self.output_loss(main, batch)[0]
        for name, weight in self.auxiliary.items():
            # A `v` network has no audio-visual loss; a name that no network of this kind gives is a recipe's fault.
            loss = loss + weight * auxiliary[name] if name in auxiliary else loss
        epoch, epochs = self.clock if side else (0, 1)
        weight = self.side * (1 - (epoch + 1) / epochs)
        for output in side if weight > 0 else ():
            loss = loss + weight * self.output_loss(output, batch)[0]
        return loss

    def output_loss(self, output: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss of an output of the network, and of how many items; the ground truth is brought to its size."""
        prediction = Prediction(self.net.to_map(output), output if self.net.logits else None)
        return saliency_loss(prediction, truth_of(batch, prediction.saliency), self.loss)

    def validation_step(self, batch: Batch, index: int) -> None:
        """Add a batch of windows to the validation loss and CC.

        The loss chooses checkpoints. The CC is the scores' own: a mean over each video's frames, then over videos.
        """
        output = self.net(self.normalised(batch), batch["audio"])
        loss, count = self.output_loss(output, batch)
        self.val_loss.update(loss, count)
        self.log("val/loss", self.val_loss, on_epoch=True)
        if self.val_cc is not None:
            keys = [f"{dataset}/{video}" for dataset, video in zip(batch["dataset"], batch["video"], strict=True)]
            saliency = self.net.to_map(output).float()
            self.val_cc.update({"CC": cc(saliency, truth_of(batch, saliency).density)}, keys, batch["frame"])

    def on_validation_epoch_end(self) -> None:
        """Log the CC of all processes."""
        if self.val_cc is not None:
            # Every process has the same value; the largest of equals is the value itself, to the last bit.
            self.log("val/cc", self.val_cc.compute()["overall"]["CC"], sync_dist=True, reduce_fx="max")
            self.val_cc.reset()

    def on_predict_start(self) -> None:
        """Forget what was kept of another run: its weights may have been others."""
        self.memory.clear()

    def predict_step(self, batch: Batch, index: int) -> Tensor:
        """Saliency maps ``(B, h, w)`` of a batch of windows; what the network keeps serves the batches that follow."""
        saliency: Tensor = self(batch, self.memory)
        return saliency

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
            "multistep": self._multistep,
        }
        arguments = {k: v for k, v in self.schedule.items() if k not in ("name", "interval")}
        schedule = pick("schedule", self.schedule["name"], schedules)(optimizer, **arguments)
        if schedule is None:
            return optimizer
        interval = self.schedule.get("interval", "step")
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": interval}}

    def _constant(self, optimizer: Optimizer) -> None:
        """The rate stays what it is."""

    def _plateau(self, optimizer: Optimizer, **arguments: Any) -> None:
        """The rate falls when the validation loss does not; see :meth:`on_train_epoch_end`."""
        self.plateau = ReduceLROnPlateau(optimizer, **arguments)

    def _multistep(
        self, optimizer: Optimizer, milestones: list[int], factor: float = 0.1, parts: list[str] | None = None
    ) -> LRScheduler:
        """The rate is multiplied by ``factor`` after each milestone, counted in steps or, by ``interval``, in epochs.

        With ``parts``, only that of the parameters whose group of ``lr_scale`` bears one of these names.
        """

        def scaled(count: int) -> float:
            return factor ** sum(count >= milestone for milestone in milestones)

        names = [group["name"] for group in optimizer.param_groups]
        check_parts(parts or (), self.optimizer.get("lr_scale", {}))
        lambdas = [scaled if parts is None or name in parts else (lambda count: 1.0) for name in names]
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambdas)

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


def check_parts(parts: Iterable[str], lr_scale: Mapping[str, float]) -> None:
    """Look whether the parts of a schedule are groups of ``lr_scale``.

    Raises:
        ValueError: for one that is none.
    """
    if absent := set(parts) - set(lr_scale):
        raise ValueError(unknown("part of the schedule", min(absent), lr_scale))


def truth_of(batch: Batch, saliency: Tensor) -> Truth:
    """Ground truth of a batch at the size of the maps ``(B, h, w)``; a fixated pixel stays one when maps shrink."""
    density, fixated = batch["density"], batch["fixated"]
    assert density is not None, "training and validation batches carry a density"
    size = saliency.shape[1:]
    if density.shape != saliency.shape:
        density = F.interpolate(density[:, None], size, mode="bilinear", antialias=True)[:, 0]
        if fixated is not None:
            fixated = F.interpolate(fixated[:, None].float(), size, mode="bilinear", antialias=True)[:, 0] > 0
    return Truth(density, fixated)


def parameter_groups(net: Network, lr: float, lr_scale: Mapping[str, float]) -> list[dict[str, Any]]:
    """Parameters of a network, those whose name starts with a key of ``lr_scale`` at a learning rate of their own.

    A key may hold wildcards, such as ``sides.*.bias``; a parameter belongs to the first key that fits. The parts that
    only the audio-visual or only the ``v`` network has may be named for both.

    Returns:
        Groups with the key as their ``name``, "" for the rest.

    Raises:
        ValueError: for a key that fits no parameter.
    """
    named = dict(net.named_parameters())
    known = tuple(named)
    groups: list[dict[str, Any]] = []
    for key, scale in lr_scale.items():
        mine = [name for name in named if fnmatchcase(name, f"{key}*")]
        absent = not any(fnmatchcase(name, f"{key}*") for name in known)
        if absent and not f"{key}.".startswith(net.audio_only + net.visual_only):
            raise ValueError(unknown("part in lr_scale", key, {name.split(".")[0] for name in known}))
        groups.append({"params": [named.pop(name) for name in mine], "lr": lr * scale, "name": key})
    groups.append({"params": list(named.values()), "lr": lr, "name": ""})
    return [group for group in groups if group["params"]]
