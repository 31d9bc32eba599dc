"""Scores of 8-bit maps that are zero in most pixels, from the pixels that are not.

The numbers of :func:`~avsal_bench.evaluation.score.score_frames` but for the order of their sums, in a tenth of the
time: for ground truth that changes with each draw of observers, where every frame is scored many times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avsal_bench.evaluation.protocol import Protocol
from avsal_bench.evaluation.steps import Blur, Clip, EightBit, MinMax, to_eight_bit
from avsal_bench.metrics import roc
from avsal_bench.metrics.functional import DISTURBED
from avsal_bench.metrics.resize import gaussian_blur_of_few
from avsal_bench.metrics.scaling import EPS, Points


@dataclass(frozen=True, slots=True)
class Levels:
    """A map in 8 bits: the pixels that may not be zero, in order, and their levels."""

    index: Tensor  #: (K,) int64, position among the H W pixels
    level: Tensor  #: (K,) uint8


def is_sparse(protocol: Protocol) -> bool:
    """Whether a protocol stores maps in 8 bits and then does nothing that this module cannot do to their levels."""
    steps = protocol.scoring
    levels = steps[:-1] if steps and _blurs(steps[-1]) else steps
    stores = len(protocol.saving) == 1 and isinstance(protocol.saving[0], EightBit)
    return stores and not protocol.metrics and all(isinstance(step, Clip | MinMax) for step in levels)


def as_levels(saliency: Tensor, high: Tensor) -> Tensor:
    """Maps with their maxima ``high`` at 255, in 8 bits: as data sets store them."""
    return (255 * saliency / high.clamp_min(1e-300)).round().to(torch.uint8)


@dataclass(frozen=True, slots=True)
class Box:
    """A part of frames ``(H, W)``: what lies outside is zero in the maps of both halves, and is only counted."""

    frame: tuple[int, int]
    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """Its height and width."""
        return self.bottom - self.top, self.right - self.left

    def part(self, saliency: Tensor) -> Tensor:
        """That part of a map ``(H, W)``."""
        return saliency[self.top : self.bottom, self.left : self.right].contiguous()

    def inside(self, pixels: Tensor) -> Tensor:
        """Where those of some pixels of the frame that lie in it are among its own, in order."""
        rows, columns = np.divmod(pixels.numpy(), self.frame[1])
        held = (rows >= self.top) & (rows < self.bottom) & (columns >= self.left) & (columns < self.right)
        return torch.from_numpy(((rows - self.top) * self.size[1] + columns - self.left)[held])


class Preparation:
    """What a protocol makes of maps of one size, one at a time.

    Args:
        protocol: one that :func:`is_sparse`.
        size: of the maps and of the ground truth.
    """

    def __init__(self, protocol: Protocol, size: tuple[int, int]) -> None:
        self.protocol, self.size = protocol, size
        #: For a map before it is stored, used again for the next one.
        self.memory = torch.empty(size, dtype=torch.float64)
        self._blurs = [step for step in protocol.scoring if isinstance(step, Blur)]

    def box(self, points: Tensor, sigma: float) -> Box:
        """Where maps of Gaussians at pixels ``(n, 2)`` x, y are stored as more than zero, and where a blur takes it."""
        # Farther from all of them, all together are below 0.49 of a level: each is 1 at its own pixel.
        reach = sigma * math.sqrt(2 * math.log(255 * len(points) / 0.49)) + 1
        reach += sum(step.kernel // 2 + 1 for step in self._blurs)
        low, high = (points.amin(0) - reach).floor().tolist(), (points.amax(0) + reach).ceil().tolist()
        (left, right), (top, bottom) = (
            (int(max(low[i], 0)), int(min(high[i] + 1, side))) for i, side in enumerate(self.size[::-1])
        )
        return Box(self.size, top, left, bottom, right)

    def stored(self, saliency: Tensor, box: Box) -> tuple[Levels, Levels]:
        """What is stored of a map ``(H, W)`` float64, of least value 0 or above and not constant.

        Returns:
            As a prediction; and as ground truth, with the maximum at 255, rounded; the pixels are those of the box.
        """
        part = box.part(saliency)
        high = part.max()
        corners = saliency[:: self.size[0] - 1 or 1, :: self.size[1] - 1 or 1]
        # So far below the others the least value makes no difference to them, whatever it is.
        low = corners.min() if corners.min() < 1e-20 * high else saliency.min()
        # Below half a level of both. NumPy compares several times faster.
        index = torch.from_numpy(np.flatnonzero(part.numpy() > 0.49 / 255 * float(high)))
        some = part.view(-1).index_select(0, index)
        (step,) = self.protocol.saving
        assert isinstance(step, EightBit)
        # With the map's extremes behind them, the levels of some pixels are those that they have in the whole map.
        whole = torch.cat([some, low[None], high[None]])[None, None]
        prediction = to_eight_bit(whole, step.rounding, step.low)[0, 0, :-2]
        return Levels(index, prediction), Levels(index, as_levels(some, high))

    def prepared(self, prediction: Levels, box: Box) -> Tensor | None:
        """What the scoring steps make of a stored map, in a box; float64; None where zeros do not stay zeros."""
        seen = torch.bincount(prediction.level, minlength=256)
        seen[0] += math.prod(self.size) - len(prediction.level)
        present = seen.nonzero()[:, 0]
        # All steps but the blur look at the levels of a map only.
        values = present.to(torch.float64)[None, None] / 255
        for step in self.protocol.scoring:
            if not _blurs(step):
                values = step(values, self.size)
        table = torch.full((256,), math.nan, dtype=torch.float64)
        table[present] = values[0, 0]
        if table[0] != 0 or not bool(values.isfinite().all()):
            return None
        saliency = torch.zeros(box.size, dtype=torch.float64)
        saliency.view(-1).scatter_(0, prediction.index, table.index_select(0, prediction.level.int()))
        for step in self._blurs:
            gaussian_blur_of_few(saliency, step.sigma, step.kernel, step.border)
        return saliency


def scores(
    saliency: Tensor, density: Levels, fixated: Tensor, negatives: Tensor, box: Box, drawn: int
) -> dict[str, float] | None:
    """Every metric of one frame.

    Args:
        saliency: prepared prediction, of a box; float64, not negative.
        density: the ground truth.
        fixated: the pixels of the box that are fixated, in order; there are none outside.
        negatives: those of the shuffled AUC that lie in the box.
        box: of the frame.
        drawn: number of all negatives of the frame.

    Returns:
        By the names of ``records.METRICS``; None for a map that is not zero anywhere, or nearly constant, and where a
        metric is not defined.
    """
    flat, n = saliency.view(-1).numpy(), math.prod(box.frame)  # NumPy, as its calls take far less time on few numbers
    marked = flat > 0
    zeros = n - np.count_nonzero(marked)
    marked[fixated.numpy()] = True
    index = np.flatnonzero(marked)
    some, g = flat[index], density.level.numpy().astype(np.float64)
    high, total, g_total = some.max(initial=0.0), some.sum(), g.sum()
    if not (zeros and DISTURBED[1] < high < math.inf and g_total > 0 and len(fixated) and drawn):
        return None
    if len(index) == n or np.count_nonzero(g) == n:
        return None
    at_fixations, under = flat[fixated.numpy()], flat[density.index.numpy()]

    mean, g_mean = total / n, g_total / n
    norm = math.sqrt(np.square(some - mean).sum() + (n - len(some)) * mean**2)
    g_norm = math.sqrt(np.square(g - g_mean).sum() + (n - len(g)) * g_mean**2)
    p, q = under / total, g / g_total
    count = torch.tensor([len(fixated)])
    place = Points(torch.from_numpy(np.searchsorted(index, fixated.numpy())), torch.zeros_like(fixated), count)
    judd = roc.judd_expectation(torch.from_numpy(some / high)[None], place, n - len(index))[0]
    tp, fp = (
        roc.count_at_steps(torch.from_numpy(values / high), torch.zeros(len(values), dtype=torch.int64), 1)
        for values in (at_fixations, flat[negatives.numpy()])
    )
    fp[:, -1] += drawn - len(negatives)  # at or above 0 are all
    shuffled = roc.curve_area(fp, tp, torch.tensor([[drawn]]), count[:, None])[0]
    cc = (np.dot(under, g) - total * g_mean) / (norm * g_norm)
    return {
        "CC": min(max(float(cc), -1.0), 1.0),  # rounding alone carries it farther, as the two below
        "NSS": float((at_fixations - mean).mean()) / norm * math.sqrt(n - 1),
        "AUC-J": float(judd),
        "sAUC": float(shuffled),
        "SIM": min(float(np.minimum(p, q).sum()), 1.0),
        "KL": max(float(np.dot(q, np.log(q / (p + EPS) + EPS))), 0.0),
    }


def _blurs(step: object) -> bool:
    return isinstance(step, Blur) and not step.log
