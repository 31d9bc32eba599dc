"""Baselines without a network: they bound the scale of every table (definitions after dave2019, section 5.1).

They are networks like any other, and go through the same protocol; they read nothing of the clip but its batch size.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.models.base import Network
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec

#: (height, width) of the maps; the protocol brings them to the frame.
GRID = (192, 256)


@register_model("centre", title="Centre", paper="")
class Centre(Network):
    """A Gaussian in the middle of the frame, stretched to its aspect: the centre bias without data.

    Args:
        sigma: deviation as a part of each side. AUC-J and sAUC depend on the order of the values only, hence not on
            it; CC, SIM and NSS do.
    """

    saliency: Tensor

    def __init__(self, sigma: float = 0.2) -> None:
        super().__init__()
        self.spec = ClipSpec(frames=1, size=(32, 32))
        rows, columns = (_bell(side, sigma) for side in GRID)
        self.register_buffer("saliency", rows[:, None] * columns)

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Give ``(B, 192, 256)``, the same map for every item, 1 in the middle."""
        return self.saliency.expand(frames.shape[0], -1, -1)


def _bell(n: int, sigma: float) -> Tensor:
    """``(n,)`` values exp(-(x - n/2)^2 / (2 (sigma n)^2)) at the centres of n pixels."""
    x = torch.arange(n) + 0.5
    return torch.exp(-((x - n / 2) ** 2) / (2 * (sigma * n) ** 2))


@register_model("mep", title="Mean eye position", paper="dave2019", marks={"pooled": {"pooled": True}})
class MeanEyePosition(Network):
    """The mean of the ground-truth maps of the training frames: dave2019's lower bound of an acceptable network.

    Show it every training frame once (:meth:`observe`). Every frame counts once, whatever its video's length, and is
    divided by its sum; empty frames are skipped and counted. The clip has the size of the grid, so that ground truth
    at the size of the clip keeps its detail.

    dave2019 has one map, of the training sequences of three collections pooled (section 5.1, Figure 3); how it weighs
    frames, and videos of other lengths, it does not say. Which videos are shown is the test's business:

    - by default those of the training list of the set and the fold under test: one map a set and fold;
    - ``pooled``: those of all sets that the recipe tests, in the fold under test: one map a fold, as the paper has it.

    On ``dave_ave``, which is those three collections as one set, the two are the same map.

    Args:
        pooled: whose training maps are wanted. The arithmetic is the same, and rows and records say which.
    """

    observes = True
    total: Tensor
    observed: Tensor
    skipped: Tensor

    def __init__(self, pooled: bool = False) -> None:
        super().__init__()
        self.pools = pooled
        self.spec = ClipSpec(frames=1, size=GRID)
        # Sums of many small numbers: float64.
        self.register_buffer("total", torch.zeros(GRID, dtype=torch.float64))
        self.register_buffer("observed", torch.zeros((), dtype=torch.long))
        self.register_buffer("skipped", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def observe(self, density: Tensor) -> None:
        """Add ground-truth maps ``(B, h, w)``, non-negative, of any size (bilinear to the grid, antialiased)."""
        maps = F.interpolate(density[:, None].double(), GRID, mode="bilinear", antialias=True)[:, 0]
        mass = maps.sum((1, 2))
        seen = mass > 0
        self.total += (maps[seen] / mass[seen, None, None]).sum(0)
        self.observed += seen.sum()
        self.skipped += (~seen).sum()

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Give ``(B, 192, 256)``, the same map for every item, of sum 1.

        Raises:
            RuntimeError: before a map that is not empty was observed.
        """
        if self.observed == 0:
            raise RuntimeError(
                "mep has no map yet: observe(density) the training frames first "
                f"({int(self.skipped)} empty ones so far)"
            )
        return (self.total / self.observed).float().expand(frames.shape[0], -1, -1)
