"""Features of time steps, kept from batch to batch under numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

#: Number of what stands outside a window. Row 0 of every table, which is zero, is its feature.
OUTSIDE = 0


class Table:
    """Features by the number of their step. Rows of forgotten steps are used again."""

    def __init__(self) -> None:
        self.rows: Tensor | None = None
        self.row = {OUTSIDE: 0}
        self.free: list[int] = []
        self.shape: tuple[int, ...] = ()
        self.channels_last = False

    @torch.no_grad()
    def put(self, numbers: Sequence[int], value: Tensor) -> None:
        """Keep ``value``, ``(N, C, 1, h, w)``, under N numbers, in the order in which the first one lay in memory.

        A layer may lay out what it makes of few steps in another way than what it makes of many, and rows that are
        there stay as they are.
        """
        self.shape = tuple(value.shape[1:])
        if self.rows is None:
            self.channels_last = not value.is_contiguous() and value.is_contiguous(memory_format=torch.channels_last_3d)
        flat = (value.movedim(1, -1) if self.channels_last else value).reshape(len(value), -1)
        missing = len(numbers) - len(self.free)
        if self.rows is None:
            self.rows = flat.new_zeros(1 + missing, flat.shape[1])
            self.free.extend(range(1, 1 + missing))
        elif missing > 0:
            held = len(self.rows)
            self.rows = torch.cat([self.rows, flat.new_zeros(missing, flat.shape[1])])
            self.free.extend(range(held, held + missing))
        taken = [self.free.pop() for _ in numbers]
        self.row.update(zip(numbers, taken, strict=True))
        self.rows.index_copy_(0, torch.tensor(taken, device=flat.device), flat)

    def get(self, numbers: Sequence[Sequence[int]]) -> Tensor:
        """Features ``(N, C, k, h, w)`` of N times k numbers, in the memory format in which they came.

        Raises:
            RuntimeError: when the batch before was not finished.
        """
        try:
            assert self.rows is not None
            taken = torch.tensor([[self.row[number] for number in some] for some in numbers], device=self.rows.device)
        except (AssertionError, KeyError):
            raise RuntimeError("the batch before ended by an error; clear the memory of the network") from None
        found = self.rows.index_select(0, taken.flatten())
        channels, _, height, width = self.shape
        if self.channels_last:
            return found.view(*taken.shape, height, width, channels).movedim(-1, 1)
        return found.view(*taken.shape, channels, height, width).transpose(1, 2)

    def forget_all_but(self, known: dict[int, int]) -> None:
        """Take the rows of other numbers back."""
        for number in self.row.keys() - known.keys() - {OUTSIDE}:
            self.free.append(self.row.pop(number))
