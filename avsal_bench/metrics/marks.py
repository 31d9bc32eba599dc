"""Fixations as users have them, masks or points, as masks of bool; and what is neither."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from avsal_bench.metrics.arithmetic.scaling import find
from avsal_bench.text import many

#: A mask of the shape of the maps, or points ``(N, 2)``: for a batch a list with one such array a map.
Fixations = Tensor | ArrayLike | Sequence[Tensor | ArrayLike]

#: Numbers of fixations are a mask too: at most so many on a pixel, and at most this share of pixels with any.
_MOST_ON_A_PIXEL, _MOST_FIXATED = 50, 0.05


def mask(name: str, value: Fixations, p: Tensor, shared: bool = False) -> Tensor:
    """Fixations as a mask ``(B, h, w)`` of bool on the device of ``p``.

    Args:
        name: what users call them, for errors.
        value: mask or points.
        p: the maps ``(h, w)`` or ``(B, h, w)`` that they belong to.
        shared: a mask ``(h, w)`` or one array of points may count for all maps of a batch.

    Raises:
        ValueError: for what is neither, and points outside the map.
    """
    batch, frame = p if p.ndim == 3 else p[None], p.shape[-2:]
    shape = value.shape if isinstance(value, Tensor | np.ndarray) else None
    if isinstance(value, Tensor) and (shape == p.shape or (shared and shape == frame)):
        return _marked(name, value, p).expand(batch.shape)
    if p.ndim == 2 or (shared and _are_points(value)):
        points, common = [value], True
    elif shape is not None and len(shape) == 3 and shape[2] != 2:
        raise ValueError(_no_fit(name, value, p))
    elif isinstance(value, Sequence | np.ndarray | Tensor) and not isinstance(value, str) and len(value) == len(p):
        points, common = list(value), False
    else:
        raise ValueError(_no_fit(name, value, p))
    marks = torch.zeros(1 if common else len(p), *frame, dtype=torch.bool)
    for number, one in enumerate(points):
        x, y = _pixels(name if common else f"{name}[{number}]", one, p)
        marks[number, y, x] = True
    return marks.to(p.device).expand(batch.shape)


def _are_points(value: Any) -> bool:
    """Whether these are points, and not an array of points for each map."""
    try:
        shape = np.shape(value)
    except (TypeError, ValueError):  # of rows of unlike length, and of tensors on a GPU
        return False
    return len(shape) == 2 and shape[1] == 2


def _pixels(name: str, value: Any, p: Tensor) -> tuple[Tensor, Tensor]:
    """Columns and rows of points ``(N, 2)``: the pixels that they lie in."""
    try:
        points: NDArray[Any] = np.asarray(value.detach().cpu().double() if isinstance(value, Tensor) else value)
    except ValueError:  # of numpy, for rows of unlike length
        points = np.zeros(1, object)
    if not points.size and not isinstance(value, str):
        points = np.zeros((0, 2))
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(_no_fit(name, points if points.ndim and points.dtype.kind in "biuf" else value, p))
    if points.dtype.kind not in "iuf":
        raise ValueError(f"{name} holds {points.dtype}: give points (N, 2) as numbers, each (x, y)")
    height, width = p.shape[-2:]
    inside = ((points >= 0) & (points < (width, height))).all(1)  # never for NaN
    if not inside.all():
        row = int(np.flatnonzero(~inside)[0])
        x, y = points[row].tolist()
        turned = ((points >= 0) & (points < (height, width))).all() and len(points) > 1
        fix = "are they (y, x)? Give (x, y)" if turned else "count from 0, x to the right and y down"
        raise ValueError(
            f"{name}: point {row} is (x, y) = ({x:g}, {y:g}), outside a map {width} wide and {height} high: {fix}"
        )
    x, y = torch.from_numpy(points.astype(np.int64)).unbind(1)  # they are not below 0: down
    return x, y


def _marked(name: str, values: Tensor, p: Tensor) -> Tensor:
    """Where a mask of any number type is not 0."""
    if values.dtype == torch.bool:
        return values
    values = values.detach()
    marked = values.bool()
    if not values.is_floating_point() and not values.is_signed() and values.dtype != torch.uint8:
        values = values.double()  # torch 2.6 cannot index uint16 to uint64
    at_marks = values.reshape(-1)[find(marked.reshape(1, -1)).index].double()
    if not len(at_marks) or bool((at_marks[0] > 0) & (at_marks == at_marks[0]).all()):
        return marked
    levels, times = np.unique(at_marks.cpu().numpy(), return_counts=True)
    if _are_counts(levels, times, values.numel()):
        return marked
    swapped = "; pred is one: are the two swapped?" if len(torch.unique(p[p != 0])) == 1 else ""
    told = f"{many(len(levels), 'value')} other than 0, from {levels[0]:g} to {levels[-1]:g}"
    raise ValueError(
        f"{name} is no fixation map: it holds {told if len(levels) > 1 else f'{levels[0]:g}'}. Give 1 where somebody "
        f"fixated and 0 elsewhere, or points (x, y){swapped}"
    )


def _are_counts(levels: NDArray[Any], times: NDArray[Any], pixels: int) -> bool:
    """Whether values are how often pixels were fixated: whole, few and small, most of them 1."""
    whole = bool((levels == np.floor(levels)).all() and levels[0] == 1 and levels[-1] <= _MOST_ON_A_PIXEL)
    return whole and bool(2 * times[0] >= times.sum() and times.sum() <= _MOST_FIXATED * pixels)


def _no_fit(name: str, value: Any, p: Tensor) -> str:
    one = "a list with one array of points (N, 2) a map" if p.ndim == 3 else "points (N, 2), each (x, y)"
    if isinstance(value, Tensor | np.ndarray):
        seen = f"has shape {tuple(value.shape)}"
    else:
        several = isinstance(value, Sequence) and not isinstance(value, str)
        seen = f"is a {type(value).__name__} of {len(value)}" if several else f"is {value!r:.40}"
    swapped = "; are the two swapped?" if p.shape[-1] == 2 else ""
    fix = f"give a mask of the shape of pred (array or tensor), or {one}"
    return f"pred has shape {tuple(p.shape)} and {name} {seen}: {fix}{swapped}"
