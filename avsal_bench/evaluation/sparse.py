"""Scores of 8-bit maps that are zero in most pixels, from the pixels that are not.

The numbers of :func:`~avsal_bench.evaluation.score.score_frames` but for the order of their sums, in a tenth of the
time: for ground truth that changes with each draw of observers, where every frame is scored many times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.evaluation.parts import TIED, Gaussians, known, least, prepared_part, reach_of, to_levels
from avsal_bench.evaluation.protocol import Protocol
from avsal_bench.evaluation.spots import Box, Part, Spot, box_around, in_spots, put_in_spots
from avsal_bench.evaluation.steps import Blur, Clip, EightBit, MinMax
from avsal_bench.metrics.arithmetic import roc
from avsal_bench.metrics.arithmetic.measured import DISTURBED
from avsal_bench.metrics.arithmetic.scaling import EPS
from avsal_bench.metrics.resize import gaussian_blur_of_few

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Levels:
    """A map in 8 bits: parts of the frame outside of which it is zero, and its levels in them, float64."""

    spots: Sequence[Spot]
    level: Values


def is_quick(protocol: Protocol) -> bool:
    """Whether frames can be scored so under a protocol: by usual formulas, without a step or metric from outside."""
    return (
        protocol.formulas == "mit"
        and not protocol.metrics
        and (_is_sparse(protocol) or known(protocol.saving, protocol.scoring))
    )


def _is_sparse(protocol: Protocol) -> bool:
    """Whether a protocol stores maps in 8 bits and sees levels alone, but for a blur at the end."""
    steps = protocol.scoring
    levels = steps[:-1] if steps and _blurs(steps[-1]) else steps
    stores = len(protocol.saving) == 1 and isinstance(protocol.saving[0], EightBit)
    return stores and all(isinstance(step, Clip | MinMax) for step in levels)


#: Below half a level of 8 bits.
_SEEN = 0.49 / 255


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
        self._sparse = _is_sparse(protocol)
        self._blurs = [step for step in protocol.scoring if isinstance(step, Blur)]
        #: How far the blurs carry values, in pixels, with one to spare.
        self._reach = sum(step.kernel // 2 + 1 for step in self._blurs)
        # Used again for the next maps: those of both halves before they are stored, and what they predict.
        self._memory = torch.empty(2, *size, dtype=torch.float64)
        self._predicted = torch.zeros(2 if self._sparse else 0, *size, dtype=torch.float64)
        self._spots: list[Sequence[Spot]] = [[], []]

    def box(self, points: Tensor, sigma: float) -> Box:
        """Where maps of Gaussians at pixels ``(n, 2)`` x, y are stored as more than zero, and where a blur takes it."""
        reach = reach_of(len(points), sigma, _SEEN)  # each of them is 1 at its own pixel
        return box_around(points, self.size, reach + self._reach)

    def both(self, side: int, points: Tensor, degree: float, width: float, box: Box) -> tuple[Part | None, Levels]:
        """A half as a prediction, prepared, and as ground truth.

        Args:
            side: 0 or 1; what the same side gave before is overwritten.
            points: pixels ``(n, 2)`` x, y that it looks at.
            degree: deviation of the Gaussian at each of them, in pixels.
            width: that of the prediction, in degrees.
            box: where ground truth of both halves is more than zero.

        Returns:
            The prediction on a box that holds ``box``, None where zeros do not stay zeros; and the ground truth.
        """
        gaussians, memory = Gaussians(points, self.size, degree), self._memory[side]
        whole = gaussians.whole(memory)
        spots = box.held(gaussians.spots(_SEEN, 2 * self._reach))
        some = in_spots(whole.numpy(), spots)
        high = float(some.max())
        level = 255 * some
        level /= max(high, 1e-300)
        density = Levels(spots, np.rint(level, out=level))
        if width != 1:
            gaussians = Gaussians(points, self.size, degree * width)
            whole = gaussians.whole(memory)
            spots = gaussians.spots(_SEEN, 2 * self._reach)
            some = in_spots(whole.numpy(), spots)
            high = float(some.max())
        if not self._sparse:
            rules = self.protocol
            part = prepared_part(gaussians, whole, rules.saving, rules.scoring, memory, box)
            return part and part.on(part.box.with_(box)), density
        low = float(least(whole, high))
        return self._prepared(side, spots, some, low, high) if high > low else None, density

    def _prepared(self, side: int, spots: Sequence[Spot], some: Values, low: float, high: float) -> Part | None:
        """What is stored of a map, and what the scoring steps make of it; None where zeros do not stay zeros.

        Args:
            side: see :meth:`both`.
            spots: where it may be stored as more than zero.
            some: its values there, which are overwritten.
            low: its least value, 0 or above.
            high: its maximum, above that.
        """
        (step,) = self.protocol.saving
        assert isinstance(step, EightBit)
        levels = to_levels(torch.from_numpy(some), step, low, high).numpy().astype(np.intp)
        seen = np.bincount(levels, minlength=256)
        seen[0] += math.prod(self.size) - len(levels)
        present = np.flatnonzero(seen)
        # All steps but the blur look at the levels of a map only.
        values = torch.from_numpy(present).to(torch.float64)[None, None] / 255
        for step in self.protocol.scoring:
            if not _blurs(step):
                values = step(values, self.size)
        if values[0, 0, 0] != 0 or not bool(values.isfinite().all()):
            return None
        table = np.full(256, math.nan)
        table[present] = values[0, 0].numpy()
        saliency = self._predicted[side]
        for spot in self._spots[side]:
            saliency[spot] = 0.0
        put_in_spots(saliency.numpy(), spots, table[levels])
        for step in self._blurs:
            gaussian_blur_of_few(saliency, step.sigma, step.kernel, step.border, spots)
            spots = [self._grown(spot, step.kernel // 2) for spot in spots]
        self._spots[side] = spots
        return Part(Box(self.size, 0, 0, *self.size), saliency, spots=spots)

    def _grown(self, spot: Spot, margin: int) -> Spot:
        """With so many rows and columns more on each side, in the frame."""
        rows, columns = (
            slice(max(side.start - margin, 0), min(side.stop + margin, n))
            for side, n in zip(spot, self.size, strict=True)
        )
        return rows, columns


def scores(part: Part, density: Levels, fixated: Tensor, negatives: Tensor) -> dict[str, float] | None:
    """Every metric of one frame.

    Args:
        part: prepared prediction, float64, on a box outside of which neither map has anything.
        density: the ground truth.
        fixated: the pixels of the frame that are fixated; all lie in the box.
        negatives: those of the shuffled AUC.

    Returns:
        By the names of ``records.METRICS``; None for a map that is nearly constant, and where a metric is not defined.
    """
    flat, n = part.flat(), math.prod(part.box.frame)  # NumPy's calls take far less time on few numbers
    g, under = density.level, in_spots(part.values.numpy(), part.box.own(density.spots))
    outside, g_total, looked, drawn = n - len(flat), g.sum(), len(fixated), len(negatives)
    low, high = float(flat.min()), float(flat.max())
    largest, low = max(abs(low), abs(high)), part.sums.low if part.sums else min(low, 0.0 if outside else math.inf)
    span = high - low
    if not (DISTURBED[1] < span < math.inf and g_total > 0 and looked and drawn) or np.count_nonzero(g) == n:
        return None
    total = part.sums.total if part.sums else flat.sum()
    mean, g_mean = total / n, g_total / n
    squares = _squares(part, flat, mean, outside)
    if squares is None or not total > 1e-3 * largest:
        return None
    work = g - g_mean  # used again below: new memory for each result would take as long as the results
    norm, g_norm = math.sqrt(squares), math.sqrt(np.square(work, out=work).sum() + (n - len(g)) * g_mean**2)
    at_fixations = part.at(fixated)
    scaled = [(values - low) / span for values in (at_fixations, part.at(negatives))]
    judd = _judd(flat, scaled[0], low, span, outside, part.sums is not None)
    if judd is None:
        return None
    if any(map(_on_a_step, scaled)):
        return None
    tp, fp = (
        roc.count_at_steps(torch.from_numpy(values), torch.zeros(len(values), dtype=torch.int64), 1)
        for values in scaled
    )
    nothing = torch.tensor([0.0 if part.sums else -low / span], dtype=torch.float64)
    fp += (drawn - len(scaled[1])) * (nothing >= roc.steps(nothing).flip(0))
    count = torch.tensor([[looked]])
    shuffled = roc.curve_area(fp, tp, torch.tensor([[drawn]]), count)[0]
    cc = (np.multiply(under, g, out=work).sum() - total * g_mean) / (norm * g_norm)
    q = g / g_total
    np.subtract(under, low, out=work)
    work /= total - n * low
    sim = float(np.minimum(work, q, out=work).sum())
    np.divide(under, total, out=work)
    work += EPS
    np.divide(q, work, out=work)
    work += EPS
    np.log(np.abs(work, out=work), out=work)
    work *= q
    return {
        "CC": min(max(float(cc), -1.0), 1.0),  # rounding alone carries it farther, as the two below
        "NSS": float((at_fixations - mean).mean()) / norm * math.sqrt(n - 1),
        "AUC-J": judd,
        "sAUC": float(shuffled),
        "SIM": min(sim, 1.0),
        "KL": max(float(work.sum()), 0.0),
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


def _judd(flat: Values, at_fixations: Values, low: float, span: float, outside: int, tied: bool) -> float | None:
    """AUC-Judd; the pixels outside are zero, or ``tied`` with the least value. None where that does not tell enough."""
    edges = np.concatenate([at_fixations - roc.TIE, at_fixations + roc.TIE])
    lowest = edges[edges > 0].min()  # what is below it is at or above those edges only that all pixels are
    if tied and lowest < TIED:
        return None
    some = flat[flat >= lowest * span * (1 - 1e-9) + low]
    some -= low
    some /= span
    scaled = torch.from_numpy(some)[None]

    def count(edges: Tensor, likely: Tensor) -> Tensor:
        reached = roc.count_in_maps(scaled, edges, likely) if len(some) else torch.zeros_like(edges)
        reached += (len(flat) - len(some)) * (edges <= 0)
        return reached.add_(outside * (edges <= (0.0 if tied else -low / span)))

    looked = torch.tensor([len(at_fixations)])
    return float(roc.judd_of(torch.from_numpy(at_fixations)[None], looked, len(flat) + outside, count)[0])


def _blurs(step: object) -> bool:
    return isinstance(step, Blur) and not step.log
