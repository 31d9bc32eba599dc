"""The learning rate over a training, by the name that a recipe has for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from avsal_bench.names import pick
from avsal_bench.training.optimising import check_parts


def schedule_of(
    plain: Mapping[str, Any], optimizer: Optimizer, lr_scale: Mapping[str, float], steps: Callable[[], int]
) -> LRScheduler | None:
    """The schedule of an optimiser; None where the rate stays what it is.

    Args:
        plain: ``name`` (``constant``, ``cosine``, ``plateau`` or ``multistep``) and arguments; see
            :func:`~avsal_bench.training.optimising.check_schedule`.
        optimizer: whose groups bear the names of ``lr_scale``.
        lr_scale: factors of the rate by names of parameters.
        steps: says how many steps the training has.

    Raises:
        ValueError: for a part that is no group of ``lr_scale``.
    """

    def multistep(milestones: list[int], factor: float = 0.1, parts: list[str] | None = None) -> LRScheduler:
        check_parts(parts or (), lr_scale)
        return _multistep(optimizer, milestones, factor, parts)

    makers: dict[str, Callable[..., LRScheduler | None]] = {
        "constant": lambda: None,
        "cosine": lambda warmup=0.05: _cosine(optimizer, steps(), warmup),
        "plateau": lambda **arguments: ReduceLROnPlateau(optimizer, **arguments),
        "multistep": multistep,
    }
    arguments = {key: value for key, value in plain.items() if key not in ("name", "interval")}
    return pick("schedule", plain["name"], makers)(**arguments)


def _multistep(optimizer: Optimizer, milestones: list[int], factor: float, parts: list[str] | None) -> LRScheduler:
    """The rate is multiplied by ``factor`` after each milestone, counted in steps or, by ``interval``, in epochs.

    With ``parts``, only that of the parameters whose group of ``lr_scale`` bears one of these names.
    """

    def scaled(count: int) -> float:
        return factor ** sum(count >= milestone for milestone in milestones)

    names = [group["name"] for group in optimizer.param_groups]
    return LambdaLR(optimizer, [scaled if parts is None or name in parts else (lambda count: 1.0) for name in names])


def _cosine(optimizer: Optimizer, total: int, warmup: float) -> LRScheduler:
    """Linear warm-up over a part of all steps, then a cosine to zero."""
    rise = max(1, round(warmup * total))

    def factor(step: int) -> float:
        fall = (step - rise) / max(1, total - rise)
        return (step + 1) / rise if step < rise else 0.5 * (1 + math.cos(math.pi * fall))

    return LambdaLR(optimizer, factor)
