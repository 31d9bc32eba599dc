"""Readers of video files that a process keeps open, as opening one and looking through it costs more than a picture."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Reader = TypeVar("Reader")


class OpenReaders(Generic[Reader]):
    """The last few readers that this process asked for, by keys.

    Two processes that read one open file would share their place in it, and a reader with threads hangs after a fork
    when it is used or freed, as its threads did not come along. So each process opens its own, and never uses or frees
    an entry that it has from the process that it was forked from.

    Args:
        most: readers that a process keeps open at a time, at least 1.
    """

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ValueError(f"{most} open readers: expected at least 1, the one that is read from")
        self._most = most
        self._readers: OrderedDict[tuple[int, Hashable], Reader] = OrderedDict()

    def get(self, key: Hashable, open_reader: Callable[[], Reader]) -> Reader:
        """The open reader of a key in this process, which is opened where there is none.

        Before one is opened, those asked for longest ago are closed: there are never more than ``most``. One that
        cannot be opened leaves no entry.

        Args:
            key: what tells one file, and one version of it, from another.
            open_reader: opens it; its errors pass through.
        """
        mine = (os.getpid(), key)
        if mine in self._readers:
            self._readers.move_to_end(mine)
            return self._readers[mine]
        own = self._own()
        for other in own[: max(0, len(own) - self._most + 1)]:
            del self._readers[other]
        self._readers[mine] = reader = open_reader()
        return reader

    def close(self, key: Hashable) -> None:
        """Keep the reader of a key in this process no longer, where there is one."""
        self._readers.pop((os.getpid(), key), None)

    def clear(self) -> None:
        """Keep no reader of this process."""
        for key in self._own():
            del self._readers[key]

    def __len__(self) -> int:
        """How many this process has open."""
        return len(self._own())

    def _own(self) -> list[tuple[int, Hashable]]:
        """Keys of this process, the one asked for longest ago first."""
        mine = os.getpid()
        return [key for key in self._readers if key[0] == mine]
