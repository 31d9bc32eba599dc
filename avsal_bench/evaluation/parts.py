"""What a protocol makes of a sum of Gaussians, in the part of the frame where it makes more of it than zero.

The maps of :func:`~avsal_bench.evaluation.protocol.prepare` but for their last bits, in a tenth of the time: Gaussians
are blurred along their axes, and 8-bit maps are blurred, stored as JPEG and resized where they are not zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn.functional import max_pool1d

from avsal_bench.evaluation.spots import Box, Part, Spot, Sums, box_around
from avsal_bench.evaluation.steps import Blur, Clip, EightBit, Jpeg, Levels, MinMax, Resize, ResizeLog, Step
from avsal_bench.metrics.resize import boxes_of, cubic_weights, gaussian_blur, gaussian_blur_of_few, gaussian_weights

#: Pixels a side of the squares that a frame is looked at in, for where a map is more than zero.
_SQUARE = 8


def reach_of(points: int, sigma: float, share: float) -> float:
    """How far from all of so many points their Gaussians, each 1 at its own, are below a share of 1 together."""
    return sigma * math.sqrt(2 * math.log(points / share)) + 1


class Gaussians:
    """A sum of Gaussians of height 1 at points ``(n, 2)`` x, y, in pixels of a frame.

    Args:
        points: where they are.
        frame: height and width.
        sigma: their deviation.
    """

    def __init__(self, points: Tensor, frame: tuple[int, int], sigma: float) -> None:
        self.points, self.frame, self.sigma = points, frame, sigma
        self.columns, self.rows = (
            torch.exp(-((torch.arange(side, dtype=torch.float64) - points[:, i, None]) ** 2) / (2 * sigma**2))
            for i, side in enumerate(frame[::-1])
        )
        self.margin, self.loss = 0, 1.0

    def whole(self, out: Tensor | None = None) -> Tensor:
        """The map ``(H, W)`` float64."""
        return torch.mm(self.rows.T, self.columns, out=out)

    def blurred(self, step: Blur) -> None:
        """Blur it: each factor along its axis."""
        self.rows, self.columns = (
            factor @ gaussian_weights(factor.shape[1], step.sigma, step.kernel, step.border).T
            for factor in (self.rows, self.columns)
        )
        self.lowered(step)

    def lowered(self, step: Blur) -> None:
        """Note how far a blur carries values, and how far it lowers the highest at the most (Jensen)."""
        self.margin += step.kernel // 2 + 1
        self.loss *= math.exp(-((step.sigma / self.sigma) ** 2))

    def box(self, share: float) -> Box:
        """Outside of it the map is below a share of its maximum."""
        # 1e-300: what is stored below it is zero anyhow.
        reach = reach_of(len(self.points), self.sigma, max(share * self.loss, 1e-300))
        return box_around(self.points, self.frame, min(reach + self.margin, 1e6))

    def spots(self, share: float, gap: int) -> list[Spot]:
        """Parts of the frame outside of which the map is below a share of its maximum.

        Args:
            share: above 0, at most 1.
            gap: rows or columns that lie between any two of them, or more.
        """
        columns, rows = self.points.unbind(1)
        # The highest value at one of the points: the maximum is not below it.
        high = float((self.rows[:, rows] * self.columns[:, columns]).sum(0).max()) * (1 - 1e-9)
        # No pixel of a square is above the sum of what each Gaussian is at the most there.
        by_row, by_column = (max_pool1d(x[:, None], _SQUARE, ceil_mode=True)[:, 0] for x in (self.rows, self.columns))
        squares = (by_row.T @ by_column).numpy() > share * high

        def pixels(side: slice, end: int) -> slice:
            return slice(_SQUARE * side.start, min(_SQUARE * side.stop, end))

        height, width = self.frame
        return [(pixels(y, height), pixels(x, width)) for y, x in boxes_of(squares, max(1, -(-gap // _SQUARE)))]

    def sums(self, low: float) -> Sums:
        """Of all its pixels."""
        total = float(self.rows.sum(1) @ self.columns.sum(1))
        return Sums(low, total, float(((self.rows @ self.rows.T) * (self.columns @ self.columns.T)).sum()))


def least(whole: Tensor, high: float) -> Tensor:
    """The least value of a map ``(H, W)`` of Gaussians, to its last bit, or any that makes no difference to others."""
    corners = whole[:: whole.shape[0] - 1 or 1, :: whole.shape[1] - 1 or 1]
    return corners.min() if corners.min() < 1e-20 * high else whole.min()


#: A level is more than 0 from this share of the maximum on, with a margin; half a level up the least number is.
_SEEN = {"down": 0.49 / 255, "nearest": 0.49 / 255, "half_up": 1e-20}
#: What is that far below the maximum is tied with the least value in every metric that compares.
TIED = 9e-10


def prepared_part(
    gaussians: Gaussians, whole: Tensor, saving: Sequence[Step], scoring: Sequence[Step], memory: Tensor, least_box: Box
) -> Part | None:
    """What the steps of a protocol make of a map, and the resize to its frame at the end.

    Args:
        gaussians: the map; changed by blurs.
        whole: the same ``(H, W)``.
        saving: steps of the protocol, all that :func:`known` knows.
        scoring: likewise.
        memory: ``(H, W)`` float64, overwritten.
        least_box: what is known of the map at least.

    Returns:
        Values in float64; None for a map that the steps do not scale.
    """
    steps = list(saving)
    while steps and (_stays(steps[0], gaussians.frame) or (isinstance(steps[0], Blur) and not steps[0].log)):
        step = steps.pop(0)
        if isinstance(step, Blur):
            gaussians.blurred(step)
            whole = gaussians.whole(memory)
    high = float(whole.max())
    if not steps and not scoring:
        box = gaussians.box(TIED).with_(least_box)
        return Part(box, box.part(whole), gaussians.sums(float(least(whole, high))))
    found: Part | None = _stored(whole, gaussians, high, steps, least_box)
    for step in steps:
        make = _exact_blur if isinstance(step, Blur) else _STEPS[type(step)]
        found = found and make(found, step)
    if found is not None and any(isinstance(step, EightBit) for step in saving):
        found = Part(found.box, found.values.div_(255))
    for step in scoring:
        found = found and _STEPS[type(step)](found, step)
    return found and _resized(found, gaussians.frame, _cubic)


def known(saving: Sequence[Step], scoring: Sequence[Step]) -> bool:
    """Whether :func:`prepared_part` can prepare maps by such steps."""
    saving = list(saving)
    while saving and (_stays(saving[0]) or (isinstance(saving[0], Blur) and not saving[0].log)):
        saving.pop(0)
    if not saving:
        return not scoring
    first, *later = saving
    # A map that is zero nowhere has to be stored in 8 bits before anything that sees more than single pixels.
    stored = [step for step in later if not (isinstance(step, Resize) and step.method != "lanczos")]
    begins = isinstance(first, EightBit | Levels) or (isinstance(first, Blur) and stored[:1] and _is_8_bit(stored[0]))
    rest = (*later, *scoring)
    return bool(begins) and all(type(step) in _STEPS and not (isinstance(step, Blur) and step.log) for step in rest)


def _is_8_bit(step: Step) -> bool:
    return isinstance(step, EightBit)


def _stays(step: Step, frame: tuple[int, int] | None = None) -> bool:
    """Whether a step leaves maps of the size of the frame as they are."""
    plain = isinstance(step, Resize) and step.method != "lanczos" and step.target in (None, frame)
    return plain or isinstance(step, ResizeLog)


def _stored(whole: Tensor, gaussians: Gaussians, high: float, steps: list[Step], least_box: Box) -> Part | None:
    """The map after those of the steps, which are taken from the list, that see more than what is stored of it."""
    if isinstance(steps[0], Levels):
        return _cut(gaussians.box(0.49 / 255).with_(least_box), whole)
    if isinstance(steps[0], EightBit):
        step = steps.pop(0)
        assert isinstance(step, EightBit)
        part = _cut(gaussians.box(_SEEN[step.rounding]).with_(least_box), whole)
        return _eight_bit(part, step, float(least(whole, high)))
    step = steps.pop(0)
    assert isinstance(step, Blur)
    seen = next(s for s in steps if isinstance(s, EightBit))
    gaussians.lowered(step)
    inner = gaussians.box(_SEEN[seen.rounding])
    outer = inner.grown(step.kernel)
    logarithm = outer.part(whole).clamp_min_(torch.finfo(torch.float64).tiny).log_()
    blurred = gaussian_blur(logarithm[None], step.sigma, step.kernel, step.border)[0].exp_()
    top, left = inner.top - outer.top, inner.left - outer.left
    return Part(inner, blurred[top : top + inner.size[0], left : left + inner.size[1]].contiguous())


def _cut(box: Box, whole: Tensor) -> Part:
    return Part(box, box.part(whole))


def _eight_bit(part: Part, step: Step, low: float | None = None) -> Part | None:
    """In 8 bits, in place; None for a map that is constant, or whose zeros do not stay zeros."""
    assert isinstance(step, EightBit)
    high = float(part.values.max())
    if low is None:
        low = _low(part)
        if low < 0 and part.box.size != part.box.frame:
            return None
    if not high > low:
        return None
    return Part(part.box, to_levels(part.values, step, low, high))


def to_levels(values: Tensor, step: EightBit, low: float, high: float) -> Tensor:
    """As :func:`~avsal_bench.evaluation.steps.to_eight_bit`, in the memory of the map, whose extremes are known."""
    base = 0.0 if step.low == "zero" else low
    values.sub_(base).mul_(1.0 / (high - base) * 255.0)  # torch divides a number so
    if step.rounding != "down":
        (values.add_(0.5) if step.rounding == "half_up" else values).round_()
    return values.clamp_(0, 255).trunc_()


def _low(part: Part) -> float:
    """The least value of a map that is zero outside of its part."""
    low = float(part.values.min())
    return low if part.box.size == part.box.frame else min(low, 0.0)


def _pointwise(part: Part, step: Step) -> Part:
    assert isinstance(step, Levels | Clip)
    return Part(part.box, step(part.values[None], part.box.frame)[0])


def _minmax(part: Part, step: Step) -> Part | None:
    low, high = _low(part), float(part.values.max())
    return Part(part.box, part.values / high) if low == 0 and high > 0 else None


def _blur(part: Part, step: Step) -> Part:
    assert isinstance(step, Blur)
    part = part.on(part.box.grown(step.kernel // 2 + 1))
    values = part.values.clone()
    gaussian_blur_of_few(values, step.sigma, step.kernel, step.border)
    return Part(part.box, values)


def _exact_blur(part: Part, step: Step) -> Part:
    """To the last bit: of a map that is truncated afterwards it decides whether the maximum is level 254 or 255."""
    assert isinstance(step, Blur)
    frame = part.box.frame
    whole = part.on(Box(frame, 0, 0, *frame)).values
    blurred = gaussian_blur(whole[None], step.sigma, step.kernel, step.border)[0]
    return _cut(part.box.grown(step.kernel // 2 + 1), blurred)


def _jpeg(part: Part, step: Step) -> Part:
    """Stored as JPEG, whose squares of 8 x 8 pixels know nothing of each other."""
    assert isinstance(step, Jpeg)
    frame = part.box.frame
    box = part.box.grown(0, 8) if _keeps_zeros(step.quality) else Box(frame, 0, 0, *frame)
    part = part.on(box)
    return Part(box, step(part.values[None].to(torch.uint8), box.frame)[0].double())


@lru_cache(maxsize=8)
def _keeps_zeros(quality: int) -> bool:
    return not bool(Jpeg(quality)(torch.zeros(1, 8, 8, dtype=torch.uint8), (8, 8)).any())


def _resize(part: Part, step: Step) -> Part:
    assert isinstance(step, Resize)
    frame = part.box.frame
    target = step.target or frame
    if step.method != "lanczos":
        return _resized(part, target, _cubic if step.method == "matlab" else _linear)
    whole = step(part.on(Box(frame, 0, 0, *frame)).values[None].to(torch.uint8), target)[0].double()
    rows, columns = (np.flatnonzero(whole.numpy().any(axis)) for axis in (1, 0))
    if not len(rows):
        return Part(Box(target, 0, 0, 1, 1), whole[:1, :1])
    return _cut(Box(target, int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1), whole)


_STEPS: dict[type, Callable[[Part, Step], Part | None]] = {
    EightBit: _eight_bit,
    Levels: _pointwise,
    Clip: _pointwise,
    MinMax: _minmax,
    Blur: _blur,
    Jpeg: _jpeg,
    Resize: _resize,
}


def _resized(part: Part, target: tuple[int, int], weights: Callable[[int, int], csr_array]) -> Part:
    """Resized by a few weights along each axis."""
    box, frame = part.box, part.box.frame
    if frame == target:
        return part
    (top, bottom, rows), (left, right, columns) = (
        _some(weights(n, m), low, high)
        for n, m, low, high in zip(frame, target, (box.top, box.left), (box.bottom, box.right), strict=True)
    )
    half: NDArray[np.float64] = rows @ part.values.numpy()
    values = (columns @ np.ascontiguousarray(half.T)).T
    return Part(Box(target, top, left, bottom, right), torch.from_numpy(np.ascontiguousarray(values)))


def _some(weights: csr_array, low: int, high: int) -> tuple[int, int, csr_array]:
    """First and last row with a weight for some columns, and those rows of these."""
    seen = weights[:, low:high]
    rows = np.flatnonzero(np.diff(seen.indptr))
    first, last = int(rows[0]), int(rows[-1]) + 1
    return first, last, seen[first:last]


@lru_cache(maxsize=16)
def _cubic(n: int, size: int) -> csr_array:
    return csr_array(cubic_weights(n, size).numpy())


@lru_cache(maxsize=16)
def _linear(n: int, size: int) -> csr_array:
    columns = Resize("bilinear", (size, n))(torch.eye(n, dtype=torch.float64)[None], (size, n))
    return csr_array(columns[0].numpy())
