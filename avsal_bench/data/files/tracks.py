"""Sound tracks of video files, and sound files of all kinds but wav, by PyAV: time stamps say when each piece is heard.

The track is the one marked as default, else the first. Its clock starts with the first picture that is shown; where
there are no pictures, with the clock of the file (mp4, mkv) or with the first sample (mp3 and others). What comes
before is cut, and what lacks is silence. A piece that overlaps with what came before loses its start. Stamps that are
off by less than ``JITTER`` are rounding: no sample is added or taken away. AVI has no stamps; its pieces follow each
other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import SpooledTemporaryFile, gettempdir
from threading import Lock
from typing import NamedTuple

import av
import numpy as np
import torch
from av.container import InputContainer
from av.stream import Disposition
from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.data.files.containers import kind_of, open_container, unreadable
from avsal_bench.data.files.resampling import resample
from avsal_bench.data.files.sound_limits import check_length, check_rate, check_samples, soundless
from avsal_bench.data.files.timeline import timeline

#: Tracks that a process keeps decoded.
KEPT_TRACKS = 2
#: Bytes of a decoded track that are kept in memory, 12 minutes at 48 000 samples a second; a longer one is in a file.
IN_MEMORY = 2**27
#: Seconds that a time stamp may be off before it counts: half a picture at 25 a second.
JITTER = 0.02
#: Seconds that a piece may overlap with what came before, and that a gap may last. What is beyond is an error.
MOST_OVERLAP, LONGEST_GAP = 1.0, 600.0
#: Containers without pictures whose clock counts from zero: a sound that starts later begins with silence.
_CLOCKED = {"mov", "matroska"}


class SoundHeader(NamedTuple):
    """Samples a second, and how many samples there are."""

    rate: int
    samples: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.samples / self.rate


def has_track(path: Path) -> bool:
    """Whether a video file has a sound track.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    with open_container(path) as container:
        return bool(container.streams.audio)


@dataclass(frozen=True)
class Track:
    """A decoded sound, mono: samples a second, how many there are, and where they are kept."""

    rate: int
    samples: int
    kept: SpooledTemporaryFile[bytes]
    first: int
    turns: Lock = field(default_factory=Lock, repr=False, compare=False)

    def read(self, first: int, last: int) -> Tensor:
        """The samples from one number up to another, ``(n,)`` float32; fewer where it ends before."""
        with self.turns:  # threads share the place in the file
            self.kept.seek(4 * (self.first + min(first, self.samples)))
            data = bytearray(self.kept.read(4 * max(0, min(last, self.samples) - first)))
        return torch.frombuffer(data, dtype=torch.float32) if data else torch.zeros(0)


def read_track(path: Path) -> tuple[Tensor, int]:
    """The sound of a file, mixed down to mono by the mean of its channels: ``(n,)`` float32, and its rate.

    Sample 0 is heard with the first picture. Where the rate changes, the first one is kept, and the rest resampled.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming a file that has no track or no samples, is damaged, holds what is no sound, or whose time
            stamps cannot be followed, with the time.
    """
    track = _decode(path)
    return track.read(0, track.samples), track.rate


def _decode(path: Path) -> Track:
    """The sound of a file, decoded; a long one lies in a temporary file. Errors are those of :func:`read_track`."""
    with open_container(path) as container:
        stream = _sound_stream(container, path)
        placed = _Placed(path, _zero(container, path), contiguous=container.format.name == "avi", tick=_tick(stream))
        mixers: dict[tuple[str, str, int], av.AudioResampler] = {}
        for frame in _decoded(container, stream, path):
            if (kind := (frame.format.name, frame.layout.name, frame.sample_rate)) not in mixers:
                mixers[kind] = av.AudioResampler(format="flt")
            for part in mixers[kind].resample(frame):
                samples = part.to_ndarray().astype(np.float32, copy=False).reshape(-1, part.layout.nb_channels)
                placed.add(None if frame.pts is None else frame.time, samples, frame.sample_rate)
    return placed.all()


