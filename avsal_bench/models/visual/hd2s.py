"""HD2S (hd2s2021): S3D, a map from each of four depths of it, and a convolution that weighs the four maps.

A port of the base network of perceivelab/hd2s, class ``HD2S``; the versions with gradient reversal and with norms of
each domain are not here.

Decisions:

- The authors train on frames that OpenCV resized bilinearly and test on bicubic ones. Here one ``filter`` serves both,
  bilinear by default; the preset that tests their weights takes the bicubic one. Neither is antialiased.
- ``forward`` gives the joint map in both modes. The four maps of single depths, which the authors' class gives beside
  it in training, are ``side`` outputs, and :meth:`HD2S.every_depth` gives them at any time.
- 8 frames work too; where time has one step already, a convolution that folds it finds zeros at both sides.
- Weights start as PyTorch makes them; the authors start S3D from its Kinetics weights, and the recipe says so.

Part of the network, and kept: batch norms of the depthwise blocks have PyTorch's settings, all others S3D's; the blocks
before a map have three channels, behind a ReLU each, and with unlucky weights all three are silent.

Faults of the published scripts that are not ported:

- For the first 15 frames of a video the colour axis of the clip is turned round, where the time axis is meant: frame j
  has the map of frame j + 15, red and blue exchanged. Here they have windows that run backwards in time.
- A video under 31 frames: its first frames have the map of the last clip that was made, be it of another video.
- Frames of a test and of a validation come in the order of ``os.listdir``, which is any order.
- A test leaves out a video whose folder of results is there, whole or not.
- Each validation looks at another half of the videos, so the epochs of which the best is kept saw different ones.
"""

from __future__ import annotations

import re
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.backbones.s3d import S3D, Stages, scale_channels
from avsal_bench.models.base import Network, Outputs
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.names import unknown
from avsal_bench.spec import ClipSpec

_WEIGHTS = PublishedWeights(
    "hd2s_dhf1k",
    "weight_MinLoss.pt",
    "DHF1K; whether of the base network or of one with domains is not said",
    "OneDrive link in the README of perceivelab/hd2s, reported dead since April 2025 (issues 4 and 5 there)",
    "CC BY-NC 4.0 repository; weights not stated",
    {"modality": "v"},
    trained_on=("kinetics400", "dhf1k/train", "unknown"),
)

#: Outputs of the stacks of each depth, deepest first, each followed by twice the size; and blocks of each stack.
_STACKS = (
    ((512, 3), (256, 3), (128, 2), (64, 2)),
    ((512, 3), (256, 3), (128, 2), (64, 2)),
    ((256, 2), (128, 2), (64, 2)),
    ((128, 2), (64, 2)),
)
#: Channels behind the last stack of each depth, and convolutions that fold time, deepest first.
_LAST, _FOLDS = 3, (1, 1, 2, 3)
#: The authors count depths from the finest, which is 2, to the deepest, which is 5.
_DEEPEST = 5
#: Blocks of their encoder, whose pools stand at the end, and ours.
_BLOCKS = {"block1": "base1", "block2": "base1", "block3": "base2", "block4": "base3", "block5": "base4"}
_KEY = re.compile(
    r"featureExtractor\.(?P<block>block[1-5])\.(?P<layer>\d+)\.(?P<of_block>.+)"
    r"|conv_t(?P<folded>[2-5])(?:_(?P<fold>\d))?\.(?P<of_fold>.+)"
    r"|decoder(?P<depth>[2-5])\.(?:deconvlayer(?P=depth)_(?P<stack>\d)\.(?P<of_stack>.+)|last_conv(?P=depth)\.(?P<of_map>.+))"
    r"|last_conv\.(?P<of_joint>.+)"
)


