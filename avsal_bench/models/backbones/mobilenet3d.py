"""MobileNetV2 (Sandler et al., CVPR 2018), inflated to clips and with a quarter of its channels, as TinyHD has it.

The keys of the state dict are those of torchvision's ``features``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avsal_bench.models.layers.inverted_residual import ConvNormReLU6, InvertedResidual, Triple
from avsal_bench.models.published_weights import PublishedWeights

#: Channels, how many blocks, and stride of the first, of each group of blocks after the first convolution; the first
#: group does not expand. A quarter of torchvision's channels.
_GROUPS: tuple[tuple[int, int, Triple], ...] = (
    (4, 1, (1, 1, 1)),
    (6, 2, (1, 2, 2)),
    (8, 3, (2, 2, 2)),
    (16, 4, (2, 2, 2)),
    (24, 3, (1, 1, 1)),
    (40, 3, (1, 2, 2)),
    (80, 1, (1, 1, 1)),
)
#: The first block at a 32nd of the frame.
_COARSE = 14


class MobileNet3D(nn.ModuleList):
    """The first convolution, the blocks 1 to 17, and the last convolution, 18.

    Args:
        fold_time: whether block 14 folds its two steps of time to one, and no kernel after it reaches through time.

    Attributes:
        channels: of the outputs of blocks 1 to 18.
    """

    def __init__(self, fold_time: bool = False) -> None:
        super().__init__([ConvNormReLU6(3, 8, (3, 3, 3), (2, 2, 2))])
        inputs = 8
        for group, (outputs, blocks, first) in enumerate(_GROUPS):
            for block in range(blocks):
                stride: Triple = (1, 1, 1) if block else first
                time = 3 if not fold_time or len(self) < _COARSE else 2 if len(self) == _COARSE else 1
                expansion = 6 if group else 1
                self.append(InvertedResidual(inputs, outputs, expansion, (time, 3, 3), stride, residual=block > 0))
                inputs = outputs
        self.append(ConvNormReLU6(inputs, 320))
        self.channels = (*(outputs for outputs, blocks, _ in _GROUPS for _ in range(blocks)), 320)
        for layer in self.modules():
            if isinstance(layer, nn.Conv3d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Encode ``(B, 3, T, H, W)``.

        Returns:
            What blocks 1 to 18 give, ``(B, c, t, h, w)`` with c of ``channels``. For T = 16: t = 8 at h = H/2 (1),
            8 at H/4 (2, 3), 4 at H/8 (4 to 6), 2 at H/16 (7 to 13), and 2, or 1 with ``fold_time``, at H/32.
        """
        x = frames
        found = []
        for block in self:
            x = block(x)
            found.append(x)
        return found[1:]


def rename_torchvision(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of torchvision's ``mobilenet_v2`` as one of ours, for an encoder that keeps its two steps of time.

    Every four neighbouring channels become their mean, and a kernel 3x3 stands in each of three steps of time, as
    feiyanhu/tinyHD makes a start of it. The classifier has no place here.

    >>> name, weight = rename_torchvision("features.2.conv.1.0.weight", torch.zeros(96, 1, 3, 3))
    >>> name, list(weight.shape)
    ('2.conv.1.0.weight', [24, 1, 3, 3, 3])
    """
    if key.startswith("classifier."):
        return None
    if value.ndim and value.is_floating_point():
        value = torch.unflatten(value, 0, (-1, 4)).mean(1)
    if value.ndim == 4:
        if value.shape[1] > 3:
            value = torch.unflatten(value, 1, (-1, 4)).mean(2)
        value = value[:, :, None].expand(-1, -1, value.shape[2], -1, -1)
    return key.removeprefix("features."), value


WEIGHTS = (
    PublishedWeights(
        "mobilenetv2_torchvision",
        "mobilenet_v2-b0353104.pth",
        "ImageNet-1k, MobileNet_V2_Weights.IMAGENET1K_V1 of torchvision; a quarter of its channels",
        "the model pages of torchvision, MobileNetV2",
        "BSD-3-Clause repository; weights not stated",
        build=MobileNet3D,
        sha256="b0353104",
        online="torchvision:MobileNet_V2_Weights.IMAGENET1K_V1",
        rename=rename_torchvision,
        form="names of torchvision's network; the checksum is the one in the name; the file was not opened",
    ),
)
