"""Saliency by self-resemblance, space-time version (seo2009): salient is what its neighbours in space and time are not.

H. Seo, P. Milanfar, "Static and space-time visual saliency detection by self-resemblance", J. Vision 9(12), 2009, with
the parameters of the authors' space-time demo. Around every voxel the local geometry of the gradients steers a kernel
(LARK), a vector of 27 weights; a voxel is salient where its kernel resembles few of the kernels around it. It sees nine
frames. Decisions:

4. The space-time version, not the static one.
5. Brightness is scaled by the deviation of the window's nine frames; the authors scale by that of their whole clip.

Edge pixels are repeated in space. In time nothing is: the map of the middle frame needs four frames on either side. A
frame, or a window, without any contrast is not scaled.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.models.base import Network
from avsal_bench.models.baselines.classical import FLAT, SIZE, rgb_spec, to_frame, unit
from avsal_bench.models.registry import register_model

#: (height, width) at which it works.
GRID = (64, 64)
#: Sharpness of the kernels by the strength of the gradients, their width, and how strict resemblance is.
ALPHA, WIDTH, SIGMA = 0.42, 1.0, 0.7
#: Saliency that varies by less is the rounding of a constant clip; that of a still picture varies by 1e-9.
SAME = 1e-12
#: Weights of Rec. 601 for the luminance of RGB.
LUMINANCE = (0.299, 0.587, 0.114)
#: A disk of radius 1 on a slice of pixels: centre, edge and corner, as parts of its sum.
DISK = (0.3183, 0.1453, 0.0251)
#: Offsets (t, y, x) of the voxels around one, itself included.
AROUND = tuple(product((-1, 0, 1), repeat=3))
#: Pairs of axes of the six entries of a symmetric matrix.
ENTRIES = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


@register_model("seo", title="Self-resemblance", paper="seo2009", tiny={"size": (64, 96)})
class SEO(Network):
    """The whole model: gradients, their geometry, kernels, resemblance.

    Args:
        size: (height, width) of the frames.
    """

    luminance: Tensor
    weights: Tensor

    def __init__(self, size: tuple[int, int] = SIZE) -> None:
        super().__init__()
        self.spec = rgb_spec(9, size, target="middle")
        self.register_buffer("luminance", torch.tensor(LUMINANCE).view(3, 1, 1, 1), persistent=False)
        self.register_buffer("weights", window_weights(), persistent=False)

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, 9, h, w)`` RGB in [0, 1] to the saliency of the middle frame ``(B, h, w)`` in [0, 1].

        Raises:
            ValueError: for a clip of another shape.
        """
        self.check_frames(frames)
        grey = (frames * self.luminance).sum(1)
        small = F.interpolate(grey, GRID, mode="bilinear", antialias=True)
        kernels = lark(steering(tensor_of(gradients(contrast(small)), self.weights), self.weights.sum()))
        saliency = unit(unresembled(kernels), SAME)
        return unit(to_frame(saliency[:, None], self.spec.size).clamp_min(0))[:, 0].float()


def contrast(grey: Tensor) -> Tensor:
    """Brightness ``(B, T, h, w)`` divided by the deviation of each frame, then by that of all."""
    for axes in ((2, 3), (1, 2, 3)):
        deviation = grey.std(axes, keepdim=True)
        grey = grey / deviation.where(deviation > FLAT, 1)
    return grey


def gradients(grey: Tensor) -> Tensor:
    """Central differences along t, y and x ``(B, 3, T - 2, h, w)`` of ``(B, T, h, w)``."""
    steps = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    return torch.stack([(shifted(grey, s) - shifted(grey, (-s[0], -s[1], -s[2]))) / 2 for s in steps], 1)


def window_weights() -> Tensor:
    """Weights ``(3, 3, 3)`` of the gradients in a window (t, y, x).

    A disk on each slice times Gaussians of deviation 1 over (x, t) and over (y, t), divided by the slice's centre.
    """
    squares = torch.tensor([offset[0] ** 2 + offset[1] ** 2 for offset in product((-1, 0, 1), repeat=2)])
    disk = torch.tensor(DISK)[squares].view(3, 3)
    bell = torch.exp(-(torch.arange(-1, 2) ** 2) / 2)
    weights = disk * (bell[:, None, None] * bell) * (bell[:, None, None] * bell[:, None])
    return weights / weights[:, 1:2, 1:2]


