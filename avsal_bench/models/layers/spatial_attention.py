"""Spatial attention by the features of single images (mspi2024, Eq. 4)."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.layers.resample import upsample


class Mask(nn.Module):
    """The spatial attention of one stage, from the image features.

    Args:
        inputs: channels of the image features.
        squeezed: channels that they are brought to first.
        factor: from their size to that of the stage.
        norm: makes a batch norm.
    """

    def __init__(self, inputs: int, squeezed: int, factor: int, norm: partial[nn.BatchNorm3d]) -> None:
        super().__init__()
        self.factor = factor
        self.conv = nn.Conv3d(inputs, squeezed, 3, padding=1, bias=False)
        self.bn = norm(squeezed)
        self.score = nn.Conv3d(squeezed, 1, (1, 3, 3), padding=(0, 1, 1))

    def forward(self, saliency: Tensor) -> Tensor:
        """Make ``(B, inputs, 4, h, w)`` the mask ``(B, 1, 4, factor h, factor w)`` in [0, 1]."""
        squeezed = F.relu(self.bn(self.conv(saliency)))
        return torch.sigmoid(self.score(upsample(squeezed, self.factor)))
