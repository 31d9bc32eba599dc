"""Batch norms of which each domain, a kind of data, has its own (UNISAL), and blocks that are made with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

#: Makes the norm of so many channels.
Norm = Callable[[int], nn.Module]


class DomainNorm(nn.Module):
    """A batch norm for each domain, of which one is used.

    Args:
        channels: of the input.
        domains: names of all of them.
        domain: that is used.
        momentum: of the running statistics.
    """

    def __init__(self, channels: int, domains: tuple[str, ...], domain: str, momentum: float) -> None:
        super().__init__()
        for name in domains:
            self.add_module(f"bn_{name}", nn.BatchNorm2d(channels, momentum=momentum))
        self.domain = domain

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, h, w)``, normalised."""
        y: Tensor = self.get_submodule(f"bn_{self.domain}")(x)
        return y


class ExpandedBlock(nn.Module):
    """Channels are made more, each is convolved by itself, and they are made fewer, without an activation at the end.

    Args:
        inputs: channels.
        outputs: channels.
        expansion: the channels in between, as multiples of the inputs; 1 leaves the first convolution out.
        norm: makes the norms.
    """

    def __init__(self, inputs: int, outputs: int, expansion: int, norm: Norm) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [nn.Conv2d(inputs, hidden, 1, bias=False), norm(hidden), nn.ReLU6()] if expansion > 1 else []
        depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden, bias=False)
        project = nn.Conv2d(hidden, outputs, 1, bias=False)
        self.conv = nn.Sequential(*expand, depthwise, norm(hidden), nn.ReLU6(), project, norm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, inputs, h, w)`` to ``(N, outputs, h, w)``."""
        y: Tensor = self.conv(x)
        return y


class Skip(nn.Module):
    """What the decoder gets of a finer stage of the encoder: twice the channels, some hidden in training, and fewer.

    Args:
        inputs: channels.
        outputs: channels.
        norm: makes the norms.
        dropout: probability that training hides a channel.
    """

    def __init__(self, inputs: int, outputs: int, norm: Norm, dropout: float = 0.6) -> None:
        super().__init__()
        self.expansion = nn.Sequential(nn.Conv2d(inputs, 2 * inputs, 1, bias=False), norm(2 * inputs), nn.ReLU6())
        self.dropout = nn.Dropout2d(dropout)
        self.reduction = nn.Sequential(nn.Conv2d(2 * inputs, outputs, 1), norm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, inputs, h, w)`` to ``(N, outputs, h, w)``."""
        y: Tensor = self.reduction(self.dropout(self.expansion(x)))
        return y


def of_other_domains(module: nn.Module, domain: str) -> list[Any]:
    """The norms of a network that are of other domains than one."""
    norms = [part for part in module.modules() if isinstance(part, DomainNorm)]
    return [child for norm in norms for name, child in norm.named_children() if name != f"bn_{domain}"]
