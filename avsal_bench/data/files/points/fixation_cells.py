"""OSIE's fixations: a .mat file with a cell for each image, and maps painted from them as the authors' script does.

Source: NUS-VIP/predicting-human-gaze-beyond-pixels.
"""

from __future__ import annotations

import io
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.image_headers import read_header, read_image_bytes
from avsal_bench.data.places import OneFile
from avsal_bench.files import regular_file
from avsal_bench.text import many

#: Of the Gaussian of a map, in pixels, and the side of its window (the authors' ``config.m``).
SIGMA, WINDOW = 24, 168
#: Bytes of the file of all fixations, packed and unpacked, at most; the released one has 1.1 and 4.8 million.
_MOST, _MOST_UNPACKED = 16_000_000, 32_000_000
#: Kind of a part of a .mat file that is packed, and bytes before the first part.
_PACKED, _HEADER = 15, 128
#: What stands before the sizes of an array in a .mat file, and how many bytes these take, by the order of bytes.
_SHAPE = {
    "little": re.compile(rb"\x06\0\0\0\x08\0\0\0.{8}\x05\0\0\0([\x04-\x40])\0\0\0", re.DOTALL),
    "big": re.compile(rb"\0\0\0\x06\0\0\0\x08.{8}\0\0\0\x05\0\0\0([\x04-\x40])", re.DOTALL),
}


def read_points(path: Path, video: Video) -> list[NDArray[np.int64]]:
    """The fixations of all viewers on an image, ``(N, 2)``: row and column from 0; repeats are kept.

    Raises:
        FileNotFoundError: when the file is missing.
        ValueError: naming it, and the image and viewer of what is wrong in it.
    """
    assert isinstance(video.frames, OneFile), "a still has one picture"
    found, image = regular_file(path, _MOST, links=True).stat(), video.frames.file
    known = _of_images(path, found.st_size, found.st_mtime_ns)
    if image.name not in known:
        raise ValueError(
            f"{path}: no fixations of {image.name}, but of {many(len(known), 'other image')}; fetch it again"
        )
    header = read_header(image, read_image_bytes(image))
    if header is None or not all(header.size):
        raise ValueError(f"unreadable image {image}; fetch it again")
    height, width = header.size
    x, y = known[image.name].T
    outside = ~((x >= 0) & (x <= width) & (y >= 0) & (y <= height))
    if outside.any():
        first = int(outside.nonzero()[0][0])
        raise ValueError(
            f"{path}: {image.name} has a fixation at x {x[first]:g} and y {y[first]:g}, outside of its {width} x "
            f"{height} pixels; are x and y swapped, or was the image resized?"
        )
    columns = np.clip(np.floor(x + 0.5), 1, width) - 1  # MATLAB's round, of pixels that are counted from 1
    rows = np.clip(np.floor(y + 0.5), 1, height) - 1
    return [np.stack([rows, columns], axis=1).astype(np.int64)]


