"""A convolutional gated recurrent unit (Ballas et al., ICLR 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvGRU(nn.Module):
    """One step of the unit; with ``[a, b]`` for channels side by side and ``*`` for a convolution::

        z = sigmoid(W_z * [x, h] + b_z)
        r = sigmoid(W_r * [x, h] + b_r)
        h' = (1 - z) h + z tanh(W_o * [x, r h] + b_o)

    Args:
        inputs: channels of x.
        hidden: channels of h.
        kernel: side of the convolutions, odd.
    """

    def __init__(self, inputs: int, hidden: int, kernel: int = 1) -> None:
        super().__init__()
        self.update, self.reset, self.out = (
            nn.Conv2d(inputs + hidden, hidden, kernel, padding=kernel // 2) for _ in range(3)
        )

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next state ``(B, hidden, h, w)`` from the input ``(B, inputs, h, w)`` and the state."""
        both = torch.cat([x, h], 1)
        z, r = torch.sigmoid(self.update(both)), torch.sigmoid(self.reset(both))
        proposed = torch.tanh(self.out(torch.cat([x, r * h], 1)))
        return (1 - z) * h + z * proposed
