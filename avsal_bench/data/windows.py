"""Which frames make the clip that predicts a given frame: integers only, no files and no tensors.

Frames of a video count from 1 to ``n``. At test time every frame of every video has exactly one window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from avsal_bench.spec import Start, Target
from avsal_bench.text import many


class Window(NamedTuple):
    """The clip that predicts frame ``target``; ``frames`` are in the order in which the network sees them."""

    target: int
    frames: tuple[int, ...]

    @property
    def first(self) -> int:
        """Earliest frame of the clip."""
        return min(self.frames)

    @property
    def last(self) -> int:
        """Latest frame of the clip."""
        return max(self.frames)

    @property
    def reverse(self) -> bool:
        """True when frames, and with them the sound, run backwards."""
        return self.frames[0] > self.frames[-1]


def window(frame: int, n: int, t: int, target: Target = "last", start: Start = "reverse") -> Window:
    """The clip of ``t`` frames that predicts ``frame`` of a video of ``n`` frames.

    For ``last``: the ``t`` frames that end at ``frame``; for the first ``t - 1`` frames of a video the reverse window
    (samyak0210/ViNet; avrsp2024, testing details), which starts ``t - 1`` frames later and runs back to ``frame``.
    In a video shorter than ``2t - 1`` some frames have room for neither. Those take the direction that has
    more real frames (forwards at a tie), and the first or last frame of the video is repeated at the far end.

    With ``start="repeat"`` there is no reverse window: the first frame of the video is repeated in front
    (hrtavakoli/DAVE).

    For ``middle``: the frame has index ``t // 2``; beyond either end of the video the end frame is repeated.

    Raises:
        ValueError: when ``frame`` is not in the video.

    >>> window(5, 10, 3).frames, window(1, 10, 3).frames
    ((3, 4, 5), (3, 2, 1))
    >>> window(2, 3, 4).frames, window(1, 3, 4).frames
    ((1, 1, 1, 2), (3, 3, 2, 1))
    >>> window(2, 10, 4, start="repeat").frames
    (1, 1, 1, 2)
    """
    if not 1 <= frame <= n:
        raise ValueError(f"frame {frame} is not in a video of {many(n, 'frame')}")
    if target == "middle":
        first = frame - t // 2
        return Window(frame, tuple(min(max(first + i, 1), n) for i in range(t)))
    backwards = start == "reverse" and frame < t and (frame + t - 1 <= n or n - frame > frame - 1)
    steps = range(t - 1, -1, -1)
    if backwards:
        return Window(frame, tuple(min(frame + i, n) for i in steps))
    return Window(frame, tuple(max(frame - i, 1) for i in steps))


class Step(NamedTuple):
    """Windows that are predicted at a time, and what of their frames is not there from the steps before.

    Args:
        windows: in the order of their targets.
        first: the earliest frame that they, or any window after them, have; earlier ones may be forgotten.
        fresh: frames to read, in their order.
    """

    windows: tuple[Window, ...]
    first: int
    fresh: tuple[int, ...]


def steps(
    targets: Sequence[int],
    n: int,
    t: int,
    target: Target = "last",
    start: Start = "reverse",
    *,
    size: int,
    head: int | None = None,
) -> Iterator[Step]:
    """The windows of some frames of a video, ``size`` at a time, each frame being read once.

    What it costs, and what is kept, does not grow with the length of the video: at most ``2t - 2 + size`` frames.

    Args:
        targets: to predict, in ascending order. Those that are left out leave out only frames that no window has.
        n: frames of the video.
        t: frames of a window.
        target: which frame of a window is predicted; see :func:`window`.
        start: likewise.
        size: windows of a step.
        head: those of the first one, if they are not as many.

    >>> [(step.fresh, step.first) for step in steps(range(1, 7), 6, 3, size=2)]
    [((1, 2, 3, 4), 1), ((), 1), ((5, 6), 3)]
    """
    held: list[int] = []
    end = 0
    while end < len(targets):
        begin, end = end, end + (head or size if end == 0 else size)
        windows = tuple(window(frame, n, t, target, start) for frame in targets[begin:end])
        # A window whose target is t or more frames later begins after the first one of these.
        later = (window(frame, n, t, target, start).first for frame in targets[end : begin + t])
        first = min(chain((one.first for one in windows), later))
        wanted = sorted({frame for one in windows for frame in one.frames})
        held = [frame for frame in held if frame >= first]
        fresh = tuple(frame for frame in wanted if frame not in held)
        held = sorted({*held, *wanted})
        yield Step(windows, first, fresh)


def training_targets(n: int, t: int, target: Target = "last") -> range:
    """Frames whose window lies wholly inside the video and runs forwards: where training clips are drawn.

    A video shorter than ``t`` has none; its last frame stands in, with an end frame repeated as in :func:`window`.

    >>> training_targets(10, 4), training_targets(2, 4)
    (range(4, 11), range(2, 3))
    """
    if n < t:
        return range(n, n + 1)
    before = t - 1 if target == "last" else t // 2
    return range(before + 1, n - (t - 1 - before) + 1)
