"""The module that trains a stage; and whether a stage can be trained at all, found without a number being made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import torch

from avsal_bench.models import Network, create_model
from avsal_bench.training.alternating import AlternatingModule
from avsal_bench.training.classifying.spoken_words import WordsModule
from avsal_bench.training.contrast import ContrastModule
from avsal_bench.training.denoising import DenoisingModule
from avsal_bench.training.every_frame import EveryFrameModule, MeanOfFramesModule
from avsal_bench.training.module import SaliencyModule
from avsal_bench.training.optimising import OPTIMIZERS, check_parts, parameter_groups
from avsal_bench.training.stage import Stage, Training
from avsal_bench.training.two_task import TwoTaskModule

#: What trains a stage, by what its recipe says.
MODULES: dict[Training, type[SaliencyModule]] = {
    "clips": SaliencyModule,
    "alternating": AlternatingModule,
    "every_frame": EveryFrameModule,
    "mean_of_frames": MeanOfFramesModule,
    "denoising": DenoisingModule,
    "two_task": TwoTaskModule,
    "contrast": ContrastModule,
    "words": WordsModule,
}


def build_module(stage: Stage, model: str, options: Mapping[str, Any], seed: int) -> SaliencyModule:
    """The module that trains a stage.

    Raises:
        ValueError: for a network that cannot be built, or that this way of training is not for.
    """
    return MODULES[stage.training](
        model,
        dict(options),
        stage.loss,
        stage.optimizer,
        stage.schedule,
        seed,
        stage.side,
        stage.auxiliary,
        side_last=stage.side_last,
        **({"two_task": stage.two_task} if stage.training == "two_task" else {}),
        **({"contrast": stage.contrast} if stage.training == "contrast" else {}),
    )


def check_network(model: str, options: Mapping[str, Any]) -> None:
    """Look whether a network can be built.

    Raises:
        ValueError: see :func:`~avsal_bench.models.create_model`.
    """
    _check_network(model, _text(options))


def check_stage(stage: Stage, model: str, options: Mapping[str, Any]) -> None:
    """Look whether a stage can be trained: its network, its way of training, its optimiser and schedule.

    Raises:
        ValueError: naming the stage, for what does not fit together.
    """
    try:
        _check_stage(model, _text(options), _text(asdict(stage)))
    except ValueError as error:
        raise ValueError(f"stage {stage.name!r}: {error}") from error


def _text(plain: Mapping[str, Any]) -> str:
    return json.dumps(plain, sort_keys=True, default=str)


# Each once in a process: the jobs of a plan share stages, and a plan is looked at before it and its jobs run.


@lru_cache(maxsize=512)
def _check_network(model: str, options: str) -> None:
    with torch.device("meta"):
        create_model(model, **json.loads(options))


@lru_cache(maxsize=512)
def _check_stage(model: str, options: str, plain: str) -> None:
    stage = Stage(**json.loads(plain))
    with torch.device("meta"):
        net: Network = build_module(stage, model, json.loads(options), 0).net
    arguments = {key: value for key, value in stage.optimizer.items() if key not in ("name", "lr_scale")}
    scale = stage.optimizer.get("lr_scale", {})
    try:
        OPTIMIZERS[stage.optimizer["name"]](parameter_groups(net, arguments["lr"], scale), **arguments)
    except RuntimeError as error:  # fused or foreach, where there is no GPU
        raise ValueError(f"optimizer: {str(error).splitlines()[0]}") from error
    check_parts(stage.schedule.get("parts") or (), scale)
