"""Optimisers and schedules as a recipe names them: what each takes, of which type and range."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch.optim import Optimizer
from typing_extensions import Self

from avsal_bench.models.base import Network
from avsal_bench.names import pick, unknown
from avsal_bench.schema import AtLeast0, Count, Flag, Number, Share, Whole, build

Below1 = Annotated[AtLeast0, Field(lt=1)]
Interval = Literal["step", "epoch"]

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
}


def mapping(what: str, given: object, default: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, or the default in the place of None.

    Raises:
        TypeError: for what is no mapping, such as a name alone.

    >>> mapping("loss", None, {"kl": 1.0})
    {'kl': 1.0}
    """
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"{what}: expected a mapping, such as {dict(default)}, got {given!r}")
    return dict(default if given is None else given)


@dataclass(frozen=True, kw_only=True, config={"extra": "forbid"})
class _Any:
    """What all optimisers take; those of torch, and ``lr_scale``, factors of the rate by names of parameters."""

    name: str
    lr: AtLeast0
    weight_decay: AtLeast0 = 0.0
    lr_scale: Mapping[str, AtLeast0] = Field(default_factory=dict)
    foreach: Flag | None = None
    fused: Flag | None = None


@dataclass(frozen=True, kw_only=True, config={"extra": "forbid"})
class _Adam(_Any):
    betas: tuple[Below1, Below1] = (0.9, 0.999)
    eps: AtLeast0 = 1e-8
    amsgrad: Flag = False


@dataclass(frozen=True, kw_only=True, config={"extra": "forbid"})
class _SGD(_Any):
    momentum: AtLeast0 = 0.0
    dampening: Number = 0.0
    nesterov: Flag = False

    @model_validator(mode="after")
    def _has_momentum(self) -> Self:
        if self.nesterov and (not self.momentum or self.dampening):
            raise ValueError("nesterov needs a momentum above 0 and no dampening")
        return self


@dataclass(frozen=True, kw_only=True, config={"extra": "forbid"})
class _Constant:
    """The rate stays; an ``interval`` says nothing then."""

    name: str
    interval: Interval = "step"


@dataclass(frozen=True, kw_only=True, config={"extra": "forbid"})
class _Cosine(_Constant):
    warmup: Share = 0.05


@dataclass(frozen=True, kw_only=True, config={"extra": "forbid"})
class _Plateau(_Constant):
    mode: Literal["min", "max"] = "min"
    factor: Below1 = 0.1
    patience: Whole = 10
    threshold: AtLeast0 = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: Whole = 0
    min_lr: AtLeast0 = 0.0
    eps: AtLeast0 = 1e-8


@dataclass(frozen=True, kw_only=True, config={"extra": "forbid"})
class _Multistep(_Constant):
    milestones: tuple[Count, ...]
    factor: AtLeast0 = 0.1
    parts: tuple[str, ...] | None = None


_OPTIMIZERS: dict[str, type[Any]] = {"adamw": _Adam, "adam": _Adam, "sgd": _SGD}
_SCHEDULES: dict[str, type[Any]] = {
    "constant": _Constant,
    "cosine": _Cosine,
    "plateau": _Plateau,
    "multistep": _Multistep,
}


def check_optimizer(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same mapping, when it names an optimiser and what that takes.

    Raises:
        ValueError: with a line for each fault.
    """
    return _checked("optimizer", plain, _OPTIMIZERS)


def check_schedule(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    """As :func:`check_optimizer`, for a schedule of the learning rate."""
    return _checked("schedule", plain, _SCHEDULES)


def _checked(what: str, plain: Mapping[str, Any], kinds: Mapping[str, type[Any]]) -> Mapping[str, Any]:
    if not isinstance(plain.get("name"), str):
        raise ValueError(f"{what}: give its name, one of {', '.join(kinds)}; got {plain.get('name')!r}")
    build(pick(what, plain["name"], kinds), plain, what)
    return plain


def check_parts(parts: Iterable[str], lr_scale: Mapping[str, float]) -> None:
    """Look whether the parts of a schedule are groups of ``lr_scale``.

    Raises:
        ValueError: for one that is none.
    """
    if absent := set(parts) - set(lr_scale):
        raise ValueError(unknown("part of the schedule", min(absent), lr_scale))


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
