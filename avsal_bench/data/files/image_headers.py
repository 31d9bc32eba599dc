"""What the header of a PNG or JPEG says, before memory is taken for its pixels."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from avsal_bench.files import regular_file

#: Pixels of an image or array that are read, unless the environment says more: a map of 10,000 by 10,000.
MAX_PIXELS = 100_000_000
#: The variable of the environment that says how many.
LIMIT = "AVSAL_MAX_PIXELS"
#: Bytes of a file for each pixel that is allowed: the widest numbers that are read have 16.
BYTES = 16

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
#: PNG's type of a palette of colours, and the channels of a JPEG of inks.
_PALETTE, _CMYK = 3, 4
#: Markers of JPEG that start a frame and hold its size, and those that stand alone.
_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_ALONE = {0x01, *range(0xD0, 0xD8)}
_SCAN, _EXIF = 0xDA, 0xE1
_ORIENTATION, _UPRIGHT = 0x0112, 1


@dataclass(frozen=True)
class ImageHeader:
    """What is known of an image before it is decoded.

    Args:
        size: (height, width) in pixels.
        palette: whether the pixels are numbers of colours.
        transparent: whether a palette has colours that are seen through.
        inks: whether the four channels of a JPEG are inks (CMYK), not light.
        turned: whether viewers turn or mirror it, as its EXIF data ask for.
    """

    size: tuple[int, int]
    palette: bool = False
    transparent: bool = False
    inks: bool = False
    turned: bool = False


def max_pixels() -> int:
    """Pixels that an image or array may have.

    Raises:
        ValueError: for a limit in the environment that is no number of pixels.
    """
    text = os.environ.get(LIMIT, "")
    if not text:
        return MAX_PIXELS
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError(f"{LIMIT}={text!r}: expected a number of pixels, such as {MAX_PIXELS}")
    return int(text)


def check_pixels(path: Path, shape: tuple[int, ...]) -> None:
    """Nothing, where an image or array of this shape may be read.

    Raises:
        ValueError: naming the file and its size, for more than :func:`max_pixels`.
    """
    pixels, most = 1, max_pixels()
    for length in shape:
        pixels *= length
    if pixels > most:
        size = "x".join(map(str, shape))
        raise ValueError(
            f"{path}: its header says {size}, {pixels:,} pixels, and at most {most:,} are read; "
            f"if that is meant, set {LIMIT}={pixels}"
        )


def read_image_bytes(path: Path) -> bytes:
    """The bytes of an image that may be decoded.

    Raises:
        FileNotFoundError, ValueError: naming the file, when it is missing, no regular file, or too large.
    """
    return regular_file(path, BYTES * max_pixels(), links=True).read_bytes()


def read_header(path: Path, data: bytes) -> ImageHeader | None:
    """The header of an image; None for what is no image at all.

    Raises:
        ValueError: naming the file, when it claims more pixels than are read.
    """
    read = _png if data.startswith(_PNG) else _jpeg if data.startswith(_JPEG) else _other
    try:
        header = read(data)
    except (struct.error, IndexError):
        return None
    if header is not None:
        check_pixels(path, header.size)
    return header


def _png(data: bytes) -> ImageHeader:
    width, height, _, colours = struct.unpack_from(">IIBB", data, 16)
    kinds = set(_png_chunks(data))
    return ImageHeader(
        size=(height, width),
        palette=colours == _PALETTE,
        transparent=colours == _PALETTE and b"tRNS" in kinds,
        turned=b"eXIf" in kinds and _is_turned(data),
    )


def _png_chunks(data: bytes) -> Iterator[bytes]:
    """Kinds of the chunks before the pixels."""
    place = len(_PNG)
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"IDAT":
            return
        yield kind
        place += 12 + length


def _jpeg(data: bytes) -> ImageHeader | None:
    place, turned = 2, False
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return None
        marker = data[place + 1]
        if marker == 0xFF or marker in _ALONE:
            place += 1 if marker == 0xFF else 2
            continue
        if marker == _SCAN:
            return None
        (length,) = struct.unpack_from(">H", data, place + 2)
        if marker in _FRAME:
            _, height, width, channels = struct.unpack_from(">BHHB", data, place + 4)
            return ImageHeader((height, width), inks=channels == _CMYK, turned=turned)
        if marker == _EXIF and data[place + 4 : place + 8] == b"Exif":
            turned = _is_turned(data)
        place += 2 + length
    return None


def _other(data: bytes) -> ImageHeader | None:
    """The header of another kind of image, as Pillow reads it."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return ImageHeader((image.height, image.width))
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error
    except (OSError, ValueError, SyntaxError):
        return None


def _is_turned(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return bool(image.getexif().get(_ORIENTATION, _UPRIGHT) != _UPRIGHT)
    except Exception:  # Pillow raises many kinds for damaged EXIF data, which says nothing of the pixels
        return False
