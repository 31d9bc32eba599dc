"""Ground truth of a video, frame by frame, however its set keeps it: pictures, a film of maps, points in one file.

Everything that reads maps or fixations of a set asks here; what asks :mod:`~avsal_bench.data.files.images` has a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.fixation_files import read_fixations
from avsal_bench.data.files.image_headers import read_header, read_image_bytes
from avsal_bench.data.files.images import read_density_levels
from avsal_bench.data.files.open_readers import OpenReaders
from avsal_bench.data.files.prepared import prepared_maps
from avsal_bench.data.files.video_files import picture_size, read_levels
from avsal_bench.data.places import FixationFiles, MapFiles, PaintedMaps, PointsFile, VideoFile
from avsal_bench.files import regular_file
from avsal_bench.text import many

#: Files of points whose numbers a process keeps.
OPEN_FILES = 4

_points: OpenReaders[Sequence[NDArray[np.int64]]] = OpenReaders(OPEN_FILES)


def maps_of(video: Video) -> MapFiles:
    """Where the saliency maps of a video lie.

    Raises:
        ValueError: where its set keeps them back.
    """
    if video.densities is None:
        raise _kept_back(video)
    return video.densities


def fixations_of(video: Video) -> FixationFiles:
    """Where the fixation maps or points of a video lie.

    Raises:
        ValueError: where its set keeps them back.
    """
    if video.fixations is None:
        raise _kept_back(video)
    return video.fixations


def _kept_back(video: Video) -> ValueError:
    return ValueError(
        f"{video.key}: the authors of {video.dataset} keep the ground truth of this video back, or it was not fetched, "
        "so nothing can be scored or trained on it; its maps can be predicted, and handed in"
    )


def map_path(video: Video, frame: int) -> Path:
    """The file that holds the saliency map of a frame, from 1: to be named in errors."""
    files = maps_of(video)
    return files.path if isinstance(files, VideoFile | PaintedMaps) else files.path(frame)


def fixation_path(video: Video, frame: int) -> Path:
    """The file that says where people looked in a frame, from 1: to be named in errors."""
    files = fixations_of(video)
    return files.path if isinstance(files, PointsFile) else files.path(frame)


def map_size(video: Video) -> tuple[int, int]:
    """(height, width) of the saliency map of the first frame, without decoding it where a header tells.

    Of maps that are painted it is that of the first frame, unless the set says another.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    files = maps_of(video)
    if isinstance(files, PaintedMaps):
        if files.size is not None:
            return files.size
        files = video.frames
    if isinstance(files, VideoFile):
        return picture_size(files.path)
    path = files.path(1)
    header = read_header(path, read_image_bytes(path))
    if header is None or not all(header.size):
        raise ValueError(f"unreadable image {path}; fetch or extract it again")
    return header.size


def density_levels(video: Video, frame: int) -> Tensor:
    """The saliency map of a frame as it is stored, ``(H, W)``: uint8, uint16, or float64 as ``read_levels`` has it.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    files = maps_of(video)
    if isinstance(files, VideoFile):
        return read_levels(files.path, [frame])[0]
    if isinstance(files, PaintedMaps):
        return torch.from_numpy(files.paint(points(video, frame).numpy(), map_size(video)))
    return read_density_levels(files.path(frame))


def density(video: Video, frame: int, size: tuple[int, int] | None = None) -> Tensor:
    """The saliency map of a frame, ``(h, w)`` float32 in [0, 1], resized bilinearly to ``size``.

    One of a film comes from the prepared form where it holds this size; prepared or not, it has steps of 1/65535.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    if size is not None and isinstance(video.densities, VideoFile):
        ready = prepared_maps(video, size)
        levels = small_levels(video, frame, size) if ready is None else ready[frame - 1]
        return torch.from_numpy(levels.astype(np.float32)) / 65535
    return _density(video, frame, size)


def small_levels(video: Video, frame: int, size: tuple[int, int]) -> NDArray[np.uint16]:
    """The saliency map of a frame, from the originals, resized bilinearly to ``size``: ``(h, w)`` in steps of 1/65535.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    return (_density(video, frame, size).numpy() * 65535).round().clip(0, 65535).astype(np.uint16)


def _density(video: Video, frame: int, size: tuple[int, int] | None) -> Tensor:
    stored = density_levels(video, frame)[None]
    most = 65535 if stored.dtype != torch.uint8 else 255
    grey = stored.float() / most
    if size is not None:
        grey = F.resize(grey, list(size), antialias=True)
    return grey[0]


def points(video: Video, frame: int, within: tuple[int, int] | None = None) -> Tensor:
    """Where people looked in a frame, ``(N, 2)`` int64: row and column from 0 in the fixation map.

    Of a file of points each stands there as often as it is listed; of a fixation map each fixated pixel once.

    Args:
        video: whose file is read.
        frame: from 1.
        within: height and width of the picture that each point of a file of points must lie in; None: not looked at.

    Raises:
        FileNotFoundError, ValueError: naming the file, and a point outside of the picture.
    """
    files = fixations_of(video)
    if not isinstance(files, PointsFile):
        return read_fixations(files.path(frame)).nonzero()
    found = _all_points(video, files)
    if not 1 <= frame <= len(found):
        raise ValueError(
            f"{files.path}: no frame {frame}, the file has points of {many(len(found), 'frame')}; fetch it again"
        )
    of_frame = torch.from_numpy(found[frame - 1]).long()
    if within is not None:
        _check_within(of_frame, within, files.path, frame)
    return of_frame


def check_points(video: Video, within: tuple[int, int]) -> None:
    """Nothing, where a file of points has those of each frame of its video, all of them within the fixation map.

    Args:
        video: whose fixations are points.
        within: (height, width) of the fixation map.

    Raises:
        FileNotFoundError, ValueError: as :func:`points`.
    """
    for frame in range(1, video.n_frames + 1):
        points(video, frame, within)


def _check_within(of_frame: Tensor, size: tuple[int, int], path: Path, frame: int) -> None:
    (height, width), (rows, columns) = size, of_frame.unbind(1)
    outside = (rows < 0) | (columns < 0) | (rows >= height) | (columns >= width)
    if outside.any():
        first = int(outside.nonzero()[0])
        raise ValueError(
            f"{path}: frame {frame} has a point at row {int(rows[first])} and column {int(columns[first])}, "
            f"outside of {many(height, 'row')} and {many(width, 'column')}; are rows and columns swapped?"
        )


def fixations(video: Video, frame: int) -> Tensor:
    """The fixation map of a frame, ``(H, W)`` bool.

    Raises:
        FileNotFoundError, ValueError: naming the file, and a point outside of the map.
    """
    files = fixations_of(video)
    if not isinstance(files, PointsFile):
        return read_fixations(files.path(frame))
    size = files.size or map_size(video)
    rows, columns = points(video, frame, size).unbind(1)
    mask = torch.zeros(size, dtype=torch.bool)
    mask[rows, columns] = True
    return mask


def fixated(video: Video, frame: int, size: tuple[int, int]) -> Tensor:
    """The fixation map of a frame at another size, ``(h, w)`` bool: each pixel that a fixated one reaches."""
    reached: Tensor = F.resize(fixations(video, frame)[None].float(), list(size), antialias=True)[0] > 0
    return reached


def _all_points(video: Video, files: PointsFile) -> Sequence[NDArray[np.int64]]:
    found = regular_file(files.path, links=True).stat()
    key = (files.path, found.st_size, found.st_mtime_ns, files.read, video.key, video.n_frames)
    return _points.get(key, lambda: files.read(files.path, video))
