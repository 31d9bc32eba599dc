"""From what a user gives, maps of any number type as tensors or arrays, to what the core of the metrics takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.metrics.marks import Fixations, mask

#: A map ``(h, w)`` or a batch of maps ``(B, h, w)``.
Map = Tensor | NDArray[Any]

#: Kinds of devices that have no float64, in which pixels are counted: their maps are scored on the CPU.
WITHOUT_FLOAT64 = ("mps",)
#: Types of pictures, which are from 0 to 1 once they are divided by their largest number.
_WHITE = {torch.uint8: 255.0, torch.uint16: 65535.0}
#: Whole numbers up to here are exact in float64.
_EXACT = 2**53
#: Maps of this height and of so many columns are pictures with their channels last.
_TALL, _CHANNELS = 16, (1, 3, 4)


def score(
    metric: Callable[..., Tensor],
    pred: Map,
    maps: Mapping[str, Map | None] | None = None,
    points: Mapping[str, Fixations] | None = None,
    shared: str = "",
) -> Any:
    """Call a metric of :mod:`~avsal_bench.metrics.functional` with what a user gives.

    Args:
        metric: takes ``(B, h, w)`` tensors, and gives ``(B,)``.
        pred: predicted map or maps.
        maps: other maps, by the name that the metric has for them.
        points: fixations in any form, by the name that the metric has for them.
        shared: name of what may be given once for all maps of a batch; a map of this name may be None.

    Returns:
        For a tensor a tensor on its device, ``()`` for one map and ``(B,)`` for a batch; for an array a float or an
        array ``(B,)``. Undefined scores are NaN, and their gradient is 0.

    Raises:
        TypeError, ValueError: for what does not fit, with the fix.
    """
    device = pred.device if isinstance(pred, Tensor) else torch.device("cpu")
    p = _numbers("pred", pred, device)
    if fault := _no_maps(p.shape):
        raise ValueError(f"pred has shape {tuple(p.shape)}: give one map (h, w) or a batch of maps (B, h, w){fault}")
    given: dict[str, Tensor | None] = {}
    for name, value in (maps or {}).items():
        absent = value is None and name == shared
        given[name] = None if absent else _other(name, _numbers(name, value, device), p, name == shared)
    for name, marks in (points or {}).items():
        if isinstance(marks, Tensor | np.ndarray) and marks.shape in (p.shape, p.shape[-2:]):
            marks = _tensor(name, marks, device)
        given[name] = mask(name, marks, p, name == shared)
    values = _with_clean_gradients(metric, p if p.ndim == 3 else p[None], given)
    values = values if p.ndim == 3 else values[0]
    if isinstance(pred, Tensor):
        return (values.float() if device.type in WITHOUT_FLOAT64 else values).to(device)
    return values.detach().numpy() if p.ndim == 3 else values.item()


def _no_maps(shape: torch.Size) -> str:
    """Why these are no maps, to be said behind the shape; "" for maps."""
    if len(shape) == 4 and shape[1] == 1:
        return "; take off the channel, pred[:, 0]"
    if len(shape) == 3 and shape[2] in _CHANNELS and min(shape[:2]) >= _TALL:
        return "; if channels are last, give one of them, pred[..., 0]"
    return "." if len(shape) not in (2, 3) else "; a map has pixels" if 0 in shape[-2:] else ""


def _with_clean_gradients(metric: Callable[..., Tensor], p: Tensor, given: Mapping[str, Tensor | None]) -> Tensor:
    """Scores whose gradient is 0, and not NaN, for maps that have no score, so that a loss can leave these out."""
    values = metric(p, **given)
    if not values.requires_grad or not bool((undefined := values.isnan()).any()):
        return values
    defined = ~undefined
    whole = {name: value if value is None else value[defined] for name, value in given.items()}
    return torch.full_like(values, torch.nan, requires_grad=False).masked_scatter(defined, metric(p[defined], **whole))


def _other(name: str, other: Tensor, p: Tensor, shared: bool) -> Tensor:
    """Another map of the shape of ``p``, as ``(B, h, w)``."""
    if other.shape == p.shape:
        return other if p.ndim == 3 else other[None]
    if shared and other.shape == p.shape[-2:]:
        return other.expand(p.shape)
    raise ValueError(
        f"pred has shape {tuple(p.shape)} and {name} {tuple(other.shape)}: give both at one size; imresize brings one "
        "to that of the other"
    )


def _numbers(name: str, value: Map | None, device: torch.device) -> Tensor:
    """A map as float64 or float32."""
    tensor = _tensor(name, value, device)
    if tensor.dtype in (torch.float64, torch.float32):
        return tensor
    if tensor.dtype in (torch.float16, torch.bfloat16):
        return tensor.float()
    numbers = tensor.double()
    if tensor.dtype in (torch.int64, torch.uint64) and bool((numbers.abs() > _EXACT).any()):
        raise ValueError(f"{name} holds integers beyond 2**53: give it as floating-point numbers")
    return numbers.div_(_WHITE[tensor.dtype]) if tensor.dtype in _WHITE else numbers


def _tensor(name: str, value: Map | None, device: torch.device) -> Tensor:
    """A dense tensor of real numbers on the device that it is scored on."""
    if isinstance(value, Tensor):
        if value.device != device:
            raise ValueError(f"pred is on {device} and {name} on {value.device}: give {name}.to({str(device)!r})")
        if value.layout != torch.strided or value.is_complex() or value.is_quantized:
            raise TypeError(f"{name} is a tensor of {value.dtype}, {value.layout}: give a dense one of real numbers")
        return value.cpu() if device.type in WITHOUT_FLOAT64 else value
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a {type(value).__name__}: give a map as a torch tensor or as a numpy array")
    if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
        raise TypeError(f"{name} is an array of {value.dtype}: give one of real numbers, such as float64 or uint8")
    # Arrays that run backwards, of another byte order or not to be written to are copied.
    plain = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("="))
    return torch.from_numpy(plain if plain.flags.writeable else plain.copy()).to(device)


def check_density(name: str, maps: Tensor) -> None:
    """Look whether finite maps ``(B, h, w)`` are densities.

    Raises:
        ValueError: where negative values are more than a quarter of the others. A bicubic resize makes at most 0.15
            of them, from a single point.
    """
    maps = maps.detach()
    if not maps.numel() or float(maps.amin()) >= 0:  # one pass; with a NaN in them it says nothing
        return
    below, above = maps.clamp(max=0).sum((1, 2)).neg(), maps.clamp(min=0).sum((1, 2))
    bad = (below > above / 4) & below.isfinite()
    if bool(bad.any()):
        least = maps[bad].min().item()
        raise ValueError(
            f"{name} holds negative values, the least is {least:.4g}, and KL compares densities: give the exponential "
            "of a logarithm, the sigmoid or softmax of logits"
        )
