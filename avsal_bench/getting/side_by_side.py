"""Several downloads at a time, in threads that an interruption does not wait for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(
    work: Callable[[T, threading.Event], R], items: Sequence[T], parallel: int
) -> Iterator[tuple[T, R | Exception]]:
    """Do the work for each item, and give results, or what was raised, as they come.

    The threads are daemons, as those of the standard library's pools are waited for at the end of Python: who presses
    Ctrl-C would wait for a server that has fallen silent.

    Args:
        work: gets an item, and an event that is set when the caller has gone.
        items: what to do.
        parallel: how many at a time.
    """
    waiting: queue.SimpleQueue[T] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[T, R | Exception]] = queue.SimpleQueue()
    stop = threading.Event()
    for item in items:
        waiting.put(item)

    def run() -> None:
        while not stop.is_set():
            try:
                item = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((item, work(item, stop)))
            except Exception as error:
                done.put((item, error))

    for _ in range(min(parallel, len(items))):
        threading.Thread(target=run, daemon=True).start()
    try:
        for _ in items:
            yield done.get()
    finally:
        stop.set()
