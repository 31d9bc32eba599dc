"""ResNet-18 with NetVLAD, trained on the sounds of VGGSound (Chen et al., ICASSP 2020; hche11/VGGSound)."""

from __future__ import annotations

from torch import Tensor, nn

from avsal_bench.models.backbones.audio_resnet import AudioResNet18
from avsal_bench.models.layers.netvlad import NetVLAD
from avsal_bench.models.published_weights import PublishedWeights


class VGGSound(nn.Module):
    """One vector for a spectrogram (11.19 M parameters).

    Args:
        width: multiplier of the channels; 1 is the published network.

    Attributes:
        channels: of the vector; 8192 at width 1.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.resnet = AudioResNet18(width)
        self.vlad = NetVLAD(self.resnet.channels)
        self.channels = self.vlad.centroids.numel()

    def forward(self, sound: Tensor) -> Tensor:
        """Embed spectrograms ``(B, 1, 257, t)`` as ``(B, channels)``, of unit length."""
        vector: Tensor = self.vlad(self.resnet(sound))
        return vector


def rename_vggsound(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of hche11/VGGSound's network with NetVLAD; None for its classifier. A foreign key comes back as it is.

    >>> [rename_vggsound(f"audnet.{key}", Tensor())[0] for key in ("layer1.0.bn1.bias", "avgpool.conv.bias")]
    ['resnet.layer1.0.bn1.bias', 'vlad.conv.bias']
    """
    name = key.removeprefix("audnet.")
    if name == key:
        return key, value
    if name.startswith("fc_."):
        return None
    return (f"vlad.{name.removeprefix('avgpool.')}" if name.startswith("avgpool.") else f"resnet.{name}"), value


WEIGHTS = (
    PublishedWeights(
        "vggsound_netvlad",
        "vggsound_netvlad.pth.tar",
        "the 309 sound classes of VGGSound, ResNet-18 with NetVLAD",
        "link in the README of hche11/VGGSound",
        "MIT repository; weights not stated",
        build=VGGSound,
        rename=rename_vggsound,
        form="names read from the authors' code, under model_state_dict; the file was not opened",
        online="http://www.robots.ox.ac.uk/~vgg/data/vggsound/models/I.pth.tar",
        trained_on=("vggsound",),
    ),
)
