"""Sound straight from the tracks of video files, by PyAV."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor

#: Tracks that a process keeps decoded.
KEPT_TRACKS = 2


def has_track(path: Path) -> bool:
    """Whether a video file has a sound track.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    _require(path)
    try:
        with av.open(path) as container:
            return bool(container.streams.audio)
    except av.FFmpegError as error:
        raise _unreadable(path, error) from error


def read_track(path: Path) -> tuple[Tensor, int]:
    """The sound of a video file, mixed down to mono by the mean: ``(n,)`` float32, and its rate.

    Sample 0 is heard with the first picture: a track that starts later begins with silence, one that starts earlier
    is cut.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming a file that has no track, no samples, or is damaged.
    """
    _require(path)
    try:
        with av.open(path) as container:
            stream = _sound_stream(container, path)
            as_float = av.AudioResampler(format="fltp")
            parts: list[np.ndarray] = []
            starts: list[float] = []
            for frame in container.decode(stream):
                starts.append(frame.time or 0.0)
                parts += [part.to_ndarray().mean(axis=0) for part in as_float.resample(frame)]
            parts += [part.to_ndarray().mean(axis=0) for part in as_float.resample(None)]
            rate = stream.rate
            late = round((starts[0] - _picture_start(container)) * rate) if starts else 0
    except av.FFmpegError as error:
        raise _unreadable(path, error) from error
    samples = torch.from_numpy(np.concatenate([np.zeros(max(late, 0), np.float32), *parts]))[max(-late, 0) :]
    if not starts or not len(samples):
        raise ValueError(f"{path}: its sound track holds no samples; fetch the file again")
    return samples, rate


# The test goes through a video from start to end, and training windows of one video rarely follow each other.
# Ten minutes at 48 000 samples a second are 115 MB.
cached_track = lru_cache(maxsize=KEPT_TRACKS)(read_track)


def track_seconds(path: Path) -> float:
    """Seconds of sound in a video file, from its packets: nothing is decoded, and a cut file shows.

    Raises:
        FileNotFoundError, ValueError: as for :func:`read_track`.
    """
    _require(path)
    end = 0.0
    try:
        with av.open(path) as container:
            stream = _sound_stream(container, path)
            for packet in container.demux(stream):
                if packet.pts is not None:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            return max(0.0, end - _picture_start(container)) if end else 0.0
    except av.FFmpegError as error:
        raise _unreadable(path, error) from error


def _require(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"missing video {path}")


def _sound_stream(container: av.container.InputContainer, path: Path) -> av.AudioStream:
    if not container.streams.audio:
        raise ValueError(
            f"{path}: no sound track in this video; put its sound at video_audio/<SET>/<video>/<video>.wav, "
            "or use modality 'v'"
        )
    return container.streams.audio[0]


def _picture_start(container: av.container.InputContainer) -> float:
    """Time stamp of the first picture in seconds; 0 for a file that has none."""
    for stream in container.streams.video:
        if stream.start_time is not None and stream.time_base is not None:
            return float(stream.start_time * stream.time_base)
    return 0.0


def _unreadable(path: Path, error: Exception) -> ValueError:
    return ValueError(f"unreadable video {path} ({error}); it may be cut short; fetch it again")
