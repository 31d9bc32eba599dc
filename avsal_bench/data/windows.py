"""Which frames make the clip that predicts a given frame: integers only, no files and no tensors.

Frames of a video count from 1 to ``n``. At test time every frame of every video has exactly one window.
"""

from __future__ import annotations

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
