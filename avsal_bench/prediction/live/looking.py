"""What is looked at live: a camera, a stream, or a film that is played at its own pace; pictures as they come.

A picture that comes too late to be worth anything is not given on, and its number is left out: a reader that falls
behind by more than ``LATE`` goes to the newest picture again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from torch import Tensor

from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.data.clips.sounds import hear
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import read_frames
from avsal_bench.data.files.moments import shown_at
from avsal_bench.data.windows import Window
from avsal_bench.getting.live_streams import is_address, open_stream, shown_address
from avsal_bench.prediction.films import check_sound, open_film
from avsal_bench.prediction.live.live_windows import sound_ends
from avsal_bench.prediction.live.pictures import LATE, Picture, Source
from avsal_bench.prediction.live.stream_source import StreamSource, open_camera
from avsal_bench.spec import ClipSpec


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
        return StreamSource(f"camera {camera}", open_camera(camera, folder), sounds=False)
    if is_address(stream):
        return StreamSource(shown_address(stream), open_stream(stream), realtime)
    path = Path(stream)
    if path.exists() and not realtime:
        raise ValueError(
            f"{stream}: a file; `avsal predict {stream}` gives every frame a map, --realtime plays it at its own pace"
        )
    return FilmSource(open_film(path, audio))


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
