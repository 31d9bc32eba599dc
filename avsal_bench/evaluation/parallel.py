"""The same function on many things, in several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


def in_processes(function: Callable[[T], R], tasks: Sequence[T], workers: int) -> Iterator[tuple[int, R]]:
    """Results of tasks as they come, each with the index of its task.

    Args:
        function: at the top of a module.
        tasks: its arguments.
        workers: processes, each with one thread; with fewer than 2 this one does all.

    Raises:
        OSError: when a process dies, of too little memory for instance.
    """
    if workers < 2 or len(tasks) < 2:
        yield from ((index, function(task)) for index, task in enumerate(tasks))
        return
    # Processes that are made anew: a copy of this one may hang once it has used threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        futures = {pool.submit(function, task): index for index, task in enumerate(tasks)}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            text = "a reading process died, perhaps of too little memory; run again to go on, with fewer --workers"
            raise OSError(text) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
