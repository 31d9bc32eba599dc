"""What is looked at live: a camera, a stream, or a film that is played at its own pace; pictures as they come.

A picture that comes too late to be worth anything is not given on, and its number is left out: a reader that falls
behind by more than ``LATE`` goes to the newest picture again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import av
import numpy as np
import torch
from av.container import InputContainer
from torch import Tensor

from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.data.clips.sounds import hear
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import read_frames
from avsal_bench.data.files.moments import shown_at
from avsal_bench.data.windows import Window
from avsal_bench.getting.live_streams import broken_off, is_address, open_stream, shown_address
from avsal_bench.prediction.films import check_sound, open_film
from avsal_bench.prediction.live.live_windows import LIVE, USUAL_RATE, sound_ends
from avsal_bench.spec import ClipSpec
from avsal_bench.text import many

#: Seconds that reading may be behind before pictures are passed over.
LATE = 1.0
#: A jump of time stamps by so many seconds is a new start of the stream.
JUMP = 10.0
#: By how many seconds a second the clock of a camera may go wrong: no more than this counts as being behind.
DRIFT = 1e-3
#: Packets without a picture after which a stream is given up.
MOST_DAMAGED = 500


class Picture(NamedTuple):
    """A picture that came."""

    number: int
    """From 1, of all that the source had: those that are left out count."""
    pixels: Tensor
    """``(3, H, W)`` uint8 RGB."""
    second: float
    """In the time of the source, from its first picture on."""
    came: float
    """When it was there, by the clock of the source: what is late is late from then on."""


class Source(Protocol):
    """What pictures come from, once.

    Attributes:
        name: as it is printed.
        fps: pictures a second, as it announces them.
        damaged: packets that could not be decoded so far.
        clock: seconds from some start.
    """

    name: str
    fps: float
    damaged: int
    clock: Callable[[], float]

    def pictures(self) -> Iterator[Picture]:
        """The pictures as they come; closing the iterator closes the source."""

    def listen(self, spec: ClipSpec, network: str) -> None:
        """Give each picture on from now on when the sound that is heard with it has sounded.

        Args:
            spec: of the network.
            network: its name, for errors.

        Raises:
            ValueError: where there is no sound to hear, with what to do about it.
        """

    def heard(self, clip: Window, front_end: AudioFrontEnd, muted: bool) -> Tensor:
        """What is heard with a clip, through a front end."""


def open_source(
    camera: int | None, stream: str, realtime: bool = False, audio: Path | None = None, folder: Path = Path("/dev")
) -> Source:
    """What a user names.

    Args:
        camera: number of one; None for a stream.
        stream: an address, or with ``realtime`` a video file.
        realtime: whether a film is played at its own pace.
        audio: sound of the film, in a file of its own.
        folder: of the devices.

    Raises:
        FileNotFoundError, ValueError, OSError: naming what is missing, unreadable, or no live source.
    """
    if camera is not None:
        return _ContainerSource(f"camera {camera}", open_camera(camera, folder))
    if is_address(stream):
        return _ContainerSource(shown_address(stream), open_stream(stream), realtime)
    path = Path(stream)
    if path.exists() and not realtime:
        raise ValueError(
            f"{stream}: a file; `avsal predict {stream}` gives every frame a map, --realtime plays it at its own pace"
        )
    return FilmSource(open_film(path, audio))


def open_camera(number: int, folder: Path = Path("/dev")) -> InputContainer:
    """An open camera; close it.

    Raises:
        FileNotFoundError: for one that is not there; those that are there are named.
        OSError, ValueError: for one that cannot be opened, and a system whose cameras are not read.
    """
    if sys.platform not in ("linux", "darwin"):
        raise ValueError(f"cameras are read on Linux and macOS, not on {sys.platform}; give its address with --stream")
    device = folder / f"video{number}"
    if sys.platform == "linux" and not device.exists():
        there = sorted(path.name.removeprefix("video") for path in folder.glob("video*"))
        told = f"there are {', '.join(there)}" if there else "there is none on this machine"
        raise FileNotFoundError(f"missing camera {device}; {told}. A stream is named with --stream URL")
    form, name = ("v4l2", str(device)) if sys.platform == "linux" else ("avfoundation", str(number))
    try:
        return av.open(name, format=form, timeout=(10.0, 10.0))
    except PermissionError as error:
        raise PermissionError(f"camera {number}: may not be read ({name}); ask to be in the group video") from error
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OSError(f"camera {number}: cannot be opened ({reason}); does another program use it?") from error


class FilmSource:
    """A film that is played at its own pace, with the pictures and the sound that ``avsal predict`` reads of it.

    Args:
        video: of a file, from :func:`~avsal_bench.prediction.films.open_film`.
        clock: seconds from some start.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        video: Video,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name, self.fps, self.damaged = video.name, video.fps, 0
        self.video = video
        self.clock = clock
        self._sleep = sleep
        self._spec: ClipSpec | None = None

    def pictures(self) -> Iterator[Picture]:
        """The pictures, each when it is shown and what is heard with it has sounded; it came when it was shown."""
        begin, number = 0.0, 1
        while number <= self.video.n_frames:
            pixels = read_frames(self.video, [number], None)[:, 0]
            begin = begin or self.clock()  # opening the file is not a delay of the first picture
            second = shown_at(self.video, number)
            longer = max(0.0, sound_ends(self.video, self._spec, number) - second) if self._spec else 0.0
            self._wait(begin + second + longer)
            yield Picture(number, pixels, second, begin + second)
            number += 1
            if self.clock() - begin - shown_at(self.video, number) - longer > LATE:
                while number < self.video.n_frames and begin + shown_at(self.video, number + 1) <= self.clock():
                    number += 1

    def listen(self, spec: ClipSpec, network: str) -> None:
        """The sound is that of the file, which must have some for all of its frames; see :class:`Source`."""
        check_sound(self.video, network)
        self._spec = spec

    def heard(self, clip: Window, front_end: AudioFrontEnd, muted: bool) -> Tensor:
        """The sound of the file, or silence."""
        return hear(self.video, clip, front_end, "muted" if muted else "original")

    def _wait(self, until: float) -> None:
        while (left := until - self.clock()) > 0:
            self._sleep(left)


