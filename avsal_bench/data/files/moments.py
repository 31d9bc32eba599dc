"""When the frames of a video are shown, for what is heard with them.

Frame n of a list is shown at ``(n - 1) / fps``. Frames straight from a video file whose frame rate varies are shown
when its time stamps say. A front end is then asked for the frame number, a fraction, that a constant rate would have at
that time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.timeline import timeline
from avsal_bench.data.places import VideoFile

#: Sound may end this much before the last frame does, in seconds: encoders pad and cut tracks by a few packets. What
#: lacks is silence. A larger gap is an error; so is a frame rate by which picture and sound drift further apart.
AUDIO_SLACK = 0.25
#: Frame rates may differ by this share because they are rounded: 29.97 and 30 are a thousandth apart.
ROUNDED_RATE = 0.01


def varies(video: Video) -> bool:
    """Whether the frames of a video do not come evenly, so that their time stamps count."""
    return _varying_times(video) is not None


def shown_at(video: Video, n: int) -> float:
    """The second at which frame ``n`` (from 1) of a video is shown, from the first frame on."""
    times = _varying_times(video)
    return (n - 1) / video.fps if times is None else float(times[min(n, len(times)) - 1])


def heard_as(video: Video, n: int) -> float:
    """The frame number that front ends are asked for: ``n``, or where the frame rate varies, the one of its time."""
    return n if _varying_times(video) is None else 1 + shown_at(video, n) * video.fps


def shown_between(video: Video, begin: float, end: float) -> range:
    """The frames that are shown from the second ``begin`` to the second ``end``; beyond the video, others would be."""
    times = _varying_times(video)
    if times is None:
        return range(round(begin * video.fps) + 1, round(end * video.fps) + 1)
    return range(int(np.searchsorted(times, begin)) + 1, int(np.searchsorted(times, end)) + 1)


def shown_until(video: Video, n: int) -> float:
    """The second at which frame ``n`` (from 1) of a video gives way to the next."""
    times = _varying_times(video)
    if times is None:
        return n / video.fps
    return float(times[n]) if n < len(times) else float(times[-1]) + 1 / video.fps


def shown_seconds(video: Video) -> float:
    """Seconds from the first frame of a video to the end of the last that its list asks for."""
    return shown_until(video, video.n_frames)


def check_frame_rate(video: Video) -> None:
    """Look whether the frame rate of a list keeps sound and picture together to the last frame.

    Raises:
        FileNotFoundError, ValueError: naming a video file that cannot be read.
        ValueError: naming both rates, where a frame is over ``AUDIO_SLACK`` seconds apart from its sound, or over a
            frame where more than rounding makes the rates differ.
    """
    if not isinstance(video.frames, VideoFile):
        return
    found = timeline(video.frames.path)
    times = found.times[: video.n_frames]
    apart = float(np.abs(times - np.arange(len(times)) / video.fps).max())
    allowed = AUDIO_SLACK if abs(found.fps / video.fps - 1) <= ROUNDED_RATE else min(AUDIO_SLACK, 1 / video.fps)
    if found.constant and apart > allowed:
        raise ValueError(
            f"{video.frames.path}: {found.fps:g} frames a second, and the list says {video.fps:g}, so that picture and "
            f"sound are {apart:.2f} s apart by frame {len(times)}; mend the frame rate in the fold list"
        )


def _varying_times(video: Video) -> NDArray[np.float64] | None:
    """Seconds at which the frames of a video stand whose frame rate varies; None for all others."""
    if not isinstance(video.frames, VideoFile):
        return None
    found = timeline(video.frames.path)
    return None if found.constant else found.times
