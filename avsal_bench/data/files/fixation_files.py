"""Fixation maps: images, and MATLAB's files with a map of the frame's size, or the points of each observer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.data.files.image_headers import BYTES, check_pixels, max_pixels
from avsal_bench.data.files.images import read_luminance
from avsal_bench.files import regular_file

#: Names of the variable of a fixation map: STAViS, DHF1K, CAT2000.
MAPS = ("eyeMap", "I", "fixLocs")
#: Names of SALICON's variables: (height, width), and for each observer ``location``, ``timestamp`` and ``fixations``.
RESOLUTION, GAZE = "resolution", "gaze"
#: (height, width) of every image of SALICON, for files that do not say so.
SALICON_SIZE = (480, 640)
#: A map of numbers of fixations has at most so many on a pixel, and at most this share of pixels with any.
MOST_ON_A_PIXEL, MOST_FIXATED = 50, 0.05
#: From where on a level of a JPEG is of a fixation, and below which it is noise of a map where nobody fixated.
_BRIGHT, _NOISE = 128, 16
#: A byte becomes at most so many when it is decompressed, and a file with points of observers has at most so many.
_EXPANSION, _MOST_OF_POINTS = 1032, 16_000_000


def read_fixations(path: Path) -> Tensor:
    """A fixation map as ``(H, W)`` bool, from an image or a .mat file.

    JPEG surrounds each white pixel with a grey pattern, so there a fixated pixel is one of the brighter half.

    Raises:
        FileNotFoundError, ValueError: naming the file, also for one of :func:`not_fixations`.
    """
    values = read_fixation_values(path)
    if problem := not_fixations(values):
        raise ValueError(f"{path}: {problem}")
    return torch.from_numpy(values > 0)


def not_fixations(values: NDArray[Any]) -> str:
    """What is wrong with values ``(H, W)`` that should say where people fixated; "" when nothing is.

    A fixation map has one value where somebody fixated, and 0 elsewhere. Numbers of fixations are one too: whole, from
    1 up to ``MOST_ON_A_PIXEL``, most of them 1, and few. A density, or a map that was resized, has other numbers.
    """
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return "no fixation map: it holds NaN or infinity; write it again, 1 where somebody fixated, else 0"
    positive = values[values > 0]
    levels, times = np.unique(positive, return_counts=True)
    if not (values < 0).any() and (len(levels) < 2 or _are_counts(levels, times, values.size)):
        return ""
    return (
        f"no fixation map: values from {values.min():g} to {values.max():g}, {len(levels)} different ones above 0 in "
        f"{100 * len(positive) / values.size:.3g} % of the pixels; a density or a resized map is in its place? Give 1 "
        "where somebody fixated, else 0"
    )


def _are_counts(levels: NDArray[Any], times: NDArray[Any], pixels: int) -> bool:
    whole = bool((levels == np.floor(levels)).all()) and levels[0] == 1 and levels[-1] <= MOST_ON_A_PIXEL
    return whole and 2 * times[0] >= times.sum() and times.sum() <= MOST_FIXATED * pixels


def read_fixation_values(path: Path) -> np.ndarray:
    """The values of a fixation map as they are stored, ``(H, W)``; of a JPEG of points 255 where it is bright, else 0.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    if path.suffix == ".mat":
        return mat_fixations(path)
    grey = read_luminance(path).numpy()
    if path.suffix.lower() not in (".jpg", ".jpeg") or not _has_points(grey):
        return grey
    return np.where(grey >= _BRIGHT, np.uint8(255), np.uint8(0))


def _has_points(grey: NDArray[Any]) -> bool:
    """Whether the bright pixels of a JPEG are points, as fixations are, and no patches, as those of a density are."""
    bright = grey >= _BRIGHT
    if not bright.any():
        return bool(grey.max() < _NOISE)
    inside = bright[1:-1, 1:-1] & bright[:-2, 1:-1] & bright[2:, 1:-1] & bright[1:-1, :-2] & bright[1:-1, 2:]
    return bool(2 * inside.sum() <= bright.sum())


