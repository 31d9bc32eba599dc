"""AVID's two encoders and heads (Morgado et al., CVPR 2021), with the names of facebookresearch/AVID-CMA.

The video encoder is an R(2+1)D-18 of its own kind: the mid width of a factored convolution is its out width, a shortcut
and what it goes around share one batch norm, and a global maximum ends it. torchvision's ``r2plus1d_18`` differs.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.published_weights import PublishedWeights

_CHANNELS = (64, 64, 128, 256, 512)


class AVID(nn.Module):
    """Both encoders, each with a head of three linear layers.

    Args:
        width: multiplier of all channels; 1 is published.

    Attributes:
        channels: of an output, 128 at width 1.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        channels = [scale_channels(c, width) for c in _CHANNELS]
        self.video_model = R2Plus1D(channels)
        self.audio_model = Conv2D(channels)
        self.channels = channels[-1] // 4
        self.video_proj = Head(channels[-1], self.channels)
        self.audio_proj = Head(channels[-1], self.channels)

    def forward(self, video: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Embed ``(B, 3, T, H, W)`` frames and ``(B, 1, 200, 257)`` spectrograms, ``(B, 128)`` each."""
        return self.see(video), self.hear(audio)

    def see(self, video: Tensor) -> Tensor:
        """Embed frames ``(B, 3, T, H, W)``, ``(B, 128)``."""
        embedded: Tensor = self.video_proj(self.video_model(video))
        return embedded

    def hear(self, audio: Tensor) -> Tensor:
        """Embed spectrograms ``(B, 1, t, f)``, ``(B, 128)``."""
        embedded: Tensor = self.audio_proj(self.audio_model(audio))
        return embedded


class R2Plus1D(nn.Module):
    """The stem, four stages of two blocks, and a global maximum.

    Args:
        channels: of the stem and of the stages.
    """

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv3d(3, channels[0], (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False),
            nn.BatchNorm3d(channels[0]),
            nn.ReLU(inplace=True),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        )
        for i, (inputs, outputs) in enumerate(pairwise(channels), start=2):
            stage = nn.Sequential(Block(inputs, outputs, 1 if i == 2 else 2), Block(outputs, outputs))
            self.add_module(f"conv{i}x", stage)

    def forward(self, video: Tensor) -> Tensor:
        """Features ``(B, 512)`` of frames ``(B, 3, T, H, W)``."""
        return self.feature(video).amax((2, 3, 4))

    def feature(self, video: Tensor) -> Tensor:
        """The last stage: ``(B, 512, T/8, H/32, W/32)``, rounded up."""
        x: Tensor = self.conv1(video)
        for i in range(2, 6):
            x = self.get_submodule(f"conv{i}x")(x)
        return x


class Block(nn.Module):
    """Two convolutions, each first in space and then in time, and a shortcut; one batch norm after the sum.

    Args:
        inputs: channels.
        outputs: channels, in the middle too.
        stride: of the first convolution, in time and space.
    """

    folds: ClassVar[tuple[tuple[str, str], ...]] = (
        ("spt_conv1", "spt_bn1"),
        ("tmp_conv1", "tmp_bn1"),
        ("spt_conv2", "spt_bn2"),
    )

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.spt_conv1 = nn.Conv3d(inputs, outputs, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False)
        self.spt_bn1 = nn.BatchNorm3d(outputs)
        self.tmp_conv1 = nn.Conv3d(outputs, outputs, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False)
        self.tmp_bn1 = nn.BatchNorm3d(outputs)
        self.spt_conv2 = nn.Conv3d(outputs, outputs, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.spt_bn2 = nn.BatchNorm3d(outputs)
        self.tmp_conv2 = nn.Conv3d(outputs, outputs, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.out_bn = nn.BatchNorm3d(outputs)
        same = inputs == outputs and stride == 1
        self.res_conv = None if same else nn.Conv3d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, T, H, W)`` to ``(B, C', T/s, H/s, W/s)``."""
        y = torch.relu(self.spt_bn1(self.spt_conv1(x)))
        y = torch.relu(self.tmp_bn1(self.tmp_conv1(y)))
        y = self.tmp_conv2(torch.relu(self.spt_bn2(self.spt_conv2(y))))
        return torch.relu(self.out_bn(y + (x if self.res_conv is None else self.res_conv(x))))


class Conv2D(nn.Module):
    """The stem, four plain blocks of two convolutions, and a global maximum.

    Args:
        channels: of the stem and of the blocks.
    """

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(1, channels[0], 7, 2, 3, bias=False), nn.BatchNorm2d(channels[0]), nn.ReLU(inplace=True)
        )
        for i, (inputs, outputs) in enumerate(pairwise(channels), start=1):
            self.add_module(f"block{i}", PlainBlock(inputs, outputs, 2 if i < 4 else 1))

    def forward(self, audio: Tensor) -> Tensor:
        """Features ``(B, 512)`` of spectrograms ``(B, 1, t, f)``."""
        return self.feature(audio).amax((2, 3))

    def feature(self, audio: Tensor) -> Tensor:
        """The last block: ``(B, 512, t/16, f/16)``, rounded up."""
        x: Tensor = self.conv1(audio)
        for i in range(1, 5):
            x = self.get_submodule(f"block{i}")(x)
        return x


class PlainBlock(nn.Module):
    """Two convolutions 3x3 with batch norm and ReLU.

    Args:
        inputs: channels.
        outputs: channels.
        stride: of the first convolution.
    """

    folds: ClassVar[tuple[tuple[str, str], ...]] = (("conv1", "bn1"), ("conv2", "bn2"))

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, t, f)`` to ``(B, C', t/s, f/s)``."""
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)))


class Head(nn.Module):
    """Three linear layers with ReLUs between.

    Args:
        inputs: channels, in the middle too.
        outputs: channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.projection = nn.Sequential(
            nn.Linear(inputs, inputs),
            nn.ReLU(inplace=True),
            nn.Linear(inputs, inputs),
            nn.ReLU(inplace=True),
            nn.Linear(inputs, outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C)`` to ``(B, C')``."""
        projected: Tensor = self.projection(x)
        return projected


_SOURCE = "https://dl.fbaipublicfiles.com/avid-cma/checkpoints/"
_LICENCE = "CC BY-NC 4.0 repository; weights not stated"

WEIGHTS = (
    PublishedWeights(
        "avid_audioset",
        "AVID_Audioset_Cross-N1024_checkpoint.pth.tar",
        "instance discrimination across modalities on AudioSet (AVID)",
        _SOURCE,
        _LICENCE,
        build=AVID,
        online="https://dl.fbaipublicfiles.com/avid-cma/checkpoints/AVID_Audioset_Cross-N1024_checkpoint.pth.tar",
        trained_on=("audioset",),
    ),
    PublishedWeights(
        "avid_kinetics",
        "AVID_Kinetics_Cross-N1024_checkpoint.pth.tar",
        "instance discrimination across modalities on Kinetics-400 (AVID)",
        _SOURCE,
        _LICENCE,
        build=AVID,
        online="https://dl.fbaipublicfiles.com/avid-cma/checkpoints/AVID_Kinetics_Cross-N1024_checkpoint.pth.tar",
        trained_on=("kinetics400",),
    ),
)
