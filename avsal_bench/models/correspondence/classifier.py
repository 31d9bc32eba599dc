"""What the classifiers of audio-visual consistency share (scdl2022): does the sound belong to the picture?"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.models.backbones.s3d import scale_channels

#: Channels of the four blocks of L3-Net and AVE-Net.
_CHANNELS = (64, 128, 256, 512)


class Classifier(nn.Module):
    """Two encoders that know nothing of each other, and a small layer where they meet.

    Attributes:
        frames: T, consecutive pictures that it sees.
        size: (height, width) of the pictures.
        audio: front end of what it hears.
    """

    frames: int
    size: tuple[int, int]
    audio: AudioFrontEnd

    def see(self, pictures: Tensor) -> Tensor:
        """Features ``(B, C)`` of pictures ``(B, 3, T, h, w)``, normalised by ImageNet's mean and deviation."""
        raise TypeError(f"{type(self).__name__} does not define see")

    def hear(self, sound: Tensor) -> Tensor:
        """Features ``(B, C)`` of sounds as the front end gives them."""
        raise TypeError(f"{type(self).__name__} does not define hear")

    def judge(self, seen: Tensor, heard: Tensor) -> Tensor:
        """Logits ``(B,)`` of "the sound belongs to the picture"; the probability is the sigmoid."""
        raise TypeError(f"{type(self).__name__} does not define judge")

    def forward(self, pictures: Tensor, sound: Tensor) -> Tensor:
        """Logits ``(B,)`` of pictures and sounds."""
        return self.judge(self.see(pictures), self.hear(sound))


class Blocks(nn.Sequential):
    """Four blocks of two convolutions 3x3 with batch norm and ReLU; a max pool of 2 after each of the first three.

    The convolutions have no bias: the norms would take it out again.

    Args:
        inputs: channels.
        width: multiplier of the channels; 1 is published.
        stride: of the first convolution.

    Attributes:
        channels: of the last block, 512 at width 1.
    """

    def __init__(self, inputs: int, width: float = 1.0, stride: int = 1) -> None:
        layers: list[nn.Module] = []
        for i, channels in enumerate(scale_channels(c, width) for c in _CHANNELS):
            if i:
                layers.append(nn.MaxPool2d(2))
            layers += conv_bn_relu(inputs, channels, stride if i == 0 else 1)
            layers += conv_bn_relu(channels, channels)
            inputs = channels
        super().__init__(*layers)
        self.channels = inputs


def conv_bn_relu(inputs: int, outputs: int, stride: int = 1) -> Sequence[nn.Module]:
    """A convolution 3x3 without bias, batch norm and ReLU."""
    return (
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
