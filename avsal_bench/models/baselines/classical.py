"""What the classical saliency models have in common: the scale of maps, oriented filters, borders and blurs.

They (:mod:`itti`, :mod:`gbvs`, :mod:`seo`) see, do not hear, learn nothing and have no parameters. Each takes RGB in
[0, 1] and gives maps in [0, 1] at the size of its frames; where a model finds no difference in a frame at all, its map
is zero throughout, and a protocol decides what that scores. Sources: L. Itti, C. Koch and E. Niebur, PAMI 1998;
J. Harel, C. Koch and P. Perona, NIPS 2006, and the descriptions of their GBVS toolbox; H. Seo and P. Milanfar,
J. Vision 2009.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.spec import ClipSpec, Target

#: Frames of the models by default, (height, width).
SIZE = (240, 320)
#: A feature of frames in [0, 1] that varies by less is constant: 8 bits tell more, and rounding in float32 less.
FLAT = 1e-5


def rgb_spec(frames: int, size: tuple[int, int], smallest: int = 1, target: Target = "last") -> ClipSpec:
    """The clip of a classical model: RGB in [0, 1], without sound.

    Raises:
        ValueError: for a side shorter than ``smallest`` pixels.
    """
    if min(size) < smallest:
        raise ValueError(f"expected frames of {smallest}x{smallest} pixels or more; got {tuple(size)}")
    return ClipSpec(frames, (size[0], size[1]), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), target)


def unit(maps: Tensor, flat: float = 0.0) -> Tensor:
    """Maps ``(..., h, w)``, each scaled from its minimum and maximum to [0, 1].

    A map that varies by no more than ``flat`` becomes zeros.
    """
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    return ((maps - low) / (high - low)).where(high - low > flat, 0)


def to_frame(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps ``(B, C, h, w)`` resized by bicubic interpolation (Keys, a = -0.5) as MATLAB's; the result may overshoot."""
    return F.interpolate(maps, size, mode="bicubic", antialias=True)


def fade(maps: Tensor, n: int) -> Tensor:
    """Maps ``(..., h, w)`` with row and column k = 1..n from each edge multiplied by k / (n + 1)."""
    rows, columns = (_ramp(side, n).to(maps) for side in maps.shape[-2:])
    return maps * rows[:, None] * columns


def _ramp(side: int, n: int) -> Tensor:
    rise = torch.arange(1, side + 1).clamp(max=n + 1).double() / (n + 1)
    return rise * rise.flip(0)


def blurred(maps: Tensor, sigma: float) -> Tensor:
    """Maps ``(B, C, h, w)`` under a Gaussian of ``sigma`` pixels, edge pixels repeated; as they are for 0."""
    if sigma == 0:
        return maps
    reach = math.ceil(3 * sigma)
    taps = torch.exp(-(torch.arange(-reach, reach + 1).double() ** 2) / (2 * sigma**2))
    return filtered(maps, (taps / taps.sum()).to(maps), (reach, reach))


def filtered(maps: Tensor, taps: Tensor, padding: tuple[int, int], stride: int = 1) -> Tensor:
    """Maps ``(B, C, h, w)`` convolved with the same ``(k,)`` symmetric taps along rows and along columns.

    Edge pixels are repeated; ``padding`` is before and after each axis.
    """
    x = F.pad(maps.flatten(0, 1)[:, None], (*padding, *padding), mode="replicate")
    x = F.conv2d(x, taps.view(1, 1, 1, -1), stride=(1, stride))
    x = F.conv2d(x, taps.view(1, 1, -1, 1), stride=(stride, 1))
    return x.view(*maps.shape[:2], *x.shape[-2:])


class Gabors(nn.Module):
    """Energy of a map along 0, 45, 90 and 135 degrees: the absolute even plus the absolute odd Gabor response.

    Filters of 27x27 pixels: cos(2 pi u / period + phase) exp(-u^2 / (2 2^2) - v^2 / (2 4^2)) with a period of pi
    pixels, u along the angle and v across it, mean 0 and L2 norm 1 (defaults of the GBVS toolbox).
    """

    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        steps = torch.arange(-13, 14).double()
        y, x = torch.meshgrid(steps, steps, indexing="ij")
        made = []
        for angle in (0.0, math.pi / 4, math.pi / 2, 3 * math.pi / 4):
            u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
            bell = torch.exp(-(u**2) / 8 - v**2 / 32)
            made += [bell * torch.cos(2 * u + phase) for phase in (0.0, math.pi / 2)]
        filters = torch.stack(made)[:, None]
        filters = filters - filters.mean((2, 3), keepdim=True)
        self.register_buffer("filters", (filters / filters.norm(dim=(2, 3), keepdim=True)).float(), persistent=False)

    def forward(self, intensity: Tensor) -> Tensor:
        """Map ``(B, h, w)`` to ``(B, 4, h, w)``, edge pixels repeated."""
        x = F.conv2d(F.pad(intensity[:, None], (13,) * 4, mode="replicate"), self.filters)
        return x.abs().view(-1, 4, 2, *intensity.shape[1:]).sum(2)
