"""Learned Gaussians over the frame: where people look whatever there is to see (UNISAL)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

#: The places that the priors start from, and half of the logarithm of a wide and a narrow one's variance.
_THIRDS, _WIDE, _NARROW = (0.25, 0.5, 0.75), 0.0, -1.5


def gaussians(shapes: Tensor, size: Sequence[int]) -> Tensor:
    """Gaussians of height 1 over a frame whose sides go from 0 to 1, both ends being pixels.

    Args:
        shapes: ``(N, 2, 2)``; of each, down and across, the mean and the logarithm of the deviation.
        size: (height, width) in pixels.

    Returns:
        ``(N, height, width)``.
    """
    sides = []
    for axis, length in enumerate(size):
        mean, spread = shapes[:, axis, :, None].unbind(1)
        places = torch.linspace(0, 1, length, dtype=shapes.dtype, device=shapes.device)
        sides.append(torch.exp(-(((places - mean) / spread.exp()) ** 2) / 2))
    down, across = sides
    return down[:, :, None] * across[:, None, :]


class Gaussians(nn.Module):
    """Sixteen of them, six high: nine narrow ones, three across, three down, and one in the centre."""

    STARTS: ClassVar[tuple[tuple[tuple[float, float], tuple[float, float]], ...]] = (
        *(((y, _NARROW), (x, _NARROW)) for y in _THIRDS for x in _THIRDS),
        *(((0.5, _WIDE), (x, _NARROW)) for x in _THIRDS),
        *(((y, _NARROW), (0.5, _WIDE)) for y in _THIRDS),
        ((0.5, _WIDE), (0.5, _WIDE)),
    )

    def __init__(self) -> None:
        super().__init__()
        self.shapes = nn.Parameter(torch.tensor(self.STARTS))

    def forward(self, size: Sequence[int]) -> Tensor:
        """The maps ``(16, height, width)`` in [0, 6] for a size in pixels."""
        return 6 * gaussians(self.shapes, size)
