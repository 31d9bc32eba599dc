"""Time steps of windows, each computed once: windows that follow one another share most of what an encoder finds.

A layer that looks at single time steps (1x1, spatial, a norm, an activation) finds the same in a frame in whatever
window it stands, and one that looks at k steps finds the same wherever it sees the same k steps. So every step has a
number, and a step that a layer makes is known by the numbers of the steps that it is made of: steps of equal origin, in
the windows of a batch or of the batches before, are one step and are computed once. What stands outside a window has a
number too. No rule about directions, strides or ends is needed: reverse windows share with each other, a repeated frame
is one step, and after a gap, in another video or in the first batch of a resumed run less is known, or nothing.

Steps that zero padding reaches are of one window alone, and are kept for its batch only. At T = 32, of the steps of a
window that follows another one these are computed: 1 of 32 frames; 4 of 16 by S3D's first convolution in time, 6 by its
second, 8 in Mixed_3b, 10 in 3c; 6 of 8 by the pool before the third stage, and all after it: from there on, whole
windows are as cheap.

How an encoder uses it (``S3D.shared`` and ``SeparableConv.shared`` are examples)::

    x = Steps.of(clips, memory.seen, "encoder")            # frames, under a name of the encoder's own
    x = x.conv(self.conv_s).each(self.act)                 # any Conv3d; each: what takes time steps one by one
    x = x.conv(self.conv_t).max(self.pool)                 # any MaxPool3d; over: anything that looks at k steps
    x = Steps.cat([self.branch.shared(x), x.each(other)])  # or Steps.add, of a residual and a shortcut
    stage = x.windows()                                    # (B, C, T', h, w), for what goes the plain way

It asks for the same in the same order for every batch. A layer given to ``each`` must not change its input in place.
No gradients flow from one batch to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from avsal_bench.models.clips import Clips
from avsal_bench.models.layers.convolution import convolve
from avsal_bench.models.layers.resample import largest
from avsal_bench.models.layers.shared.step_table import OUTSIDE, Table
from avsal_bench.models.layers.shared.time_axis import Axis, Store


class Steps:
    """Features of the time steps of windows, of which those that are new are at hand; see the module.

    Args:
        axis: of the steps.
        value: ``(N, C, 1, h, w)``, of the N new ones in their order; None where nothing is new.
    """

    def __init__(self, axis: Axis, value: Tensor | None) -> None:
        self.axis = axis
        self.value = value
        self._table: Table | None = None

    @classmethod
    def of(cls, clips: Clips, seen: dict[Any, Any], name: str) -> Steps:
        """The frames of windows, normalised.

        Args:
            clips: the windows.
            seen: ``Memory.seen`` of the batches before; changed.
            name: under which this is kept there; another one for each encoder of a network.
        """
        store: Store = seen.setdefault(("time steps", name), Store())
        store.begin([place.video for place in clips.places])
        origins = [[(place.video, number) for number in place.frames] for place in clips.places]
        axis = Axis(store, (), origins, 1, lambda origin: False)
        new = [axis.origin[number] for number in axis.new]
        return cls(axis, clips.single(new)[:, :, None] if new else None)

    def each(self, layer: Callable[[Tensor], Tensor]) -> Steps:
        """What ``layer`` makes of each step by itself: 1x1 and spatial layers, norms in eval mode, activations.

        Args:
            layer: from ``(N, C, 1, h, w)`` to ``(N, C', 1, h', w')``.
        """
        return Steps(self.axis, None if self.value is None else layer(self.value))

    def over(
        self,
        kernel: int,
        stride: int,
        padding: int,
        layer: Callable[[Tensor], Tensor],
    ) -> Steps:
        """What ``layer`` makes of ``kernel`` steps at a time, zero outside the window.

        Args:
            kernel: k, steps that are looked at.
            stride: steps from one look to the next.
            padding: steps outside the window, at each end.
            layer: from ``(N, C, k, h, w)`` to ``(N, C', 1, h', w')``; it pads nothing in time.
        """
        axis = self.axis.joined(kernel, stride, padding)
        found = self._at([axis.origin[number] for number in axis.new])
        return Steps(axis, None if found is None else layer(found))

    def conv(self, conv: nn.Conv3d) -> Steps:
        """What a convolution makes, with zeros as padding.

        Raises:
            TypeError: for a layer that is no ``nn.Conv3d``, whose ``forward`` would be gone around.
        """
        if type(conv).forward is not nn.Conv3d.forward:
            raise TypeError(
                f"a {type(conv).__name__} stands in the place of a convolution of the encoder, and windows share what "
                "a convolution finds; a class with `predict = Network.predict` predicts each window alone"
            )
        kernel, stride, padding, dilation = (
            tuple(map(int, x)) for x in (conv.kernel_size, conv.stride, conv.padding, conv.dilation)
        )
        if (kernel[0], stride[0], padding[0]) == (1, 1, 0):
            return self.each(conv)

        sizes = stride, (0, *padding[1:]), dilation
        return self._slide(
            (kernel[0], stride[0], padding[0], dilation[0]),
            lambda steps: convolve(steps, conv.weight, conv.bias, *sizes, conv.groups),
        )

    def max(self, pool: nn.MaxPool3d) -> Steps:
        """What a pool makes: of each step in space first, then of the steps that it looks at."""
        kernel, stride, padding = (_three(x) for x in (pool.kernel_size, pool.stride, pool.padding))
        x = self
        if kernel[1:] != (1, 1) or stride[1:] != (1, 1):
            sizes = ((1, *kernel[1:]), (1, *stride[1:]), (0, *padding[1:]))
            x = self.each(lambda step: largest(step, *sizes))
        if (kernel[0], stride[0]) == (1, 1):
            return x
        return x._slide(
            (kernel[0], stride[0], padding[0], 1), lambda steps: _largest(steps, kernel[0], stride[0]), near=True
        )

    @staticmethod
    def cat(parts: Sequence[Steps]) -> Steps:
        """The channels of several, one after the other."""
        return Steps._of_all(parts, lambda values: torch.cat(values, 1))

    @staticmethod
    def add(parts: Sequence[Steps]) -> Steps:
        """The sum of several: of a residual and its shortcut."""
        return Steps._of_all(
            parts, lambda values: torch.stack(values).sum(0) if len(values) > 2 else values[0] + values[1]
        )

    def windows(self) -> Tensor:
        """All steps of all windows, ``(B, C, T', h, w)``, in the memory format of the features."""
        found = self._at(self.axis.windows)
        assert found is not None, "a batch has a window"
        return found

    def _slide(self, sizes: tuple[int, int, int, int], layer: Callable[[Tensor], Tensor], near: bool = False) -> Steps:
        """What a layer makes that slides over steps: new ones that follow one another share what they are made of.

        Args:
            sizes: kernel, stride, padding and dilation in time.
            layer: from ``(R, C, l, h, w)`` to ``(R, C', l', h', w')``; it pads nothing in time.
            near: steps outside a window are the nearest inside, for a maximum, and not zero.
        """
        kernel, stride, padding, dilation = sizes
        axis = self.axis.joined(*sizes)
        found = []
        for length, starts in axis.runs.items():
            numbers = []
            for item, step in starts:
                first = step * stride - padding
                last = first + (length - 1) * stride + (kernel - 1) * dilation
                row = self.axis.windows[item]
                end = len(row) - 1
                numbers.append(
                    [row[min(max(t, 0), end)] if near or 0 <= t <= end else OUTSIDE for t in range(first, last + 1)]
                )
            steps = self._at(numbers)
            assert steps is not None, "a run has steps"
            # (R, C', l', h', w') to (R l', C', 1, h', w').
            found.append(layer(steps).transpose(1, 2).flatten(0, 1).unsqueeze(2))
        self._at([])
        return Steps(axis, None if not found else found[0] if len(found) == 1 else torch.cat(found))

    @staticmethod
    def _of_all(parts: Sequence[Steps], layer: Callable[[list[Tensor]], Tensor]) -> Steps:
        """What ``layer`` makes of several, at the steps of the one that sees most."""
        axis = max((part.axis for part in parts), key=lambda axis: len(axis.sees))
        values = [
            part.value if part.axis is axis else part._at([[number] for number in axis.beside(part.axis)])
            for part in parts
        ]
        found = [value for value in values if value is not None]
        return Steps(axis, layer(found) if found else None)

    def _at(self, numbers: Sequence[Sequence[int]]) -> Tensor | None:
        """Features ``(N, C, k, h, w)`` of N times k steps of the axis, in this batch's windows; None for N = 0."""
        if self._table is None:
            self._table = self.axis.table()
            if self.value is not None:
                self._table.put(self.axis.new, self.value)
        return self._table.get(numbers) if numbers else None


def _largest(steps: Tensor, kernel: int, stride: int) -> Tensor:
    """The maximum of each ``kernel`` steps in time, in the memory format of the steps."""
    last = steps.shape[2] - kernel + 1
    return reduce(torch.maximum, (steps[:, :, first : first + last : stride] for first in range(kernel)))


def _three(size: int | tuple[int, ...]) -> tuple[int, ...]:
    """A size in time, height and width."""
    return (size,) * 3 if isinstance(size, int) else tuple(size)
