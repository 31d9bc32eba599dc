"""Reading ahead: a thread makes the next items while the ones before are used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Thread, current_thread
from typing import TypeVar

Item = TypeVar("Item")

#: What follows the last item.
_END = object()
#: Seconds after which a thread that waits for room looks whether anybody still wants its items.
_PATIENCE = 0.1


def read_ahead(items: Iterator[Item], most: int) -> Iterator[Item]:
    """The same items, made by a thread that is at most ``most`` of them ahead, and one more that it works on.

    An error comes in the place of the item that it was raised for. The thread ends with the iterator, also where that
    is given up, closed or interrupted; an item that is being made then is made to its end.

    Args:
        items: used by the thread alone from the first item on.
        most: at least 1.
    """
    waiting: Queue[tuple[object, BaseException | None]] = Queue(most)
    given_up = Event()

    def put(item: object, error: BaseException | None = None) -> None:
        while not given_up.is_set():
            try:
                return waiting.put((item, error), timeout=_PATIENCE)
            except Full:
                continue

    def work() -> None:
        try:
            while not given_up.is_set():
                put(next(items, _END))
        except BaseException as error:
            put(_END, error)

    thread = Thread(target=work, name="reading ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item  # type: ignore[misc]
    finally:
        given_up.set()
        with suppress(Empty):
            while True:
                waiting.get_nowait()
        if current_thread() is not thread:  # which may be the one that collects an iterator that nobody has any more
            thread.join()