def cached_track(path: Path) -> Track:
    """What :func:`read_track` reads, which is kept for a while; a changed file is read again."""
    found = path.stat()
    # Processes that share an open file share their place in it.
    return _cached_track(path, (found.st_size, found.st_mtime_ns, found.st_ino, os.getpid()))


# The test goes through a video from start to end, and training windows of one video rarely follow each other.
@lru_cache(maxsize=KEPT_TRACKS)
def _cached_track(path: Path, stamp: tuple[int, ...]) -> Track:
    del stamp  # part of the key
    return _decode(path)


def track_header(path: Path) -> SoundHeader:
    """Rate and length of the sound of a file, from its packets: only where these do not tell is it decoded.

    Raises:
        FileNotFoundError, ValueError: as for :func:`read_track`.
    """
    with open_container(path) as container:
        stream = _sound_stream(container, path)
        rate = check_rate(path, stream.rate or 0)
        zero, contiguous = _zero(container, path), container.format.name == "avi"
        end: float | None = None
        last: int | None = None
        try:
            for packet in container.demux(stream):
                if packet.pts is None or packet.is_discard:
                    continue
                begin = float(packet.pts * packet.time_base)
                zero = begin if zero is None else zero
                if end is None or not contiguous:
                    _check_step(path, begin - zero, min(0.0, begin - zero) if end is None else end)
                last = packet.duration
                after = begin - zero + float((last or 0) * packet.time_base)
                end = after if end is None else max(end, after)
        except av.FFmpegError as error:
            raise unreadable(path, error) from error
    if end is not None and not last:  # WavPack in mkv does not say how long a packet lasts
        track = cached_track(path)
        return SoundHeader(track.rate, track.samples)
    header = SoundHeader(rate, max(0, round((end or 0.0) * rate)))
    check_length(path, header.samples, rate)
    return header


def _sound_stream(container: InputContainer, path: Path) -> av.AudioStream:
    streams = container.streams.audio
    if not streams:
        advice = "put its sound at video_audio/<SET>/<video>/<video>.wav, or use modality 'v'"
        raise ValueError(f"{path}: no sound track in this {kind_of(path)}; {advice}")
    stream = next((s for s in streams if s.disposition & Disposition.default), streams[0])
    if stream.codec_context is None:
        raise ValueError(
            f"{path}: the codec of its sound is not known here; convert it, with "
            f"`ffmpeg -i {path.name} -vn {path.stem}.wav`"
        )
    return stream


