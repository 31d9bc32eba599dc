"""Images of strangers to tensors: frames and maps."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms.v2 import functional as F

from avsal_bench.data.files.image_headers import ImageHeader, read_header, read_image_bytes
from avsal_bench.text import many

#: Levels of 255 by which the channels of a grey picture may differ: JPEG moves them apart by a level or two.
GREY_LEVELS = 3


def decode_image_file(path: Path, mode: ImageReadMode) -> Tensor:
    """An image ``(C, H, W)`` as it is stored: uint8, or uint16 from a PNG of 16 bits.

    Raises:
        FileNotFoundError, ValueError: naming the file, when it is missing, no regular file, too large or unreadable.
    """
    data = read_image_bytes(path)
    read_header(path, data)
    return _decode(data, mode, path)


def read_grey(path: Path) -> Tensor:
    """The map in an image ``(H, W)``, uint8, or uint16 from a PNG of 16 bits: its values as they are stored.

    Colours of a palette are looked up. A picture in colours is no map, nor is one that is seen through: the map may lie
    in either part. Where EXIF data turn a picture, its pixels and what a viewer shows differ.

    Raises:
        FileNotFoundError, ValueError: naming the file, when it is missing, no regular file, too large or no map.
    """
    return _stored(path)[1][0]


def read_mean(path: Path) -> Tensor:
    """The map in an image ``(H, W)`` as :func:`read_grey` has it, but of channels that differ a little their mean.

    That is float64 in the levels of the file.

    Raises:
        FileNotFoundError, ValueError: as for :func:`read_grey`.
    """
    image = _stored(path)[1]
    return image[0] if (image == image[:1]).all() else image.double().mean(0)


def read_density_levels(path: Path) -> Tensor:
    """A ground-truth saliency map ``(H, W)`` as :func:`read_grey` has it, but of three channels their luminance.

    Raises:
        FileNotFoundError, ValueError: as for :func:`read_grey`.
    """
    return _luminance(path, colours=False)


def read_luminance(path: Path) -> Tensor:
    """The luminance ``(H, W)`` of an image in grey or colours, with the other rules of :func:`read_grey`.

    Raises:
        FileNotFoundError, ValueError: as for :func:`read_grey`, but for colours.
    """
    return _luminance(path, colours=True)


def read_density(path: Path, size: tuple[int, int] | None = None) -> Tensor:
    """A ground-truth saliency map of 8 or 16 bits as ``(H, W)`` float32 in [0, 1], resized bilinearly to ``size``.

    Raises:
        FileNotFoundError, ValueError: as for :func:`read_grey`.
    """
    stored = read_density_levels(path)[None]
    grey = stored.float() / torch.iinfo(stored.dtype).max
    if size is not None:
        grey = F.resize(grey, list(size), antialias=True)
    return grey[0]


def _luminance(path: Path, colours: bool) -> Tensor:
    data, image = _stored(path, colours)
    return image[0] if len(image) == 1 else _decode(data, ImageReadMode.GRAY, path)[0]


def _decode(data: bytes, mode: ImageReadMode, path: Path) -> Tensor:
    try:
        image: Tensor = decode_image(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"unreadable image {path} ({reason}); fetch or extract it again") from error
    if image.ndim != 3:
        raise ValueError(f"{path}: {many(len(image), 'picture')} in one file, expected one; save each as PNG")
    return image


def _stored(path: Path, colours: bool = False) -> tuple[bytes, Tensor]:
    """The bytes of a file, and the channels ``(C, H, W)`` of its picture, without the one of transparency."""
    data = read_image_bytes(path)
    header = read_header(path, data) or ImageHeader((0, 0))
    mode = ImageReadMode.UNCHANGED
    if header.turned:
        raise ValueError(f"{path}: its EXIF data turn the picture; save the map upright, without EXIF data")
    if header.palette:  # else the numbers of the colours would be taken for their values
        mode = ImageReadMode.RGB_ALPHA if header.transparent else ImageReadMode.RGB
    elif header.inks:
        mode = ImageReadMode.RGB
    image = _decode(data, mode, path)
    levels = image.float() * (255 / torch.iinfo(image.dtype).max)
    if len(image) in (2, 4):
        _check_opaque(levels, path)
        image, levels = image[:-1], levels[:-1]
    if not colours and len(image) > 1 and (apart := (levels.amax(0) - levels.amin(0)).max()) > GREY_LEVELS:
        raise ValueError(
            f"{path}: a picture in colours, its channels are up to {apart:.0f} of 255 apart; give the map itself, "
            "in grey"
        )
    return data, image


def _check_opaque(levels: Tensor, path: Path) -> None:
    """Raise ValueError where the last channel hides pixels, unless it is the map again and nothing is in doubt."""
    alpha = levels[-1]
    if alpha.min() < 255 and not (levels == alpha).all():
        raise ValueError(
            f"{path}: partly transparent, its alpha channel goes from {alpha.min():.0f} to {alpha.max():.0f} of 255, "
            "and the map may lie in it; write the map itself, in grey without alpha"
        )
