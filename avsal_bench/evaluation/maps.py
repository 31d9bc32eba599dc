"""Saliency maps on the disk, made by any code: what is read from a file, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.data.files.image_headers import BYTES, check_pixels, max_pixels
from avsal_bench.data.files.images import read_grey
from avsal_bench.files import regular_file, sha256

#: How files of numpy and archives begin, and what reads a header by its version.
_NPY, _ZIP = b"\x93NUMPY", b"PK"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_map(path: Path) -> Tensor:
    """A saliency map ``(h, w)``: uint8 from an 8-bit image, as it stands there; else float32 or float64.

    Raises:
        FileNotFoundError, ValueError: naming the file, when it is missing, no regular file, too large, unreadable, no
            map, or holds NaN, infinity or negative values.
    """
    if path.suffix.lower() != ".npy":
        image = read_grey(path)
        return image if image.dtype == torch.uint8 else image.float() / 65535
    array = _read_npy(path)
    if array.dtype == np.uint8:
        return torch.from_numpy(array)
    narrow = array.dtype.itemsize <= np.dtype(np.float64).itemsize
    with np.errstate(over="ignore"):  # what is beyond a double becomes infinite, and is an error below
        saliency = torch.from_numpy(array.astype(np.promote_types(array.dtype, np.float32) if narrow else np.float64))
    if not saliency.isfinite().all():
        raise ValueError(f"{path}: the map holds NaN or infinity")
    if saliency.min() < 0:
        raise ValueError(
            f"{path}: the map holds negative values, the least is {saliency.min().item():.4g}; write a density: "
            "of logits the sigmoid, of a logarithm the exponential"
        )
    return saliency


def _read_npy(path: Path) -> NDArray[Any]:
    """The numbers ``(h, w)`` in a file of numpy, whose header is looked at before memory is taken for them."""
    regular_file(path, BYTES * max_pixels(), links=True)
    with path.open("rb") as file:
        start = file.read(len(_NPY))
        if start.startswith(_ZIP):
            raise ValueError(f"{path}: an npz archive under the name of an npy file; write the map with numpy.save")
        if start != _NPY:
            raise ValueError(f"unreadable map {path} (it is no npy file); write it again with numpy.save")
        file.seek(0)
        try:
            shape, by_columns, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
        except Exception as error:  # numpy raises many kinds for damaged headers
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ValueError(f"unreadable map {path} (its header: {reason}); write it again") from error
        lengths = [n for n in shape if n != 1]
        if len(lengths) != 2 or min(shape) < 1 or dtype.kind not in "fuib":
            raise ValueError(f"{path}: expected numbers (height, width), got {dtype} of shape {shape}")
        check_pixels(path, shape)
        needed, there = math.prod(shape) * dtype.itemsize, path.stat().st_size - file.tell()
        if needed != there:
            raise ValueError(
                f"{path}: {there:,} bytes of numbers, and {dtype} of shape {shape} has {needed:,}; write it again"
            )
        numbers = np.fromfile(file, dtype, math.prod(shape))
    return np.ascontiguousarray(numbers.reshape(lengths, order="F" if by_columns else "C"))


def runs_of_one_shape(files: Mapping[int, Path], most: int) -> Iterator[tuple[list[int], Tensor]]:
    """Numbers of frames and their maps ``(F, h, w)``, at most so many at a time, all of one size and type.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_map`.
    """
    numbers = list(files)
    for start in range(0, len(numbers), most):
        read = [(frame, read_map(files[frame])) for frame in numbers[start : start + most]]
        for _, run in groupby(read, key=lambda item: (item[1].shape, item[1].dtype)):
            frames, maps = zip(*run, strict=True)
            yield list(frames), torch.stack(list(maps))


@dataclass(frozen=True)
class MapCheck:
    """What one look at a map file tells.

    Args:
        problem: what is wrong with it; "" when nothing is, and only then the rest is known.
        sha256: of the file.
        size: (height, width).
        dtype: of the map.
        constant: whether all its pixels are the same.
        box: what lies between its edges and where it is more than its least: (top, left, bottom, right).
    """

    problem: str
    sha256: str = ""
    size: tuple[int, int] = (0, 0)
    dtype: str = ""
    constant: bool = False
    box: tuple[int, int, int, int] = (0, 0, 0, 0)


def check_map(path: Path) -> MapCheck:
    """Read a map and say what is wrong with it."""
    try:
        saliency = read_map(path)
        digest = sha256(path)
    except (OSError, ValueError) as error:
        return MapCheck(str(error))
    low, high = saliency.min(), saliency.max()
    # JPEG leaves a level or two in what was black.
    above = saliency > low + (2 if saliency.dtype == torch.uint8 else (high - low) / 1000)
    rows, columns = (above.any(axis).nonzero()[:, 0] for axis in (1, 0))
    box = tuple(int(side[end]) + more for end, more in ((0, 0), (-1, 1)) for side in (rows, columns) if len(side))
    return MapCheck(
        problem="",
        sha256=digest,
        size=(saliency.shape[0], saliency.shape[1]),
        dtype=str(saliency.dtype).split(".")[1],
        constant=bool(low == high),
        box=(box[0], box[1], box[2], box[3]) if box else (0, 0, 0, 0),
    )
