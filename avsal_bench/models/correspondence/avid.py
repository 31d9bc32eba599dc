"""AVID as a classifier of consistency (scdl2022, section V).

scdl2022 calls it identical to AVID, which has no classifier: it tells the sound of a clip from those of others by the
cosine of its two outputs. Here ``p = sigmoid(s cos + b)`` with learnt s and b, the counterpart of AVE-Net's last layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.audio.correspondence import DecibelSpectrogram
from avsal_bench.models.backbones.avid import AVID
from avsal_bench.models.correspondence.classifier import Classifier

#: AVID's temperature.
TEMPERATURE = 0.07


class AVIDClassifier(Classifier):
    """Eight pictures and two seconds of sound, each to 128 features; their cosine alone decides.

    Args:
        size: (height, width) of the pictures.
        width: multiplier of all channels; 1 is published.
    """

    frames = 8
    audio = DecibelSpectrogram()

    def __init__(self, size: tuple[int, int] = (224, 224), width: float = 1.0) -> None:
        super().__init__()
        self.size = (size[0], size[1])
        self.avid = AVID(width)
        self.scale = nn.Parameter(torch.tensor(1 / TEMPERATURE))
        self.bias = nn.Parameter(torch.tensor(0.0))

    def see(self, pictures: Tensor) -> Tensor:
        """See :meth:`Classifier.see`; ``(B, 128)`` of length 1."""
        return F.normalize(self.avid.see(pictures))

    def hear(self, sound: Tensor) -> Tensor:
        """See :meth:`Classifier.hear`; ``(B, 128)`` of length 1."""
        return F.normalize(self.avid.hear(sound))

    def judge(self, seen: Tensor, heard: Tensor) -> Tensor:
        """See :meth:`Classifier.judge`."""
        return self.scale * (seen * heard).sum(1) + self.bias
