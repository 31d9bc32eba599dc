"""L3-Net (Arandjelovic and Zisserman, "Look, Listen and Learn", ICCV 2017) as a classifier of consistency."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avsal_bench.audio.correspondence import SecondSpectrogram
from avsal_bench.models.correspondence.classifier import Blocks, Classifier


class L3Net(Classifier):
    """One picture and one second of sound, each to 512 features; both together through two linear layers.

    Args:
        size: (height, width) of the picture.
        width: multiplier of all channels; 1 is published (9.5 M parameters).
    """

    frames = 1
    audio = SecondSpectrogram()

    def __init__(self, size: tuple[int, int] = (224, 224), width: float = 1.0) -> None:
        super().__init__()
        self.size = (size[0], size[1])
        self.picture = Blocks(3, width)
        self.sound = Blocks(1, width)
        hidden = self.picture.channels // 4
        self.head = nn.Sequential(
            nn.Linear(2 * self.picture.channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, 2)
        )

    def see(self, pictures: Tensor) -> Tensor:
        """See :meth:`Classifier.see`; ``(B, 512)``."""
        blocks: Tensor = self.picture(pictures[:, :, 0])
        return blocks.amax((2, 3))

    def hear(self, sound: Tensor) -> Tensor:
        """See :meth:`Classifier.hear`; ``(B, 512)``."""
        blocks: Tensor = self.sound(sound)
        return blocks.amax((2, 3))

    def judge(self, seen: Tensor, heard: Tensor) -> Tensor:
        """See :meth:`Classifier.judge`; the difference of the two logits, whose sigmoid is their softmax."""
        logits: Tensor = self.head(torch.cat([seen, heard], 1))
        return logits[:, 1] - logits[:, 0]
