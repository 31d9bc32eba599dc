"""Images of strangers to tensors: frames and maps."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms.v2 import functional as F


def decode_image_file(path: Path, mode: ImageReadMode) -> Tensor:
    """An image ``(C, H, W)`` as it is stored: uint8, or uint16 from a PNG of 16 bits.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    try:
        data = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
        image: Tensor = decode_image(data, mode)
        return image
    except FileNotFoundError:
        raise FileNotFoundError(f"missing file {path}") from None
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"unreadable image {path} ({reason}); fetch or extract it again") from error


def read_density(path: Path, size: tuple[int, int] | None = None) -> Tensor:
    """A ground-truth saliency map of 8 or 16 bits as ``(H, W)`` float32 in [0, 1], resized bilinearly to ``size``."""
    stored = decode_image_file(path, ImageReadMode.GRAY)
    grey = stored.float() / torch.iinfo(stored.dtype).max
    if size is not None:
        grey = F.resize(grey, list(size), antialias=True)
    return grey[0]
