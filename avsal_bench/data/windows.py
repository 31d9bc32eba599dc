"""Which frames make the clip that predicts a given frame: integers only, no files and no tensors.

Frames of a video count from 1 to ``n``. At test time every frame of every video has exactly one window; a network that
goes by frames (``ClipSpec.walk``) has a window of that frame alone, once all frames before it had theirs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

from avsal_bench.spec import ClipForm, Start, Target, Walk
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


def window(
    frame: int,
    n: int,
    t: int,
    target: Target = "last",
    start: Start = "reverse",
    step: int = 1,
    backwards: bool = False,
) -> Window:
    """The clip of ``t`` frames that predicts ``frame`` of a video of ``n`` frames; ``*spec.form`` has the last five.

    For ``last``: the ``t`` frames that end at ``frame``; for the first ``t - 1`` frames of a video the reverse window
    (samyak0210/ViNet; avrsp2024, testing details), which starts ``t - 1`` frames later and runs back to ``frame``.
    In a video shorter than ``2t - 1`` some frames have room for neither. Those take the direction that has
    more real frames (forwards at a tie), and the first or last frame of the video is repeated at the far end.

    With ``start="repeat"`` there is no reverse window: the first frame of the video is repeated in front
    (hrtavakoli/DAVE).

    For ``middle``: the frame has index ``t // 2``; for a number, the clip begins so many frames before it.
    Beyond either end of the video the end frame is repeated.

    ``step`` is the way from one frame of a clip to the next; above, ``t - 1`` is ``(t - 1) * step`` then.

    ``backwards`` is the window of the video played backwards: as if frame ``n`` were the first one. So the last
    ``t - 1`` frames have the windows that run forwards.

    Raises:
        ValueError: when ``frame`` is not in the video.

    >>> window(5, 10, 3).frames, window(1, 10, 3).frames
    ((3, 4, 5), (3, 2, 1))
    >>> window(2, 3, 4).frames, window(1, 3, 4).frames
    ((1, 1, 1, 2), (3, 3, 2, 1))
    >>> window(2, 10, 4, start="repeat").frames
    (1, 1, 1, 2)
    >>> window(6, 10, 4, "middle", step=2).frames, window(6, 10, 4, 3, step=2).frames
    ((2, 4, 6, 8), (3, 5, 7, 9))
    >>> window(5, 10, 3, backwards=True).frames, window(10, 10, 3, backwards=True).frames
    ((7, 6, 5), (8, 9, 10))
    """
    if not 1 <= frame <= n:
        raise ValueError(f"frame {frame} is not in a video of {many(n, 'frame')}")
    if backwards:
        mirrored = window(n + 1 - frame, n, t, target, start, step)
        return Window(frame, tuple(n + 1 - one for one in mirrored.frames))
    form = ClipForm(t, target, start, step)
    if target != "last":
        first = frame - form.before
        return Window(frame, tuple(min(max(first + i, 1), n) for i in range(0, form.span + 1, step)))
    backwards = start == "reverse" and frame <= form.span and (frame + form.span <= n or n - frame > frame - 1)
    steps = range(form.span, -1, -step)
    if backwards:
        return Window(frame, tuple(min(frame + i, n) for i in steps))
    return Window(frame, tuple(max(frame - i, 1) for i in steps))


class Step(NamedTuple):
    """Windows that are predicted at a time, and what of their frames is not there from the steps before.

    Args:
        windows: in the order of their targets.
        first: the earliest frame that they, or any window after them, have; earlier ones may be forgotten.
        fresh: frames to read, in their order.
        asked: their targets whose map is asked for: all, but where a network goes by frames.
    """

    windows: tuple[Window, ...]
    first: int
    fresh: tuple[int, ...]
    asked: tuple[int, ...]


def steps(
    targets: Sequence[int],
    n: int,
    t: int,
    target: Target = "last",
    start: Start = "reverse",
    step: int = 1,
    backwards: bool = False,
    *,
    size: int,
    head: int | None = None,
    walk: Walk = "windows",
) -> Iterator[Step]:
    """The windows of some frames of a video, ``size`` at a time, each frame being read once.

    What it costs, and what is kept, does not grow with the length of the video: at most
    ``2 (t - 1) step + size`` frames. Where a network goes by frames, it is ``size``.

    Args:
        targets: to predict, in ascending order. Those that are left out leave out only frames that no window has; a
            network that goes by frames sees all up to the last one, and of no target the first.
        n: frames of the video.
        t: frames of a window.
        target: which frame of a window is predicted; see :func:`window`.
        start: likewise.
        step: likewise.
        backwards: likewise.
        size: windows of a step.
        head: those of the first one, if they are not as many.
        walk: how the network goes through a video.

    Raises:
        ValueError: for a frame that is not in the video; and, where a network goes by frames, for an order that does
            not ascend.

    >>> [(step.fresh, step.first) for step in steps(range(1, 7), 6, 3, size=2)]
    [((1, 2, 3, 4), 1), ((), 1), ((5, 6), 3)]
    >>> [(step.fresh, step.asked) for step in steps([2, 5], 6, 3, size=2, walk="frames")]
    [((1, 2), (2,)), ((3, 4), ()), ((5,), (5,))]
    """
    if walk == "frames":
        yield from _frame_by_frame(targets, n, size, head or size)
        return
    held: list[int] = []
    form = ClipForm(t, target, start, step, backwards)
    end = 0
    while end < len(targets):
        begin, end = end, end + (head or size if end == 0 else size)
        windows = tuple(window(frame, n, *form) for frame in targets[begin:end])
        # A window whose target is further from the first of these than a clip reaches begins after it.
        later = (window(frame, n, *form).first for frame in targets[end : begin + form.reach + 1])
        first = min(chain((one.first for one in windows), later))
        wanted = sorted({frame for one in windows for frame in one.frames})
        held = [frame for frame in held if frame >= first]
        fresh = tuple(frame for frame in wanted if frame not in held)
        held = sorted({*held, *wanted})
        yield Step(windows, first, fresh, tuple(one.target for one in windows))


def count_windows(targets: Sequence[int], walk: Walk = "windows") -> int:
    """How many windows :func:`steps` has for some targets."""
    if walk == "windows":
        return len(targets)
    return targets[-1] if targets else 1


def _frame_by_frame(targets: Sequence[int], n: int, size: int, head: int) -> Iterator[Step]:
    """The steps of a network that goes by frames, from the first one to the last target."""
    for before, after in pairwise(targets):
        if after <= before:
            raise ValueError(
                f"frame {after} is asked for after frame {before}; a network that goes by frames sees each once and in "
                "order, so ask for them in ascending order"
            )
    last, end = count_windows(targets, "frames"), 0
    for number in (targets[0] if targets else 1, last):
        if not 1 <= number <= n:
            raise ValueError(f"frame {number} is not in a video of {many(n, 'frame')}")
    while end < last:
        first, end = end + 1, min(last, end + (size if end else head))
        numbers = tuple(range(first, end + 1))
        windows = tuple(Window(number, (number,)) for number in numbers)
        yield Step(windows, first, numbers, tuple(targets[bisect_left(targets, first) : bisect_right(targets, end)]))


def training_targets(
    n: int, t: int, target: Target = "last", start: Start = "reverse", step: int = 1, backwards: bool = False
) -> range:
    """Frames whose window lies wholly inside the video and runs forwards: where training clips are drawn.

    A video shorter than a clip has none; its last frame stands in, with an end frame repeated as in :func:`window`.
    Arguments as there; trainings never run backwards.

    >>> training_targets(10, 4), training_targets(2, 4)
    (range(4, 11), range(2, 3))
    """
    form = ClipForm(t, target, start, step)
    if n <= form.reach:
        return range(n, n + 1)
    return range(form.before + 1, n - max(0, form.span - form.before) + 1)
