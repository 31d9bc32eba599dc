"""Sound of a video: the excerpt of a clip, or all of it; from a wav, the track of a video file or the prepared form."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch
import torchaudio
from torch import Tensor

from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.data.dataset import Video, is_video_file
from avsal_bench.data.files.prepared import prepared_sound
from avsal_bench.data.files.tracks import cached_track, read_track
from avsal_bench.data.windows import Window

#: Samples beyond both ends of an excerpt that resampling is given, at the rate of the front end.
MARGIN = 64


def read_audio(video: Video, clip: Window, front_end: AudioFrontEnd) -> Tensor:
    """The sound of a clip through the front end; backwards where the clip runs backwards.

    It is mixed down to mono and resampled to the rate of the front end. Of a wav only the excerpt is read; the track
    of a video file is decoded once and kept for a while.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    rate = front_end.sample_rate
    path = prepared_sound_of(video, rate) or audio_path(video)

    def excerpt(n_samples: int, native: int) -> Excerpt:
        if not n_samples:
            raise soundless(path)
        start, stop = front_end.span(clip.first, clip.last, video.fps, n_samples * rate // native)
        return Excerpt.around(start, stop, native, rate)

    if is_video_file(path):
        track, native = cached_track(path)
        part = excerpt(len(track), native)
        samples = track[part.first : part.last]
    else:
        try:
            with soundfile.SoundFile(path) as file:
                native = file.samplerate
                part = excerpt(file.frames, native)
                file.seek(min(part.first, file.frames))
                samples = _mono(file.read(part.last - part.first, dtype="float32", always_2d=True))
        except soundfile.LibsndfileError as error:
            raise unreadable_sound(path, error) from error
    if native != rate and len(samples):
        samples = torchaudio.functional.resample(samples, native, rate)
    samples = samples[part.skip : part.skip + part.length]
    if not len(samples):
        samples = torch.zeros(1)
    return front_end(samples.flip(0) if clip.reverse else samples)


class Excerpt(NamedTuple):
    """Samples to read of a sound, and which to keep of them once they are resampled."""

    first: int
    last: int
    skip: int
    length: int

    @classmethod
    def around(cls, start: int, stop: int, native: int, rate: int) -> Excerpt:
        """What to read at ``native`` Hz for the samples ``start`` to ``stop`` at ``rate`` Hz.

        A filter that resamples needs samples on both sides, and a start that is a sample at both rates: else the
        excerpt is shifted by a part of a sample, and its ends are wrong.

        >>> Excerpt.around(22050, 44100, 22050, 22050)
        Excerpt(first=22050, last=44100, skip=0, length=22050)
        >>> Excerpt.around(1000, 1600, 44100, 16000)
        Excerpt(first=2205, last=4851, skip=200, length=600)
        """
        if native == rate:
            return cls(start, stop, 0, stop - start)
        common = math.gcd(native, rate)
        new, old = rate // common, native // common
        first = max(0, start - MARGIN) // new
        last = -(-(stop + MARGIN) // new)
        return cls(first * old, last * old, start - first * new, stop - start)


def read_sound(video: Video) -> tuple[Tensor, int]:
    """The whole sound of a video, mono ``(n,)`` float32 in [-1, 1], and its samples a second.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    path = audio_path(video)
    if is_video_file(path):
        return read_track(path)
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise unreadable_sound(path, error) from error
    if not len(samples):
        raise soundless(path)
    return _mono(samples), int(rate)


def _mono(samples: np.ndarray) -> Tensor:
    return torch.from_numpy(samples).mean(dim=1)


def unreadable_sound(path: Path, error: Exception) -> ValueError:
    """The error for a sound that cannot be read."""
    return ValueError(f"unreadable sound {path} ({error}); extract it again")


def soundless(path: Path) -> ValueError:
    """The error for a sound without samples."""
    return ValueError(f"{path}: a sound without samples; extract it again")


def audio_path(video: Video) -> Path:
    """The wav of a video, or the video file whose own track is heard.

    Raises:
        ValueError: when the data set has no sound.
        FileNotFoundError: when the file is missing.
    """
    if video.audio is None:
        raise ValueError(f"{video.dataset} has no sound; use modality 'v' on it")
    if not video.audio.is_file():
        raise FileNotFoundError(f"{video.key}: missing sound {video.audio}; an 'av' network needs it")
    return video.audio


def prepared_sound_of(video: Video, sample_rate: int) -> Path | None:
    """The prepared sound of a video, where it may serve a front end of this rate."""
    if video.prepared is None or not video.prepared.is_dir():
        return None
    return prepared_sound(video.prepared, sample_rate)