def painted(points: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The authors' map of an image, ``(H, W)``: zeros where nobody looked anywhere.

    A window with an even side has no pixel in its middle: the authors' maps lie half a pixel up and to the left.

    Args:
        points: row and column of each fixation, ``(N, 2)``.
        size: (height, width) of the image.
    """
    rows, columns = (_profiles(at, n) for at, n in zip(np.unique(points, axis=0).T, size, strict=True))
    density = rows.T @ columns
    low, high = density.min(), density.max()
    levels = (density - low) / (high - low) * 255 if high > low else np.zeros(size)
    return np.floor(levels + 0.5).astype(np.uint8)


def _profiles(at: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """The Gaussian around each of some pixels along one side of an image of ``n``, ``(N, n)``."""
    far = np.arange(n) - at[:, None]
    inside = (far >= WINDOW // 2 - WINDOW) & (far < WINDOW // 2)
    return np.where(inside, np.exp(-((far + 0.5) ** 2) / (2 * SIGMA**2)), 0.0)


@lru_cache(maxsize=2)
def _of_images(path: Path, size: int, stamp: int) -> Mapping[str, NDArray[np.float64]]:
    """x and y of all fixations on each image, ``(N, 2)``, of one version of a file."""
    import scipy.io  # takes long to import, and few need it

    data = path.read_bytes()
    try:
        _check_unpacked(data)
        images = scipy.io.loadmat(io.BytesIO(data), variable_names=["fixations"]).get("fixations")
    except NotImplementedError:
        raise ValueError(f"{path}: a .mat file of version 7.3, which is not read; save it with -v7") from None
    except Exception as error:  # scipy raises many kinds for damaged files
        raise ValueError(f"unreadable fixations {path} ({error}); fetch it again") from error
    if images is None:
        raise ValueError(f"{path}: no variable 'fixations' in it; fetch it again")
    found: dict[str, NDArray[np.float64]] = {}
    for n, image in enumerate(_structs(f"{path}: fixations", images, "img", "subjects"), start=1):
        name = np.asarray(image["img"]).ravel()
        if name.size != 1 or name.dtype.kind != "U" or str(name[0]) in found:
            raise ValueError(f"{path}: entry {n} names no image, or one that was named before; fetch it again")
        of_image = f"{path}: {name[0]}"
        viewers = _structs(of_image, image["subjects"], "fix_x", "fix_y")
        seen = [_numbers(f"{of_image}, viewer {k}", viewer) for k, viewer in enumerate(viewers, start=1)]
        found[str(name[0])] = np.concatenate([np.zeros((0, 2)), *seen])
    return found


def _check_unpacked(data: bytes) -> None:
    """Refuse a file that would take more memory than the fixations of some thousand images, when it is read."""
    order: Literal["little", "big"] = "big" if data[_HEADER - 2 : _HEADER] == b"MI" else "little"
    at, whole = _HEADER, b""
    while at + 8 <= len(data):
        kind, length = (int.from_bytes(data[k : k + 4], order) for k in (at, at + 4))
        part = data[at + 8 : at + 8 + length]
        whole += zlib.decompressobj().decompress(part, _MOST_UNPACKED) if kind == _PACKED else part
        if len(whole) >= _MOST_UNPACKED:
            raise ValueError(f"it unpacks to {_MOST_UNPACKED:,} bytes or more")
        at += 8 + length
    for found in _SHAPE[order].finditer(whole):
        sizes = np.frombuffer(whole, "<i4" if order == "little" else ">i4", found[1][0] // 4, found.end())
        if math.prod(map(int, sizes)) > len(whole):  # memory is taken for it before the entries are looked for
            raise ValueError(f"an array of {' x '.join(map(str, sizes))} numbers in {len(whole):,} bytes")


def _structs(where: str, value: Any, *fields: str) -> Iterator[Any]:
    """The structs of an array of cells, or of an array of structs, each with these fields at least."""
    array = np.asarray(value)
    for entry in array.ravel():
        one = np.asarray(entry)
        if one.dtype.names is None or one.size != 1 or not set(fields) <= set(one.dtype.names):
            raise ValueError(f"{where}: expected cells with {' and '.join(fields)}; fetch it again")
        yield one.ravel()[0]


def _numbers(where: str, viewer: Any) -> NDArray[np.float64]:
    """x and y of a viewer, ``(N, 2)``; none of one who saw nothing."""
    x, y = (np.asarray(viewer[name]).ravel() for name in ("fix_x", "fix_y"))
    if not len(x) and not len(y):
        return np.zeros((0, 2))
    if len(x) != len(y) or {x.dtype.kind, y.dtype.kind} - set("uif"):
        raise ValueError(f"{where}: {len(x)} numbers fix_x and {len(y)} fix_y, expected as many; fetch it again")
    points = np.stack([x, y], axis=1).astype(np.float64)
    if not np.isfinite(points).all():
        raise ValueError(f"{where}: a fixation without a place (NaN or infinity); leave it out and save the file anew")
    return points
