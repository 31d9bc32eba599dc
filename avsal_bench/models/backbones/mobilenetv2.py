"""MobileNetV2 (Sandler et al., CVPR 2018): of frames, and inflated to clips with a quarter of its channels.

The keys of the state dicts are those of torchvision's ``features``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2

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
#: Of the network of frames, the blocks whose output is also there before it is halved.
_TAPPED = (7, 14)


class MobileNetV2(nn.ModuleList):
    """That of torchvision up to its last convolution, with two stages before they are halved, as UNISAL has it.

    Args:
        width: multiplier of the channels; the last convolution has 1280 if it is not above 1.

    Attributes:
        channels: of the outputs.
    """

    def __init__(self, width: float = 1.0) -> None:
        features = mobilenet_v2(weights=None, width_mult=width).features
        super().__init__(features)
        for place in _TAPPED:
            features[place].conv[1][0].stride = (1, 1)
        self.channels = tuple(features[place].conv[-1].num_features for place in _TAPPED)
        self.channels += (features[-1][0].out_channels,)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode ``(N, 3, H, W)``.

        Returns:
            ``(N, c, H/8, W/8)``, ``(N, c, H/16, W/16)`` and ``(N, c, H/32, W/32)``, with c of ``channels``.
        """
        x, tapped = frames, []
        for place, block in enumerate(self):
            x = block(x)
            if place in _TAPPED:
                tapped.append(x)
                x = x[:, :, ::2, ::2]
        return tapped[0], tapped[1], x


class MobileNet3D(nn.ModuleList):
    """Of clips: the first convolution, the blocks 1 to 17, and the last convolution, 18.

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


#: Where a layer of a block of tonylins's code stands in one of torchvision's; the first block does not expand.
_LAYERS = {"0": "0.0", "1": "0.1", "3": "1.0", "4": "1.1", "6": "2", "7": "3"}
_FIRST_LAYERS = {"0": "0.0", "1": "0.1", "3": "1", "4": "2"}


def rename_tonylins(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of the ``MobileNetV2`` of tonylins/pytorch-mobilenet-v2, which UNISAL's code holds, as one of ours.

    >>> rename_tonylins("features.2.conv.3.weight", torch.zeros(1))[0]
    '2.conv.1.0.weight'
    >>> rename_tonylins("features.18.1.bias", torch.zeros(1))[0]
    '18.1.bias'
    """
    if key.startswith("classifier."):
        return None
    if key.startswith("conv."):
        return f"18.{key.removeprefix('conv.')}", value
    block, dot, rest = key.removeprefix("features.").partition(".conv.")
    if not dot:
        return key.removeprefix("features."), value
    layer, _, kind = rest.partition(".")
    layers = _FIRST_LAYERS if block == "1" else _LAYERS
    return f"{block}.conv.{layers.get(layer, layer)}.{kind}", value


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
        trained_on=("imagenet",),
    ),
    PublishedWeights(
        "mobilenetv2_tonylins",
        "mobilenet_v2.pth.tar",
        "ImageNet-1k, all channels",
        "link in the README of tonylins/pytorch-mobilenet-v2",
        "not stated",
        build=MobileNetV2,
        rename=rename_tonylins,
        form="names of UNISAL's code, which starts from it; those of the last convolution are a guess; not opened",
        trained_on=("imagenet",),
    ),
)
