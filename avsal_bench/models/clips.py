"""The windows of a batch as a network gets them at test time: lists of frames, each of which is there once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor

from avsal_bench.text import many

Found = TypeVar("Found")


@dataclass(frozen=True)
class Place:
    """Where a window comes from.

    Args:
        video: key of the video, ``<dataset>/<name>``.
        frames: numbers from 1 of the window's frames, in the order of the clip: a reverse window counts down, and an
            end frame of the video may repeat.
        label: whether the sound belongs to what people look at in the target frame; None where nobody asked.
        asked: whether the map of the target frame is asked for; a network that goes by frames gets the others too.
    """

    video: str
    frames: tuple[int, ...]
    label: bool | None = None
    asked: bool = True

    @property
    def forwards(self) -> bool:
        """Whether each frame follows the one before in the video: neither a reverse window nor a repeated frame."""
        return all(b == a + 1 for a, b in zip(self.frames, self.frames[1:], strict=False))


@dataclass
class Memory:
    """What a network keeps from one batch of windows for the next; empty when a test run, or a video file, begins.

    Args:
        seen: found in frames alone, and so the same whatever is heard with them.
        heard: found with the sound. Where windows are predicted with several sounds, each sound has its own.
    """

    seen: dict[Any, Any] = field(default_factory=dict)
    heard: dict[Any, Any] = field(default_factory=dict)

    def other_sound(self) -> Memory:
        """A memory of the same frames, heard with another sound."""
        return Memory(self.seen)

    def clear(self) -> None:
        """Forget all."""
        self.seen.clear()
        self.heard.clear()


class Clips:
    """Windows of T frames, whose frames are put together when they are asked for.

    Windows of stride 1 share all frames but one: a network that finds something in single frames, or in parts of a
    window, asks for those alone (:meth:`single`); any other takes whole windows (:attr:`frames`).

    Args:
        pool: ``(F, 3, H, W)``, frames that windows are made of, uint8 or floating.
        index: ``(B, T)`` int64 on the device of ``pool``: which frame of it each frame of a window is.
        places: of the windows, by item. Windows of a video come in the order of their target frames.
        mean: ``(3, 1, 1)``, taken from the frames of the pool; None for frames that are normalised already.
        std: ``(3, 1, 1)``, by which they are divided then.

    Raises:
        ValueError: when the places are not those of the windows.
    """

    def __init__(
        self,
        pool: Tensor,
        index: Tensor,
        places: Sequence[Place],
        mean: Tensor | None = None,
        std: Tensor | None = None,
    ) -> None:
        lengths = [len(place.frames) for place in places]
        count, steps = index.shape
        if lengths != [steps] * count:
            raise ValueError(
                f"expected places of {many(count, 'window')} of {many(steps, 'frame')}; got windows of these lengths: "
                f"{lengths}"
            )
        self.pool = pool
        self.index = index
        self.places = tuple(places)
        self._mean, self._std = mean, std
        self._found: dict[str, Any] = {}

    @classmethod
    def of(cls, frames: Tensor, places: Sequence[Place]) -> Clips:
        """Windows that are there as a whole, ``(B, 3, T, H, W)``, normalised."""
        count, _, steps = frames.shape[:3]
        index = torch.arange(count * steps, device=frames.device).view(count, steps)
        return cls(frames.transpose(1, 2).flatten(0, 1), index, places)

    def __len__(self) -> int:
        """B, how many windows."""
        return len(self.places)

    @property
    def device(self) -> torch.device:
        """Where the frames are."""
        return self.pool.device

    @property
    def asked(self) -> list[int]:
        """The windows whose map is asked for, by item: all of them, but where a network goes by frames."""
        return [item for item, place in enumerate(self.places) if place.asked]

    @cached_property
    def frames(self) -> Tensor:
        """All windows, ``(B, 3, T, H, W)`` float32, normalised and contiguous."""
        return self._normalised(self.pool[self.index]).transpose(1, 2).contiguous()

    @cached_property
    def rows(self) -> dict[tuple[str, int], int]:
        """Which frame of the pool each frame of a video is, by the key of the video and its number."""
        listed = self.index.tolist()
        return {
            (place.video, number): row
            for place, rows in zip(self.places, listed, strict=True)
            for number, row in zip(place.frames, rows, strict=True)
        }

    def single(self, keys: Sequence[tuple[str, int]]) -> Tensor:
        """Some frames, ``(N, 3, H, W)`` float32, normalised.

        Args:
            keys: of the video and number of each, all of them in a window of this batch.
        """
        rows = torch.tensor([self.rows[key] for key in keys], device=self.device)
        return self._normalised(self.pool[rows]).contiguous()

    def part(self, items: Sequence[int]) -> Clips:
        """Some of the windows, by item; frames stay where they are."""
        rows = torch.tensor(items, device=self.device)
        return Clips(self.pool, self.index[rows], [self.places[item] for item in items], self._mean, self._std)

    def cut(self, steps: slice, rows: slice, columns: slice, mean: Sequence[float], std: Sequence[float]) -> Clips:
        """What a network sees of the windows that it makes a map of together with others.

        Args:
            steps: frames of each window, by their place in it.
            rows: of each frame.
            columns: likewise.
            mean: of each RGB channel, taken from the frames as they are normalised here.
            std: of each RGB channel, by which they are divided then.
        """
        less, by = (torch.tensor(values, device=self.device).view(3, 1, 1) for values in (mean, std))
        if self._mean is not None and self._std is not None:
            less, by = self._mean + less * self._std, by * self._std
        places = [replace(place, frames=place.frames[steps]) for place in self.places]
        return Clips(self.pool[..., rows, columns], self.index[:, steps], places, less, by)

    def once(self, name: str, find: Callable[[], Found]) -> Found:
        """What ``find`` gives, found once for this batch: windows that are heard with several sounds are seen once.

        Args:
            name: of what is found.
            find: from frames alone, nothing that is heard.
        """
        if name not in self._found:
            self._found[name] = find()
        found: Found = self._found[name]
        return found

    def _normalised(self, frames: Tensor) -> Tensor:
        if self._mean is None or self._std is None:
            return frames
        return ((frames if frames.is_floating_point() else frames.float()) - self._mean) / self._std
