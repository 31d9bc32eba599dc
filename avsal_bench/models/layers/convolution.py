"""Convolutions on a CPU by oneDNN, whatever the size of their input.

For single clips torch 2.11 takes loops of its own (``slow_conv3d``) in the place of oneDNN wherever channels x time x
height is below 20,481, and in one thread for all kernels that are 1 in space: a third to a quarter of the speed, and
what lies with its channels last is copied first. oneDNN gives the same sums in another order, to rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.layers.resample import QuickMaxPool3d

#: A value in time, height and width, or in height and width.
Sides = tuple[int, ...]


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sides = (1, 1, 1),
    padding: Sides = (0, 0, 0),
    dilation: Sides = (1, 1, 1),
    groups: int = 1,
) -> Tensor:
    """``F.conv3d`` of ``(B, C, T, H, W)``, or ``F.conv2d`` of ``(B, C, H, W)`` where tuples are of two, for inference.

    float32 on a CPU goes to oneDNN; all else, and what is done under autocast or compiled, goes the way that torch
    chooses. What has one output is a map, or its logits, and is never computed in 16 bits: bfloat16 has 256 numbers
    between one power of two and the next, and maps would have steps.

    Args:
        x: what is convolved; the memory format stays.
        weight: ``(outputs, C / groups, ...)``.
        bias: ``(outputs,)``.
        stride: of each side.
        padding: with zeros, of each side.
        dilation: of each side.
        groups: of channels.
    """
    if len(weight) == 1 and torch.is_autocast_enabled(x.device.type):
        with torch.autocast(x.device.type, enabled=False):
            return convolve(x.float(), weight, bias, stride, padding, dilation, groups)
    if _by_onednn(x, weight):
        found: Tensor = torch.ops.aten.mkldnn_convolution(x, weight, bias, padding, stride, dilation, groups)
        return found
    plain = F.conv3d if weight.ndim == 5 else F.conv2d
    return plain(x, weight, bias, stride, padding, dilation, groups)


def _by_onednn(x: Tensor, weight: Tensor) -> bool:
    kind = x.dtype is weight.dtype is torch.float32 and x.device.type == "cpu" and x.ndim == weight.ndim
    there = torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled  # type: ignore[no-untyped-call]
    as_torch_does = torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling()
    return bool(kind and there and not as_torch_does)


class QuickConv2d(nn.Conv2d):
    """A ``Conv2d`` by :func:`convolve`."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        assert not isinstance(self.padding, str), "looked at by quick"
        return convolve(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class QuickConv3d(nn.Conv3d):
    """A ``Conv3d`` by :func:`convolve`."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        assert not isinstance(self.padding, str), "looked at by quick"
        return convolve(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


_QUICK: dict[type[nn.Module], type[nn.Module]] = {nn.Conv2d: QuickConv2d, nn.Conv3d: QuickConv3d}


def quick(part: nn.Module) -> None:
    """Let a layer, if it is a convolution padded with zeros, be one by :func:`convolve` from now on.

    A ``MaxPool3d`` becomes one by :func:`~avsal_bench.models.layers.resample.largest`.
    """
    if type(part) is nn.MaxPool3d and (part.dilation, part.ceil_mode, part.return_indices) == (1, False, False):
        part.__class__ = QuickMaxPool3d
    kind = _QUICK.get(type(part))
    if kind is not None and part.padding_mode == "zeros" and not isinstance(part.padding, str):
        part.__class__ = kind
