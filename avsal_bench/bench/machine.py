"""What a job runs on, and how the batches of a recipe are shared out there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from lightning import Trainer
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from avsal_bench.bench.checkpoints import AtomicCheckpoints
from avsal_bench.bench.computing.precision import FLOAT32, ON_CPU, check_predicting, check_training, full_name
from avsal_bench.bench.loggers import LOGGERS, check_logger
from avsal_bench.bench.sharing.meeting import MeetingDDP
from avsal_bench.bench.sharing.started import by_slurm, by_torchrun
from avsal_bench.evaluation.score_videos import KeepMaps
from avsal_bench.names import unknown
from avsal_bench.text import many
from avsal_bench.training.stage import Stage


class Share(NamedTuple):
    """What one process does of a training step: ``batches`` batches, each of ``clips`` clips, for one gradient."""

    clips: int
    batches: int


@dataclass(frozen=True)
class Machine:
    """What a job runs on; nothing of it changes a score beyond rounding, with the exceptions below.

    A step of training has the clips that the recipe says (``batch_size`` times ``accumulate``), whatever the number of
    processes and ``clips_a_device``: the same clips in the same steps, and the mean of their losses. One exception is
    what looks at a batch as a whole. Batch norms in training mode see the clips that one device has at a time; with
    ``sync_batchnorm`` in the recipe, those of all processes. Likewise the loss ``kl_batch`` and a network's own losses
    over a batch, such as MSPI's ``audio_visual``. What a network hides by dropout is drawn anew for each process. The
    other is a precision below float32: what is tested in one has records and rows of its own.

    Args:
        devices: GPUs of a machine, or processes where there is none; ``auto`` for all GPUs, or one process.
        nodes: machines.
        precision: of Lightning, or ``bf16`` or ``fp16``; training and test compute in it. A CPU trains in float32 and
            float64 only; one with AMX or AVX512-BF16 tests in bfloat16, too, what is trained already.
        workers: processes that read, for each process.
        keep_maps: form in which predicted maps are written.
        clips_a_device: the most clips, or windows, that one device has at a time. A larger share of a step is made of
            several batches.
        compile: compile networks with ``torch.compile``, for the shape of a full batch; the first step then takes a
            minute more. At test time that does nothing for a network that shares what it finds between windows.
        logger: names of ``bench/loggers.py``.

    Raises:
        ValueError: for a logger or a precision that is not known, and for a number below what makes sense.
    """

    devices: int | str = "auto"
    nodes: int = 1
    precision: str = FLOAT32
    workers: int = 0
    keep_maps: KeepMaps | None = None
    clips_a_device: int | None = None
    compile: bool = False
    logger: tuple[str, ...] = ("csv", "tensorboard")

    def __post_init__(self) -> None:
        for name in self.logger:
            if name not in LOGGERS:
                raise ValueError(unknown("logger", name, LOGGERS))
        object.__setattr__(self, "precision", full_name(self.precision))
        if self.devices != "auto" and not (isinstance(self.devices, int) and self.devices >= 1):
            raise ValueError(f"devices: expected auto, or a number from 1; got {self.devices!r}")
        counts = {"nodes": (self.nodes, 1), "workers": (self.workers, 0), "clips a device": (self.clips_a_device, 1)}
        for name, (value, least) in counts.items():
            if value is not None and value < least:
                raise ValueError(f"{name}: expected {least} or more, got {value}")

    @property
    def processes(self) -> int:
        """How many processes train together: one a device; without GPUs as many as are asked for, or one."""
        here = max(1, torch.cuda.device_count()) if self.devices == "auto" else int(self.devices)
        return here * self.nodes

    @property
    def trains(self) -> bool:
        """Whether networks can be trained here in this precision."""
        return self.precision in ON_CPU or torch.cuda.is_available()

    def check_training(self, who: str = "", anew: bool = False) -> None:
        """Nothing, where networks can be trained here in this precision.

        Args:
            who: is to be trained.
            anew: whether it is trained whatever is there.

        Raises:
            ValueError: as :func:`~avsal_bench.bench.computing.precision.check_training`.
        """
        check_training(self.precision, who, anew)

    def check(self) -> None:
        """Look whether all of this is to be had here, before anything starts; see also :meth:`check_training`.

        Raises:
            ValueError: for a precision that nothing here predicts in; for more GPUs than there are; for several nodes
                of which nobody says where they are; for a logger whose package is not installed; and as
                :mod:`avsal_bench.bench.sharing.started`.
        """
        by_slurm()
        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        check_predicting(self.precision)
        if gpus and isinstance(self.devices, int) and self.devices > gpus:
            raise ValueError(f"devices {self.devices}, and this machine has {gpus} GPUs; lower --devices")
        if self.nodes > 1 and not by_torchrun() and by_slurm() is None and "MASTER_ADDR" not in os.environ:
            raise ValueError(
                f"nodes {self.nodes}, and nothing says where the others are; start `avsal run` on each by torchrun or "
                "srun, or give the plan to a cluster: --launcher slurm (docs/cluster.md)"
            )
        for name in self.logger:
            check_logger(name)

    def trainer(self, idle: bool = False, **options: Any) -> Trainer:
        """A Lightning trainer on this machine, with none of the defaults that would change a benchmark.

        Args:
            idle: whether there are steps in which some parameters have no gradient. Several processes, which else wait
                for every gradient, then look for those, and leave them alone as one process does.
            options: of ``lightning.Trainer``.

        Raises:
            ValueError: as :meth:`check`; for synchronised batch norms in several processes without GPUs; and when SLURM
                started another number of processes than ``devices`` and ``nodes`` ask for.
        """
        self.check()
        trainer = self._trainer(**options)
        if trainer.world_size > 1:
            trainer = self._trainer(strategy=MeetingDDP(find_unused_parameters=idle), **options)
        _check_tasks(trainer)
        if options.get("sync_batchnorm") and trainer.world_size > 1 and trainer.strategy.root_device.type != "cuda":
            raise ValueError(
                f"sync_batchnorm needs GPUs, and these are "
                f"{many(trainer.world_size, 'process', plural='processes')} without; "
                "run one process, or each on its own batch norms: --set sync_batchnorm=false"
            )
        return trainer

    def _trainer(self, **options: Any) -> Trainer:
        try:
            return Trainer(
                devices=self.devices,
                num_nodes=self.nodes,
                precision=self.precision,  # type: ignore[arg-type]  # a name that Lightning knows
                deterministic="warn",
                use_distributed_sampler=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                plugins=list(filter(None, (_slurm(), AtomicCheckpoints()))),
                # Not `auto`, which takes an Apple GPU: that has no float64, in which scores are computed.
                **{"accelerator": "cuda" if torch.cuda.is_available() else "cpu", **options},
            )
        except MisconfigurationException as error:  # which is no ValueError
            raise ValueError(f"devices {self.devices}, nodes {self.nodes}: {error}") from error

    def windows(self, wanted: int) -> int:
        """How many windows are predicted at a time."""
        return min(wanted, self.clips_a_device or wanted)

    def share(self, stage: Stage, clips: int, processes: int) -> Share:
        """What each of several processes does of a step, so that a step is what the recipe says.

        Args:
            stage: of the recipe.
            clips: of an epoch; a step has no more than those.
            processes: in all.

        Raises:
            ValueError: when the clips of a batch cannot be shared out evenly.
        """
        batch = min(stage.batch_size, clips)
        batches = max(1, min(stage.accumulate, clips // stage.batch_size))
        mine, rest = divmod(batch, processes)
        if rest or not mine:
            whole = batch == stage.batch_size
            fitting = ", ".join(str(n) for n in range(1, batch + 1) if batch % n == 0)
            other = f"--set stages.{stage.name}.batch_size={processes * max(1, round(batch / processes))}"
            raise ValueError(
                f"stage {stage.name!r}: a batch of {many(batch, 'clip')}{'' if whole else ', all of an epoch,'} "
                f"cannot be shared out evenly to {processes} processes (devices {self.devices}, nodes {self.nodes}); "
                f"{fitting} processes can{f', or another batch: {other}' if whole else ''}"
            )
        most = min(mine, self.clips_a_device or mine)
        held = next(n for n in range(most, 0, -1) if mine % n == 0)
        return Share(held, batches * mine // held)


def _slurm() -> SLURMEnvironment | None:
    """SLURM as Lightning sees it, but who started the job puts it into the queue again, not Lightning.

    Raises:
        ValueError: for several tasks of which SLURM does not say how they lie on the nodes.
    """
    if not SLURMEnvironment.detect():
        return None
    tasks = os.environ["SLURM_NTASKS"]
    if int(tasks) > 1 and "SLURM_NTASKS_PER_NODE" not in os.environ:
        raise ValueError(f"SLURM started {tasks} tasks by --ntasks; start them by --nodes and --ntasks-per-node")
    return SLURMEnvironment(auto_requeue=False)


def _check_tasks(trainer: Trainer) -> None:
    if not SLURMEnvironment.detect():
        return
    tasks, wanted = int(os.environ["SLURM_NTASKS"]), trainer.num_devices * trainer.num_nodes
    if tasks != wanted:
        raise ValueError(
            f"SLURM started {many(tasks, 'task')}, but {many(trainer.num_devices, 'device')} on "
            f"{many(trainer.num_nodes, 'node')} need {many(wanted, 'process', plural='processes')}; "
            f"start one task a device (srun --nodes {trainer.num_nodes} --ntasks-per-node "
            f"{trainer.num_devices}), or say --devices and --nodes"
        )


def batch_norms(net: nn.Module) -> int:
    """How many batch norms of a network learn from the batch: those in training mode."""
    return sum(isinstance(part, nn.modules.batchnorm._BatchNorm) and part.training for part in net.modules())
