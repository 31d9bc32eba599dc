"""SlowFast with ResNet-50 (Feichtenhofer et al., ICCV 2019), as the encoder of a clip, in two forms.

``SlowFast()`` is the variant 4x16 of oraclefina/MSPI: the fast pathway sees all 16 frames and the slow one four of
them, so that the lateral convolutions stride 4 in time and not 8. res5 of the fast pathway, on which no feature
depends, is left out. ``SlowFast(ava=True)`` is the one of ViNet-A (ViNet-Saliency/vinet_v2), after ACAR-Net's for the
detection of actions (AVA): 32 frames, of which the slow pathway sees every fourth, lateral convolutions without norm
and ReLU, and a res5 that is dilated and keeps the height and width of res4, in both pathways.

The Kinetics weights that MSPI starts from are a Caffe2 pickle under names of its own, not a state dict; ``WEIGHTS``
says what to do without them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.backbones.resnet3d import Bottleneck
from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.text import many

#: Of the 16 frames of MSPI, those that the slow pathway sees: not evenly spaced. Of the 32 of ViNet-A every fourth.
_SLOW_FRAMES = (0, 4, 12, 15)
_SLOW_FRAMES_AVA = tuple(range(0, 32, 4))

#: Blocks of res2 to res5, and the kernels in time that they begin with, in either pathway.
_BLOCKS = (3, 4, 6, 3)
_SLOW_KERNELS, _FAST_KERNELS = (1, 1, 3, 3), (3, 3, 3, 3)


class Block(Bottleneck):
    """Convolutions (k, 1, 1), (1, 3, 3) and 1, each with a batch norm, and a shortcut; time stays.

    Args:
        inputs: channels that come in.
        width: channels of the first two convolutions; four times as many leave.
        time: k.
        stride: of the middle convolution, in space.
        dilation: likewise.
    """

    def __init__(self, inputs: int, width: int, time: int, stride: int = 1, dilation: int = 1) -> None:
        nn.Module.__init__(self)  # the layers of the base are others
        outputs, space, far = self.expansion * width, (1, stride, stride), (1, dilation, dilation)
        self.conv1 = nn.Conv3d(inputs, width, (time, 1, 1), 1, (time // 2, 0, 0), bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, (1, 3, 3), space, (0, dilation, dilation), far, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if inputs != outputs:
            conv = nn.Conv3d(inputs, outputs, 1, space, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm3d(outputs))


class Stem(nn.Module):
    """Convolution (k, 7, 7) that halves height and width, batch norm, ReLU, and a max-pool that halves them again.

    Args:
        outputs: channels that leave.
        time: k.
    """

    folds: ClassVar[tuple[tuple[str, str], ...]] = (("conv", "bn"),)

    def __init__(self, outputs: int, time: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, outputs, (time, 7, 7), (1, 2, 2), (time // 2, 3, 3), bias=False)
        self.bn = nn.BatchNorm3d(outputs)
        self.pool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, 3, T, H, W)`` to ``(B, outputs, T, H/4, W/4)``, odd sides rounded up."""
        pooled: Tensor = self.pool(F.relu(self.bn(self.conv(x)), inplace=True))
        return pooled


class Pathway(nn.Module):
    """A stem and the stages behind it.

    Args:
        time: kernel of the stem in time.
        channels: that leave the stem.
        stages: of each the channels that come in, and the kernel in time, the stride and the dilation of its blocks.
    """

    def __init__(self, time: int, channels: int, stages: Sequence[tuple[int, int, int, int]]) -> None:
        super().__init__()
        self.stem = Stem(channels, time)
        self.stages = nn.ModuleList()
        for i, (inputs, kernel, stride, dilation) in enumerate(stages):
            width = channels * 2**i
            stage = nn.Sequential(Block(inputs, width, kernel, stride, dilation))
            stage.extend(Block(4 * width, width, kernel, 1, dilation) for _ in range(_BLOCKS[i] - 1))
            self.stages.append(stage)


class Pathways(NamedTuple):
    """What the two pathways give.

    Attributes:
        joined: the slow pathway with the fast one's channels behind, ``(B, c, t, h, w)``: the stem, res2, res3, res4.
        slow: its res5.
        fast: res5 of the fast pathway, ``(B, c, T, h, w)``; None where it is left out.
    """

    joined: tuple[Tensor, Tensor, Tensor, Tensor]
    slow: Tensor
    fast: Tensor | None


