"""Frames of a video, from pictures, a video file or the prepared form; who asks does not know which.

Whatever is missing or unreadable is an error that names the file; nothing is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.images import decode_image_file
from avsal_bench.data.files.prepared import prepared_frames, prepared_sound_of
from avsal_bench.data.files.readers.video_reader import read_pictures
from avsal_bench.data.files.video_files import picture_size
from avsal_bench.data.places import VideoFile
from avsal_bench.data.windows import Window
from avsal_bench.spec import ClipSpec, Filter
from avsal_bench.text import many

#: Pillow's name of a filter that is taken from there.
_PILLOWS = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}


def read_frame(path: Path, size: tuple[int, int]) -> Tensor:
    """One frame as ``(3, h, w)`` uint8 RGB, resized by antialiased bilinear interpolation."""
    image = decode_image_file(path, ImageReadMode.RGB)
    resized: Tensor = F.resize(image, list(size), antialias=True)
    return resized


def read_frames(
    video: Video,
    numbers: Sequence[int],
    size: tuple[int, int] | None,
    antialias: bool = True,
    pictures: Sequence[tuple[int, int]] = (),
    by: Filter = "bilinear",
) -> Tensor:
    """Frames of a video by their numbers from 1, in that order, ``(3, T, h, w)`` uint8 RGB.

    They come from the prepared form where it holds this size (bilinear and antialiased always), else from the pictures
    or the video file. One picture at its own size is in memory at a time.

    Args:
        video: whose files are read.
        numbers: of the frames; one may stand there twice.
        size: (height, width) of the result; None for that of the files.
        antialias: see :class:`~avsal_bench.spec.ClipSpec`.
        pictures: likewise; they are never prepared.
        by: ``filter`` there.

    Raises:
        FileNotFoundError, ValueError: naming the file and the frame.
    """
    return _stacked(video, numbers, size, antialias, pictures, by, 1)


def read_pool(
    video: Video,
    numbers: Sequence[int],
    size: tuple[int, int],
    antialias: bool = True,
    pictures: Sequence[tuple[int, int]] = (),
    by: Filter = "bilinear",
) -> Tensor:
    """As :func:`read_frames`, frame by frame: ``(N, 3, h, w)``; of no frame nothing."""
    if not numbers:
        return torch.empty((0, 3, *size), dtype=torch.uint8)
    return _stacked(video, numbers, size, antialias, pictures, by, 0)


def _stacked(
    video: Video,
    numbers: Sequence[int],
    size: tuple[int, int] | None,
    antialias: bool,
    pictures: Sequence[tuple[int, int]],
    by: Filter,
    axis: int,
) -> Tensor:
    """Frames, counted along an axis of the result; see :func:`read_frames`."""
    if outside := [n for n in numbers if not 1 <= n <= video.n_frames]:
        raise ValueError(f"{video.key}: frame {outside[0]} is not in a video of {many(video.n_frames, 'frame')}")
    if size is not None and antialias and by == "bilinear" and not pictures:
        ready = _prepared_frames(video, size)
        if ready is not None:
            frames = torch.from_numpy(ready[np.asarray(numbers) - 1])
            # Contiguous, as without the prepared form: the memory layout decides the last digits of a convolution.
            return frames.permute(*((0, 3, 1, 2) if axis == 0 else (3, 0, 1, 2))).contiguous()
    found: dict[int, Tensor] = {}
    for n in sorted(set(numbers)):
        picture = _read(video, n)
        if size is not None:
            picture = _together([resized(picture, one, antialias, by) for one in pictures or (size,)])
        found[n] = picture
    sizes = {tuple(picture.shape[1:]): n for n, picture in found.items()}
    if len(sizes) > 1:
        listed = ", ".join(f"{height}x{width} (frame {n})" for (height, width), n in sizes.items())
        raise ValueError(f"{video.key}: frames of several sizes, {listed}; extract them again")
    return torch.stack([found[n] for n in numbers], dim=axis)


def _together(pictures: Sequence[Tensor]) -> Tensor:
    """Pictures ``(3, h, w)`` one below the other, each in the middle of its rows, with black beside."""
    wide = max(picture.shape[-1] for picture in pictures)
    return torch.cat([F.pad(picture, [(wide - picture.shape[-1]) // 2, 0]) for picture in pictures], dim=1)


def read_clip(
    video: Video,
    clip: Window,
    size: tuple[int, int],
    antialias: bool = True,
    pictures: Sequence[tuple[int, int]] = (),
    by: Filter = "bilinear",
) -> Tensor:
    """The frames of a clip in its order, ``(3, T, h, w)`` uint8."""
    return read_frames(video, clip.frames, size, antialias, pictures, by)


def resized(picture: Tensor, size: tuple[int, int], antialias: bool = True, by: Filter = "bilinear") -> Tensor:
    """A picture ``(3, H, W)`` uint8 at another (height, width), see :class:`~avsal_bench.spec.ClipSpec`."""
    if by == "bilinear":
        small: Tensor = F.resize(picture, list(size), antialias=antialias)
        return small
    if not antialias:
        # Not in 8 bits, where what overshoots is cut off once along each side.
        exact: Tensor = F.resize(picture.float(), list(size), InterpolationMode.BICUBIC, antialias=False)
        return exact.round_().clamp_(0, 255).to(torch.uint8)
    image = Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy())
    filtered = image.resize((size[1], size[0]), _PILLOWS[by])
    return torch.from_numpy(np.array(filtered)).permute(2, 0, 1).contiguous()


def in_order(video: Video, spec: ClipSpec) -> bool:
    """Whether frames of a spec cost least where one process reads them one after the other: from a video file."""
    return isinstance(video.frames, VideoFile) and not (spec.plain_frames and is_prepared(video, spec.size))


def _read(video: Video, number: int) -> Tensor:
    """One frame as it is stored, ``(3, H, W)`` uint8."""
    if isinstance(video.frames, VideoFile):
        return read_pictures(video.frames.path, [number])[0]
    return decode_image_file(video.frames.path(number), ImageReadMode.RGB)


def frame_size(video: Video) -> tuple[int, int]:
    """(height, width) of the frames of a video as they are stored, from its first frame."""
    if isinstance(video.frames, VideoFile):
        return picture_size(video.frames.path)
    height, width = _read(video, 1).shape[-2:]
    return height, width


def is_prepared(video: Video, size: tuple[int, int], sample_rate: int | None = None) -> bool:
    """Whether the prepared form of a video holds frames of this size, and sound of this rate if one is given."""
    if _prepared_frames(video, size) is None:
        return False
    return sample_rate is None or video.silent or prepared_sound_of(video, sample_rate) is not None


def _prepared_frames(video: Video, size: tuple[int, int]) -> np.ndarray | None:
    if video.prepared is None or not video.prepared.is_dir():
        return None
    return prepared_frames(video.prepared, size, video.n_frames)
