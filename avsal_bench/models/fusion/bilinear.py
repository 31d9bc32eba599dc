"""The bilinear fusion of STAViS, and those of STAViS and AViNet as other networks try them (mspi2024, Table 5).

The latter two lose the time of the picture first, and give the same shape: a feature of ``width`` channels for every
position.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Channels of either side of STAViS's bilinear layer, and of what it gives.
AFFINE, FUSED = 128, 64


class BilinearFusion(nn.Module):
    """STAViS's own: the sound of the clip meets every position of the picture, at its middle, in a bilinear layer.

    Args:
        channels: of layer2.
        audio_channels: of the sound's feature.
    """

    def __init__(self, channels: int, audio_channels: int) -> None:
        super().__init__()
        self.affine_rgb = nn.Linear(channels, AFFINE)
        self.affine_audio = nn.Linear(audio_channels, AFFINE)
        self.w_a_rgb = nn.Bilinear(AFFINE, AFFINE, FUSED)

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Fuse ``(B, channels, T/4, h, w)`` and ``(B, audio_channels)`` to ``(B, 64, 8h, 8w)``."""
        return enlarge(self.small(visual, audio))

    def small(self, visual: Tensor, audio: Tensor) -> Tensor:
        """As :meth:`forward`, before it is enlarged: ``(B, 64, h, w)``."""
        middle = visual.shape[2] // 2
        seen = visual[:, :, middle - 1 : middle + 1].mean(2).permute(0, 2, 3, 1)
        seen, heard = F.relu(self.affine_rgb(seen)), F.relu(self.affine_audio(audio))
        # The sound is the same everywhere, so it first makes a matrix for the clip of the layer's weights.
        matrix = torch.einsum("oij,bj->boi", self.w_a_rgb.weight, heard)
        return torch.einsum("boi,bhwi->bohw", matrix, seen) + self.w_a_rgb.bias[:, None, None]


def enlarge(fused: Tensor) -> Tensor:
    """From the size of layer2 to that of the frames, ``(B, C, h, w)`` to ``(B, C, 8h, 8w)``."""
    return F.interpolate(fused, scale_factor=8, mode="bilinear", align_corners=False)


class ChannelBilinear(nn.Module):
    """Over the channels, position by position, with the picture averaged over time (stavis2020, atsiami/STAViS).

    Args:
        channels: of the picture's feature.
        audio_channels: of the sound's.
        width: channels of the result.
        affine: channels of either side of the bilinear layer; 128 in STAViS.
    """

    def __init__(self, channels: int, audio_channels: int, width: int, affine: int = 128) -> None:
        super().__init__()
        self.visual = nn.Linear(channels, affine)
        self.audio = nn.Linear(audio_channels, affine)
        self.bilinear = nn.Bilinear(affine, affine, width)

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Fuse ``(B, channels, T, h, w)`` and ``(B, audio_channels, F, T')`` to ``(B, width, T, h, w)``.

        All T steps are the same.
        """
        seen = F.relu(self.visual(visual.mean(2).permute(0, 2, 3, 1)))
        heard = F.relu(self.audio(audio.mean((2, 3))))
        # The sound is the same everywhere, so it first makes a matrix for the clip of the layer's weights.
        matrix = torch.einsum("oij,bj->boi", self.bilinear.weight, heard)
        fused = torch.einsum("boi,bhwi->bohw", matrix, seen) + self.bilinear.bias[:, None, None]
        return fused[:, :, None].expand(-1, -1, visual.shape[2], -1, -1)


def layer_of_positions(grid: tuple[int, int, int], tokens: int) -> nn.Bilinear:
    """AViNet's bilinear layer: of every second column of the picture with the sound, to every position.

    Args:
        grid: (T, h, w) of the picture's feature.
        tokens: positions of the sound's.
    """
    t, h, w = grid
    return nn.Bilinear(h * math.ceil(w / 2), tokens, t * h * w)


def over_positions(layer: nn.Bilinear, visual: Tensor, audio: Tensor) -> Tensor:
    """Fuse ``(B, C, T, h, w)`` and ``(B, C, tokens)`` to ``(B, C, T, h, w)`` by :func:`layer_of_positions`.

    Of the picture the maximum over time is taken, in every second column. The channels share the weights: they are a
    batch axis here.
    """
    t = visual.shape[2]
    seen = F.max_pool3d(visual, (t, 1, 1), (t, 1, 2)).flatten(2)
    # Under autocast the two may differ in type, and the layer takes its own.
    kind = layer.weight.dtype
    fused: Tensor = layer(seen.to(kind), audio.contiguous().to(kind))
    return fused.reshape(*fused.shape[:2], *visual.shape[2:])


class SpatialBilinear(nn.Module):
    """Over the positions, channel by channel, with the maximum of the picture over time (vinet2021, samyak0210/ViNet).

    As in AViNet, every second column is read. Its two features have the same number of channels; here a linear layer
    brings the picture's to the sound's.

    Args:
        channels: of the picture's feature.
        width: of the sound's feature, and of the result.
        grid: (T, h, w) of the picture's feature.
        tokens: positions of the sound's.
    """

    def __init__(self, channels: int, width: int, grid: tuple[int, int, int], tokens: int) -> None:
        super().__init__()
        self.visual = nn.Conv3d(channels, width, 1)
        self.bilinear = layer_of_positions(grid, tokens)

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Fuse ``(B, channels, T, h, w)`` and ``(B, width, F, T')`` to ``(B, width, T, h, w)``."""
        return over_positions(self.bilinear, self.visual(visual), audio.flatten(2))
