"""ResNet-18 of a spectrogram, as the audio encoder of MSPI (oraclefina/MSPI, ``audnet``); from timm.

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


class AudioResNet18(nn.Module):
    """ResNet-18 with a stem of one channel, without pooling and classifier at the end (11.17 M parameters).

    Args:
        width: multiplier of the channels of the four stages; 1 is the published network. The stem keeps its 64.

    Attributes:
        channels: that leave it; 512 at width 1.
    """

    folds: ClassVar[tuple[tuple[str, str], ...]] = (("conv1", "bn1"),)

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        widths = tuple(scale_channels(channels, width) for channels in (64, 128, 256, 512))
        # timm starts the last batch norm of a block at zero, which would make a fresh encoder that stays frozen blind.
        whole: Any = timm.create_model("resnet18", in_chans=1, channels=widths, zero_init_last=False)
        self.conv1: nn.Module = whole.conv1
        self.bn1: nn.Module = whole.bn1
        for name in _LAYERS:
            self.add_module(name, whole.get_submodule(name))
        self.channels = widths[-1]

    def forward(self, sound: Tensor) -> Tensor:
        """Encode spectrograms ``(B, 1, F, t)`` to ``(B, channels, F/32, t/32)``, rounded up.

        ``(257, 111)`` becomes 9 frequencies and 4 times.
        """
        x: Tensor = F.max_pool2d(F.relu(self.bn1(self.conv1(sound))), 3, 2, 1)
        for name in _LAYERS:
            x = self.get_submodule(name)(x)
        return x


WEIGHTS = (
    PublishedWeights(
        "resnet18_vggsound",
        "resnet18_vggsound.pt",
        "sound classes of VGGSound, without classifier; MSPI's audio encoder, which stays as it is",
        "named in config.py of oraclefina/MSPI, which does not say where to get it",
        "not stated",
        build=AudioResNet18,
        form="a flat state dict without fc, as oraclefina/MSPI reads it; the file was not opened",
        trained_on=("vggsound",),
    ),
)
