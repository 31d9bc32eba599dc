"""What a network hears in a test window instead of the true sound, to learn whether it listens.

- ``muted``: one sample of silence through the front end.
- ``swapped``: the sound of another video of the test list, of the same category where the set tells categories
  (:func:`partners`), from the same samples on, at the rate of the front end. So the excerpt begins at the same second
  and is as long as the true one, whatever the frames a second of the other video.
  Where the other sound is over, it begins again.
- ``shifted``: the video's own sound, heard with the wrong frames: odd target frames hear what comes a second later,
  even ones what came a second before, and the other way where that reaches beyond the sound. Where neither fits, the
  sound goes round: its end is followed by its start. One of under two seconds goes round by half its length.
- ``noise``: white Gaussian noise as loud as the true excerpt, as the root of the mean square. Silence stays silence.

A video that is declared silent hears zeros under each of them: its sound is given to no other video, and it is given
none. ``swapped`` needs two videos that sound.

The front end alone says which samples a window hears, from the length of the true sound; where that has none, nothing
is heard. A window whose sound runs backwards hears these sounds backwards too. All of it follows from names and
numbers of frames: no seed, fold, process or order of reading changes a sample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avsal_bench.audio.correspondence import TwoSounds
from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.sound_files import audio_path, heard_frames, read_audio, span_of
from avsal_bench.data.files.sound_limits import soundless
from avsal_bench.data.windows import Window
from avsal_bench.spec import Sound
from avsal_bench.text import many

#: Seconds that a shifted sound is early or late.
SHIFT = 1.0


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
        for video in of_set:
            alike = [other for other in of_set if other.category == video.category]
            circle = alike if len(alike) > 1 else of_set
            found[video.key] = circle[(circle.index(video) + 1) % len(circle)]
    return found


def _order(video: Video) -> bytes:
    return hashlib.sha1(video.key.encode()).digest()


def hear(
    video: Video, clip: Window, front_end: AudioFrontEnd, sound: Sound = "original", partner: Video | None = None
) -> Tensor:
    """What a network hears with a clip, through its front end; see the module.

    Args:
        video: of the clip.
        clip: its frames.
        front_end: of the network.
        sound: the condition.
        partner: whose sound is heard when ``swapped``; see :func:`partners`.

    Raises:
        FileNotFoundError, ValueError: naming a file of sound that cannot be read.
        ValueError: for ``swapped`` without a partner.
    """
    if isinstance(front_end, TwoSounds):
        of_clip = hear(video, clip, front_end.clip, sound, partner)
        return front_end.join(
            of_clip, hear(video, Window(clip.target, (clip.target,)), front_end.target, sound, partner)
        )
    if sound == "original" or video.silent:
        return read_audio(video, clip, front_end)
    if sound == "muted":
        return front_end(torch.zeros(1))
    rate = front_end.sample_rate
    n = _count(video, rate)
    start, stop = span_of(video, clip, front_end, n)
    if start >= stop:
        return front_end(torch.zeros(1))
    if sound == "swapped":
        if partner is None:
            raise ValueError(f"{video.key}: whose sound it is to hear is not said; see partners()")
        excerpt = _round(partner, start, stop, rate)
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
