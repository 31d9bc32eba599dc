"""Whether parts of a network are to do their work by the operators that every format of exported networks has.

A part that is faster by a transform that such a format lacks asks :func:`plain_operators_wanted`, and gives the same to
rounding either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_WANTED = ContextVar("plain operators wanted", default=False)


def plain_operators_wanted() -> bool:
    """Whether this thread is in a block of :func:`plain_operators`."""
    return _WANTED.get()


def plain_layout(x: Tensor) -> Tensor:
    """A tensor whose axes are about to be joined; where a graph is traced, a copy in the order of its axes.

    What is a view of the layout that a trace had need not be one of that which an exporter gives the tensor.
    """
    return x.clone(memory_format=torch.contiguous_format) if _WANTED.get() else x


@contextmanager
def plain_operators() -> Iterator[None]:
    """For the block, networks do all by plain operators: while one is traced for a file that others run."""
    token = _WANTED.set(True)
    try:
        yield
    finally:
        _WANTED.reset(token)