def tensor_of(slopes: Tensor, weights: Tensor) -> Tensor:
    """Sums of products of the weighted gradients in the window of each voxel: the structure tensor G^T G.

    Gradients ``(B, 3, T, h, w)`` give its six entries ``(B, 6, T - 2, h, w)`` float64, in the order of ``ENTRIES``.
    """
    # The smallest eigenvalue is the square of the smallest singular value of G: float32 would lose it.
    slopes = slopes.double()
    products = torch.stack([slopes[:, i] * slopes[:, j] for i, j in ENTRIES], 1)
    padded = F.pad(products, (1, 1, 1, 1, 0, 0), mode="replicate")
    squared = (weights.double() ** 2).view(1, 1, 3, 3, 3)
    return F.conv3d(padded.flatten(0, 1)[:, None], squared).view(*products.shape[:2], -1, *products.shape[3:])


def steering(tensor: Tensor, total: Tensor) -> Tensor:
    """The matrix that steers a kernel, from the singular values s and vectors v of G.

    C = ((s1 s2 s3 + 1e-7) / sum K)^alpha sum S_i v_i v_i^T with S1 = (s1 + 1) / (sqrt(s2 s3) + 1), and so on.

    Args:
        tensor: six entries ``(B, 6, T, h, w)`` of G^T G.
        total: sum K of the weights.

    Returns:
        Six entries of C, of the same shape.
    """
    rows = [tensor[:, [0, 3, 4]], tensor[:, [3, 1, 5]], tensor[:, [4, 5, 2]]]
    values, vectors = torch.linalg.eigh(torch.stack(rows, 1).permute(0, 3, 4, 5, 1, 2))
    s = values.clamp_min(0).sqrt()
    s1, s2, s3 = s.unbind(-1)
    shape = (s + 1) / (torch.stack([s2 * s3, s3 * s1, s1 * s2], -1).sqrt() + 1)
    strength = ((s1 * s2 * s3 + 1e-7) / total) ** ALPHA
    steers = strength[..., None, None] * (vectors * shape[..., None, :]) @ vectors.mT
    return torch.stack([steers[..., i, j] for i, j in ENTRIES], 1)


def lark(steers: Tensor) -> Tensor:
    """Kernels ``(B, 27, T - 2, h, w)`` of sum 1, each weight steered by the C of its own voxel ``(B, 6, T, h, w)``."""
    kernels = []
    for offset in AROUND:
        factors = torch.tensor([(1 + (i != j)) * offset[i] * offset[j] for i, j in ENTRIES]).to(steers)
        bent = (factors.view(-1, 1, 1, 1) * steers).sum(1)
        kernels.append(torch.exp(-shifted(bent, offset) / (2 * WIDTH**2)))
    weights = torch.stack(kernels, 1)
    return weights / weights.sum(1, keepdim=True)


def unresembled(kernels: Tensor) -> Tensor:
    """Saliency ``(B, h, w)`` of the middle one of three frames of kernels ``(B, 27, 3, h, w)``.

    It is 1 / sum over the 27 voxels around of exp((rho - 1) / sigma^2), rho the cosine of both kernels.
    """
    directions = F.normalize(kernels, dim=1)
    middle = directions[:, :, 1]
    total = torch.zeros_like(middle[:, 0])
    for offset in AROUND:
        beside = shifted(directions.flatten(0, 1), offset).view(middle.shape)
        total += torch.exp(((beside * middle).sum(1) - 1) / SIGMA**2)
    return 1 / total


def shifted(volumes: Tensor, offset: tuple[int, ...]) -> Tensor:
    """Volumes ``(B, T, h, w)`` at an offset (t, y, x) of -1, 0 or 1, ``(B, T - 2, h, w)``; edge pixels are repeated."""
    t, y, x = (1 + step for step in offset)
    steps, height, width = volumes.shape[1:]
    padded = F.pad(volumes, (1, 1, 1, 1), mode="replicate")
    return padded[:, t : t + steps - 2, y : y + height, x : x + width]
