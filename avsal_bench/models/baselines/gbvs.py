"""Graph-based visual saliency (gbvs2006), with the defaults of its authors' toolbox.

J. Harel, C. Koch, P. Perona, "Graph-based visual saliency", NIPS 2006. It sees one frame: the cells of a small grid are
the nodes of a graph, and a walker that prefers large differences at short distances gathers where a cell differs from
its surround. Decisions:

1. Without flicker: one frame is all it sees.
3. Colour: the toolbox has the axes of DKL from a table of a monitor; here sRGB is made linear, Hunt, Pointer and
   Estevez's matrix gives the cones, each 1 for white, and the axes are L + M, L - M and S - (L + M)/2, so that grey has
   no colour. Their gains have no effect.

The walk needs no iterations: the weights are symmetric, so its stationary distribution is the degree of the nodes.
Edge pixels are repeated under filters.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from avsal_bench.models.base import Network
from avsal_bench.models.baselines.classical import FLAT, SIZE, Gabors, blurred, fade, filtered, rgb_spec, to_frame, unit
from avsal_bench.models.registry import register_model

#: Cells along the longer side of the grid.
CELLS = 32
#: How often the frame is halved for the features.
LEVELS = (2, 3, 4)
#: XYZ (D65) of linear sRGB (IEC 61966-2-1), and cones of XYZ (Hunt, Pointer and Estevez, for D65).
XYZ_OF_RGB = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
CONES_OF_XYZ = ((0.40024, 0.70760, -0.08081), (-0.22630, 1.16532, 0.04570), (0.0, 0.0, 0.91822))
#: L + M, L - M and S - (L + M)/2 of cones.
AXES_OF_CONES = ((1.0, 1.0, 0.0), (1.0, -1.0, 0.0), (-0.5, -0.5, 1.0))


@register_model("gbvs", title="GBVS", paper="gbvs2006", tiny={"size": (96, 128)})
class GBVS(Network):
    """The whole model: features, activation on the graph, normalisation, sum.

    Args:
        size: (height, width) of the frames.
        blur: deviation of the Gaussian on the final map, as a part of the grid's longer side.

    Raises:
        ValueError: for frames of less than 32 pixels a side.
    """

    axes: Tensor
    taps: Tensor
    near: Tensor

    def __init__(self, size: tuple[int, int] = SIZE, blur: float = 0.02) -> None:
        super().__init__()
        self.spec = rgb_spec(1, size, smallest=32)
        self.blur = blur
        self.gabors = Gabors()
        self.grid = (max(1, round(CELLS * size[0] / max(size))), max(1, round(CELLS * size[1] / max(size))))
        cones = torch.tensor(CONES_OF_XYZ).double() @ torch.tensor(XYZ_OF_RGB).double()
        axes = torch.tensor(AXES_OF_CONES).double() @ (cones / cones.sum(1, keepdim=True))
        self.register_buffer("axes", axes.float(), persistent=False)
        self.register_buffer("taps", torch.tensor([1.0, 5, 10, 10, 5, 1]) / 32, persistent=False)
        self.register_buffer("near", nearness(self.grid), persistent=False)

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, 1, h, w)`` RGB in [0, 1] to saliency ``(B, h, w)`` in [0, 1].

        Raises:
            ValueError: for frames of another size.
        """
        self.check_frames(frames)
        return unit(to_frame(self.coarse(frames[:, :, 0]), self.spec.size).clamp_min(0))[:, 0]

    def coarse(self, rgb: Tensor) -> Tensor:
        """Saliency ``(B, 1, *grid)`` in [0, 1], of RGB ``(B, 3, H, W)``."""
        features = unit(self.features(rgb), FLAT)
        activation = stationary(features.flatten(2), self.near).view(features.shape)
        total = (activation**1.5).sum(1, keepdim=True)
        return unit(blurred(unit(fade(total, 4)), self.blur * CELLS))

    def features(self, rgb: Tensor) -> Tensor:
        """24 maps ``(B, 24, *grid)``: at each level three of colour, the intensity and four orientations."""
        maps = []
        level = torch.cat([rgb, rgb.amax(1, keepdim=True)], 1)
        for halved in range(1, max(LEVELS) + 1):
            level = filtered(level, self.taps, (2, 3), stride=2)
            if halved in LEVELS:
                colour = torch.einsum("ac,bchw->bahw", self.axes, linear(level[:, :3]))
                edges = fade(self.gabors(level[:, 3]), 13)
                maps.append(to_frame(torch.cat([colour, level[:, 3:], edges], 1), self.grid))
        return torch.cat(maps, 1)


def linear(srgb: Tensor) -> Tensor:
    """Light of sRGB values in [0, 1] (IEC 61966-2-1)."""
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def nearness(grid: tuple[int, int]) -> Tensor:
    """``(N, N)`` values exp(-D / (2 s^2)) of the N cells of a grid; D squared distance, s 0.15 of the mean side."""
    spread = 0.15 * sum(grid) / 2
    rows, columns = (torch.exp(-((torch.arange(n) - torch.arange(n)[:, None]) ** 2) / (2 * spread**2)) for n in grid)
    return torch.kron(rows, columns).reshape(math.prod(grid), -1)


def stationary(maps: Tensor, near: Tensor) -> Tensor:
    """Where a walk on the cells settles whose steps from j to i weigh ``|A_i - A_j| near_ij``; zeros if all are 0.

    Maps ``(B, C, N)`` give distributions ``(B, C, N)``.
    """
    # Map by map: the weights of one stay in the cache, those of a batch would be gigabytes.
    degrees = [((a[:, None] - a).abs_().mul_(near)).sum(1) for a in maps.flatten(0, 1)]
    degree = torch.stack(degrees).view(maps.shape)
    total = degree.sum(2, keepdim=True)
    return (degree / total).where(total > 0, 0)
