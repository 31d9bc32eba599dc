"""The time steps of windows by number, those of equal origin as one: integers only, features are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from avsal_bench.models.layers.shared.step_table import OUTSIDE, Table
from avsal_bench.text import many


class _Kept:
    """What is known of an axis from batch to batch: numbers by origin, the last window of each, and features."""

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}
        self.used: dict[int, int] = {}
        self.tables: list[Table] = []

    def forget(self, oldest: int) -> None:
        """Drop what no window since the one of number ``oldest`` used, and what is of a single batch."""
        self.used = {number: window for number, window in self.used.items() if window >= oldest}
        self.numbers = {origin: number for origin, number in self.numbers.items() if number in self.used}
        for table in self.tables:
            table.forget_all_but(self.used)


class Store:
    """What is kept under a name, and the axes of the batch at hand; windows are counted from the first batch on."""

    def __init__(self) -> None:
        self.kept: dict[tuple[Any, ...], _Kept] = {}
        self.numbers = count(OUTSIDE + 1)
        self.axes: dict[tuple[Any, ...], Axis] = {}
        self.first = self.size = 0
        self.began = 0
        self._video, self._latest = "", 0

    def begin(self, videos: Sequence[str]) -> None:
        """Start a batch of windows of those videos; ``began`` is the first window of the video of its first one."""
        self.axes = {}
        self.first += self.size
        self.size = len(videos)
        self.began = self._latest if videos[0] == self._video else self.first
        for window, video in enumerate(videos, self.first):
            if video != self._video:
                self._video, self._latest = video, window


class Axis:
    """The time steps of the windows of a batch, by number.

    Args:
        store: what is known from the batches before.
        path: how this axis came about, the same in every batch.
        origins: (B, T'), what each step is made of.
        stride: frames from one step of a window to the next.
        padded: whether padding reaches a step, by its origin.
        sees: frames that a step is made of, from the one that it would be made of without padding and kernels.

    Attributes:
        windows: (B, T') numbers; steps of equal origin have one number.
        runs: new steps that follow one another in a window, by their count: the window and the first of each run.
        new: numbers of the steps that are to be computed, once each, in the order of ``runs``.
        origin: of each new one.
    """

    def __init__(
        self,
        store: Store,
        path: tuple[Any, ...],
        origins: Sequence[Sequence[Any]],
        stride: int,
        padded: Callable[[Any], bool],
        sees: frozenset[int] = frozenset({0}),
    ) -> None:
        self.store, self.path, self.stride, self.sees = store, path, stride, sees
        kept = store.kept.setdefault(path, _Kept())
        kept.forget(store.began)
        self.padded: set[int] = set()
        self.origin: dict[int, Any] = {}
        self.windows: list[list[int]] = []
        self._tables, self._asked = kept.tables, 0
        own: dict[Any, int] = {}
        runs: list[list[tuple[int, int]]] = []
        for window, row in enumerate(origins, store.first):
            numbers = []
            for step, origin in enumerate(row):
                number = kept.numbers.get(origin) or own.get(origin)
                if number is None:
                    here = window - store.first, step
                    if runs and runs[-1][-1] == (here[0], step - 1):
                        runs[-1].append(here)
                    else:
                        runs.append([here])
                    number = next(store.numbers)
                    self.origin[number] = origin
                    if padded(origin):
                        self.padded.add(number)
                        own[origin] = number
                    else:
                        kept.numbers[origin] = number
                if number not in self.padded:
                    kept.used[number] = window
                numbers.append(number)
            self.windows.append(numbers)
        self.runs: dict[int, list[tuple[int, int]]] = {}
        for run in runs:
            self.runs.setdefault(len(run), []).append(run[0])
        self.new = [
            self.windows[item][step + k]
            for length, starts in self.runs.items()
            for item, step in starts
            for k in range(length)
        ]
        # Of windows that follow one another, the next to use a step is `stride` windows away.
        kept.forget(min(store.first, store.first + store.size - stride))

    @property
    def steps(self) -> int:
        """T', the time steps of a window."""
        return len(self.windows[0])

    def table(self) -> Table:
        """One more place for features of this axis: the n-th of this batch is the n-th of the batch before."""
        self._asked += 1
        if self._asked > len(self._tables):
            self._tables.append(Table())
        return self._tables[self._asked - 1]

    def joined(self, kernel: int, stride: int, padding: int, dilation: int = 1) -> Axis:
        """The axis of a layer that looks at ``kernel`` steps at a time; an origin is a tuple of their numbers."""
        path = (*self.path, (kernel, stride, padding, dilation))
        if path not in self.store.axes:
            firsts = range(-padding, self.steps + padding - dilation * (kernel - 1), stride)
            taps = [range(first, first + dilation * kernel, dilation) for first in firsts]
            origins = [
                [tuple(row[t] if 0 <= t < self.steps else OUTSIDE for t in some) for some in taps]
                for row in self.windows
            ]
            reached = self.padded | {OUTSIDE}
            self.store.axes[path] = Axis(
                self.store,
                path,
                origins,
                self.stride * stride,
                lambda origin: not reached.isdisjoint(origin),
                frozenset(seen + self.stride * (k * dilation - padding) for seen in self.sees for k in range(kernel)),
            )
        return self.store.axes[path]

    def beside(self, other: Axis) -> list[int]:
        """The numbers of another axis that stand where the new ones of this one do.

        Raises:
            ValueError: when steps of this one do not tell which those are: the other sees more frames, or steps
                are not those of the same frames.
        """
        if (self.steps, self.stride) != (other.steps, other.stride) or not other.sees <= self.sees:
            raise ValueError(
                f"expected features of {self.steps} time steps, each {many(self.stride, 'frame')} after the one before "
                f"and made of no frame but {sorted(self.sees)}, from its place; got {other.steps}, {other.stride} and "
                f"{sorted(other.sees)}"
            )
        found = {
            own: number
            for mine, theirs in zip(self.windows, other.windows, strict=True)
            for own, number in zip(mine, theirs, strict=True)
        }
        return [found[number] for number in self.new]
