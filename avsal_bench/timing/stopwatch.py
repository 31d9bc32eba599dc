"""Where time goes: parts of a program say what they are doing, and a stopwatch that somebody holds adds it up.

Nothing is measured, and next to nothing done, as long as nobody holds one (:func:`measuring`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar


class Stopwatch:
    """Seconds of wall time by what was done. What is done within something else is taken off that.

    Args:
        wait: waits for what was begun on another device, so that its time is that of who began it.
    """

    def __init__(self, wait: Callable[[], None] | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._wait = wait or (lambda: None)
        self._doing: list[str] = []
        self._since = 0.0

    def start(self, what: str) -> None:
        """From here on this is done, within what was done before, until :meth:`stop`."""
        self._add()
        self._doing.append(what)

    def stop(self) -> None:
        """What was started last is done."""
        self._add()
        self._doing.pop()

    def lap(self) -> dict[str, float]:
        """The seconds since the last lap, or the start; the next ones count from here on."""
        self._add()
        seconds, self.seconds = self.seconds, {}
        return seconds

    def _add(self) -> None:
        self._wait()
        now = time.perf_counter()
        if self._doing:
            what = self._doing[-1]
            self.seconds[what] = self.seconds.get(what, 0.0) + now - self._since
        self._since = now


_held: ContextVar[Stopwatch | None] = ContextVar("stopwatch", default=None)
_NOTHING = nullcontext()


@contextmanager
def measuring(watch: Stopwatch) -> Iterator[Stopwatch]:
    """Hold a stopwatch: what :func:`timed` names in the block, by this thread, is measured."""
    before = _held.set(watch)
    try:
        yield watch
    finally:
        _held.reset(before)


def timed(what: str) -> AbstractContextManager[None]:
    """The block does this; it is measured where a stopwatch is held."""
    watch = _held.get()
    return _NOTHING if watch is None else _timed(watch, what)


@contextmanager
def _timed(watch: Stopwatch, what: str) -> Iterator[None]:
    watch.start(what)
    try:
        yield
    finally:
        watch.stop()
