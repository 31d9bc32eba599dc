"""Saliency maps on the disk, made by any code: what is read from a file, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.data.files.image_headers import BYTES, check_pixels, max_pixels
from avsal_bench.data.files.images import GREY_LEVELS, read_grey, read_mean
from avsal_bench.data.files.timeline import index_of
from avsal_bench.data.files.video_files import read_levels, read_pictures, until_damage
from avsal_bench.data.places import is_video_file
from avsal_bench.files import regular_file, sha256

#: How files of numpy and archives begin, and what reads a header by its version.
_NPY, _ZIP = b"\x93NUMPY", b"PK"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


#: Pixels of films that are in memory at a time; what is scored needs some ten times their bytes.
FILM_PIXELS = 2**24
#: Pictures of a film that are looked at before any work starts, all of them key frames.
LOOKED_AT = 4


def read_map(path: Path, frame: int = 1, mean: bool = False) -> Tensor:
    """A saliency map ``(h, w)``: uint8 from an 8-bit image, as it stands there; else float32 or float64.

    Of a film it is the picture of a frame, with the levels that ffmpeg writes to a PNG of it.

    Args:
        path: of an image, an npy file or a film.
        frame: from 1, of a film; every other file has one map.
        mean: of an image whose channels differ a little, give their mean, in any unit, and not the first of them.

    Raises:
        FileNotFoundError, ValueError: naming the file, when it is missing, no regular file, too large, unreadable, no
            map, or holds NaN, infinity or negative values.
    """
    if is_video_file(path):
        return _picture_of(path, frame)
    if path.suffix.lower() != ".npy":
        image = read_mean(path) if mean else read_grey(path)
        if image.is_floating_point():  # who asks for the mean sees no unit
            return image / 255
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


def _picture_of(path: Path, frame: int) -> Tensor:
    """The map of a frame in a film."""
    levels = read_levels(path, [frame])[0]
    if levels.dtype == torch.uint8:
        return levels
    if not levels.is_floating_point():
        return levels.float() / 65535
    # Channels differ: a lossy file may move them apart by a level or two, a picture in colours is no map.
    colours = read_pictures(path, [frame])[0]
    if (apart := int((colours.amax(0) - colours.amin(0)).max())) > GREY_LEVELS:
        raise ValueError(
            f"{path}: frame {frame} is a picture in colours, its channels are up to {apart} of 255 apart; give the "
            "map itself, in grey"
        )
    return levels / (65535 if levels.max() > colours.max() else 255)


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


def runs_of_one_shape(
    files: Mapping[int, Path], most: int, unreadable: dict[int, str] | None = None, mean: bool = False
) -> Iterator[tuple[list[int], Tensor]]:
    """Numbers of frames and their maps ``(F, h, w)``, a few at a time, all of one size and type.

    Args:
        files: of the frames; that of a film stands there for each of its frames.
        most: maps at a time; fewer of a film, whose pictures may be large.
        unreadable: gets what is wrong with pictures of films that are no map, by frame, which are passed over; None for
            an error.
        mean: see :func:`read_map`.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_map`.
    """
    read: list[tuple[int, Tensor]] = []
    for frame, path in files.items():
        try:
            read.append((frame, read_map(path, frame, mean)))
        except (OSError, ValueError) as error:
            if unreadable is None or not is_video_file(path):
                raise
            unreadable[frame] = str(error)
            continue
        pixels = len(read) * read[-1][1].numel()
        if len(read) == most or (is_video_file(path) and pixels >= FILM_PIXELS):
            yield from _runs(read)
            read = []
    yield from _runs(read)


def _runs(read: Sequence[tuple[int, Tensor]]) -> Iterator[tuple[list[int], Tensor]]:
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
    return _checked(saliency, digest)


@dataclass(frozen=True)
class FilmCheck:
    """What a look at a film of maps tells: at its packets, and at a few of its pictures.

    Args:
        problem: why it is none; "" where nothing is wrong so far.
        pictures: that a player shows.
        damage: words on its end, where the rest of it cannot be decoded.
        check: of all its maps: their size and type, and the box around what is in those that were looked at.
    """

    problem: str
    pictures: int = 0
    damage: str = ""
    check: MapCheck = MapCheck("")


def check_film(path: Path) -> FilmCheck:
    """Look at a film of maps, but not at every picture: those are read once, when they are scored."""
    checks, problems = [], []
    try:
        index, digest = index_of(path), sha256(path)
        n = len(index.shown)
        keys = np.flatnonzero(np.isin(index.shown, np.flatnonzero(index.packets.keys))).tolist()
        for place in sorted({0} | {keys[i * (len(keys) - 1) // (LOOKED_AT - 1)] for i in range(LOOKED_AT) if keys}):
            try:
                checks.append(_checked(read_map(path, place + 1), digest))
            except ValueError as error:
                problems.append(str(error))
        damage = until_damage(path)
    except (OSError, ValueError) as error:
        return FilmCheck(str(error))
    if not checks:
        return FilmCheck(problems[0])
    shown = [check for check in checks if not check.constant] or checks
    sides = list(zip(*(check.box for check in shown), strict=True))
    box = (min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3]))
    return FilmCheck("", n, damage, replace(shown[0], box=box))


def _checked(saliency: Tensor, digest: str) -> MapCheck:
    """What is known of a map that was read."""
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