class SlowFast(nn.Module):
    """The two pathways, fused behind the stem, res2, res3 and res4.

    The last batch norm of each block starts from zero, as in the paper: until it has learnt, a block is its shortcut.

    Args:
        width: multiplier of every channel count; 1 is the published network (33.56 M parameters with the fast res5,
            33.24 M without).
        ava: the form of ViNet-A; see the module.

    Attributes:
        frames: T of a clip, 16; 32 with ``ava``.
        channels: of the four stages, finest first; (320, 640, 1280, 2048) at width 1.
        stem_channels: that leave the stem, joined; 80 at width 1.
        fast_channels: of the last stage of the fast pathway; 256 at width 1.
        steps: T of the four stages.
    """

    def __init__(self, width: float = 1.0, ava: bool = False) -> None:
        super().__init__()
        slow = scale_channels(64, width)
        fast = slow // 8
        self.frames, self.slow_frames = (32, _SLOW_FRAMES_AVA) if ava else (16, _SLOW_FRAMES)
        strides, dilations = ((1, 2, 2, 1), (1, 1, 1, 2)) if ava else ((1, 2, 2, 2), (1, 1, 1, 1))
        inputs = [fast, 4 * fast, 8 * fast, 16 * fast]
        # The lateral convolutions add twice the channels of the fast pathway, a quarter of the slow ones.
        joined = [8 * some + 2 * some for some in inputs]
        self.paths = nn.ModuleDict(
            {
                "slow": Pathway(1, slow, [*zip(joined, _SLOW_KERNELS, strides, dilations, strict=True)]),
                "fast": Pathway(5, fast, [*zip(inputs, _FAST_KERNELS, strides, dilations, strict=True)][: 3 + ava]),
            }
        )
        self.lateral = nn.ModuleList(_lateral(some, bare=ava) for some in inputs)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, Block):
                nn.init.zeros_(module.bn3.weight)
        self.stem_channels, c1, c2, c3 = joined
        self.channels = (c1, c2, c3, 32 * slow)
        self.fast_channels = 32 * fast
        self.steps = (len(self.slow_frames),) * 4

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode ``(B, 3, T, H, W)`` frames, H and W divisible by 32; T is 16, or 32 with ``ava``.

        Returns:
            The slow pathway, ``(B, c, 4, h, w)`` with c of ``channels`` and h, w a 4th, 8th, 16th and 32nd of H, W:
            res2, res3 and res4 with the fast pathway's channels behind, and res5. With ``ava`` of 8 steps, and the
            last two of one size.

        Raises:
            ValueError: for another number of frames.
        """
        (_, first, second, third), last, _ = self.pathways(frames)
        return first, second, third, last

    def pathways(self, frames: Tensor) -> Pathways:
        """All that the two pathways give for ``(B, 3, T, H, W)`` frames.

        Raises:
            ValueError: for another number of frames.
        """
        if frames.shape[2] != self.frames:
            raise ValueError(f"this SlowFast takes {many(self.frames, 'frame')}; got {frames.shape[2]}")
        below, beside = cast(Pathway, self.paths["slow"]), cast(Pathway, self.paths["fast"])
        slow, fast = below.stem(frames[:, :, list(self.slow_frames)]), beside.stem(frames)
        joined = []
        for i, (lateral, stage) in enumerate(zip(self.lateral, below.stages, strict=True)):
            joined.append(torch.cat([slow, lateral(fast)], dim=1))
            slow = stage(joined[i])
            if i < len(beside.stages):
                fast = beside.stages[i](fast)
        stem, first, second, third = joined
        return Pathways((stem, first, second, third), slow, fast if len(beside.stages) == 4 else None)


def _lateral(inputs: int, bare: bool) -> nn.Module:
    """From the fast pathway to the slow one: a convolution (5, 1, 1) that keeps every fourth step in time."""
    conv = nn.Conv3d(inputs, 2 * inputs, (5, 1, 1), (4, 1, 1), (2, 0, 0), bias=False)
    return conv if bare else nn.Sequential(conv, nn.BatchNorm3d(2 * inputs), nn.ReLU(inplace=True))


_PATHWAYS = ("slow", "fast")
#: Layers of a block of facebookresearch/SlowFast, and ours.
_IN_BLOCK = {
    "branch1": "downsample.0",
    "branch1_bn": "downsample.1",
    **{f"branch2.{letter}": f"conv{i}" for i, letter in enumerate("abc", 1)},
    **{f"branch2.{letter}_bn": f"bn{i}" for i, letter in enumerate("abc", 1)},
}
_STEM_KEY = re.compile(r"s1\.pathway([01])_stem\.(conv|bn)\.(\w+)")
_BLOCK_KEY = re.compile(r"s([2-5])\.pathway([01])_res(\d+)\.(.+)\.(\w+)")
_FUSION_KEY = re.compile(r"s([1-4])_fuse\.(conv_f2s|bn)\.(\w+)")


def rename_pyslowfast(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of facebookresearch/SlowFast's network, which MSPI has, as one of ours.

    None for res5 of the fast pathway and the classifier. A foreign key comes back as it is.

    >>> rename_pyslowfast("s2_fuse.conv_f2s.weight", Tensor())[0]
    'lateral.1.0.weight'
    >>> rename_pyslowfast("s4.pathway1_res5.branch2.b.weight", Tensor())[0]
    'paths.fast.stages.2.5.conv2.weight'
    >>> rename_pyslowfast("s5.pathway0_res0.branch1_bn.bias", Tensor())[0]
    'paths.slow.stages.3.0.downsample.1.bias'
    """
    if key.startswith(("s5.pathway1_", "head.")):
        return None
    if found := _STEM_KEY.fullmatch(key):
        return f"paths.{_PATHWAYS[int(found[1])]}.stem.{found[2]}.{found[3]}", value
    if found := _FUSION_KEY.fullmatch(key):
        return f"lateral.{int(found[1]) - 1}.{0 if found[2] == 'conv_f2s' else 1}.{found[3]}", value
    if (found := _BLOCK_KEY.fullmatch(key)) and found[4] in _IN_BLOCK:
        stage = f"paths.{_PATHWAYS[int(found[2])]}.stages.{int(found[1]) - 2}"
        return f"{stage}.{found[3]}.{_IN_BLOCK[found[4]]}.{found[5]}", value
    return key, value


