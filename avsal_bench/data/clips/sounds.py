"""What a network hears in a test window instead of the true sound, to learn whether it listens.

- ``muted``: one sample of silence through the front end.
- ``swapped``: the sound of another video of the test list, of the same category where the set tells categories
  (:func:`partners`), from the same samples on, at the rate of the front end. So the excerpt begins at the same second
  and is as long as the true one, whatever the frames a second of the other video.
  Where the other sound is over, it begins again.
- ``matched``: likewise the sound of another video, the one of its category that is most alike in loudness, made as loud
  as the true sound (:func:`matches`). Only what is heard differs then, not how loud it is. Silence stays silence.
- ``shifted``: the video's own sound, heard with the wrong frames: odd target frames hear what comes a second later,
  even ones what came a second before, and the other way where that reaches beyond the sound. Where neither fits, the
  sound goes round: its end is followed by its start. One of under two seconds goes round by half its length.
- ``noise``: white Gaussian noise as loud as the true excerpt, as the root of the mean square. Silence stays silence.

A video that is declared silent hears zeros under each of them: its sound is given to no other video, and it is given
none. ``swapped`` and ``matched`` need two videos that sound.

The front end alone says which samples a window hears, from the length of the true sound; where that has none, nothing
is heard. A window whose sound runs backwards hears these sounds backwards too. All of it follows from names and
numbers of frames: no seed, fold, process or order of reading changes a sample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from avsal_bench.audio.correspondence import TwoSounds
from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.data.clips.sound_levels import DECIMALS, levels_of
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.sound_files import audio_path, heard_frames, read_audio, span_of
from avsal_bench.data.files.sound_limits import soundless
from avsal_bench.data.windows import Window
from avsal_bench.spec import Sound
from avsal_bench.text import many

#: Seconds that a shifted sound is early or late.
SHIFT = 1.0


class Given(NamedTuple):
    """The sound that a video is given.

    Args:
        video: whose sound it is.
        gain: what its samples are multiplied by.
        louder: by how many dB it is louder than the true one before that; None where nobody asked.
    """

    video: Video
    gain: float = 1.0
    louder: float | None = None


#: For each condition that gives a video the sound of another, what each video is given, by its key.
Swaps = Mapping[Sound, Mapping[str, Given]]


def swaps_of(videos: Sequence[Video], sounds: Iterable[Sound]) -> Swaps:
    """What the videos of a test list are given under some sound conditions.

    Raises:
        FileNotFoundError, ValueError: as :func:`partners` and :func:`matches`.
    """
    asked, found = set(sounds), dict[Sound, Mapping[str, Given]]()
    if "swapped" in asked:
        found["swapped"] = {key: Given(video) for key, video in partners(videos).items()}
    if "matched" in asked:
        found["matched"] = matches(videos)
    return found


def partners(videos: Sequence[Video]) -> dict[str, Video]:
    """For the key of each video the one whose sound it is given, of its own data set and never itself.

    That is the next in the order of the SHA-1 of their keys, the first after the last, among the videos of its
    category, so that its sound stays of the same kind; or among all, where a set has no categories, or none but this
    video is of its category. Silent videos neither give nor are given a sound, and have no entry.

    Args:
        videos: a whole test list, of one data set or several.

    Raises:
        ValueError: for a data set with a single video that sounds, or a video that stands in the list twice.
    """
    found: dict[str, Video] = {}
    for of_set in _sounding(videos):
        for video in of_set:
            alike = [other for other in of_set if other.category == video.category]
            circle = alike if len(alike) > 1 else of_set
            found[video.key] = circle[(circle.index(video) + 1) % len(circle)]
    return found


def matches(videos: Sequence[Video]) -> dict[str, Given]:
    """For the key of each video the sound that is as loud as its own and of the same kind, never its own.

    Among the videos of its category that have anything in their sound it is that of the one nearest to it by
    :class:`~avsal_bench.data.clips.sound_levels.Level`; of two as near, the first in the order of :func:`partners`. Or
    among all of the set, where it has no categories, or no other one of its category sounds. What is left between their
    root mean squares is taken away by one factor for the whole sound, so that loud and soft moments stay what they are.

    A sound of digital silence is nobody's match, and a video that has it is given silence: a gain of 0. Videos that are
    declared silent have no entry.

    Args:
        videos: a whole test list, of one data set or several.

    Raises:
        FileNotFoundError: naming a sound that is missing.
        ValueError: as :func:`partners`, and where only one video has anything in its sound.
    """
    found: dict[str, Given] = {}
    for of_set in _sounding(videos):
        levels = dict(zip(of_set, levels_of(of_set), strict=True))
        for place, video in enumerate(of_set):
            if not levels[video].sounds:
                found[video.key] = Given(of_set[(place + 1) % len(of_set)], 0.0)
                continue
            others = [other for other in of_set if other is not video and levels[other].sounds]
            if not others:
                raise ValueError(
                    f"{video.dataset}: only {video.key} has anything in its sound, so no other is as loud; leave "
                    "matched out of --sound"
                )
            alike = [other for other in others if other.category == video.category] or others
            nearest = min(alike, key=lambda other: levels[video].distance(levels[other]))
            louder = round(levels[nearest].rms - levels[video].rms, DECIMALS)
            found[video.key] = Given(nearest, 10 ** (-louder / 20), louder)
    return found


def _sounding(videos: Sequence[Video]) -> Iterable[list[Video]]:
    """The videos of each data set that sound, in the order of the SHA-1 of their keys.

    Raises:
        ValueError: for a set with fewer than two, or a video that stands in the list twice.
    """
    for name in dict.fromkeys(video.dataset for video in videos):
        of_set = sorted((video for video in videos if video.dataset == name), key=_order)
        if len({video.key for video in of_set}) < len(of_set):
            raise ValueError(f"{name}: a video stands in the test list twice, and sounds are swapped by name; mend it")
        silent = sum(video.silent for video in of_set)
        of_set = [video for video in of_set if not video.silent]
        if len(of_set) < 2:
            told = f"one test video, {of_set[0].key}" if of_set else "no test video"
            more = f", besides {many(silent, 'video')} declared silent" if silent else ""
            raise ValueError(f"{name}: {told}{more}; sounds are swapped between two or more")
        yield of_set


def _order(video: Video) -> bytes:
    return hashlib.sha1(video.key.encode()).digest()


def hear(
    video: Video, clip: Window, front_end: AudioFrontEnd, sound: Sound = "original", given: Given | None = None
) -> Tensor:
    """What a network hears with a clip, through its front end; see the module.

    Args:
        video: of the clip.
        clip: its frames.
        front_end: of the network.
        sound: the condition.
        given: what it is given when ``swapped`` or ``matched``; see :func:`swaps_of`.

    Raises:
        FileNotFoundError, ValueError: naming a file of sound that cannot be read.
        ValueError: for ``swapped`` and ``matched`` where nothing is given.
    """
    if isinstance(front_end, TwoSounds):
        of_clip = hear(video, clip, front_end.clip, sound, given)
        return front_end.join(of_clip, hear(video, Window(clip.target, (clip.target,)), front_end.target, sound, given))
    if sound == "original" or video.silent:
        return read_audio(video, clip, front_end)
    if sound == "muted":
        return front_end(torch.zeros(1))
    rate = front_end.sample_rate
    n = _count(video, rate)
    start, stop = span_of(video, clip, front_end, n)
    if start >= stop:
        return front_end(torch.zeros(1))
    if sound in ("swapped", "matched"):
        if given is None:
            raise ValueError(f"{video.key}: whose sound it is to hear is not said; see swaps_of()")
        excerpt = _round(given.video, start, stop, rate)
        excerpt = excerpt if given.gain == 1 else excerpt * given.gain
    elif sound == "shifted":
        shift = shift_of(clip.target, start, stop, n, rate)
        excerpt = _round(video, start + shift, stop + shift, rate)
    else:
        excerpt = noise_like(_round(video, start, stop, rate), f"{video.key}/{clip.target}")
    return front_end(excerpt.flip(0) if heard_frames(video, clip, front_end).backwards else excerpt)


def shift_of(target: int, start: int, stop: int, n: int, rate: int) -> int:
    """Samples that the excerpt ``start`` to ``stop`` of ``n`` at ``rate`` Hz is moved by; below 0, to an earlier one.

    >>> [shift_of(target, 1000, 1500, 5000, 1000) for target in (7, 8)]
    [1000, -1000]
    >>> shift_of(8, 0, 500, 5000, 1000), shift_of(7, 4500, 5000, 5000, 1000), shift_of(7, 0, 300, 600, 1000)
    (1000, -1000, 300)
    """
    shift = min(round(SHIFT * rate), n // 2)
    wanted = shift if target % 2 else -shift
    return next((by for by in (wanted, -wanted) if start + by >= 0 and stop + by <= n), wanted)


def noise_like(excerpt: Tensor, name: str) -> Tensor:
    """White noise ``(n,)`` as loud as an excerpt ``(n,)``; the same for the same name and length."""
    seed = int.from_bytes(hashlib.sha1(f"noise/{name}".encode()).digest()[:8], "big")
    noise = np.random.default_rng(seed).standard_normal(len(excerpt))
    loudness = float(excerpt.double().square().mean().sqrt())
    return torch.from_numpy(noise * (loudness / np.sqrt(np.mean(noise**2)))).float()


@dataclass
class _Samples:
    """A front end that takes the samples it is told to, as they are, and learns how many there are."""

    sample_rate: int
    start: int = 0
    stop: int = 0
    n_samples: int = 0

    def span(self, first: float, last: float, fps: float, n_samples: int) -> tuple[int, int]:
        """The samples, whatever the frames."""
        self.n_samples = n_samples
        return min(self.start, n_samples), min(self.stop, n_samples)

    def __call__(self, excerpt: Tensor) -> Tensor:
        """The excerpt."""
        return excerpt


_FORWARDS = Window(1, (1,))


def _count(video: Video, rate: int) -> int:
    """Samples of the sound of a video at ``rate`` Hz."""
    samples = _Samples(rate)
    read_audio(video, _FORWARDS, samples)
    return samples.n_samples


def _round(video: Video, start: int, stop: int, rate: int) -> Tensor:
    """The samples ``start`` to ``stop`` at ``rate`` Hz of a sound that goes round: before its start comes its end."""
    n = _count(video, rate)
    if not n:
        raise soundless(audio_path(video))
    parts = []
    while start < stop:
        here = start % n
        end = min(n, here + stop - start)
        parts.append(read_audio(video, _FORWARDS, _Samples(rate, here, end)))
        start += end - here
    return torch.cat(parts)
