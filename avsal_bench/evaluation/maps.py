"""Saliency maps on the disk, made by any code: which file belongs to which frame, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.io import ImageReadMode

from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.files.images import decode_image_file
from avsal_bench.files import sha256

SUFFIXES = (".png", ".jpg", ".jpeg", ".npy")
_LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")


@dataclass
class VideoMaps:
    """The map files of one video.

    Args:
        video: of the test list.
        files: of the frames 1 to n that have one.
        extra: files of maps that belong to no frame of the list.
    """

    video: Video
    files: dict[int, Path] = field(default_factory=dict)
    extra: list[Path] = field(default_factory=list)

    @property
    def missing(self) -> list[int]:
        """Frames of the list without a file."""
        return [frame for frame in range(1, self.video.n_frames + 1) if frame not in self.files]


def find_maps(root: Path, video: Video, first: int = 1) -> VideoMaps:
    """Find the maps of a video, in any layout of :data:`~avsal_bench.map_layouts.LAYOUTS`.

    Args:
        root: folder of the maps.
        video: of the test list.
        first: number that the file of the first frame has.

    Raises:
        ValueError: when two files are of the same frame.
    """
    found = VideoMaps(video)
    for path in _candidates(root, video):
        number = _LAST_NUMBER.search(path.stem.removeprefix(video.name))
        frame = int(number[1]) - first + 1 if number else 0
        if not 1 <= frame <= video.n_frames:
            found.extra.append(path)
        elif frame in found.files:
            raise ValueError(
                f"{video.key}: {found.files[frame]} and {path} are both of frame {frame}; leave one of them"
            )
        else:
            found.files[frame] = path
    return found


def counts_from_zero(found: Sequence[VideoMaps], first: int) -> bool:
    """Whether the files look as if their numbers began one earlier: each video has such a file and lacks its last."""
    present = [maps for maps in found if maps.files]
    return bool(present) and all(
        maps.missing == [maps.video.n_frames] and any(_number(path) == first - 1 for path in maps.extra)
        for maps in present
    )


def _number(path: Path) -> int | None:
    number = _LAST_NUMBER.search(path.stem)
    return int(number[1]) if number else None


def _parents(root: Path, video: Video) -> list[Path]:
    """Folders that may hold the folder of a video."""
    return [root, root / dataset(video.dataset).folder, root / video.dataset, root / "maps"]


def other_folders(root: Path, videos: Sequence[Video]) -> list[Path]:
    """Folders of maps beside those of the videos of a test list; a typing error may be among them."""
    names = {video.name for video in videos}
    parents = {parent for video in videos for parent in _parents(root, video) if (parent / video.name).is_dir()}
    beside = {path for parent in parents for path in parent.iterdir() if path.is_dir() and path.name not in names}
    return sorted(path for path in beside - parents if any(_is_map(file) for file in path.iterdir()))


def _candidates(root: Path, video: Video) -> list[Path]:
    """Files that may be maps of a video."""
    for folder in (parent / video.name for parent in _parents(root, video)):
        if folder.is_dir():
            return sorted(path for path in folder.iterdir() if _is_map(path))
    prefixes = tuple(f"{video.name}{mark}" for mark in "_-.")
    return sorted(path for path in root.iterdir() if _is_map(path) and path.name.startswith(prefixes))


def _is_map(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_map(path: Path) -> Tensor:
    """A saliency map ``(h, w)``: uint8 from an 8-bit image, as it stands there; else float32 or float64.

    Raises:
        FileNotFoundError, ValueError: naming the file, when it is missing, unreadable, no map, or holds NaN, infinity
            or negative values.
    """
    if path.suffix.lower() != ".npy":
        return _grey(decode_image_file(path, ImageReadMode.UNCHANGED), path)
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"unreadable map {path} ({error}); write it again") from error
    squeezed = np.squeeze(array)
    if squeezed.ndim != 2 or squeezed.dtype.kind not in "fuib":
        raise ValueError(f"{path}: expected numbers (height, width), got {array.dtype} of shape {array.shape}")
    if squeezed.dtype == np.uint8:
        return torch.from_numpy(squeezed.copy())
    saliency = torch.from_numpy(squeezed.astype(np.promote_types(squeezed.dtype, np.float32)))
    if not saliency.isfinite().all():
        raise ValueError(f"{path}: the map holds NaN or infinity")
    if saliency.min() < 0:
        raise ValueError(
            f"{path}: the map holds negative values, the least is {saliency.min().item():.4g}; write a density: "
            "of logits the sigmoid, of a logarithm the exponential"
        )
    return saliency


def _grey(image: Tensor, path: Path) -> Tensor:
    """The map in an image ``(C, h, w)``; a picture in colours is none."""
    if image.dtype != torch.uint8:
        image = image.float() / 65535
    colours = image[:3] if len(image) > 2 else image[:1]
    # JPEG may move the channels of a grey picture apart by a level or two.
    if (colours.float().amax(0) - colours.float().amin(0)).max() > (3 if image.dtype == torch.uint8 else 0.01):
        raise ValueError(f"{path}: a picture in colours; give the map itself, in grey")
    return colours[0]


@dataclass(frozen=True)
class MapCheck:
    """What one look at a map file tells: its problem ("" when there is none), SHA-256, size, type, and whether all its
    pixels are the same."""

    problem: str
    sha256: str = ""
    size: tuple[int, int] = (0, 0)
    dtype: str = ""
    constant: bool = False


def check_map(path: Path) -> MapCheck:
    """Read a map and say what is wrong with it."""
    try:
        saliency = read_map(path)
        digest = sha256(path)
    except (OSError, ValueError) as error:
        return MapCheck(str(error))
    constant = bool((saliency == saliency[0, 0]).all())
    return MapCheck("", digest, (saliency.shape[0], saliency.shape[1]), str(saliency.dtype).split(".")[1], constant)
