"""Pictures as they come, in a thread of their own: the newest one, and as many before it as a clip has."""

from __future__ import annotations

import math
from collections import deque
from contextlib import closing
from threading import Condition, Event, Thread
from typing import NamedTuple

from torch import Tensor

from avsal_bench.data.files.frames import resized
from avsal_bench.prediction.live.pictures import Picture, Source
from avsal_bench.spec import ClipSpec

#: Seconds after which who waits for a picture looks whether the thread is still there; Ctrl-C is heard in between.
_PATIENCE = 0.2
#: Seconds that a thread is waited for which may wait for a server.
_FAREWELL = 1.0


class Taken(NamedTuple):
    """The newest picture, and the frames of a clip up to it."""

    picture: Picture
    frames: dict[int, Tensor]
    """``(3, h, w)`` uint8 at the size of the network, by number: the last ``reach + 1``, without a gap."""
    lost: int
    """Pictures that were passed over so far, unseen, since the first that could have a map."""


class Receiver:
    """Receives pictures of a source as fast as they come, and keeps those of one clip.

    Args:
        source: of the pictures.
        spec: of the network.
        first: number of the first picture that can have a map.
    """

    def __init__(self, source: Source, spec: ClipSpec, first: int) -> None:
        self.came = 0
        self._lost = 0
        self._first = first
        self._source = source
        self._spec = spec
        self._keep = 1 if spec.walk == "frames" else spec.form.reach + 1
        self._frames: deque[tuple[int, Tensor]] = deque(maxlen=self._keep)
        self._picture: Picture | None = None
        self._error: BaseException | None = None
        self._ended = False
        self._given_up = Event()
        self._changed = Condition()
        self._thread = Thread(target=self._receive, name="receiving", daemon=True)

    def start(self) -> None:
        """Begin to receive."""
        self._thread.start()

    def stop(self) -> None:
        """Receive no more; a thread that waits for a server is not waited for."""
        self._given_up.set()
        if self._thread.is_alive():
            self._thread.join(_FAREWELL)

    def newest(self, after: int, seconds: float = math.inf) -> Taken | None:
        """The newest picture, waited for until there is one after number ``after``; None at the end of the source.

        Args:
            after: the picture that was taken before.
            seconds: to wait at most; None is given then, too.

        Raises:
            OSError, ValueError: as reading the source does, after its last picture was given.
        """
        waited = 0.0
        with self._changed:
            while True:
                if self._picture is not None and self._picture.number > after:
                    return Taken(self._picture, dict(self._frames), self._lost)
                if self._error is not None:
                    raise self._error
                if self._ended or waited >= seconds:
                    return None
                pause = min(_PATIENCE, seconds - waited)
                self._changed.wait(pause)
                waited += pause

    def _receive(self) -> None:
        try:
            with closing(self._source.pictures()) as pictures:  # type: ignore[type-var]
                for picture in pictures:
                    small = sized(picture.pixels, self._spec)
                    with self._changed:
                        self._take(picture, small)
                        self._changed.notify_all()
                    if self._given_up.is_set():
                        return
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _take(self, picture: Picture, small: Tensor) -> None:
        # One that was passed over is stood in for by the one before it, so that clips keep their pace.
        for number in range(max(self.came + 1, picture.number - self._keep), picture.number):
            if self._frames:
                self._frames.append((number, self._frames[-1][1]))
        self._lost += max(0, picture.number - max(self.came + 1, self._first))
        self.came = picture.number
        self._frames.append((picture.number, small))
        self._picture = picture


def sized(picture: Tensor, spec: ClipSpec) -> Tensor:
    """A picture ``(3, H, W)`` as a network takes it that looks at frames of one size, ``(3, h, w)`` uint8."""
    size, antialias, _, by = spec.resizing
    return resized(picture, size, antialias, by)
