"""The same function on many things, in several processes."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


def _start() -> None:
    torch.set_num_threads(1)
    # Who interrupts a command interrupts its processes too; they end without the traceback that Python would print.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Workers:
    """Processes with one thread each, started when they are first needed; use it in a ``with`` statement.

    Args:
        count: of processes; with fewer than 2 this one does all.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def run(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[int, R]]:
        """Results of tasks as they come, each with the index of its task.

        Args:
            function: at the top of a module.
            tasks: its arguments.

        Raises:
            OSError: when a process dies, of too little memory for instance.
        """
        if self.count < 2 or not tasks:
            yield from ((index, function(task)) for index, task in enumerate(tasks))
            return
        if self._pool is None:
            # Made anew, not copies of this process: a copy may hang once this one has used threads.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.count, context, initializer=_start)
        try:
            futures = {self._pool.submit(function, task): index for index, task in enumerate(tasks)}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            # One that was being started while another died is waited for, for ever, unless it is ended here: the pool
            # ends those alone that it knew of when it broke.
            for process in list((self._pool._processes or {}).values()):
                process.terminate()
            text = "a reading process died, perhaps of too little memory; run again to go on, with fewer --workers"
            raise OSError(text) from error
