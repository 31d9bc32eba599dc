"""Progress with time left, for all long work: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rich import progress as rich_progress
from rich.console import Console
from rich.filesize import decimal

#: Seconds between two lines when the output is no terminal.
LOG_EVERY = 15.0
#: Seconds between two states of a bar.
DRAW_EVERY = 0.2

_silent: ContextVar[bool] = ContextVar("silent", default=False)


class Progress:
    """Counts up to ``total``; use :func:`progress` to make one.

    It draws only when it is told of a step: a thread that draws by itself would hold locks while others fork.
    """

    def __init__(self, title: str, total: int | None, done: int = 0, sizes: bool = False) -> None:
        self._silent = _silent.get()
        self._drawn = sys.stderr.isatty() and not self._silent  # FORCE_COLOR alone makes no terminal of a log
        console = Console(stderr=True, force_terminal=self._drawn, highlight=False, markup=False, emoji=False)
        self._bar = rich_progress.Progress(
            rich_progress.TextColumn("{task.description}", markup=False),
            rich_progress.BarColumn(bar_width=24),
            *((rich_progress.DownloadColumn(), rich_progress.TransferSpeedColumn()) if sizes else ()),
            *(() if sizes else (rich_progress.MofNCompleteColumn(),)),
            rich_progress.TimeElapsedColumn(),
            rich_progress.TimeRemainingColumn(),
            rich_progress.TextColumn("{task.fields[note]}", markup=False),
            console=console,
            auto_refresh=False,
            speed_estimate_period=float("inf"),  # a step may take minutes
            redirect_stdout=sys.stdout.isatty(),  # what a program reads stays out of the bar's way, and as it is
            disable=not self._drawn,
        )
        self._bar.add_task(title, total=total, completed=done, note="")
        (self._task,) = self._bar.tasks
        self._words = decimal if sizes else str
        self._shown = time.monotonic()
        self._bar.start()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count ``steps`` more; ``note`` stands at the end of the line until another one comes."""
        self._bar.update(self._task.id, advance=steps, note=note or self._task.fields["note"])
        now = time.monotonic()
        if now - self._shown >= (DRAW_EVERY if self._drawn else LOG_EVERY):
            self._shown = now
            self._show()

    def close(self) -> None:
        """Show the last state on a line of its own."""
        if self._drawn:
            self._bar.stop()
        else:
            self._show()

    def _show(self) -> None:
        if self._silent:
            return
        if self._drawn:
            self._bar.refresh()
            return
        task = self._task
        clocks = f"{_clock(task.elapsed)} so far, {_clock(task.time_remaining)} left"
        total = "?" if task.total is None else self._words(round(task.total))
        line = [f"{task.description} {self._words(round(task.completed))}/{total}", clocks, task.fields["note"]]
        print(", ".join(filter(None, line)), file=sys.stderr, flush=True)


@contextmanager
def silence(silent: bool = True) -> Iterator[None]:
    """No progress is shown in the block, where ``silent``: for those who call functions and no commands."""
    before = _silent.set(silent)
    try:
        yield
    finally:
        _silent.reset(before)


@contextmanager
def progress(title: str, total: int | None, done: int = 0, sizes: bool = False) -> Iterator[Progress]:
    """A progress bar for the block.

    Args:
        title: of the bar.
        total: steps, or None where nobody knows.
        done: steps of an earlier run.
        sizes: whether steps are bytes, which are shown as such, with their speed.
    """
    bar = Progress(title, total, done, sizes)
    try:
        yield bar
    finally:
        bar.close()


def _clock(seconds: float | None) -> str:
    """Seconds as ``h:mm:ss`` or ``m:ss``; "?" where nobody knows.

    >>> _clock(65), _clock(3661), _clock(None)
    ('1:05', '1:01:01', '?')
    """
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