_ACAR_KEY = re.compile(r"(slow|fast)_(?:(conv|bn)1|res([1-4])\.(\d+)\.(.+))\.(\w+)")
_ACAR_SHORTCUT = {"downsample.0": "downsample.0", "downsample_bn": "downsample.1"}


def rename_acar(key: str, value: Tensor) -> tuple[str, Tensor]:
    """An entry of ViNet-A's backbone, which has the names of Siyu-C/ACAR-Net, as one of ours with ``ava``.

    A foreign key comes back as it is.

    >>> rename_acar("fast_res4.0.downsample_bn.weight", Tensor())[0], rename_acar("slow_bn1.bias", Tensor())[0]
    ('paths.fast.stages.3.0.downsample.1.weight', 'paths.slow.stem.bn.bias')
    >>> rename_acar("Tconv2.weight", Tensor())[0]
    'lateral.1.weight'
    """
    if found := re.fullmatch(r"Tconv([1-4])\.weight", key):
        return f"lateral.{int(found[1]) - 1}.weight", value
    if found := _ACAR_KEY.fullmatch(key):
        if found[2]:
            return f"paths.{found[1]}.stem.{found[2]}.{found[6]}", value
        layer = _ACAR_SHORTCUT.get(found[5], found[5])
        return f"paths.{found[1]}.stages.{int(found[3]) - 1}.{found[4]}.{layer}.{found[6]}", value
    return key, value


def both_paths() -> nn.Module:
    """The two pathways of the form for actions, without what joins them."""
    return SlowFast(ava=True).paths


def rename_acar_paths(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of ACAR-Net's network for the detection of actions as one of :func:`both_paths`.

    None for its lateral convolutions, which have other kernels and norms, and for all behind the backbone.

    >>> rename_acar_paths("backbone.module.slow_res1.0.conv1.weight", Tensor())[0]
    'slow.stages.0.0.conv1.weight'
    >>> rename_acar_paths("backbone.module.Tconv1.0.weight", Tensor()), rename_acar_paths("head.fc.bias", Tensor())
    (None, None)
    """
    name = re.sub(r"^backbone\.(module\.)?", "", key)
    if name == key or name.startswith("Tconv"):
        return None
    return rename_acar(name, value)[0].removeprefix("paths."), value


WEIGHTS = (
    PublishedWeights(
        name="slowfast_4x16_kinetics400",
        file="SLOWFAST_4x16_R50.pkl",
        what="SlowFast 4x16 with ResNet-50, Kinetics-400; MSPI with SlowFast starts from it",
        source="MODEL_ZOO of facebookresearch/SlowFast",
        licence="Apache-2.0 repository; weights not stated",
        build=SlowFast,
        form="a pickle of Caffe2, under blobs, with names of its own, as MSPI's code reads it; the file was not opened",
        unreadable=(
            "is a pickle of Caffe2 and no checkpoint of torch; opening it could run any code, so it is not read here. "
            "To train MSPI with this encoder from random weights: --set stages.six.start.motion_encoder=null"
        ),
        trained_on=("kinetics400",),
    ),
    PublishedWeights(
        name="slowfast_ava_acar",
        file="AVA_SLOWFAST_R50_ACAR_HR2O.pth.tar",
        what="SlowFast of ACAR-Net, the detection of actions in AVA; the two pathways of ViNet-A start from it",
        source="the model zoo of Siyu-C/ACAR-Net",
        licence="not stated",
        build=both_paths,
        rename=rename_acar_paths,
        form="name and prefix read from ViNet-A's training script; the file was not opened, its wrapper is guessed",
        trained_on=("kinetics400", "ava"),
    ),
)
