"""Scores of 8-bit maps that are zero in most pixels, from the pixels that are not.

The numbers of :func:`~avsal_bench.evaluation.score.score_frames` but for the order of their sums, in a tenth of the
time: for ground truth that changes with each draw of observers, where every frame is scored many times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.evaluation.parts import TIED, Box, Gaussians, Part, box_around, known, least, prepared_part, reach_of
from avsal_bench.evaluation.protocol import Protocol
from avsal_bench.evaluation.steps import Blur, Clip, EightBit, MinMax, to_eight_bit
from avsal_bench.metrics.arithmetic import roc
from avsal_bench.metrics.arithmetic.measured import DISTURBED
from avsal_bench.metrics.arithmetic.scaling import EPS, Points
from avsal_bench.metrics.resize import gaussian_blur_of_few

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Levels:
    """A map in 8 bits: the pixels that may not be zero, in order, and their levels."""

    index: Tensor  #: (K,) int64, position among the H W pixels
    level: Tensor  #: (K,) uint8


def is_quick(protocol: Protocol) -> bool:
    """Whether frames can be scored so under a protocol: it has no step and no metric from outside."""
    return not protocol.metrics and (_is_sparse(protocol) or known(protocol.saving, protocol.scoring))


def _is_sparse(protocol: Protocol) -> bool:
    """Whether a protocol stores maps in 8 bits and sees levels alone, but for a blur at the end."""
    steps = protocol.scoring
    levels = steps[:-1] if steps and _blurs(steps[-1]) else steps
    stores = len(protocol.saving) == 1 and isinstance(protocol.saving[0], EightBit)
    return stores and all(isinstance(step, Clip | MinMax) for step in levels)


def as_levels(saliency: Tensor, high: Tensor) -> Tensor:
    """Maps with their maxima ``high`` at 255, in 8 bits: as data sets store them."""
    return (255 * saliency / high.clamp_min(1e-300)).round().to(torch.uint8)


class Preparation:
    """What a protocol makes of maps of one size, one at a time.

    Args:
        protocol: one that :func:`is_quick`.
        size: of the maps and of the ground truth.
    """

    def __init__(self, protocol: Protocol, size: tuple[int, int]) -> None:
        self.protocol, self.size = protocol, size
        # For the maps of both halves before they are stored, used again for the next ones.
        self._memory = torch.empty(2, *size, dtype=torch.float64)
        self._sparse = _is_sparse(protocol)
        self._blurs = [step for step in protocol.scoring if isinstance(step, Blur)]

    def box(self, points: Tensor, sigma: float) -> Box:
        """Where maps of Gaussians at pixels ``(n, 2)`` x, y are stored as more than zero, and where a blur takes it."""
        # 0.49 of a level: each of them is 1 at its own pixel.
        reach = reach_of(len(points), sigma, 0.49 / 255)
        return box_around(points, self.size, reach + sum(step.kernel // 2 + 1 for step in self._blurs))

    def both(self, side: int, points: Tensor, degree: float, width: float, box: Box) -> tuple[Part | None, Levels]:
        """A half as a prediction, prepared, and as ground truth.

        Args:
            side: 0 or 1; what the same side gave before is overwritten.
            points: pixels ``(n, 2)`` x, y that it looks at.
            degree: deviation of the Gaussian at each of them, in pixels.
            width: that of the prediction, in degrees.
            box: where ground truth of both halves is more than zero.

        Returns:
            The prediction on a box that holds ``box``, None where zeros do not stay zeros; and the ground truth, whose
            pixels are those of ``box``.
        """
        gaussians, memory = Gaussians(points, self.size, degree), self._memory[side]
        whole = gaussians.whole(memory)
        if self._sparse and width == 1:
            prediction, density = self._stored(whole, box)
        else:
            index, some, high = _seen(whole, box)
            density = Levels(index, as_levels(some, high))
            if width != 1:
                gaussians = Gaussians(points, self.size, degree * width)
                whole = gaussians.whole(memory)
            if not self._sparse:
                part = prepared_part(gaussians, whole, self.protocol.saving, self.protocol.scoring, memory, box)
                return part and part.on(part.box.with_(box)), density
            prediction, _ = self._stored(whole, box)
        saliency = self._prepared(prediction, box)
        return None if saliency is None else Part(box, saliency), density

    def _stored(self, saliency: Tensor, box: Box) -> tuple[Levels, Levels]:
        """What is stored of a map ``(H, W)`` float64, of least value 0 or above and not constant.

        Returns:
            As a prediction; and as ground truth, with the maximum at 255, rounded; the pixels are those of the box.
        """
        index, some, high = _seen(saliency, box)
        low = least(saliency, float(high))
        (step,) = self.protocol.saving
        assert isinstance(step, EightBit)
        # With the map's extremes behind them, the levels of some pixels are those that they have in the whole map.
        whole = torch.cat([some, low[None], high[None]])[None, None]
        prediction = to_eight_bit(whole, step.rounding, step.low)[0, 0, :-2]
        return Levels(index, prediction), Levels(index, as_levels(some, high))

    def _prepared(self, prediction: Levels, box: Box) -> Tensor | None:
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


def _seen(saliency: Tensor, box: Box) -> tuple[Tensor, Tensor, Tensor]:
    """The pixels of a box at which a map may be stored as more than zero, their values, and its maximum."""
    part = box.part(saliency)
    high = part.max()
    # Below half a level of both. NumPy compares several times faster.
    index = torch.from_numpy(np.flatnonzero(part.numpy() > 0.49 / 255 * float(high)))
    return index, part.view(-1).index_select(0, index), high


def scores(part: Part, density: Levels, fixated: Tensor, negatives: Tensor, drawn: int) -> dict[str, float] | None:
    """Every metric of one frame.

    Args:
        part: prepared prediction, float64, on a box outside of which neither map has anything.
        density: the ground truth, its pixels those of the box.
        fixated: the pixels of the box that are fixated, in order; there are none outside.
        negatives: those of the shuffled AUC that lie in the box.
        drawn: number of all negatives of the frame.

    Returns:
        By the names of ``records.METRICS``; None for a map that is nearly constant, and where a metric is not defined.
    """
    flat, n = part.values.view(-1).numpy(), math.prod(part.box.frame)  # NumPy's calls take far less time on few numbers
    g = density.level.numpy().astype(np.float64)
    outside, g_total, looked = n - len(flat), g.sum(), fixated.numpy()
    low = part.sums.low if part.sums else min(flat.min(), 0.0 if outside else math.inf)
    span = flat.max() - low
    if not (DISTURBED[1] < span < math.inf and g_total > 0 and len(looked) and drawn) or np.count_nonzero(g) == n:
        return None
    total = part.sums.total if part.sums else flat.sum()
    mean, g_mean = total / n, g_total / n
    squares = _squares(part, flat, mean, outside)
    if squares is None or not total > 1e-3 * np.abs(flat).max():
        return None
    norm, g_norm = math.sqrt(squares), math.sqrt(np.square(g - g_mean).sum() + (n - len(g)) * g_mean**2)
    at_fixations, under = flat[looked], flat[density.index.numpy()]
    judd = _judd(flat, (at_fixations - low) / span, looked, low, span, outside, part.sums is not None)
    if judd is None:
        return None
    scaled = [(values - low) / span for values in (at_fixations, flat[negatives.numpy()])]
    if any(map(_on_a_step, scaled)):
        return None
    tp, fp = (
        roc.count_at_steps(torch.from_numpy(values), torch.zeros(len(values), dtype=torch.int64), 1)
        for values in scaled
    )
    nothing = torch.tensor([0.0 if part.sums else -low / span], dtype=torch.float64)
    fp += (drawn - len(negatives)) * (nothing >= roc.steps(nothing).flip(0))
    count = torch.tensor([[len(looked)]])
    shuffled = roc.curve_area(fp, tp, torch.tensor([[drawn]]), count)[0]
    cc = ((under * g).sum() - total * g_mean) / (norm * g_norm)
    p, q = under / total, g / g_total
    raised = (under - low) / (total - n * low)
    return {
        "CC": min(max(float(cc), -1.0), 1.0),  # rounding alone carries it farther, as the two below
        "NSS": float((at_fixations - mean).mean()) / norm * math.sqrt(n - 1),
        "AUC-J": judd,
        "sAUC": float(shuffled),
        "SIM": min(float(np.minimum(raised, q).sum()), 1.0),
        "KL": max(float((q * np.log(np.abs(q / (p + EPS) + EPS))).sum()), 0.0),
    }


def _on_a_step(scaled: Values) -> bool:
    """Whether rounding decides if a value reaches a step of the shuffled AUC, as at two peaks of the same height."""
    nearest = np.round(10 * scaled) / 10
    return bool(np.any((scaled != nearest) & (np.abs(scaled - nearest) < roc.TIE)))


def _squares(part: Part, flat: Values, mean: float, outside: int) -> float | None:
    """Sum of the squared distances of all pixels from their mean; None where rounding would be seen in it."""
    n = len(flat) + outside
    # No np.dot here and above: it takes every core for long vectors, whatever torch was told; sums differ by it.
    squares = part.sums.squares if part.sums else float((flat * flat).sum())
    if squares - n * mean**2 > 0.1 * squares:
        return squares - n * mean**2
    return None if part.sums else float(np.square(flat - mean).sum()) + outside * mean**2


def _judd(
    flat: Values, at_fixations: Values, looked: NDArray[np.int64], low: float, span: float, outside: int, tied: bool
) -> float | None:
    """AUC-Judd; the pixels outside are zero, or ``tied`` with the least value. None where that does not tell enough."""
    edges = np.concatenate([at_fixations - roc.TIE, at_fixations + roc.TIE])
    lowest = edges[edges > 0].min()  # what is below it is at or above those edges only that all pixels are
    if tied and lowest < TIED:
        return None
    marked = flat >= lowest * span * (1 - 1e-9) + low
    marked[looked] = True
    index = np.flatnonzero(marked)
    if len(index) == len(flat) and not outside:
        index_of, some = looked, flat
    else:
        index_of, some = np.searchsorted(index, looked), flat[index]
    at = torch.from_numpy(index_of)
    place = Points(at, torch.zeros_like(at), torch.tensor([len(at)]), max(1, len(at)))
    others = [(0.0, len(flat) - len(some)), (0.0 if tied else -low / span, outside)]
    return float(roc.judd_expectation(torch.from_numpy((some - low) / span)[None], place, others)[0])


def _blurs(step: object) -> bool:
    return isinstance(step, Blur) and not step.log
