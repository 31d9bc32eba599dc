"""A camera or a stream, as PyAV reads it: its pictures, and of a stream the sound that is heard with them."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import av
import numpy as np
import torch
from av.container import InputContainer
from torch import Tensor

from avsal_bench.audio.correspondence import TwoSounds
from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.data.clips.sounds import hear
from avsal_bench.data.windows import Window
from avsal_bench.getting.live_streams import PATIENCE, broken_off
from avsal_bench.prediction.live.live_windows import LIVE, USUAL_RATE
from avsal_bench.prediction.live.pictures import JUMP, LATE, Picture
from avsal_bench.prediction.live.stream_sound import StreamSound
from avsal_bench.spec import ClipSpec
from avsal_bench.text import many

#: By how many seconds a second the clock of a camera may go wrong: no more than this counts as being behind.
DRIFT = 1e-3
#: Packets without a picture after which a stream is given up.
MOST_DAMAGED = 500
#: Seconds that a picture waits for the sound that is heard with it, and pictures that wait at most.
SOUND_LATE, MOST_WAITING = 0.5, 32


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


class StreamSource:
    """The pictures of a container that is received.

    Where somebody listens, sound and pictures are read together, and a picture waits for the sound of its window; what
    has not come after ``SOUND_LATE`` seconds is silence.

    Args:
        name: as it is printed.
        container: open; it is closed with the pictures.
        paced: whether it comes faster than it is to be shown, and is shown at its own pace.
        sounds: whether its sound can be heard.
    """

    def __init__(self, name: str, container: InputContainer, paced: bool = False, sounds: bool = True) -> None:
        self.name, self.damaged = name, 0
        self.clock = time.monotonic
        self._container = container
        self._paced = paced
        if not container.streams.video:
            container.close()
            raise ValueError(f"{name}: sends no pictures; a saliency network needs some")
        self._stream = container.streams.video[0]
        self._track = next(iter(container.streams.audio), None) if sounds else None
        self._sound: StreamSound | None = None
        self.fps = float(self._stream.average_rate or USUAL_RATE)
        # Threads by frames hold as many pictures back as there are threads.
        self._stream.thread_type = "SLICE"

    def listen(self, spec: ClipSpec, network: str) -> None:
        """See :class:`~avsal_bench.prediction.live.pictures.Source`."""
        if self._track is None or self._track.codec_context is None or isinstance(spec.audio, TwoSounds):
            why = "has no sound that is read" if self._track is None else "has a sound that cannot be read for it"
            raise ValueError(
                f"{network} hears, and {self.name} {why}; let it hear silence with --muted, or use a visual network "
                "(--modality v)"
            )
        self._sound = StreamSound(spec, self.fps, float(self._stream.time_base or 0))

    def heard(self, clip: Window, front_end: AudioFrontEnd, muted: bool) -> Tensor:
        """Silence: what is heard comes with the pictures."""
        return hear(LIVE, clip, front_end, "muted")

    def pictures(self) -> Iterator[Picture]:
        """The pictures as they are decoded, each when the sound of its window is there or is too late."""
        with self._container:
            waiting: deque[Picture] = deque()
            for picture in self._received():
                if picture is not None:
                    waiting.append(picture)
                while waiting and self._ready(waiting):
                    yield self._with_sound(waiting.popleft(), False)
            while waiting:
                yield self._with_sound(waiting.popleft(), True)

    def _ready(self, waiting: deque[Picture]) -> bool:
        first = waiting[0]
        return (
            self._sound is None
            or len(waiting) > MOST_WAITING
            or self.clock() - first.came > SOUND_LATE
            or self._sound.come(first.number)
        )

    def _with_sound(self, picture: Picture, ended: bool) -> Picture:
        sound = self._sound
        if sound is None:
            return picture
        part, lacks = sound.part(picture.number, ended), not (ended or sound.come(picture.number))
        sound.forget(picture.number)
        return picture._replace(hear=partial(part.through, sound.front_end), lacks=lacks)

    def _received(self) -> Iterator[Picture | None]:
        """The pictures as they are decoded; None where sound came.

        Raises:
            ValueError: for too many packets that cannot be decoded.
            OSError: where the stream breaks off, or its pictures do.
        """
        number, without = 0, 0
        behind = _Behind()
        begin: float | None = None
        first: float | None = None
        given, seen = 0.0, self.clock()
        for frame in self._decoded():
            if isinstance(frame, av.AudioFrame):
                assert self._sound is not None, "nobody else reads the sound"
                self._sound.add(frame)
                if self.clock() - seen > PATIENCE[1]:
                    raise OSError(f"{self.name}: broke off (no picture came for {PATIENCE[1]:g} s, sound alone)")
                yield None
                continue
            if frame is None:
                without += 1
                self.damaged += 1
                if without > MOST_DAMAGED:
                    raise ValueError(f"{self.name}: {many(without, 'packet')} after each other cannot be decoded")
                continue
            number, without, now = number + 1, 0, self.clock()
            seen = now
            begin = now if begin is None else begin
            stamp = frame.time
            first = stamp if first is None else first
            second = now - begin if stamp is None or first is None else stamp - first
            if self._sound is not None:
                self._sound.show(number, second, second if stamp is None else stamp)
            if self._paced and stamp is not None:
                while (left := begin + second - self.clock()) > 0:
                    time.sleep(min(left, JUMP))
                now = self.clock()
            # Where decoding alone is too slow, one a second is given all the same.
            if behind.by(now - begin, second) > LATE and now - given < LATE:
                continue
            given = now
            yield Picture(number, _upright(frame), second, now)

    def _decoded(self) -> Iterator[av.VideoFrame | av.AudioFrame | None]:
        """Pictures and sound, and None for a packet that cannot be decoded.

        Raises:
            OSError: where the stream breaks off.
        """
        heard = [self._track] if self._sound is not None and self._track is not None else []
        packets = self._container.demux(self._stream, *heard)
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
                for frame in packet.decode():
                    if isinstance(frame, av.VideoFrame | av.AudioFrame):
                        yield frame
            except av.EOFError:
                if packet.stream is self._stream:
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
