"""Writes the files of the fast form of videos, each whole: under a temporary name, to be moved when all are there."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from numpy.lib import format as npy
from numpy.typing import NDArray

from avsal_bench.data.files.prepared import PreparedFile

#: Frames in memory at once.
CHUNK = 32
#: Bytes before the numbers of an array in a file, about.
HEADER = 128
#: Files that are being written.
PARTS = ".*.part"


def write_array(
    folder: Path, name: str, shape: tuple[int, ...], kind: str, read: Callable[[range], NDArray[Any]]
) -> PreparedFile:
    """Write what is read of all frames, a few at a time, as ``.npy``.

    Args:
        folder: that it goes into.
        name: of the file.
        shape: of the whole; the first number is that of the frames.
        kind: of numbers, as numpy spells it: ``|u1``.
        read: of some frames, from 1.
    """
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"shape": shape, "fortran_order": False, "descr": kind})

    def blocks() -> Iterator[bytes]:
        yield header.getvalue()
        for first in range(1, shape[0] + 1, CHUNK):
            yield read(range(first, min(first + CHUNK, shape[0] + 1))).astype(kind, copy=False).tobytes()

    return write_file(folder, name, blocks())


def write_file(folder: Path, name: str, blocks: Iterable[bytes]) -> PreparedFile:
    """Write a file under its temporary name, to the disk and not only to memory."""
    digest, total = hashlib.sha256(), 0
    with part_of(folder, name).open("wb") as file:
        for block in blocks:
            file.write(block)
            digest.update(block)
            total += len(block)
        file.flush()
        os.fsync(file.fileno())
    return PreparedFile(name, total, digest.hexdigest())


def part_of(folder: Path, name: str) -> Path:
    """The temporary name of a file, one of ``PARTS``."""
    return folder / f".{name}.part"


def remove(paths: Iterable[Path]) -> None:
    """Remove files, those that are there."""
    for path in paths:
        path.unlink(missing_ok=True)
