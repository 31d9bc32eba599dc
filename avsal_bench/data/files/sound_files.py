"""Sound of a video: the excerpt of a clip, or all of it; from a sound file, a track or the prepared form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.audio.waveform import AudioFrontEnd, HeardFrames
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.containers import unreadable
from avsal_bench.data.files.moments import heard_as, shown_seconds
from avsal_bench.data.files.prepared import prepared_sound_of
from avsal_bench.data.files.resampling import Excerpt, resample
from avsal_bench.data.files.sound_limits import check_samples, soundless
from avsal_bench.data.files.tracks import SoundHeader, cached_track, read_track, track_header
from avsal_bench.data.files.wavs import holds_floats, open_wav, wav_blocks
from avsal_bench.data.windows import Window
from avsal_bench.files import regular_file

#: Seconds of a sound that are read at a time where windows follow each other, and sounds of which a process keeps such
#: a block.
BLOCK, KEPT_BLOCKS = 10, 4


class _Block(NamedTuple):
    """Samples of a sound, mono: how many a second and in all, and those from ``first`` on."""

    rate: int
    of: int
    first: int
    samples: Tensor


_blocks: dict[tuple[Path, tuple[int, ...]], _Block] = {}


def read_audio(video: Video, clip: Window, front_end: AudioFrontEnd) -> Tensor:
    """The sound of a clip through the front end; backwards where the clip runs backwards, or the front end says so.

    It is mixed down to mono, by the mean of its channels, and resampled to the rate of the front end. A sound is read a
    block at a time, from which the excerpts of windows that follow each other are cut; what is no wav is decoded once.
    That of a video that is declared silent is zeros, as long as its frames are shown.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    rate = front_end.sample_rate
    if video.silent:
        start, stop = span_of(video, clip, front_end, round(shown_seconds(video) * rate))
        return front_end(torch.zeros(max(1, stop - start)))
    path = prepared_sound_of(video, rate) or audio_path(video)
    whole = _block(path)
    start, stop = span_of(video, clip, front_end, whole.of * rate // whole.rate)
    part = Excerpt.around(start, stop, whole.rate, rate)
    block = _block(path, part.first, part.last)
    # Resampled anew for each excerpt: torchaudio rounds longer pieces otherwise.
    samples = resample(block.samples[part.first - block.first : part.last - block.first], block.rate, rate)
    samples = samples[part.skip : part.skip + part.length]
    if not len(samples):
        samples = torch.zeros(1)
    return front_end(samples.flip(0) if heard_frames(video, clip, front_end).backwards else samples)


def _block(path: Path, first: int = 0, last: int = 0) -> _Block:
    """Samples of a sound that hold those from ``first`` to ``last``, if any; they are read some seconds at a time."""
    found = regular_file(path, links=True).stat()
    key = (path, (found.st_size, found.st_mtime_ns, found.st_ino))
    kept = _blocks.get(key)
    ahead = 0
    if kept is not None:
        end = kept.first + len(kept.samples)
        if first >= last or (kept.first <= first and min(last, kept.of) <= end):
            return kept
        ahead = BLOCK * kept.rate if kept.first <= first <= end else 0  # one that follows the last: more will
    with _open_sound(path) as sound:
        kept = _Block(sound.rate, sound.samples, first, torch.zeros(0))
        if first < last:
            try:
                samples = sound.read(first, max(last, first + ahead))
            except ValueError:  # of what lies behind, perhaps, and nobody hears that
                samples = sound.read(first, last)
            kept = kept._replace(samples=samples)
    _blocks.pop(key, None)
    while len(_blocks) >= KEPT_BLOCKS:
        _blocks.pop(next(iter(_blocks)))
    _blocks[key] = kept
    return kept


def span_of(video: Video, clip: Window, front_end: AudioFrontEnd, n_samples: int) -> tuple[int, int]:
    """Half-open range of the samples that a front end hears with a clip, of ``n_samples`` at its rate."""
    first, last, _ = heard_frames(video, clip, front_end)
    return front_end.span(heard_as(video, first), heard_as(video, last), video.fps, n_samples)


def heard_frames(video: Video, clip: Window, front_end: AudioFrontEnd) -> HeardFrames:
    """The frames whose sound a front end hears with a clip: those of the clip, unless it has a ``heard`` of its own."""
    own: Callable[[int, int], HeardFrames] | None = getattr(front_end, "heard", None)
    return own(clip.target, video.n_frames) if own else HeardFrames(clip.first, clip.last, clip.reverse)


def read_sound(video: Video) -> tuple[Tensor, int]:
    """The whole sound of a video, mono ``(n,)`` float32, and its samples a second.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    path = audio_path(video)
    with _reading(path):
        wav = open_wav(path)
        if wav is None:
            return read_track(path)
        with wav:
            mono = bytearray()
            for block in _checked_blocks(path, wav):
                mono += _mono(block).numpy().tobytes()
            if not mono:
                raise soundless(path)
            return torch.frombuffer(mono, dtype=torch.float32), int(wav.samplerate)


def sound_header(path: Path) -> SoundHeader:
    """Rate and length of a sound, without decoding it.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    with _reading(path):
        wav = open_wav(path)
        if wav is None:
            return track_header(path)
        with wav:
            return SoundHeader(int(wav.samplerate), int(wav.frames))


def check_floats(path: Path) -> None:
    """Look through a wav of floats for what is no sound; other files cannot hold such, or are looked at when decoded.

    Raises:
        FileNotFoundError, ValueError: naming the file, the second and the value.
    """
    with _reading(path):
        wav = open_wav(path)
        if wav is not None:
            with wav:
                if holds_floats(wav):
                    for _ in _checked_blocks(path, wav):
                        pass


def sound_blocks(path: Path, length: int) -> Iterator[NDArray[np.float32]]:
    """A sound in blocks ``(length, channels)``, the last one shorter; what is no wav has one channel.

    Raises:
        FileNotFoundError, ValueError: naming the file. The values of a wav are not looked at.
    """
    with _reading(path):
        wav = open_wav(path)
        if wav is not None:
            with wav:
                yield from wav_blocks(wav, length)
            return
    track = read_track(path)[0].numpy()[:, None]
    yield from (track[i : i + length] for i in range(0, len(track), length))


class _Sound(NamedTuple):
    """An open sound: samples a second, how many, and what reads those from one number up to another, as mono."""

    rate: int
    samples: int
    read: Callable[[int, int], Tensor]


@contextmanager
def _open_sound(path: Path) -> Iterator[_Sound]:
    with _reading(path):
        wav = open_wav(path)
        if wav is None:
            track = cached_track(path)
            yield _Sound(track.rate, track.samples, track.read)
            return
        with wav:

            def read(first: int, last: int) -> Tensor:
                wav.seek(min(first, wav.frames))
                block = wav.read(last - first, dtype="float32", always_2d=True)
                check_samples(path, block, wav.samplerate, first)
                return _mono(block)

            yield _Sound(int(wav.samplerate), int(wav.frames), read)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Only what is a regular file, and errors of libsndfile in words."""
    regular_file(path, links=True)
    try:
        yield
    except soundfile.LibsndfileError as error:
        raise unreadable(path, error) from error


def _checked_blocks(path: Path, wav: soundfile.SoundFile) -> Iterator[NDArray[np.float32]]:
    """Blocks ``(n, channels)`` of all of a wav, once their values were looked at."""
    first = 0
    for block in wav_blocks(wav):
        check_samples(path, block, wav.samplerate, first)
        yield block
        first += len(block)


def _mono(samples: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(samples).mean(dim=1)


def audio_path(video: Video) -> Path:
    """The sound file of a video, or the video file whose own track is heard.

    Raises:
        ValueError: when the data set has no sound, the video is silent, or what is there is no regular file.
        FileNotFoundError: when the file is missing.
    """
    if video.silent:
        raise ValueError(f"{video.key} is declared silent, so there is no file of its sound")
    if video.audio is None:
        raise ValueError(f"{video.dataset} has no sound; use modality 'v' on it")
    if not video.audio.exists():
        raise FileNotFoundError(f"{video.key}: missing sound {video.audio}; an 'av' network needs it")
    return regular_file(video.audio, links=True)
