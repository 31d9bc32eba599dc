"""VGG-16 (Simonyan and Zisserman, 2015) at an eighth of the frame, as the encoder of single frames.

The keys of the state dict are torchvision's.
"""

from __future__ import annotations

from torch import Tensor, nn

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.published_weights import PublishedWeights

#: Channels of the convolutions of each block.
_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VGG16(nn.Module):
    """The thirteen convolutions 3x3, each with ReLU, as ACLNet has them: the fourth pooling does not halve.

    That one has the stride 1 and a row and a column more at the bottom and right ("same" of Keras); the fifth is left
    out. Weights start as torchvision's do.

    Args:
        width: multiplier of the channels.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for block, outputs in enumerate(_BLOCKS):
            if block == 4:
                # After a ReLU a zero is never more than what the window holds.
                layers.append(nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.MaxPool2d(2, 1)))
            elif block:
                layers.append(nn.MaxPool2d(2))
            for channels in outputs:
                channels = scale_channels(channels, width)
                layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU(inplace=True)]
                inputs = channels
        self.channels = inputs
        self.features = nn.Sequential(*layers)
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, frames: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)``, H and W multiples of 8, to ``(B, channels, H/8, W/8)``, 512 channels at full width."""
        features: Tensor = self.features(frames)
        return features


def rename_torchvision(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of torchvision's ``vgg16``; its classifier has no place here."""
    return None if key.startswith("classifier.") else (key, value)


WEIGHTS = (
    PublishedWeights(
        "vgg16_imagenet",
        "vgg16-397923af.pth",
        "ImageNet-1k, VGG16_Weights.IMAGENET1K_V1 of torchvision",
        "the model pages of torchvision, VGG16",
        "BSD-3-Clause repository; weights not stated",
        build=VGG16,
        sha256="397923af",
        rename=rename_torchvision,
        form="names of torchvision's network; the checksum is the one in the name; the file was not opened",
        online="torchvision:VGG16_Weights.IMAGENET1K_V1",
        trained_on=("imagenet",),
    ),
)
