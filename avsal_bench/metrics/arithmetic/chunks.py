"""Large batches a few maps at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import torch
from torch import Tensor

#: Bytes of maps that are worked on at a time: a few times as much stays in the cache of a CPU.
_CHUNK = 3 * 2**20
_P = ParamSpec("_P")


def in_chunks(metric: Callable[_P, Tensor]) -> Callable[_P, Tensor]:
    """Run ``metric`` on a few maps of the batch at a time on a CPU, where a large batch does not fit the cache."""

    @functools.wraps(metric)
    def chunked(*args: _P.args, **kwargs: _P.kwargs) -> Tensor:
        maps = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        shapes = {value.shape for value in maps}
        if len(shapes) != 1 or maps[0].ndim != 3 or maps[0].device.type != "cpu":
            return metric(*args, **kwargs)  # which says so if the shapes are wrong
        size = max(1, _CHUNK // max(1, maps[0][:1].nbytes))
        if len(maps[0]) <= size:
            return metric(*args, **kwargs)

        def part(value: Any, start: int) -> Any:
            return value[start : start + size] if isinstance(value, Tensor) else value

        call: Callable[..., Tensor] = metric
        starts = range(0, len(maps[0]), size)
        return torch.cat(
            [call(*(part(v, i) for v in args), **{k: part(v, i) for k, v in kwargs.items()}) for i in starts]
        )

    return chunked
