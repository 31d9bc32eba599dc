"""Progress with time left, for all long work: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds between two lines when the output is no terminal.
LOG_EVERY = 15.0


class Progress:
    """Counts up to ``total``; use :func:`progress` to make one."""

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        self.title = title
        self.total = total
        self.done = done
        self.note = ""
        self._started_at = done
        self._start = self._shown = time.monotonic()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count ``steps`` more; ``note`` stands at the end of the line until another one comes."""
        self.done += steps
        self.note = note or self.note
        now = time.monotonic()
        if now - self._shown >= (0.2 if sys.stderr.isatty() else LOG_EVERY):
            self._shown = now
            self._show(end="\r" if sys.stderr.isatty() else "\n")

    def close(self) -> None:
        """Show the last state on a line of its own."""
        self._show(end="\n")

    def _show(self, end: str) -> None:
        elapsed = time.monotonic() - self._start
        fresh = self.done - self._started_at
        left = elapsed / fresh * (self.total - self.done) if fresh else 0.0
        filled = 24 * self.done // max(self.total, 1)
        bar = f"[{'#' * filled}{'.' * (24 - filled)}]"
        clocks = f"{_clock(elapsed)} so far, {_clock(left)} left"
        line = f"{self.title} {bar} {self.done}/{self.total}, {clocks}{', ' if self.note else ''}{self.note}"
        print(f"{line:<110}", end=end, file=sys.stderr, flush=True)


@contextmanager
def progress(title: str, total: int, done: int = 0) -> Iterator[Progress]:
    """A progress bar for the block; ``done`` steps were done in an earlier run."""
    bar = Progress(title, total, done)
    try:
        yield bar
    finally:
        bar.close()


def _clock(seconds: float) -> str:
    """Seconds as ``h:mm:ss`` or ``m:ss``.

    >>> _clock(65), _clock(3661)
    ('1:05', '1:01:01')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
