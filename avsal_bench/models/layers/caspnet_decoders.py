"""The three decoders of CASP-Net's Table 1 (caspnet2023): ``sal``, the network's own, ``fcn`` and ``unet``.

No code is published. The text gives the kinds of layers and Table 1 the numbers of parameters (2.49, 1.77 and 3.94 M);
kernels and channels here meet both, and other layouts would too. A convolution has no bias where a batch norm is next
to it. All take the features of 16 frames: 8, 8, 4 and 2 time steps, of 1/4, 1/8, 1/16 and 1/32 of the size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.layers.resample import upsample

#: Time steps of the four stages; the dense blocks leave those of the last one.
STEPS = (8, 8, 4, 2)


class SalDecoder(nn.Module):
    """A dense block a stage, which also brings time to 2 steps; then from coarse to fine, sums and generation blocks.

    Args:
        width: C of the features.
        growth: channels of a layer of the dense blocks.
        inner: channels after them, even.
    """

    #: That the decoder reads, of 1 (fine) to 4 (coarse).
    stages: ClassVar[tuple[int, ...]] = (1, 2, 3, 4)

    def __init__(self, width: int, growth: int, inner: int) -> None:
        super().__init__()
        self.dense = nn.ModuleList()
        for steps in STEPS:
            fold = steps // STEPS[-1]
            block = DenseBlock(width, growth)
            align = _norm_relu_conv(block.channels, inner, (fold, 1, 1), stride=(fold, 1, 1))
            self.dense.append(nn.Sequential(block, *align))
        self.generate = nn.ModuleList(nn.Sequential(*_norm_relu_conv(inner, inner, (3, 3, 3))) for _ in STEPS)
        self.refine = _conv_norm_relu(inner, inner // 2, (1, 3, 3))
        self.head = nn.Conv3d(inner // 2, 1, (2, 3, 3), padding=(0, 1, 1))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Decode the features ``(B, C, T_i, h_i, w_i)`` of all stages, fine to coarse, to ``(B, H, W)`` in [0, 1]."""
        dense = [block(feature) for block, feature in zip(self.dense, features, strict=True)]
        fused = self.generate[3](dense[3])
        for stage in (2, 1, 0):
            fused = self.generate[stage](dense[stage] + upsample(fused))
        return torch.sigmoid(self.head(upsample(self.refine(fused), 4))[:, 0, 0])


class DenseBlock(nn.Module):
    """Three layers of a dense block (Huang et al., CVPR 2017): BN, ReLU, conv 1 to 4 ``growth``, BN, ReLU, conv 3.

    Attributes:
        channels: of the result, ``inputs + 3 growth``.
    """

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for _ in range(3):
            narrow = _norm_relu_conv(inputs, 4 * growth, (1, 1, 1))
            self.layers.append(nn.Sequential(*narrow, *_norm_relu_conv(4 * growth, growth, (3, 3, 3))))
            inputs += growth
        self.channels = inputs

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, T, h, w)`` to ``(B, channels, T, h, w)``: the input, then what each layer adds."""
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class FCNDecoder(nn.Module):
    """Five 3D deconvolutions, each with ReLU and batch norm, on the fourth stage alone.

    Args:
        width: C of the feature.
        inner: channels of the last three.
    """

    stages: ClassVar[tuple[int, ...]] = (4,)

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        inputs = width
        for outputs in (2 * inner, 2 * inner, inner, inner, inner):
            deconv = nn.ConvTranspose3d(inputs, outputs, 3, (1, 2, 2), 1, (0, 1, 1), bias=False)
            self.layers.extend([deconv, nn.ReLU(True), nn.BatchNorm3d(outputs)])
            inputs = outputs
        self.head = nn.Conv3d(inner, 1, 3, stride=(2, 1, 1), padding=1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Decode ``[(B, C, 2, h, w)]`` to ``(B, 32h, 32w)`` in [0, 1]."""
        (deepest,) = features
        return torch.sigmoid(self.head(self.layers(deepest))[:, 0, 0])


class UNetDecoder(nn.Module):
    """3D convolutions and trilinear upsampling by turns, with skips by concatenation.

    Args:
        width: C of the features.
        inner: channels of the third and fourth convolution, even.
    """

    stages: ClassVar[tuple[int, ...]] = (1, 2, 3, 4)

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        outputs = (2 * inner, 2 * inner, inner)
        self.skips = nn.ModuleList()
        deeper = width
        for channels in outputs:
            self.skips.append(_conv_norm_relu(deeper + width, channels, (3, 3, 3)))
            deeper = channels
        self.enlarge = nn.ModuleList(_conv_norm_relu(inner, channels, (3, 3, 3)) for channels in (inner, inner // 2))
        self.time = _conv_norm_relu(inner // 2, inner // 2, (STEPS[0], 1, 1))
        self.head = nn.Conv3d(inner // 2, 1, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Decode the features ``(B, C, T_i, h_i, w_i)`` of all stages, fine to coarse, to ``(B, H, W)`` in [0, 1]."""
        *finer, x = features
        for block, skip in zip(self.skips, reversed(finer), strict=True):
            x = F.interpolate(x, skip.shape[2:], mode="trilinear")
            x = block(torch.cat([x, skip], dim=1))
        for block in self.enlarge:
            x = block(upsample(x))
        return torch.sigmoid(self.head(self.time(x))[:, 0, 0])


def _conv(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: tuple[int, int, int] = (1, 1, 1)
) -> nn.Conv3d:
    """A convolution without bias; padded where the kernel is 3, so that only folded time changes its size."""
    t, h, w = (k // 2 if k == 3 else 0 for k in kernel)
    return nn.Conv3d(inputs, outputs, kernel, stride, (t, h, w), bias=False)


def _norm_relu_conv(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: tuple[int, int, int] = (1, 1, 1)
) -> list[nn.Module]:
    return [nn.BatchNorm3d(inputs), nn.ReLU(True), _conv(inputs, outputs, kernel, stride)]


def _conv_norm_relu(inputs: int, outputs: int, kernel: tuple[int, int, int]) -> nn.Sequential:
    return nn.Sequential(_conv(inputs, outputs, kernel), nn.BatchNorm3d(outputs), nn.ReLU(True))
