"""A convolutional LSTM with the gates of Keras's ``ConvLSTM2D``, whose weights ACLNet publishes.

It has no peepholes, and its gates are not sigmoids: i, f, o = clip(0.2 x + 0.5, 0, 1) of their convolutions.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class State(NamedTuple):
    """What the LSTM knows after a frame: ``(B, F, h, w)`` each."""

    hidden: Tensor
    cell: Tensor


class ConvLSTM(nn.Module):
    """One layer, ``F`` filters of 3x3 that keep the size.

    The gates i, f, c, o lie in this order in the ``4 F`` outputs of both convolutions. Weights start as in Keras:
    Glorot's, orthogonal ones for the recurrence, and a bias of 1 for the forget gate, 0 for the rest.

    Args:
        inputs: channels that come in.
        filters: F.
        dropout: probability that training hides a value of the input. What is hidden stays so for all frames of a
            clip, and for all gates.
    """

    def __init__(self, inputs: int, filters: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout
        self.input = nn.Conv2d(inputs, 4 * filters, 3, padding=1)
        self.recurrent = nn.Conv2d(filters, 4 * filters, 3, padding=1, bias=False)
        nn.init.xavier_uniform_(self.input.weight)
        nn.init.orthogonal_(self.recurrent.weight)
        with torch.no_grad():
            _, forget, _, _ = self.input.bias.zero_().chunk(4)  # type: ignore[union-attr]
            forget.fill_(1)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run over ``(B, T, inputs, h, w)``.

        Args:
            x: T frames in order.
            state: after the frame before the first; zeros where there is none.

        Returns:
            The hidden state after each frame, ``(B, T, F, h, w)``, and the state after the last.
        """
        if self.training:
            x = x * F.dropout(torch.ones_like(x[:, :1]), self.dropout)
        seen = self.input(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        if state is None:
            zeros = seen.new_zeros(x.shape[0], self.recurrent.in_channels, *x.shape[3:])
            state = State(zeros, zeros)
        hidden = []
        for step in seen.unbind(1):
            state = self._step(step, state)
            hidden.append(state.hidden)
        return torch.stack(hidden, 1), state

    def _step(self, seen: Tensor, before: State) -> State:
        """The state after a frame, from the convolution ``(B, 4 F, h, w)`` of its input."""
        i, f, c, o = (seen + self.recurrent(before.hidden)).chunk(4, 1)
        cell = hard_sigmoid(f) * before.cell + hard_sigmoid(i) * torch.tanh(c)
        return State(hard_sigmoid(o) * torch.tanh(cell), cell)


def hard_sigmoid(x: Tensor) -> Tensor:
    """Keras's: a line of slope 0.2 through (0, 0.5), between 0 and 1. PyTorch's has the slope 1/6.

    >>> hard_sigmoid(torch.tensor([-3.0, 0.0, 1.0, 3.0]))
    tensor([0.0000, 0.5000, 0.7000, 1.0000])
    """
    return (0.2 * x + 0.5).clamp(0, 1)
