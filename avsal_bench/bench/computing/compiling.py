"""Networks compiled by ``torch.compile``, each for one shape of batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from avsal_bench.models import Network


class OneShape:
    """A function of a batch that is compiled for one shape, and runs as it is for all others.

    Compiling takes up to a minute and more. So what has another shape, such as the last batch of a video, is not worth
    it, and a function that is compiled for any shape is slower in the one that nearly all batches have. That is the
    largest batch so far, in training and at test time each.

    Args:
        function: of frames ``(B, ...)`` and further arguments.
        graphs: whether it is only to predict on a GPU: kernels are chosen by timing them, and launched as one CUDA
            graph, whose output is copied before the next batch writes over it.
    """

    def __init__(self, function: Callable[..., Any], graphs: bool = False) -> None:
        self._plain = function
        self._graphs = graphs
        mode = "max-autotune" if graphs else None
        self._compiled: Callable[..., Any] = torch.compile(function, dynamic=False, mode=mode)
        self._largest: dict[bool, torch.Size] = {}

    def __call__(self, frames: Tensor, *further: Any, **named: Any) -> Any:
        """What the function gives."""
        if torch.compiler.is_compiling():  # a part of what is compiled as a whole
            return self._plain(frames, *further, **named)
        learns = torch.is_grad_enabled()
        largest = self._largest.get(learns)
        if largest is None or frames.shape[0] > largest[0]:
            largest = self._largest[learns] = frames.shape
        if frames.shape != largest:
            return self._plain(frames, *further, **named)
        if not self._graphs:
            return self._compiled(frames, *further, **named)
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        return self._compiled(frames, *further, **named).clone()


def can_compile(net: Network, predicts: bool = False) -> bool:
    """Whether :func:`compile_network` does something; not to predict, where a network shares between windows."""
    return not predicts or type(net).predict is Network.predict


def compile_network(net: Network, predicts: bool = False) -> None:
    """Compile what a network does in training or, by default, at test time; names in its state dict stay.

    Nothing is compiled before the first batch. A network that shares what it finds between windows, by a ``predict`` of
    its own, is not compiled to predict: what it runs has other shapes in each batch.

    Args:
        net: of which ``forward`` and ``outputs`` are compiled.
        predicts: whether it is only to predict.
    """
    if not can_compile(net, predicts):
        return
    net.forward = OneShape(net.forward, predicts and torch.cuda.is_available())  # type: ignore[method-assign]
    if not predicts and type(net).outputs is not Network.outputs:
        net.outputs = OneShape(net.outputs)  # type: ignore[method-assign]
