"""S3D, the separable 3D Inception network (Xie et al., ECCV 2018), as the encoder of a clip.

The keys of the state dict are those of samyak0210/ViNet's ``backbone``; ``WEIGHTS`` are published ones by other names.
"""

from __future__ import annotations

import re
from functools import partial
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.layers.shared.time_steps import Steps
from avsal_bench.models.published_weights import PublishedWeights

_Norm = partial[nn.BatchNorm3d]
#: What S3D gives, finest first.
Stages = tuple[Tensor, Tensor, Tensor, Tensor]


class BasicConv(nn.Module):
    """Convolution 1x1x1 without bias, batch norm, ReLU."""

    folds: ClassVar[tuple[tuple[str, str], ...]] = (("conv", "bn"),)

    def __init__(self, inputs: int, outputs: int, norm: _Norm) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 1, bias=False)
        self.bn = norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, T, H, W)`` to ``(B, outputs, T, H, W)``."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


class SeparableConv(nn.Module):
    """A convolution in space, then one in time, each without bias and with batch norm and ReLU."""

    folds: ClassVar[tuple[tuple[str, str], ...]] = (("conv_s", "bn_s"), ("conv_t", "bn_t"))

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, norm: _Norm) -> None:
        super().__init__()
        k, s, p = kernel, stride, kernel // 2
        self.conv_s = nn.Conv3d(inputs, outputs, (1, k, k), (1, s, s), (0, p, p), bias=False)
        self.bn_s = norm(outputs)
        self.conv_t = nn.Conv3d(outputs, outputs, (k, 1, 1), (s, 1, 1), (p, 0, 0), bias=False)
        self.bn_t = norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, T, H, W)`` to ``(B, outputs, T/stride, H/stride, W/stride)``."""
        return self._time(self.conv_t(self._space(x)))

    def shared(self, x: Steps) -> Steps:
        """The same for time steps of windows, each found once."""
        return x.each(self._space).conv(self.conv_t).each(self._time)

    def _space(self, x: Tensor) -> Tensor:
        return F.relu(self.bn_s(self.conv_s(x)), inplace=True)

    def _time(self, x: Tensor) -> Tensor:
        return F.relu(self.bn_t(x), inplace=True)


class Inception(nn.Module):
    """Four branches, concatenated: 1x1x1; 1x1x1 and separable 3, twice; max pool and 1x1x1.

    Args:
        inputs: channels that come in.
        widths: (a, b, c, d, e, f), channels of branch 0, of the two steps of branches 1 and 2, and of branch 3.
        norm: makes a batch norm.
    """

    def __init__(self, inputs: int, widths: tuple[int, ...], norm: _Norm) -> None:
        super().__init__()
        a, b, c, d, e, f = widths
        self.branch0 = nn.Sequential(BasicConv(inputs, a, norm))
        self.branch1 = nn.Sequential(BasicConv(inputs, b, norm), SeparableConv(b, c, 3, 1, norm))
        self.branch2 = nn.Sequential(BasicConv(inputs, d, norm), SeparableConv(d, e, 3, 1, norm))
        self.branch3 = nn.Sequential(nn.MaxPool3d(3, 1, 1), BasicConv(inputs, f, norm))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, T, H, W)`` to ``(B, a + c + e + f, T, H, W)``."""
        return torch.cat([self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], dim=1)

    def shared(self, x: Steps) -> Steps:
        """The same for time steps of windows, each found once."""
        separable = [
            cast(SeparableConv, separable).shared(x.each(pointwise))
            for pointwise, separable in (self.branch1, self.branch2)
        ]
        pool, pointwise = self.branch3
        return Steps.cat([x.each(self.branch0), *separable, x.max(cast(nn.MaxPool3d, pool)).each(pointwise)])


#: Channels (a, b, c, d, e, f) of the Inception blocks, by stage: 3b 3c, 4b to 4f, 5b 5c.
_STAGES = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)


def scale_channels(channels: int, width: float) -> int:
    """``channels * width``, rounded to a multiple of 8 and at least 8.

    >>> scale_channels(192, 1.0), scale_channels(192, 0.25), scale_channels(16, 0.25)
    (192, 48, 8)
    """
    return max(8, round(channels * width / 8) * 8)


