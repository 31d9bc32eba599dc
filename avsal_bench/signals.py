"""Signals that end a command end it as Ctrl-C does: processes that it started are ended, files are left whole."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: What `kill`, a cluster or a container sends, and what a terminal sends when it closes.
ENDING = (signal.SIGTERM, signal.SIGHUP)
#: Seconds in which a signal that comes again is the same one: a closing terminal and its shell both send it.
AGAIN = 2.0


class Ended(KeyboardInterrupt):
    """One of ``ENDING`` came.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let the signals of ``ENDING`` raise :class:`Ended`, where nothing else is done about them.

    One that is ignored (``nohup``) stays so, and so does what a cluster's launcher has set. Processes that are copies
    of this one end by the signal at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    me, last = os.getpid(), -AGAIN

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal last
        if os.getpid() != me:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif time.monotonic() - last > AGAIN:
            last = time.monotonic()
            raise Ended(number)

    ours = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
