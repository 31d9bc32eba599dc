"""The LightningModule that trains and runs any network by its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torchmetrics import MeanMetric
from typing_extensions import Self

from avsal_bench.files import whole_file
from avsal_bench.metrics.functional import IN_TABLES
from avsal_bench.metrics.per_video import PerVideo
from avsal_bench.models import Clips, Memory, Place, create_model
from avsal_bench.models.base import Outputs, predict_windows
from avsal_bench.models.weights.loading import open_safely
from avsal_bench.names import pick, unknown
from avsal_bench.spec import Batch, WindowBatch
from avsal_bench.training.any_network import as_network, check_clips
from avsal_bench.training.epoch_draws import DrawsByEpoch
from avsal_bench.training.losses import LOSSES, Prediction, saliency_loss, truth_of
from avsal_bench.training.optimising import (
    OPTIMIZERS,
    check_optimizer,
    check_schedule,
    mapping,
    parameter_groups,
)
from avsal_bench.training.schedules import schedule_of
from avsal_bench.training.validation_scores import ValidationScores

#: What a test in the module logs: scores of the tables by the names that they are logged under. The sAUC needs the
#: fixations of other frames, which a batch does not have.
TEST_SCORES = {
    name: f"test/{name.lower().replace('-', '_')}" for name, (_, of) in IN_TABLES.items() if "negatives" not in of
}


class SaliencyModule(DrawsByEpoch):
    """Trains, validates, tests and runs a network: one of the registry, or any ``nn.Module`` with a ``spec``.

    Give it to a ``Trainer`` with a :class:`~avsal_bench.data.clips.SaliencyDataModule`. Training logs ``train/loss``,
    validation ``val/loss``, ``val/cc`` and, with ``DataConfig(val_muted=True)``, ``val/cc_muted``; and a test
    ``test/cc``, ``test/sim``, ``test/nss``, ``test/auc_j`` and ``test/kl``: means over each video's frames, and then
    over videos, at the size of the maps. The numbers of the tables, at the size of the ground truth and by a protocol,
    are those of ``avsal_bench.evaluate``.

    A checkpoint holds plain values and no pickled network. One of a name is loaded with
    ``SaliencyModule.load_from_checkpoint(path)``, one of your own module with
    ``SaliencyModule.load_from_checkpoint(path, model=net)``.

    Args:
        model: name in the registry; or a module, see :func:`~avsal_bench.training.any_network.as_network`.
        options: of a network of the registry.
        loss: weight of each loss term, by its name: ``kl``, ``kl_batch``, ``cc``, ``sim``, ``nss``, ``bce`` or ``sse``;
            a negative weight rewards. By default ``{"kl": 1.0}``.
        optimizer: ``name`` (``adamw``, ``adam`` or ``sgd``) and arguments; by default AdamW with ``lr`` 1e-4.
        schedule: ``name`` (``constant``, ``cosine``, ``plateau`` or ``multistep``) and arguments; by default constant.
        seed: draws of epoch e start from ``seed`` and ``e``, so that a resumed run draws what an undisturbed one does.
        side: weight of the loss of each side output; it falls in even steps, one an epoch, to ``side_last``.
        auxiliary: weight of each loss that the network computes itself.
        side_last: weight of the loss of each side output in the last epoch.

    Raises:
        TypeError: for a module that lacks something; see :func:`~avsal_bench.training.any_network.as_network`; and for
            a ``loss``, an ``optimizer`` or a ``schedule`` that is no mapping.
        ValueError: for an unknown name of a network, an option or a loss term, and for a checkpoint of your own module
            that is loaded without it.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: str | nn.Module | None,
        options: Mapping[str, Any] | None = None,
        loss: Mapping[str, float] | None = None,
        optimizer: Mapping[str, Any] | None = None,
        schedule: Mapping[str, Any] | None = None,
        seed: int = 0,
        side: float = 0.0,
        auxiliary: Mapping[str, float] | None = None,
        side_last: float = 0.0,
    ) -> None:
        super().__init__()
        options = dict(options or {})
        loss = mapping("loss", loss, {"kl": 1.0})
        optimizer = mapping("optimizer", optimizer, {"name": "adamw", "lr": 1e-4})
        schedule = mapping("schedule", schedule, {"name": "constant"})
        for term in loss:
            pick("loss term", term, LOSSES)
        if isinstance(model, str):
            self.save_hyperparameters()
            self.net = create_model(model, **options)
        else:
            if model is None:
                raise ValueError(
                    "this checkpoint is of a module of your own, whose code it does not hold: build the module as "
                    "before, and load it with SaliencyModule.load_from_checkpoint(path, model=net)"
                )
            if options:
                raise ValueError(f"options are for a network of the registry; give {type(model).__name__} its own")
            self.save_hyperparameters(ignore=["model"])
            self.hparams["model"] = None
            self.net = as_network(model)
        self.loss = loss
        self.optimizer = optimizer
        self.schedule = schedule
        self.seed = seed
        self.side, self.side_last = side, side_last
        self.auxiliary = dict(auxiliary or {})
        spec = self.net.spec
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1, 1) * 255, persistent=False)
        self.val_loss = MeanMetric()
        self.val_scores: ValidationScores | None = None
        self.test_scores: PerVideo | None = None
        self.memory = Memory()
        self.muted = self.memory.other_sound()
        self.failure = ""
        self._batch: tuple[int, Batch] | None = None
        self._clock: tuple[int, int] | None = None
        self.plateau: ReduceLROnPlateau | None = None
        self._plateau_state: dict[str, Any] | None = None

    def setup(self, stage: str) -> None:
        """Learn from the data module which videos are validated or tested on; without one there is no validation CC.

        Raises:
            ValueError: for a test whose data module does not say its ``test_videos()``, and for a data module that
                makes other clips than the network takes.
        """
        data = getattr(self.trainer, "datamodule", None)
        check_clips(self.net, data)
        self.val_loss.reset()  # a run before left sums that inference mode made, to which nothing can be added
        if stage in ("fit", "validate") and data is not None and hasattr(data, "val_videos"):
            self.val_scores = ValidationScores(video.key for video in data.val_videos())
        if stage == "test":
            if data is None or not hasattr(data, "test_videos"):
                raise ValueError("scores are means over videos: give Trainer.test a SaliencyDataModule as datamodule")
            self.test_scores = PerVideo(list(TEST_SCORES), [video.key for video in data.test_videos()])

    def forward(self, batch: Batch | WindowBatch, memory: Memory | None = None) -> Tensor:
        """Saliency maps ``(B, h, w)`` of a batch of windows at test time; see :meth:`Network.predict`.

        Frames are uint8, and normalised on the device. Without ``memory`` nothing is kept for the next batch.
        """
        output = predict_windows(self.net, self.clips_of(batch), batch["audio"], memory or Memory())
        return self.map_of(output)

    def map_of(self, output: Tensor) -> Tensor:
        """Saliency maps of an output of the network, in float32 at least: sums over pixels are never in 16 bits."""
        return self.net.to_map(output.to(torch.promote_types(output.dtype, torch.float32)))

    def clips_of(self, batch: Batch | WindowBatch) -> Clips:
        """The windows of a batch, as :meth:`Network.predict` takes them; a batch of whole clips shares no frames."""
        mean, std = self.mean.view(3, 1, 1), self.std.view(3, 1, 1)
        if walked := cast(WindowBatch, batch).get("walked"):
            found = iter(batch["label"].tolist() if "label" in batch else ())
            places = [
                Place(video, (frame,), next(found, None) if asked else None, asked) for video, frame, asked in walked
            ]
            return Clips(batch["pool"], batch["index"], places, mean, std)  # type: ignore[typeddict-item]
        labels = batch["label"].tolist() if "label" in batch else [None] * len(batch["video"])
        origins = zip(batch["dataset"], batch["video"], batch["window"], labels, strict=True)
        # Pinning memory for a GPU makes lists of tuples.
        places = [Place(f"{dataset}/{video}", tuple(window), label) for dataset, video, window, label in origins]
        if "frames" in batch:
            return Clips.of(self.normalised(cast(Batch, batch)), places)
        return Clips(batch["pool"], batch["index"], places, mean, std)

    def normalised(self, batch: Batch) -> Tensor:
        """Frames ``(B, 3, T, h, w)`` float32 as the spec wants them."""
        return (batch["frames"].float() - self.mean) / self.std

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
        own, given = type(self), ", model=net" if self.hparams.get("model", "") is None else ""
        self.failure = (
            f"{what} in epoch {epoch}, step {index} (frames: {places}); try a lower learning rate. "
            f"The batch and the network are in {path}: from {own.__module__} import {own.__name__}; "
            f"module, batch = {own.__name__}.reopen({str(path)!r}{given}); module.training_loss(batch)"
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
    def reopen(cls, path: str | Path, model: nn.Module | None = None) -> tuple[Self, Batch]:
        """Module and batch of a step whose loss or gradient was not finite, on the CPU.

        The loss is that of the step again, but for what dropout hides.

        Args:
            path: of the file that the error named.
            model: your own module, built as before; None for a network of the registry.
        """
        kept: Any = open_safely(Path(path), "train the stage again")
        own = {} if model is None else {"model": model}
        module = cls(**{**kept["arguments"], **own})
        module.net.load_state_dict(kept["network"])
        module._clock = kept["clock"]
        return module, kept["batch"]

    def training_loss(self, batch: Batch) -> Tensor:
        """Loss of a batch: of the main output, of side outputs, and what the network computes itself."""
        return self.outputs_loss(self.net.outputs(self.normalised(batch), batch["audio"]), batch)

    def outputs_loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Loss of what the network gives in training; a ValueError for a weight of a loss that is none of these."""
        main, side, auxiliary = outputs
        loss = self.output_loss(main, batch)[0]
        for name, weight in self.auxiliary.items() if auxiliary else ():  # a `v` network has no audio-visual loss
            if name not in auxiliary:
                raise ValueError(f"auxiliary: {unknown('loss of the network', name, auxiliary)}")
            loss = loss + weight * auxiliary[name]
        epoch, epochs = self.clock if side else (0, 1)
        weight = self.side_last + (self.side - self.side_last) * (1 - (epoch + 1) / epochs)
        for output in side if weight > 0 else ():
            loss = loss + weight * self.output_loss(output, batch)[0]
        return loss

    def output_loss(self, output: Tensor, batch: Batch | WindowBatch) -> tuple[Tensor, Tensor]:
        """Loss of an output of the network, and of how many items; the ground truth is brought to its size."""
        output = output.to(torch.promote_types(output.dtype, torch.float32))
        logits, logs = (output if known else None for known in (self.net.logits, self.net.log_density))
        prediction = Prediction(self.net.to_map(output), logits, logs)
        return saliency_loss(prediction, truth_of(batch, prediction.saliency), self.loss)

    def validation_step(self, batch: Batch | WindowBatch, index: int) -> None:
        """Add a batch of windows to the validation loss and CC.

        The loss chooses checkpoints. Where windows bring the muted sound as their ``others``, the CC with it is told
        too; what is seen in them is seen once.
        """
        clips = self.clips_of(batch)
        others = batch.get("others")
        if "walked" in batch or others is not None:
            output = predict_windows(self.net, clips, batch["audio"], self.memory)
        else:
            output = self.net(clips.frames, batch["audio"])
        loss, count = self.output_loss(output, batch)
        self.val_loss.update(loss, count)
        self.log("val/loss", self.val_loss, on_epoch=True)
        if self.val_scores is not None:
            muted = None
            if others is not None:
                # Contiguous, as a sound that comes alone: the memory layout decides the last digits.
                muted = self.map_of(predict_windows(self.net, clips, others[:, 0].contiguous(), self.muted)).float()
            self.val_scores.add(self.map_of(output).float(), muted, batch)

    def on_validation_start(self) -> None:
        """Forget what was kept of another run: its weights were others."""
        self.memory.clear()
        self.muted = self.memory.other_sound()

    def on_validation_epoch_end(self) -> None:
        """Log the scores of all processes."""
        if self.val_scores is not None:
            for name, value in self.val_scores.told().items():
                # Every process has the same value; the largest of equals is the value itself, to the last bit.
                self.log(name, value, sync_dist=True, reduce_fx="max")
            self.val_scores.reset()

    def test_step(self, batch: Batch | WindowBatch, index: int) -> None:
        """Score a batch of windows at the size of the maps; see the class."""
        assert self.test_scores is not None, "setup made it"
        saliency = self(batch, self.memory).float()
        truth = truth_of(batch, saliency)
        fixated = truth.fixated
        if fixated is None:
            raise ValueError("batches to test on have no `fixated`; test with a SaliencyDataModule")
        against = {"density": truth.density, "fixations": fixated}
        scores = {}
        for name in TEST_SCORES:
            function, of = IN_TABLES[name]
            scores[name] = function(saliency, *(against[one] for one in of))
        keys = [f"{dataset}/{video}" for dataset, video in zip(batch["dataset"], batch["video"], strict=True)]
        self.test_scores.update(scores, keys, batch["frame"])

    def on_test_epoch_end(self) -> None:
        """Log the scores of all processes."""
        assert self.test_scores is not None, "setup made it"
        for name, value in self.test_scores.compute()["overall"].items():
            self.log(TEST_SCORES[name], value, sync_dist=True, reduce_fx="max")
        self.test_scores.reset()

    def on_test_start(self) -> None:
        """Forget what was kept of another run: its weights may have been others."""
        self.memory.clear()

    def on_predict_start(self) -> None:
        """Forget what was kept of another run: its weights may have been others."""
        self.memory.clear()

    def predict_step(self, batch: Batch | WindowBatch, index: int) -> Tensor:
        """Saliency maps ``(B, h, w)`` of a batch of windows; what the network keeps serves the batches that follow."""
        saliency: Tensor = self(batch, self.memory)
        return saliency

    def configure_optimizers(self) -> Any:
        """Optimiser and schedule by their names.

        Raises:
            ValueError: for an unknown name or argument, or a value that is out of its range.
        """
        check_optimizer(self.optimizer)
        check_schedule(self.schedule)
        arguments = {k: v for k, v in self.optimizer.items() if k not in ("name", "lr_scale")}
        optimizer_class = pick("optimizer", self.optimizer["name"], OPTIMIZERS)
        groups = parameter_groups(self.net, arguments["lr"], self.optimizer.get("lr_scale", {}))
        optimizer = optimizer_class(groups, **arguments)
        lr_scale = self.optimizer.get("lr_scale", {})
        schedule = schedule_of(self.schedule, optimizer, lr_scale, self.planned_steps)
        if isinstance(schedule, ReduceLROnPlateau):
            self.plateau = schedule  # stepped here: see on_train_epoch_end
        if schedule is None or schedule is self.plateau:
            return optimizer
        interval = self.schedule.get("interval", "step")
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": interval}}

    def planned_steps(self) -> int:
        """Steps of the whole training, which some schedules are stretched over."""
        return int(self.trainer.estimated_stepping_batches)

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