@register_model(
    "hd2s",
    title="HD2S",
    paper="hd2s2021",
    modalities=("v",),
    code="perceivelab/hd2s",
    code_licence="CC BY-NC 4.0",
    tiny={"size": (32, 64), "width": 0.125, "bn_momentum": 0.1},
    parity=("v",),
    weights=(_WEIGHTS,),
)
class HD2S(Network):
    """The whole network; its maps are sigmoids.

    Args:
        modality: ``v``; there is no other.
        frames: T, 8 or 16; 16 is published.
        size: (height, width) of the frames, multiples of 32.
        width: multiplier of the channels, but for the last three of each depth.
        bn_momentum: of the batch norms that S3D's settings hold for; see :class:`S3D`.
        filter: how frames are resized, ``bilinear`` or ``bicubic``, without antialiasing.

    Raises:
        ValueError: for an option outside its range.
    """

    shares = True

    def __init__(
        self,
        modality: Literal["v"] = "v",
        frames: int = 16,
        size: tuple[int, int] = (128, 192),
        width: float = 1.0,
        bn_momentum: float = 0.001,
        filter: Literal["bilinear", "bicubic"] = "bilinear",
    ) -> None:
        super().__init__()
        if filter not in ("bilinear", "bicubic"):
            raise ValueError(unknown("filter", filter, ("bilinear", "bicubic")))
        if frames not in (8, 16):
            raise ValueError(f"hd2s takes 8 or 16 frames; got {frames!r}")
        if any(side < 32 or side % 32 for side in size):
            raise ValueError(f"hd2s takes a height and a width of 32, 64, 96 ... pixels; got {tuple(size)}")
        half = (0.5, 0.5, 0.5)
        self.spec = ClipSpec(frames, (size[0], size[1]), half, half, target="last", antialias=False, filter=filter)
        self.s3d = S3D(width, bn_momentum)
        norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=bn_momentum)
        self.depths = nn.ModuleList()
        for channels, stacks, folds in zip(reversed(self.s3d.channels), _STACKS, _FOLDS, strict=True):
            scaled = [(scale_channels(outputs, width), blocks) for outputs, blocks in stacks]
            self.depths.append(Depth(channels, [*scaled, (_LAST, 2)], folds, norm))
        self.joint = nn.Conv2d(len(_STACKS), 1, 1)

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, T, H, W)`` frames to the saliency of the last, ``(B, H, W)`` in [0, 1].

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        return self._join(self.every_depth(frames, audio))

    def outputs(self, frames: Tensor, audio: Tensor | None = None) -> Outputs:
        """The joint map, and those of the four depths, which have a loss of their own; see :meth:`Network.outputs`."""
        depths = self.every_depth(frames, audio)
        return Outputs(self._join(depths), depths.unbind(1))

    def every_depth(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """The map of each depth, deepest first, ``(B, 4, H, W)`` in [0, 1].

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        self.check_input(frames, audio)
        return self._maps(self.s3d(frames))

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
        """See :meth:`Network.predict`: what windows share is encoded once."""
        self.check_clips(clips, audio)
        return self._join(self._maps(self.s3d.encode_windows(clips, memory)))

    def _maps(self, stages: Stages) -> Tensor:
        taps = reversed(self.s3d.after_pools(stages))
        return torch.cat([depth(tap) for depth, tap in zip(self.depths, taps, strict=True)], 1).sigmoid()

    def _join(self, depths: Tensor) -> Tensor:
        logits: Tensor = self.joint(depths)[:, 0]
        return logits.sigmoid()

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`."""
        if (found := _KEY.fullmatch(key)) is None:
            return key, value
        part = found.groupdict()
        if part["block"]:
            # Their second block begins where ours has its third layer.
            layer = int(part["layer"]) + (2 if part["block"] == "block2" else 0)
            return f"s3d.{_BLOCKS[part['block']]}.{layer}.{part['of_block']}", value
        if part["of_joint"]:
            return f"joint.{part['of_joint']}", value
        depth = _DEEPEST - int(part["folded"] or part["depth"])
        if part["of_fold"]:
            return f"depths.{depth}.fold.{int(part['fold'] or 1) - 1}.{part['of_fold']}", value
        if part["of_map"]:
            return f"depths.{depth}.map.{part['of_map']}", value
        # They count the stacks of a depth down to 1.
        stack = len(_STACKS[depth]) + 1 - int(part["stack"])
        return f"depths.{depth}.stacks.{stack}.{part['of_stack']}", value


_Norm = partial[nn.BatchNorm2d]


class Depth(nn.Module):
    """From a tap of the encoder to a map: time is folded to one step, then stacks of layers, each at twice the size.

    Args:
        channels: of the tap.
        stacks: outputs of each stack, and how many blocks it has.
        folds: convolutions that halve time.
        norm: makes the batch norm of the plain blocks.
    """

    def __init__(self, channels: int, stacks: list[tuple[int, int]], folds: int, norm: _Norm) -> None:
        super().__init__()
        self.fold = nn.Sequential(*(FoldTime(channels, norm) for _ in range(folds)))
        self.stacks = nn.ModuleList()
        for outputs, blocks in stacks:
            depthwise = (DepthwiseBlock(outputs) for _ in range(blocks - 1))
            self.stacks.append(nn.Sequential(PlainBlock(channels, outputs, norm), *depthwise))
            channels = outputs
        self.map = nn.Conv2d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, channels, t, h, w)``, whose time the folds bring to one step, to logits ``(B, 1, H, W)``."""
        x = self.fold(x)[:, :, 0]
        for stack in self.stacks:
            x = F.interpolate(stack(x), scale_factor=2, mode="bilinear", align_corners=False)
        logits: Tensor = self.map(x)
        return logits


class FoldTime(nn.Module):
    """A convolution of three time steps that halves time, batch norm, ReLU.

    Args:
        channels: that come in, and go out.
        norm: whose settings the batch norm has.
    """

    folds: ClassVar[tuple[tuple[str, str], ...]] = (("conv", "bn"),)

    def __init__(self, channels: int, norm: _Norm) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, channels, (3, 1, 1), (2, 1, 1), (1, 0, 0), bias=False)
        self.bn = nn.BatchNorm3d(channels, **norm.keywords)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, t, h, w)`` to ``(B, C, (t + 1) // 2, h, w)``."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


class PlainBlock(nn.Module):
    """Convolution 3x3 without bias, batch norm, ReLU.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
        norm: makes the batch norm.
    """

    folds: ClassVar[tuple[tuple[str, str], ...]] = (("conv", "bn"),)

    def __init__(self, inputs: int, outputs: int, norm: _Norm) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn = norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, h, w)`` to ``(B, outputs, h, w)``."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


class DepthwiseBlock(nn.Module):
    """A convolution 3x3 of each channel, then one 1x1, each without bias and with batch norm and ReLU.

    Args:
        channels: that come in, and go out.
    """

    folds: ClassVar[tuple[tuple[str, str], ...]] = (("conv_s", "bn_s"), ("conv_t", "bn_t"))

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_s = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn_s = nn.BatchNorm2d(channels)  # with PyTorch's settings, as the authors have it here
        self.conv_t = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn_t = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, h, w)`` to the same size."""
        x = F.relu(self.bn_s(self.conv_s(x)), inplace=True)
        return F.relu(self.bn_t(self.conv_t(x)), inplace=True)
