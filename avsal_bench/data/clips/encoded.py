"""Frames that go to the device as files in JPEG, and are decoded and resized there: a GPU does so by nvJPEG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms.v2 import functional as F

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import is_prepared
from avsal_bench.data.files.image_headers import read_header, read_image_bytes
from avsal_bench.data.places import VideoFile
from avsal_bench.spec import ClipSpec

_JPEG = b"\xff\xd8"


@dataclass(frozen=True)
class EncodedClip:
    """The frames of a clip as files, each once.

    Args:
        files: ``(n,)`` uint8, the bytes of all of them, one file after the other; one tensor, as each that reading
            processes share takes a file descriptor.
        lengths: bytes of each file.
        names: paths of the files, for errors.
        order: which file each frame of the clip is.
        size: (height, width) of the frames that are made of them.
        antialias: see :class:`~avsal_bench.spec.ClipSpec`.
        flipped: whether the frames are turned left-right.
    """

    files: Tensor
    lengths: tuple[int, ...]
    names: tuple[str, ...]
    order: tuple[int, ...]
    size: tuple[int, int]
    antialias: bool = True
    flipped: bool = False

    def flip(self) -> EncodedClip:
        """The clip turned left-right."""
        return replace(self, flipped=not self.flipped)

    def frames(self, device: torch.device) -> Tensor:
        """What :func:`~avsal_bench.data.files.frames.read_clip` gives, ``(3, T, h, w)`` uint8, on a device.

        Pixels that a GPU decodes and resizes differ from those of a CPU by rounding; those of a CPU do not.

        Raises:
            ValueError: naming the file that cannot be decoded there.
        """
        pictures = self._decoded(device)
        small = [F.resize(picture, list(self.size), antialias=self.antialias) for picture in pictures]
        clip = torch.stack([small[place] for place in self.order], dim=1)
        return clip.flip(-1) if self.flipped else clip

    def _decoded(self, device: torch.device) -> list[Tensor]:
        files = list(torch.split(self.files, list(self.lengths)))
        try:
            pictures: list[Tensor] = decode_jpeg(files, ImageReadMode.RGB, device)
            return pictures
        except RuntimeError:  # which names no file
            for file, name in zip(files, self.names, strict=True):
                try:
                    decode_jpeg([file], ImageReadMode.RGB, device)
                except RuntimeError as error:
                    reason = str(error).splitlines()[0]
                    raise ValueError(
                        f"unreadable image {name} ({reason}, on {device}); fetch or extract it again, or let the CPU "
                        "decode it, without --decode gpu"
                    ) from error
            raise  # each of them is fine, such as where memory is short


def frames_in_bytes(videos: Sequence[Video], spec: ClipSpec) -> int:
    """How many frames of the spec have the bytes of a file: twice the largest first one, as others may be larger."""
    firsts = [video.frames.path(1) for video in videos if not isinstance(video.frames, VideoFile)]
    largest = max((path.stat().st_size for path in firsts if path.is_file()), default=0)
    return max(1, math.ceil(2 * largest / (3 * math.prod(spec.size))))


def read_encoded(video: Video, numbers: Sequence[int], spec: ClipSpec) -> EncodedClip | None:
    """Frames of a video by their numbers from 1, as files; None where they are read in the usual way.

    These are frames of the prepared form, of video files, and those that are wanted at several sizes or by another
    filter than bilinear, and pictures that are no JPEG of light (inks are left to the CPU), or nothing that can be
    read, which the usual way tells.

    Raises:
        FileNotFoundError, ValueError: naming the file, when it is missing, no regular file or too large.
    """
    if isinstance(video.frames, VideoFile) or spec.pictures or spec.filter != "bilinear":
        return None
    if spec.plain_frames and is_prepared(video, spec.size):
        return None
    distinct = sorted(set(numbers))
    paths = [video.frames.path(number) for number in distinct]
    files = []
    for path in paths:
        files.append(read_image_bytes(path))
        header = read_header(path, files[-1])
        if header is None or header.inks or not files[-1].startswith(_JPEG):
            return None
    return EncodedClip(
        torch.frombuffer(bytearray(b"".join(files)), dtype=torch.uint8),
        tuple(map(len, files)),
        tuple(map(str, paths)),
        tuple(map(distinct.index, numbers)),
        spec.size,
        spec.antialias,
    )
