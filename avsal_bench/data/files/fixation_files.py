"""Fixation maps: images, and MATLAB's files with a map of the frame's size, or the points of each observer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.io import ImageReadMode
from torchvision.transforms.v2 import functional as F

from avsal_bench.data.files.images import decode_image_file

#: Names of the variable of a fixation map: STAViS, DHF1K.
MAPS = ("eyeMap", "I")
#: Names of SALICON's variables: (height, width), and for each observer ``location``, ``timestamp`` and ``fixations``.
RESOLUTION, GAZE = "resolution", "gaze"
#: (height, width) of every image of SALICON, for files that do not say so.
SALICON_SIZE = (480, 640)


def read_fixations(path: Path) -> Tensor:
    """A fixation map as ``(H, W)`` bool, from an image or a .mat file.

    JPEG surrounds each white pixel with a grey pattern, so there a fixated pixel is one of the brighter half.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    return torch.from_numpy(read_fixation_values(path) > 0)


def read_fixation_values(path: Path) -> np.ndarray:
    """The values of a fixation map as they are stored, ``(H, W)``; of a JPEG 255 for the brighter half, else 0.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    if path.suffix == ".mat":
        return mat_fixations(path)
    grey = decode_image_file(path, ImageReadMode.GRAY)[0].numpy()
    return np.where(grey >= 128, np.uint8(255), np.uint8(0)) if path.suffix in (".jpg", ".jpeg") else grey


def read_fixated(path: Path, size: tuple[int, int]) -> Tensor:
    """A fixation map at another size, ``(h, w)`` bool: every pixel that a fixated one reaches, so that none is lost."""
    reached: Tensor = F.resize(read_fixations(path)[None].float(), list(size), antialias=True)[0] > 0
    return reached


def mat_fixations(path: Path) -> NDArray[Any]:
    """The values of a fixation map as they are stored, ``(H, W)``; from points of observers 1 where one lies, else 0.

    Points are x and y from 1, as MATLAB counts (matthias-k/pysaliency, ``external_datasets/salicon.py``). Those outside
    the image are left out.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    variables = _load(path, [*MAPS, RESOLUTION, GAZE])
    if GAZE in variables:
        return _map_of_points(path, variables)
    name = _variable(path, variables)
    values = np.asarray(variables[name])
    if values.ndim != 2 or values.dtype.kind not in "buif":
        raise ValueError(f"{path}: variable {name!r} is no map of numbers ({values.dtype}, {values.shape})")
    return values


def mat_size(path: Path) -> tuple[int, ...]:
    """Shape of a fixation map, (height, width), without reading it.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    shapes = {name: shape for name, shape, _ in scipy.io.whosmat(path)}
    if GAZE in shapes:
        return _resolution(path, _load(path, [RESOLUTION]))
    return tuple(shapes[_variable(path, shapes)])


def _load(path: Path, names: list[str]) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return dict(scipy.io.loadmat(file, variable_names=names))
    except FileNotFoundError:
        raise FileNotFoundError(f"missing file {path}") from None
    except NotImplementedError:
        raise ValueError(f"{path}: a .mat file of version 7.3, which is not read; save it with -v7") from None
    except Exception as error:  # scipy raises many kinds for damaged files
        raise ValueError(f"unreadable fixation map {path} ({error}); fetch it again") from error


def _variable(path: Path, variables: dict[str, Any]) -> str:
    for name in MAPS:
        if name in variables:
            return name
    raise ValueError(f"{path}: no variable {' or '.join(map(repr, MAPS))} in it; fetch it again")


def _resolution(path: Path, variables: dict[str, Any]) -> tuple[int, int]:
    size = np.asarray(variables.get(RESOLUTION, SALICON_SIZE)).ravel()
    if size.shape != (2,) or size.dtype.kind not in "uif" or (size < 1).any():
        raise ValueError(f"{path}: variable {RESOLUTION!r} is no height and width ({size}); fetch it again")
    return int(size[0]), int(size[1])


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
