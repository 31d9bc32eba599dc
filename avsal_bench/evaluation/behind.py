"""Work that a thread does one piece after the other, a bounded number of pieces behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Behind:
    """Does what it is given in order: at once, or by a thread.

    An error of the thread is raised where the next piece is given, or at the end; no piece after it is done.

    Args:
        most: pieces that may wait or be at work when another one is given; 0: each is done at once, without a thread.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="behind") if most else None
        self._waiting: deque[Future[None]] = deque()
        self._stopped = False

    def do(self, piece: Callable[[], None]) -> None:
        """Do a piece, or have it done after those before; waits while there are too many of them."""
        if self._thread is None:
            piece()
            return
        while self._waiting and (len(self._waiting) >= self._most or self._waiting[0].done()):
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._try, piece))

    def finish(self) -> None:
        """Wait for all pieces, and end the thread."""
        try:
            while self._waiting:
                self._waiting.popleft().result()
        finally:
            self.give_up()

    def give_up(self) -> None:
        """End the thread after the piece that it is at; no other is done."""
        self._stopped = True
        self._waiting.clear()
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def _try(self, piece: Callable[[], None]) -> None:
        if self._stopped:
            return
        try:
            piece()
        except BaseException:
            self._stopped = True
            raise