class S3D(nn.Module):
    """The four stages of S3D, without its classifier.

    Args:
        width: multiplier of every channel count; 1 is the published network (7.91 M parameters).
        bn_momentum: of every batch norm. The published 0.001 suits long training and pre-trained weights: in a
            short training from scratch the running statistics lag far behind, so take a larger one there.
        last_time_pool: kernel and stride in time of the pool before the fourth stage: 2, or 1 in oraclefina/MSPI.

    Attributes:
        channels: of the four stages, finest first; (192, 480, 832, 1024) at width 1.
        steps: T of the four stages for 16 frames; (8, 8, 4, 2), or (8, 8, 4, 4) where ``last_time_pool`` is 1.
    """

    def __init__(self, width: float = 1.0, bn_momentum: float = 0.001, last_time_pool: int = 2) -> None:
        super().__init__()
        norm = partial(nn.BatchNorm3d, eps=1e-3, momentum=bn_momentum)
        c64, c192 = scale_channels(64, width), scale_channels(192, width)
        self.base1 = nn.Sequential(
            SeparableConv(3, c64, 7, 2, norm),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            BasicConv(c64, c64, norm),
            SeparableConv(c64, c192, 3, 1, norm),
        )
        self.maxp2 = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.base2, c480 = _stage(c192, _STAGES[0], width, norm)
        self.maxp3 = nn.MaxPool3d(3, 2, 1)
        self.base3, c832 = _stage(c480, _STAGES[1], width, norm)
        self.maxp4 = nn.MaxPool3d((last_time_pool, 2, 2))
        self.base4, c1024 = _stage(c832, _STAGES[2], width, norm)
        self.channels = (c192, c480, c832, c1024)
        self.steps = (8, 8, 4, 4 // last_time_pool)

    def forward(self, frames: Tensor) -> Stages:
        """Encode ``(B, 3, T, H, W)`` frames.

        Returns:
            The stages, finest first: ``(B, c, T/2, H/4, W/4)``, ``(B, c, T/2, H/8, W/8)``,
            ``(B, c, T/4, H/16, W/16)`` and ``(B, c, T/8, H/32, W/32)``, with c of ``channels``; in the last T/4 where
            ``last_time_pool`` is 1.

        Raises:
            ValueError: if T is not divisible by 8, or H or W not by 32.
        """
        _check(*frames.shape[2:])
        first = self.base1(frames)
        second = self.base2(self.maxp2(first))
        third = self.base3(self.maxp3(second))
        fourth = self.base4(self.maxp4(third))
        return first, second, third, fourth

    def after_pools(self, stages: Stages) -> Stages:
        """The same stages as the next one gets them: the first three behind the pool that follows each (HD2S).

        Args:
            stages: that ``forward`` or ``encode_windows`` gave.

        Returns:
            ``(B, c, T/2, H/8, W/8)``, ``(B, c, T/4, H/16, W/16)``, and two of ``(B, c, T/8, H/32, W/32)``; in those
            T/4 where ``last_time_pool`` is 1.
        """
        first, second, third, fourth = stages
        return self.maxp2(first), self.maxp3(second), self.maxp4(third), fourth

    def encode_windows(self, clips: Clips, memory: Memory) -> Stages:
        """What ``forward`` returns for the frames of windows, where what windows share is found once.

        Args:
            clips: the windows; a network that may hear them with several sounds calls this through ``clips.once``.
            memory: of the batches before.
        """
        first, second = self.shared(clips, memory)
        return first.windows(), second.windows(), *self.deep(second)

    def shared(self, clips: Clips, memory: Memory, name: str = "s3d") -> tuple[Steps, Steps]:
        """The first two stages of windows, time step by time step.

        What a network does next to single steps (a convolution 1x3x3, a norm) it does here, before ``windows()``
        puts them together: ``first.each(layer).windows()``; and what folds neighbouring steps, by ``conv``.

        Args:
            clips: the windows.
            memory: of the batches before.
            name: of this encoder in the memory, where a network has two.

        Raises:
            ValueError: as ``forward``.
        """
        _check(clips.index.shape[1], *clips.pool.shape[2:])
        x = Steps.of(clips, memory.seen, name)
        stem, pool, pointwise, separable = self.base1
        x = cast(SeparableConv, stem).shared(x).max(cast(nn.MaxPool3d, pool)).each(pointwise)
        first = cast(SeparableConv, separable).shared(x)
        second = first.max(self.maxp2)
        for block in self.base2:
            second = cast(Inception, block).shared(second)
        return first, second

    def deep(self, second: Steps) -> tuple[Tensor, Tensor]:
        """The last two stages, of the second: of whole windows, as padding reaches nearly all of their steps."""
        third = self.base3(second.max(self.maxp3).windows())
        return third, self.base4(self.maxp4(third))


def _check(t: int, h: int, w: int) -> None:
    """Nothing, for a clip that S3D takes."""
    if t % 8 or h % 32 or w % 32:
        raise ValueError(f"S3D takes T divisible by 8 and H, W divisible by 32; got T={t}, H={h}, W={w}")


def _stage(inputs: int, blocks: tuple[tuple[int, ...], ...], width: float, norm: _Norm) -> tuple[nn.Sequential, int]:
    """A stage of Inception blocks, and how many channels leave it."""
    stage = nn.Sequential()
    for block in blocks:
        widths = tuple(scale_channels(channels, width) for channels in block)
        stage.append(Inception(inputs, widths, norm))
        a, _, c, _, e, f = widths
        inputs = a + c + e + f
    return stage, inputs


#: Stage and its first index where all blocks stand in one sequence (indices 1, 4, 7 and 13 are pools).
_FLAT_STAGES = (("base4", 14), ("base3", 8), ("base2", 5), ("base1", 0))
_KYLEMIN_KEY = re.compile(r"base\.(\d+)\.(.+)")
_TORCHVISION_KEY = re.compile(r"features\.(\d+)\.(branch\d\.\d\.)?(\d)(?:\.(\d))?\.(\w+)")


def _staged(index: int) -> str:
    """Prefix of a block by its index in the flat sequence.

    >>> _staged(3), _staged(6), _staged(14)
    ('base1.3.', 'base2.1.', 'base4.0.')
    """
    stage, first = next((name, first) for name, first in _FLAT_STAGES if index >= first)
    return f"{stage}.{index - first}."


def rename_kylemin(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of kylemin/S3D as one of ours; None for its classifier ``fc``. A foreign key comes back as it is.

    So do the names of oraclefina/MSPI's encoder, which are ours.
    """
    if key.startswith("fc."):
        return None
    found = _KYLEMIN_KEY.fullmatch(key)
    return (key if found is None else _staged(int(found[1])) + found[2]), value


def rename_torchvision(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of ``torchvision.models.video.s3d`` as one of ours; None for its classifier.

    A foreign key comes back as it is.

    >>> rename_torchvision("features.6.branch1.1.0.1.bias", torch.zeros(()))
    ('base2.1.branch1.1.bn_s.bias', tensor(0.))
    """
    if key.startswith("classifier."):
        return None
    # Branch 0 has one step, so torchvision leaves its index out.
    found = _TORCHVISION_KEY.fullmatch(key.replace("branch0.", "branch0.0."))
    if found is None:
        return key, value
    index, branch, outer, inner, tail = found.groups()
    step = "" if inner is None else ("_s", "_t")[int(outer)]
    layer = ("conv", "bn")[int(outer if inner is None else inner)] + step
    return f"{_staged(int(index))}{branch or ''}{layer}.{tail}", value


WEIGHTS = (
    PublishedWeights(
        "s3d_kinetics400",
        "S3D_kinetics400.pt",
        "Kinetics-400; takes frames in [-1, 1]; where ViNet and TASED-Net start from",
        "Google Drive link in the README of kylemin/S3D",
        "MIT repository; weights not stated",
        build=S3D,
        rename=rename_kylemin,
        online="drive:1HJVDBOQpnTMDVUM3SsXLy0HUkf_wryGO",
        trained_on=("kinetics400",),
    ),
    PublishedWeights(
        "s3d_kinetics400_torchvision",
        "s3d-d76dad2f.pth",
        "Kinetics-400, S3D_Weights.KINETICS400_V1 of torchvision; another training run",
        "the model pages of torchvision, S3D",
        "BSD-3-Clause repository; weights not stated",
        build=S3D,
        sha256="d76dad2f",
        rename=rename_torchvision,
        form="names of torchvision's network; the checksum is the one in the name; the file was not opened",
        online="torchvision:S3D_Weights.KINETICS400_V1",
        trained_on=("kinetics400",),
    ),
)
