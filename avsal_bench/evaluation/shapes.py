"""Whether maps have the shape of their ground truth: what is turned, has bars, or is of another video, is told.

Networks write square maps for wide videos, and those are stretched, as published scores were made: one size for all
videos is no fault of its own, nor is a square. Faults are sizes that follow the videos, but not theirs; a picture on
its side; and bars around just the shape of the ground truth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import frame_size
from avsal_bench.data.files.truth_files import map_size
from avsal_bench.evaluation.maps import MapCheck
from avsal_bench.text import frame_ranges

Size = tuple[int, int]

#: Shares by which the sides of two maps of one shape may differ, besides what rounding does.
SAME = 0.01
#: Networks take sides that are multiples of this; a size may be rounded to them.
STEP = 32
#: The least bar that is one, as a share of the side.
BAR = 0.04


def misshapen(videos: Sequence[Video], checks: Mapping[str, Mapping[int, MapCheck]]) -> list[str]:
    """What is wrong with the shape of maps, a line for each video and size.

    Args:
        videos: of the test list.
        checks: of each video's maps by frame, by the key of the video. Constant maps have no shape.

    Raises:
        FileNotFoundError, ValueError: naming a file of the ground truth that is missing or unreadable.
    """
    sizes = {video.key: _by_size(checks[video.key]) for video in videos}
    shown = [video for video in videos if sizes[video.key]]
    # Where the authors keep the ground truth back, it has the size of the frames.
    truths = {video.key: map_size(video) if video.has_truth else frame_size(video) for video in shown}
    one_size = len({size for by_size in sizes.values() for size in by_size}) == 1
    lines = []
    for video in shown:
        for size, frames in sizes[video.key].items():
            if one_size:
                told = _on_its_side(size, list(truths.values()))
            else:
                fits = size[0] == size[1] or _same_shape(size, truths[video.key])
                told = "" if fits else _other_shape(size, video.key, truths)
            told = told or _bars(size, truths[video.key], [checks[video.key][frame] for frame in frames])
            if told:
                numbers = frame_ranges(frames)
                lines.append(f"{video.name}: {_by(size)} in {numbers}, ground truth {_by(truths[video.key])}; {told}")
    return lines


def _by_size(checks: Mapping[int, MapCheck]) -> dict[Size, list[int]]:
    found: dict[Size, list[int]] = {}
    for frame, check in sorted(checks.items()):
        if not check.constant:
            found.setdefault(check.size, []).append(frame)
    return found


def _same_shape(size: Size, other: Size) -> bool:
    """Whether a map is another one scaled, but for rounding to whole pixels or to what a network takes."""
    step = math.gcd(*size, STEP)
    return abs(math.log(size[0] * other[1] / (size[1] * other[0]))) <= (step / 2 + 1) / min(size) + SAME


def _on_its_side(size: Size, truths: Sequence[Size]) -> str:
    """What to say of maps of one size that stand upright where all videos lie, or the other way round."""
    upright = size[0] > size[1]
    if size[0] != size[1] and all(h != w and (h > w) != upright and not _same_shape(size, (h, w)) for h, w in truths):
        return "they look transposed: write (height, width)"
    return ""


def _other_shape(size: Size, key: str, truths: Mapping[str, Size]) -> str:
    """What to say of maps of another shape than their ground truth, where sizes follow the videos."""
    if _same_shape((size[1], size[0]), truths[key]):
        return "they look transposed: write (height, width)"
    others = [other for other, truth in truths.items() if truth == size]
    return f"that is the size of {others[0]}" if others else "they have another shape, and other maps another size"


def _bars(size: Size, truth: Size, checks: Sequence[MapCheck]) -> str:
    """What to say of maps with bars, where all that is in them fills just a rectangle of the ground truth's shape."""
    if _same_shape(size, truth):
        return ""
    scale = min(size[0] / truth[0], size[1] / truth[1])
    inner = [side * scale for side in truth]
    pads = [(side - part) / 2 for side, part in zip(size, inner, strict=True)]
    slack = [2 + side / 100 for side in size]
    if all(pad < max(BAR * side, edge) for pad, side, edge in zip(pads, size, slack, strict=True)):
        return ""
    low = [min(check.box[axis] for check in checks) for axis in (0, 1)]
    high = [max(check.box[axis + 2] for check in checks) for axis in (0, 1)]
    fills = all(
        abs(low[axis] - pads[axis]) <= slack[axis] and abs(high[axis] - (size[axis] - pads[axis])) <= slack[axis]
        for axis in (0, 1)
    )
    where = "above and below" if pads[0] > pads[1] else "left and right"
    return f"they look letterboxed, with bars {where}: cut the bars off" if fills else ""


def _by(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
