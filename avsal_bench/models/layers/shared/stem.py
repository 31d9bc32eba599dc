"""The first convolution of an encoder, for windows of a film: each frame goes through its kernels once.

A kernel of k steps of time is k kernels of pictures, and what the convolution gives at a time is the sum of what each
of them makes of one of k frames. A new frame goes through all k in one convolution of pictures, and k running sums take
that up: the one that is whole is the convolution's value k // 2 frames back, and the unfinished ones are its values at
the end of a window that ends here, where zeros follow. At the beginning of a window zeros come before: there the value
is the whole sum less the running sum that the frames before the window had left.

So a window costs one picture's convolution in the place of T, and no position is found in a second way: the sums are
those of the plain layer in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.layers.convolution import convolve

#: What acts on each position by itself: norm and activation, of ``(1, C, n, h, w)``; may change what it gets.
Pointwise = Callable[[Tensor], Tensor]

#: Frames that go through the kernels at a time.
_AT_ONCE = 4


def stem_of_windows(conv: nn.Conv3d, after: Pointwise, clips: Clips, memory: Memory) -> Tensor:
    """``after(conv(clips.frames))`` in eval mode, ``(B, C, T, h, w)`` with channels last, to rounding.

    Windows that run forwards, in the order of the video, share what they have in common with those before; any other
    takes the plain way. Sums are float32, under autocast too; what comes out has autocast's type.

    Args:
        conv: with stride and dilation 1 in time, one group, and zeros as padding of half its length in time.
        after: norm and activation.
        clips: the windows.
        memory: keeps about 5 T positions of the last video, under ``stem``.

    Raises:
        ValueError: for another convolution.
    """
    steps, count = clips.index.shape[1], len(clips)
    kernel, pad = int(conv.kernel_size[0]), int(conv.kernel_size[0]) // 2
    times = conv.stride[0], conv.dilation[0], conv.groups, conv.padding[0], conv.padding_mode
    if times != (1, 1, 1, pad, "zeros") or kernel % 2 == 0:
        raise ValueError(f"expected a convolution of stride 1 in time that is padded with zeros by half; got {conv}")
    device = clips.device.type
    kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
    found: list[Tensor | None] = [None] * count
    for item, place in enumerate(clips.places):
        if not place.forwards or steps < 2 * pad:
            continue
        first, last = place.frames[0], place.frames[-1]
        film = memory.seen.get("stem")
        if not (isinstance(film, _Film) and film.leads_to(place.video, first, last)):
            film = memory.seen["stem"] = _Film(place.video, first, last=first - 1)
        with torch.autocast(device, enabled=False):
            for begin in range(film.last + 1, last + 1, _AT_ONCE):
                numbers = range(begin, min(begin + _AT_ONCE, last + 1))
                for taps in _taps(conv, clips.single([(place.video, number) for number in numbers])):
                    film.take(taps, pad, lambda x: _activated(conv, after, x).to(kind or x[0].dtype))
        found[item] = film.window(first, last, pad)
    plain = [item for item, window in enumerate(found) if window is None]
    if plain:
        values = after(conv(clips.part(plain).frames)).movedim(1, -1)
        found = [window if window is not None else values[plain.index(i)] for i, window in enumerate(found)]
    return torch.stack([window for window in found if window is not None]).movedim(-1, 1)


@dataclass
class _Film:
    """What is kept of a video, ``(h, w, C)`` a position.

    Args:
        video: its key.
        first: number of the frame that it began with.
        last: number of the frame that was taken last.
        sums: ``(h, w, k, C)``: at i, the kernels 0 to i of the position ``i - k // 2`` frames before ``last``.
        left: of frames, what they give to positions after them: the shorter half of their ``sums``.
        whole: of positions, before the activation.
        inside: of positions that no padding reaches.
        begins: the first k // 2 positions of a window, by its first frame.
        ends: the last k // 2 positions of a window, by its last frame.
    """

    video: str
    first: int
    last: int
    sums: Tensor | None = None
    left: dict[int, Tensor] = field(default_factory=dict)
    whole: dict[int, Tensor] = field(default_factory=dict)
    inside: dict[int, Tensor] = field(default_factory=dict)
    begins: dict[int, Tensor] = field(default_factory=dict)
    ends: dict[int, Tensor] = field(default_factory=dict)

    def leads_to(self, video: str, first: int, last: int) -> bool:
        """Whether a window can be had by taking the frames after ``last``, or none."""
        return self.video == video and self.first <= first <= self.last + 1 and last >= self.last

    def take(self, taps: Tensor, pad: int, activated: Callable[[Sequence[Tensor]], Tensor]) -> None:
        """Take up the next frame; ``taps (h, w, k, C)`` is what each step of the kernel makes of it, and becomes ours.

        Args:
            taps: of the frame.
            pad: k // 2.
            activated: makes ``(n, h, w, C)`` of n positions.
        """
        if self.sums is not None:
            taps[:, :, 1:] += self.sums[:, :, :-1]
        self.sums = taps
        self.last += 1
        middle, begin = self.last - pad, self.last - 2 * pad + 1
        self.left[self.last] = taps[:, :, :pad].clone()
        self.ends = {self.last: activated([taps[:, :, i] for i in range(2 * pad - 1, pad - 1, -1)])}
        self.whole[middle] = taps[:, :, -1].clone()
        if middle >= self.first + pad:
            self.inside[middle] = activated([self.whole[middle]])[0]
        if begin >= self.first:
            before = self.left.get(begin - 1)
            whole = [self.whole[begin + i] for i in range(pad)]
            ours = whole if before is None else [x - before[:, :, pad - 1 - i] for i, x in enumerate(whole)]
            self.begins[begin] = activated(ours)
        self.whole.pop(middle - pad, None)
        self.left.pop(begin - 1, None)

    def window(self, first: int, last: int, pad: int) -> Tensor:
        """The window of the frames ``first`` to ``last``, ``(T, h, w, C)``; what is before it is dropped."""
        self.inside = {number: x for number, x in self.inside.items() if number >= first}
        self.begins = {number: x for number, x in self.begins.items() if number >= first}
        inside = [self.inside[number] for number in range(first + pad, last - pad + 1)]
        return torch.cat([self.begins[first], *(x[None] for x in inside), self.ends[last]])


def _taps(conv: nn.Conv3d, frames: Tensor) -> list[Tensor]:
    """Of frames ``(N, 3, H, W)``, ``(h, w, k, C)`` each: what every step of the kernel makes of it."""
    outputs, inputs, kernel, height, width = conv.weight.shape
    # Made anew each time: it is small, and may have been trained or loaded since.
    weight = conv.weight.transpose(1, 2).transpose(0, 1).reshape(kernel * outputs, inputs, height, width)
    weight = weight.contiguous(memory_format=torch.channels_last)
    frames = frames.to(weight.dtype).contiguous(memory_format=torch.channels_last)
    assert not isinstance(conv.padding, str), "looked at by stem_of_windows"
    found = convolve(frames, weight, None, conv.stride[1:], conv.padding[1:], conv.dilation[1:])
    return list(torch.unflatten(found.movedim(1, -1), -1, (kernel, outputs)).contiguous())


def _activated(conv: nn.Conv3d, after: Pointwise, positions: Sequence[Tensor]) -> Tensor:
    """Positions ``(h, w, C)`` with the bias and what comes after the convolution, ``(n, h, w, C)``."""
    x = torch.stack(list(positions))
    if conv.bias is not None:
        x += conv.bias
    return after(x.movedim(-1, 0)[None])[0].movedim(0, -1)
