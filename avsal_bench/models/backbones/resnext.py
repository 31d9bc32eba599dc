"""ResNeXt-101 32x8d (Xie et al., CVPR 2017) as the encoder of single frames; from timm.

The state dict has torchvision's keys: ``conv1``, ``bn1``, ``layer1.0.conv1`` and so on; there is no classifier.
"""

from __future__ import annotations

from typing import Any, ClassVar

import timm
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.published_weights import PublishedWeights

_LAYERS = ("layer1", "layer2", "layer3", "layer4")


class ResNeXt101(nn.Module):
    """ResNeXt-101 with 32 groups of 8 channels, without pooling and classifier at the end (86.74 M parameters).

    Args:
        width: multiplier of the channels of the four stages; 1 is the published network. The stem keeps its 64.
        blocks: of each stage.

    Attributes:
        channels: of layer2, layer3 and layer4; (512, 1024, 2048) at width 1.
    """

    folds: ClassVar[tuple[tuple[str, str], ...]] = (("conv1", "bn1"),)

    def __init__(self, width: float = 1.0, blocks: tuple[int, int, int, int] = (3, 4, 23, 3)) -> None:
        super().__init__()
        widths = tuple(scale_channels(channels, width) for channels in (64, 128, 256, 512))
        # As torchvision's, whose weights these are: no batch norm starts at zero.
        whole: Any = timm.create_model("resnext101_32x8d", layers=tuple(blocks), channels=widths, zero_init_last=False)
        self.conv1: nn.Module = whole.conv1
        self.bn1: nn.Module = whole.bn1
        for name in _LAYERS:
            self.add_module(name, whole.get_submodule(name))
        self.channels = tuple(4 * channels for channels in widths[1:])

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode ``(N, 3, H, W)``, normalised by ImageNet's mean and deviation.

        Returns:
            What leaves layer2, layer3 and layer4, at 1/8, 1/16 and 1/32 of the sides, rounded up.
        """
        x: Tensor = F.max_pool2d(F.relu(self.bn1(self.conv1(frames))), 3, 2, 1)
        eighth = self.get_submodule("layer2")(self.get_submodule("layer1")(x))
        sixteenth = self.get_submodule("layer3")(eighth)
        return eighth, sixteenth, self.get_submodule("layer4")(sixteenth)


def rename_torchvision(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of torchvision's ``resnext101_32x8d``, whose names are ours; its classifier has no place here."""
    return None if key.startswith("fc.") else (key, value)


WEIGHTS = (
    PublishedWeights(
        "resnext101_32x8d_wsl",
        "ig_resnext101_32x8-c38310e5.pth",
        "hashtags of 940 million Instagram pictures, then ImageNet-1k",
        "resnext101_32x8d_wsl of facebookresearch/WSL-Images; timm's resnext101_32x8d.fb_wsl_ig1b_ft_in1k",
        "CC BY-NC 4.0, by the card of timm's copy",
        build=ResNeXt101,
        sha256="c38310e5",
        rename=rename_torchvision,
        form="names of torchvision's network; the checksum is the one in the name; the file was not opened",
        online="https://download.pytorch.org/models/ig_resnext101_32x8-c38310e5.pth",
        trained_on=("instagram", "imagenet"),
    ),
)