class _ContainerSource:
    """A camera or a stream, as PyAV reads it; its sound is not heard."""

    def __init__(self, name: str, container: InputContainer, paced: bool = False) -> None:
        self.name, self.damaged = name, 0
        self.clock = time.monotonic
        self._container = container
        self._paced = paced
        if not container.streams.video:
            container.close()
            raise ValueError(f"{name}: sends no pictures; a saliency network needs some")
        self._stream = container.streams.video[0]
        self.fps = float(self._stream.average_rate or USUAL_RATE)
        # Threads by frames hold as many pictures back as there are threads.
        self._stream.thread_type = "SLICE"

    def pictures(self) -> Iterator[Picture]:
        """The pictures as they are decoded."""
        number, without = 0, 0
        behind = _Behind()
        begin: float | None = None
        first: float | None = None
        given = 0.0
        with self._container:
            for frame in self._decoded():
                if frame is None:
                    without += 1
                    self.damaged += 1
                    if without > MOST_DAMAGED:
                        raise ValueError(f"{self.name}: {many(without, 'packet')} after each other cannot be decoded")
                    continue
                number, without, now = number + 1, 0, self.clock()
                begin = now if begin is None else begin
                stamp = frame.time
                first = stamp if first is None else first
                second = now - begin if stamp is None or first is None else stamp - first
                if self._paced and stamp is not None:
                    while (left := begin + second - self.clock()) > 0:
                        time.sleep(min(left, JUMP))
                    now = self.clock()
                # Where decoding alone is too slow, one a second is given all the same.
                if behind.by(now - begin, second) > LATE and now - given < LATE:
                    continue
                given = now
                yield Picture(number, _upright(frame), second, now)

    def listen(self, spec: ClipSpec, network: str) -> None:
        """Always an error: the sound is not read."""
        raise ValueError(
            f"{network} hears, and the sound of {self.name} is not read; let it hear silence with --muted, or use a "
            "visual network (--modality v)"
        )

    def heard(self, clip: Window, front_end: AudioFrontEnd, muted: bool) -> Tensor:
        """Silence."""
        return hear(LIVE, clip, front_end, "muted")

    def _decoded(self) -> Iterator[av.VideoFrame | None]:
        """The pictures, and None for a packet that cannot be decoded.

        Raises:
            OSError: where the stream breaks off.
        """
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.EOFError):
                return
            except av.InvalidDataError:
                yield None
                continue
            except (av.FFmpegError, OSError) as error:
                raise OSError(f"{self.name}: broke off ({broken_off(error)})") from error
            try:
                yield from packet.decode()
            except av.EOFError:
                return
            except av.FFmpegError:
                yield None


class _Behind:
    """How far reading is behind what comes, from time stamps and the clock, whose difference is unknown."""

    def __init__(self) -> None:
        self._least = 0.0
        self._at = 0.0

    def by(self, now: float, second: float) -> float:
        """Seconds that a picture is later than the earliest one was.

        Args:
            now: since the first picture, by the clock here.
            second: likewise, by the time stamp.
        """
        late = now - second
        self._least += DRIFT * (now - self._at)
        self._at = now
        if late < self._least or late > self._least + JUMP:
            self._least = late
        return late - self._least


def _upright(frame: av.VideoFrame) -> Tensor:
    """A picture ``(3, H, W)`` uint8 RGB, turned as the stream says by quarters."""
    pixels = frame.to_ndarray(format="rgb24")
    if quarters := round(frame.rotation / 90) % 4:
        pixels = np.rot90(pixels, quarters)
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