def _zero(container: InputContainer, path: Path) -> float | None:
    """Where the clock of a file has its zero, in seconds; None for the first sample."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return timeline(path).start
    return 0.0 if _CLOCKED & set(container.format.name.split(",")) else None


def _decoded(container: InputContainer, stream: av.AudioStream, path: Path) -> Iterator[av.AudioFrame]:
    """The pieces of a track.

    Raises:
        ValueError: naming a damaged file and the second. In a raw mp3, what follows the sound may be tags of any kind.
    """
    end, damage = 0.0, None
    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                damage = damage or _damaged(path, end, error)
                continue
            for frame in frames:
                if damage:
                    raise damage
                yield frame
                end = (frame.time or 0.0) + frame.samples / frame.sample_rate
    except av.FFmpegError as error:
        raise unreadable(path, error) from error
    if damage and container.format.name != "mp3":
        raise damage


def _tick(stream: av.AudioStream) -> float:
    return float(stream.time_base) if stream.time_base else 0.0


def _check_step(path: Path, begin: float, end: float) -> None:
    """Nothing, where a piece of sound that begins at ``begin`` may follow one that ends at ``end``, in seconds."""
    if end - MOST_OVERLAP <= begin <= end + LONGEST_GAP:
        return
    step = f"goes back to {begin:.2f} s" if begin < end else f"goes on at {begin:.2f} s"
    raise ValueError(
        f"{path}: after {end:.2f} s its sound {step}, which is too far to be placed; mend its time stamps, with "
        f"`ffmpeg -i {path.name} -c:v copy -af asetpts=N/SR/TB <new file>`"
    )


def _damaged(path: Path, second: float, error: av.FFmpegError) -> ValueError:
    return ValueError(
        f"unreadable {kind_of(path)} {path}: its sound is damaged at {second:.2f} s ({error.strerror}); "
        "fetch or extract it again"
    )


class _Placed:
    """Sound on its clock, piece by piece.

    Args:
        path: of the file, for errors.
        zero: time stamp of sample 0 in seconds; None for that of the first piece.
        contiguous: whether only the first time stamp counts.
        tick: seconds to which time stamps are rounded.
    """

    def __init__(self, path: Path, zero: float | None, contiguous: bool, tick: float) -> None:
        self.rate = 0
        self._path = path
        self._zero = zero
        self._contiguous = contiguous
        self._jitter = max(JITTER, tick)
        self._samples = SpooledTemporaryFile[bytes](IN_MEMORY)  # float32, mono
        self._count = 0
        self._early = 0  # samples before sample 0
        self._other: list[NDArray[np.float32]] = []  # pieces of another rate, one after the other
        self._other_rate = 0

    @property
    def seconds(self) -> float:
        """Where the sound that was added ends."""
        if not self.rate:
            return 0.0
        other = sum(map(len, self._other)) / self._other_rate if self._other else 0.0
        return (self._count - self._early) / self.rate + other

    def add(self, stamp: float | None, channels: NDArray[np.float32], rate: int) -> None:
        """Take a piece ``(n, channels)`` of ``rate`` samples a second; one without a stamp follows the last one."""
        if not self.rate:
            self._start(stamp, rate)
        elif stamp is not None and not self._contiguous:
            channels = self._fit(stamp - (self._zero or 0.0), channels, rate)
        check_samples(self._path, channels, rate, round(self.seconds * rate))
        mono = channels.mean(axis=1)
        if rate != (self._other_rate or self.rate):
            self._join_other()
        if rate == self.rate:
            self._append(mono)
        else:
            self._other_rate = check_rate(self._path, rate)
            self._other.append(mono)
        check_length(self._path, round(self.seconds * self.rate), self.rate)

    def all(self) -> Track:
        """What was added."""
        self._join_other()
        if not self._count > self._early:
            raise soundless(self._path)
        return Track(self.rate, self._count - self._early, self._samples, self._early)

    def _append(self, samples: NDArray[np.float32]) -> None:
        try:
            self._samples.write(samples.tobytes())
        except OSError as error:
            raise OSError(
                f"{self._path}: no room in {gettempdir()} for its decoded sound ({error.strerror}); make some, or name "
                "another folder with TMPDIR"
            ) from error
        self._count += len(samples)

    def _start(self, stamp: float | None, rate: int) -> None:
        self.rate = check_rate(self._path, rate)
        if stamp is None and self._zero is not None:
            raise ValueError(
                f"{self._path}: its sound begins without a time stamp, so that it has no place; extract it to a wav"
            )
        self._zero = stamp if self._zero is None else self._zero
        late = round(((stamp or 0.0) - (self._zero or 0.0)) * rate)
        _check_step(self._path, max(0, late) / rate, 0.0)
        self._append(np.zeros(max(late, 0), np.float32))
        self._early = max(-late, 0)

    def _fit(self, begin: float, channels: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        """Fill the gap before a piece that begins too late, or cut what of it was heard already."""
        off = begin - self.seconds
        if abs(off) <= self._jitter:
            return channels
        _check_step(self._path, begin, self.seconds)
        if off < 0:
            return channels[round(-off * rate) :]
        self._join_other()
        self._append(np.zeros(max(0, round(begin * self.rate) + self._early - self._count), np.float32))
        return channels

    def _join_other(self) -> None:
        """Bring the pieces of another rate to that of the first."""
        if self._other:
            pieces = torch.from_numpy(np.concatenate(self._other))
            self._append(resample(pieces, self._other_rate, self.rate).numpy())
            self._other, self._other_rate = [], 0
