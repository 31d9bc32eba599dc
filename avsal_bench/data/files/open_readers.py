"""Readers of video files that a process keeps open, as opening one and looking through it costs more than a picture."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Reader = TypeVar("Reader")
#: Process, thread, and what tells one file from another.
_Key = tuple[int, int, Hashable]


class OpenReaders(Generic[Reader]):
    """The last few readers that a thread of this process asked for, by keys.

    Two processes, or threads, that read one open file would share their place in it, and a reader with threads hangs
    after a fork when it is used or freed, as its threads did not come along. So each opens its own, and a process never
    uses or frees an entry that it has from the process that it was forked from. Those of a thread that has ended are
    closed when another asks.

    Args:
        most: readers that a thread keeps open at a time, at least 1.
    """

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ValueError(f"{most} open readers: expected at least 1, the one that is read from")
        self._most = most
        self._readers: OrderedDict[_Key, Reader] = OrderedDict()

    def get(self, key: Hashable, open_reader: Callable[[], Reader]) -> Reader:
        """The open reader of a key in this thread, which is opened where there is none.

        Before one is opened, those asked for longest ago are closed: there are never more than ``most``. One that
        cannot be opened leaves no entry.

        Args:
            key: what tells one file, and one version of it, from another.
            open_reader: opens it; its errors pass through.
        """
        mine = _mine(key)
        if mine in self._readers:
            self._readers.move_to_end(mine)
            return self._readers[mine]
        running = {thread.ident for thread in threading.enumerate()}
        for ended in [other for other in self._own() if other[1] not in running]:
            self._readers.pop(ended, None)
        own = [other for other in self._own() if other[1] == mine[1]]
        for other in own[: max(0, len(own) - self._most + 1)]:
            del self._readers[other]
        self._readers[mine] = reader = open_reader()
        return reader

    def close(self, key: Hashable) -> None:
        """Keep the reader of a key in this thread no longer, where there is one."""
        self._readers.pop(_mine(key), None)

    def clear(self) -> None:
        """Keep no reader of this process."""
        for key in self._own():
            del self._readers[key]

    def __len__(self) -> int:
        """How many this process has open."""
        return len(self._own())

    def _own(self) -> list[_Key]:
        """Keys of this process, the one asked for longest ago first."""
        mine = os.getpid()
        return [key for key in list(self._readers) if key[0] == mine]


def _mine(key: Hashable) -> _Key:
    return os.getpid(), threading.get_ident(), key
