"""AVE-Net (Arandjelovic and Zisserman, "Objects that Sound", ECCV 2018) as a classifier of consistency."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.audio.correspondence import SecondSpectrogram
from avsal_bench.models.correspondence.classifier import Blocks, Classifier


class AVENet(Classifier):
    """One picture and one second of sound, each to a unit vector of 128; their distance alone decides.

    rohitrango/objects-that-sound has batch norms for the unit length and a mean square for the distance; the paper's
    are here.

    Args:
        size: (height, width) of the picture.
        width: multiplier of all channels; 1 is published (9.5 M parameters).
    """

    frames = 1
    audio = SecondSpectrogram()

    def __init__(self, size: tuple[int, int] = (224, 224), width: float = 1.0) -> None:
        super().__init__()
        self.size = (size[0], size[1])
        self.picture = Blocks(3, width, stride=2)
        self.sound = Blocks(1, width, stride=2)
        channels = self.picture.channels
        self.picture_head, self.sound_head = (
            nn.Sequential(
                nn.Linear(channels, channels // 4), nn.ReLU(inplace=True), nn.Linear(channels // 4, channels // 4)
            )
            for _ in range(2)
        )
        self.head = nn.Linear(1, 2)

    def see(self, pictures: Tensor) -> Tensor:
        """See :meth:`Classifier.see`; ``(B, 128)`` of length 1."""
        return F.normalize(self.picture_head(self.picture(pictures[:, :, 0]).amax((2, 3))))

    def hear(self, sound: Tensor) -> Tensor:
        """See :meth:`Classifier.hear`; ``(B, 128)`` of length 1."""
        return F.normalize(self.sound_head(self.sound(sound).amax((2, 3))))

    def judge(self, seen: Tensor, heard: Tensor) -> Tensor:
        """See :meth:`Classifier.judge`; the difference of the two logits, whose sigmoid is their softmax."""
        distance = torch.linalg.vector_norm(seen - heard, dim=1, keepdim=True)
        logits: Tensor = self.head(distance)
        return logits[:, 1] - logits[:, 0]
