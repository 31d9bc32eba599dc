"""Weights drawn by a fixed rule, with which every layer of a network counts and rounding is not blown up."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from avsal_bench.models import Network


def draw_weights(net: Network, frames: Tensor, audio: Tensor | None, seed: int = 0) -> Network:
    """The network itself, with weights drawn, and batch norms that know these frames; in eval mode.

    Initial weights would hide much: layer scales of 1e-6, norms that begin at zero, norms that do nothing. Matrices and
    kernels are drawn with a variance of one by their inputs, scales from 0.5 to 1.5, shifts near zero. A batch norm
    takes away half of the mean of one pass, so that nothing cancels that rounding has blurred, and leaves a variance of
    one.

    Args:
        net: of the registry.
        frames: ``(B, 3, T, H, W)`` normalised.
        audio: as the network takes it.
        seed: of the draw.
    """
    draw = torch.Generator().manual_seed(seed)
    norms = [part for part in net.modules() if "Norm" in type(part).__name__]
    scales = {id(part.weight) for part in norms if isinstance(getattr(part, "weight", None), Tensor)}
    known = [part for part in norms if isinstance(part, _BatchNorm) and part.running_mean is not None]
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if id(weight) in scales or name.endswith("gamma"):
                weight.uniform_(0.5, 1.5, generator=draw)
            elif weight.ndim > 1:
                nn.init.kaiming_normal_(weight, nonlinearity="linear", generator=draw)
            else:
                weight.normal_(0, 0.1, generator=draw)
        hooks = [part.register_forward_pre_hook(_know) for part in known]
        net.eval()(frames, audio)
        for hook in hooks:
            hook.remove()
    return net


def _know(norm: Any, inputs: tuple[Tensor, ...]) -> None:
    """Take the running statistics of a batch norm from what it is given."""
    (seen,) = inputs
    others = [axis for axis in range(seen.ndim) if axis != 1]
    shift = 0.5 * seen.mean(others)
    norm.running_mean.copy_(shift)
    norm.running_var.copy_((seen - shift.view(1, -1, *(1 for _ in others[1:]))).square().mean(others))
