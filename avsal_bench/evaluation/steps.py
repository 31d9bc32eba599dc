"""The steps that protocols are made of: each takes maps ``(B, h, w)`` and the size of the ground truth, and gives maps.

Saving steps follow the inference code of published networks, scoring steps their evaluation code; both are written
from a description of what that code does to a map, with its border rules and roundings. To name the steps of a protocol
takes no torch: it is imported where one is taken.

A step is taken where the maps are, and none of those of pixels waits for a GPU. They give the same levels there as on a
CPU: what decides a level is a single operation, or is computed in float64 and rounded once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Blur", "Clip", "EightBit", "Halve", "Jpeg", "Levels", "MinMax", "Resize", "Step", "Stretch", "to_eight_bit"]


@dataclass(frozen=True)
class EightBit:
    """Each map is scaled to 0..255 and stored as uint8; see :func:`to_eight_bit`."""

    rounding: Rounding = "down"
    low: Low = "minimum"

    def __call__(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps in uint8."""
        return to_eight_bit(maps, self.rounding, self.low)


@dataclass(frozen=True)
class Levels:
    """Values of [0, 1] are truncated to a whole number of 255ths, without any scaling."""

    def __call__(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps in 255ths."""
        return (maps.clamp(0, 1) * 255).floor() / 255


@dataclass(frozen=True)
class Jpeg:
    """8-bit maps are stored as JPEG of this quality (0 to 100) and read again; on the CPU, wherever they are."""

    quality: int

    def __call__(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps in uint8, as they are read."""
        import torch
        from torchvision.io import ImageReadMode, decode_jpeg, encode_jpeg

        files = (encode_jpeg(saliency[None], self.quality) for saliency in maps.cpu())
        return torch.stack([decode_jpeg(file, ImageReadMode.GRAY)[0] for file in files]).to(maps.device)


@dataclass(frozen=True)
class Clip:
    """Values are clipped to [0, 1]."""

    def __call__(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps within [0, 1]."""
        return maps.clamp(0, 1)


@dataclass(frozen=True)
class MinMax:
    """Each map is scaled to [0, 1]; a constant one becomes 1/2, one of zeros NaN, as in STAViS's scripts."""

    def __call__(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps from 0 to 1."""
        low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
        scaled = ((maps - low) / (high - low)).where(high > low, 0.5)
        return scaled.where((low != 0) | (high != 0), math.nan)


@dataclass(frozen=True)
class Stretch:
    """Each map, in the levels of its file, is scaled to [0, 1] as by the challenges' script; constant ones are 0."""

    def __call__(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps from 0 to a little less than 1, see :func:`~avsal_bench.metrics.arithmetic.stretched.stretch`."""
        from avsal_bench.metrics.arithmetic.stretched import stretch

        return stretch(maps)


@dataclass(frozen=True)
class Blur:
    """A Gaussian blur of the map at its own size.

    Args:
        sigma: in pixels.
        kernel: its odd width in pixels.
        border: ``symmetric``: mirrored with the edge pixel repeated (MATLAB); ``reflect``: without (OpenCV).
        log: blur the logarithm of the map, as MSPI does, whose networks predict it.
    """

    sigma: float
    kernel: int
    border: Literal["symmetric", "reflect"]
    log: bool = False

    def __call__(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps of the same size."""
        import torch

        from avsal_bench.metrics.resize import gaussian_blur

        # In float64 whatever comes, and back: 8 bits are decided by the last bit, and in float32 that differs with the
        # machine. A constant map stays one.
        if not self.log:
            return gaussian_blur(maps.double(), self.sigma, self.kernel, self.border).to(maps)
        # A zero has no logarithm: the smallest number does, and stands far below anything that is seen.
        logarithm = maps.clamp_min(torch.finfo(maps.dtype).tiny).double().log()
        return gaussian_blur(logarithm, self.sigma, self.kernel, self.border).exp().to(maps)


@dataclass(frozen=True)
class Resize:
    """Maps are resized to ``(height, width)``, by default that of the ground truth.

    Args:
        method: ``matlab``: bicubic, see :func:`~avsal_bench.metrics.resize.imresize`. ``bilinear``: of four pixels,
            without antialiasing, as OpenCV does it. ``opencv``: the same, along rows first and then along columns, so
            that rounding ties the values that OpenCV ties: areas see it. ``lanczos``: of 8-bit maps, by Pillow, so on
            the CPU wherever they are.
        target: size in pixels.
    """

    method: Literal["matlab", "bilinear", "opencv", "lanczos"]
    target: tuple[int, int] | None = None

    def __call__(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps of the size asked for."""
        height, width = self.target or size
        if self.method == "matlab":
            from avsal_bench.metrics.resize import imresize

            return imresize(maps, (height, width))
        if self.method == "opencv":
            from avsal_bench.metrics.resize import bilinear

            return bilinear(maps, (height, width))
        if self.method == "bilinear":
            from torch.nn import functional as F

            resized = F.interpolate(maps[:, None].double(), (height, width), mode="bilinear", align_corners=False)
            return resized[:, 0].to(maps)  # in float64, as a blur
        import numpy as np
        import torch
        from PIL import Image

        shrunk = [
            np.asarray(Image.fromarray(saliency).resize((width, height), Image.Resampling.LANCZOS))
            for saliency in maps.cpu().numpy()
        ]
        return torch.from_numpy(np.stack(shrunk)).to(maps.device)


@dataclass(frozen=True)
class Halve:
    """Maps are resized to half the height and width of the ground truth, rounded down, as ``Resize("bilinear")`` does.

    So are the frames that MinglangQiao/Sports_saliency reads, and its maps.
    """

    def __call__(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps of half the size of the ground truth."""
        height, width = (max(1, side // 2) for side in size)
        return Resize("bilinear", (height, width))(maps, size)


@dataclass(frozen=True)
class ResizeLog:
    """The logarithm of a map is resized to the size of the ground truth, as ``Resize("bilinear")`` does.

    So rdroste/unisal makes maps of any size: its softmax comes after it, and is this up to a factor.
    """

    def __call__(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Maps of the size of the ground truth; those that have it already as they are."""
        import torch

        if tuple(maps.shape[1:]) == tuple(size):
            return maps
        logarithm = maps.clamp_min(torch.finfo(maps.dtype).tiny).double().log()
        return Resize("bilinear")(logarithm, size).exp().to(maps)


Step = EightBit | Levels | Jpeg | Clip | MinMax | Stretch | Blur | Resize | ResizeLog | Halve
#: Of the map times 255: truncated; to the nearest; or half a level up before the nearest, as torchvision's
#: ``save_image`` together with the half that ViNet's code adds.
Rounding = Literal["down", "nearest", "half_up"]

#: What becomes level 0: a map's minimum, or the number 0. Its maximum becomes 255.
Low = Literal["minimum", "zero"]


def to_eight_bit(maps: Tensor, rounding: Rounding = "down", lowest: Low = "minimum") -> Tensor:
    """Maps ``(B, h, w)`` scaled one by one to 0..255, as uint8. Those in uint8 come back as they are.

    A constant map becomes zero everywhere: it says nothing about where people look. Finite values only.
    """
    import torch

    if maps.dtype == torch.uint8:
        return maps
    maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    constant = high == low
    if lowest == "zero":
        low = torch.zeros_like(low)
    scale = (255.0 / (high - low)).masked_fill(constant, 0.0)
    levels = ((maps - low) * scale).where(scale.isfinite(), 0.0)
    if rounding != "down":
        levels = (levels + 0.5 if rounding == "half_up" else levels).round()
    return levels.clamp(0, 255).to(torch.uint8)