def mat_fixations(path: Path) -> NDArray[Any]:
    """The values of a fixation map as they are stored, ``(H, W)``; from points of observers 1 where one lies, else 0.

    Points are x and y from 1, as MATLAB counts (matthias-k/pysaliency, ``external_datasets/salicon.py``). Those outside
    the image are left out.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    import scipy.sparse  # here, as is its reader of .mat: they take long to import, and many sets have pictures

    variables = _load(path, [*MAPS, RESOLUTION, GAZE])
    if GAZE in variables:
        return _map_of_points(path, variables)
    name = _variable(path, variables)
    values = variables[name]
    if scipy.sparse.issparse(values):  # as MATLAB's own code often keeps a few points
        check_pixels(path, values.shape)
        values = values.toarray()
    values = np.asarray(values)
    if values.ndim != 2 or values.dtype.kind not in "buif":
        raise ValueError(f"{path}: variable {name!r} is no map of numbers ({values.dtype}, {values.shape})")
    return values


def mat_size(path: Path) -> tuple[int, ...]:
    """Shape of a fixation map, (height, width), without reading it.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    import scipy.io

    regular_file(path, BYTES * max_pixels(), links=True)
    shapes = {name: shape for name, shape, _ in scipy.io.whosmat(path)}
    if GAZE in shapes:
        return _resolution(path, _load(path, [RESOLUTION]))
    return tuple(shapes[_variable(path, shapes)])


def _load(path: Path, names: list[str]) -> dict[str, Any]:
    import scipy.io

    size = regular_file(path, BYTES * max_pixels(), links=True).stat().st_size
    try:
        with path.open("rb") as file:
            shapes = scipy.io.whosmat(file) if size * _EXPANSION > 8 * max_pixels() else []
            wanted = [shape for name, shape, _ in shapes if name in names]
            points = any(name == GAZE for name, _, _ in shapes)
            if all(math.prod(shape) <= max_pixels() for shape in wanted) and not (points and size > _MOST_OF_POINTS):
                file.seek(0)
                return dict(scipy.io.loadmat(file, variable_names=names))
    except NotImplementedError:
        raise ValueError(f"{path}: a .mat file of version 7.3, which is not read; save it with -v7") from None
    except Exception as error:  # scipy raises many kinds for damaged files
        raise ValueError(f"unreadable fixation map {path} ({error}); fetch it again") from error
    for shape in wanted:
        check_pixels(path, shape)
    raise ValueError(f"{path}: {size:,} bytes of fixation points, which is too much for one image; fetch it again")


def _variable(path: Path, variables: dict[str, Any]) -> str:
    for name in MAPS:
        if name in variables:
            return name
    raise ValueError(f"{path}: no variable {' or '.join(map(repr, MAPS))} in it; fetch it again")


def _resolution(path: Path, variables: dict[str, Any]) -> tuple[int, int]:
    size = np.asarray(variables.get(RESOLUTION, SALICON_SIZE)).ravel()
    if size.shape != (2,) or size.dtype.kind not in "uif" or (size < 1).any():
        raise ValueError(f"{path}: variable {RESOLUTION!r} is no height and width ({size}); fetch it again")
    height, width = int(size[0]), int(size[1])
    check_pixels(path, (height, width))
    return height, width


def _map_of_points(path: Path, variables: dict[str, Any]) -> NDArray[np.uint8]:
    observers = variables[GAZE]
    if observers.dtype.names is None or "fixations" not in observers.dtype.names:
        raise ValueError(f"{path}: variable {GAZE!r} holds no fixations of observers; fetch it again")
    fixated = np.zeros(_resolution(path, variables), dtype=np.uint8)
    for points in observers["fixations"].ravel():
        if not points.size:
            continue  # an observer whose mouse never rested
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"{path}: fixations of shape {points.shape}, expected one x and y a line; fetch it again")
        x, y = points.astype(np.int64).T - 1
        inside = (x >= 0) & (y >= 0) & (x < fixated.shape[1]) & (y < fixated.shape[0])
        fixated[y[inside], x[inside]] = 1
    return fixated
