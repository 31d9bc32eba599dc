"""The gated recurrent unit of UNISAL: separable convolutions, each product normed, scaled and shifted."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.layers.domain_norm import Norm


class SeparableConv(nn.Module):
    """A depthwise convolution 3x3 and one of 1x1, both without bias, with a norm and ReLU6 in between.

    Args:
        channels: of input and output.
        norm: makes the norm.
    """

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.sep_bn = norm(channels)
        self.conv_sep = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, channels, h, w)``, convolved."""
        y: Tensor = self.conv_sep(F.relu6(self.sep_bn(self.conv_dw(x))))
        return y


class SeparableGRU(nn.Module):
    """One unit; with ``W``, ``U`` for separable convolutions, and ``N`` for norms, each its own::

        r = sigmoid(a_r_x N(W_r x) + a_r_h N(U_r h) + b_r)
        z = sigmoid(a_z_x N(W_z x) + a_z_h N(U_z h) + b_z)
        h' = (1 - z) h + z tanh(a_h_x N(W x) + r a_h_h N(U h) + b_h)

    The reset gate weighs what becomes of h, not h.

    Args:
        channels: of x and of h.
        norm: makes the norms.
        dropout: probability that training hides a channel of h from a product; the same channels in a whole clip.
    """

    def __init__(self, channels: int, norm: Norm, dropout: float = 0.2) -> None:
        super().__init__()
        self.dropout = dropout
        for name in ("w_r", "u_r", "w_z", "u_z", "w", "u"):
            self.add_module(name, SeparableConv(channels, norm))
        for gate in ("r", "z", "out"):
            for of in ("x", "h"):
                self.add_module(f"norm_{gate}_{of}", norm(channels))
        for gate in ("r", "z", "h"):
            self.register_parameter(f"b_{gate}", nn.Parameter(torch.zeros(channels, 1, 1)))
            for of in ("x", "h"):
                self.register_parameter(f"a_{gate}_{of}", nn.Parameter(torch.ones(channels, 1, 1)))

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run over ``(B, T, channels, h, w)``.

        Args:
            x: T frames in order.
            state: h ``(B, channels, h, w)`` after the frame before the first; zeros where there is none.

        Returns:
            h after each frame, ``(B, T, channels, h, w)``, and after the last.
        """
        hidden = torch.zeros_like(x[:, 0]) if state is None else state
        hides = x.new_ones(3, x.shape[2], 1, 1)
        hides = F.dropout(hides, self.dropout, self.training)
        found = []
        for frame in x.unbind(1):
            hidden = self._step(frame, hidden, hides)
            found.append(hidden)
        return torch.stack(found, 1), hidden

    def _step(self, x: Tensor, h: Tensor, hides: Tensor) -> Tensor:
        reset = torch.sigmoid(self._x("r", x) + self._h("r", h * hides[0]) + self.get_parameter("b_r"))
        update = torch.sigmoid(self._x("z", x) + self._h("z", h * hides[1]) + self.get_parameter("b_z"))
        proposed = torch.tanh(self._x("h", x) + reset * self._h("h", h * hides[2]) + self.get_parameter("b_h"))
        return (1 - update) * h + update * proposed

    def _x(self, gate: str, x: Tensor) -> Tensor:
        return self._product(gate, "x", self.get_submodule("w" if gate == "h" else f"w_{gate}")(x))

    def _h(self, gate: str, h: Tensor) -> Tensor:
        return self._product(gate, "h", self.get_submodule("u" if gate == "h" else f"u_{gate}")(h))

    def _product(self, gate: str, of: str, product: Tensor) -> Tensor:
        norm = self.get_submodule(f"norm_{'out' if gate == 'h' else gate}_{of}")
        scaled: Tensor = self.get_parameter(f"a_{gate}_{of}") * norm(product)
        return scaled
