"""3D ResNets of Hara et al. (CVPR 2018, kenshohara/3D-ResNets-PyTorch), as encoders of a clip.

STAViS has the ResNet-50 without its last stage, DAVE two ResNet-18. The state dict has the authors' keys: ``conv1``,
``bn1``, ``layer1.0.conv1`` and so on; there is no classifier.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.layers.shared.stem import stem_of_windows
from avsal_bench.models.published_weights import PublishedWeights, Rename

#: Channels of the stem, and of the 3x3x3 convolutions of layer1 to layer4.
_WIDTHS = (64, 64, 128, 256, 512)


class BasicBlock(nn.Module):
    """Two convolutions 3x3x3 and a shortcut without weights ("type A").

    The shortcut of a block that changes the size takes every second element in T, H and W, and adds channels of zeros
    behind. The authors cut it out of the graph (``.data``): no gradient goes back through it.

    Args:
        inputs: channels that come in.
        outputs: channels that leave, at least as many.
        stride: of the first convolution, on all axes.
    """

    expansion = 1
    folds: ClassVar[tuple[tuple[str, str], ...]] = (("conv1", "bn1"), ("conv2", "bn2"))

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(outputs)
        self.conv2 = nn.Conv3d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, T, H, W)`` to ``(B, outputs, T/stride, H/stride, W/stride)``, odd sides rounded up."""
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out, inplace=True)

    def shortcut(self, x: Tensor) -> Tensor:
        """What is added to the convolutions' result: the input, or the strided and padded one without gradient."""
        more = self.conv1.out_channels - x.shape[1]
        if self.stride == 1 and not more:
            return x
        strided = x.detach()[:, :, :: self.stride, :: self.stride, :: self.stride]
        return F.pad(strided, (0, 0, 0, 0, 0, 0, 0, more))


class Bottleneck(nn.Module):
    """Convolutions 1x1x1, 3x3x3 and 1x1x1, and a shortcut.

    The shortcut of a block that changes the size is a strided convolution 1x1x1 with batch norm ("type B").

    Args:
        inputs: channels that come in.
        width: channels of the first two convolutions; four times as many leave.
        stride: of the middle convolution, on all axes.
    """

    expansion = 4
    folds: ClassVar[tuple[tuple[str, str], ...]] = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = self.expansion * width
        self.conv1 = nn.Conv3d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            conv = nn.Conv3d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm3d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, T, H, W)`` to ``(B, 4 width, T/stride, H/stride, W/stride)``, odd sides rounded up."""
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = F.relu(self.bn2(self.conv2(out)), inplace=True)
        out = self.bn3(self.conv3(out))
        out += self.downsample(x)
        return F.relu(out, inplace=True)


class ResNet3D(nn.Module):
    """A stem and some stages. It starts from He's normal values over the outputs, as the authors have it.

    Args:
        block: :class:`BasicBlock` with shortcuts of type A, or :class:`Bottleneck` with type B.
        blocks: of each stage.
        width: multiplier of every channel count; 1 is the published network.

    Attributes:
        channels: that leave the stem and each stage.
    """

    folds: ClassVar[tuple[tuple[str, str], ...]] = (("conv1", "bn1"),)

    def __init__(self, block: type[BasicBlock | Bottleneck], blocks: tuple[int, ...], width: float = 1.0) -> None:
        super().__init__()
        stem, *widths = (scale_channels(channels, width) for channels in _WIDTHS[: len(blocks) + 1])
        self.conv1 = nn.Conv3d(3, stem, 7, (1, 2, 2), 3, bias=False)
        self.bn1 = nn.BatchNorm3d(stem)
        self.channels = [stem]
        for i, (inner, count) in enumerate(zip(widths, blocks, strict=True), start=1):
            outputs = block.expansion * inner
            stage = nn.Sequential(block(self.channels[-1], inner, 1 if i == 1 else 2))
            stage.extend(block(outputs, inner, 1) for _ in range(count - 1))
            self.add_module(f"layer{i}", stage)
            self.channels.append(outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def stage(self, i: int, x: Tensor) -> Tensor:
        """One part of the network; what leaves part ``i - 1`` enters part ``i``. Odd sides are rounded up.

        Args:
            i: 0 for the stem (convolution, batch norm, ReLU), 1 for the max-pool and layer1, 2 for layer2, and so on.
            x: ``(B, 3, T, H, W)`` frames, or what the part before gave.

        Returns:
            ``(B, channels[0], T, H/2, W/2)``; then ``(B, channels[i], T/2^i, H/2^(i+1), W/2^(i+1))``.
        """
        if i == 0:
            return self._after_conv1(self.conv1(x))
        if i == 1:
            x = F.max_pool3d(x, 3, 2, 1)
        out: Tensor = self.get_submodule(f"layer{i}")(x)
        return out

    def stem_of_windows(self, clips: Clips, memory: Memory) -> Tensor:
        """What the stem, stage 0, gives for windows at test time; a frame that several of them hold enters it once."""
        return stem_of_windows(self.conv1, self._after_conv1, clips, memory)

    def forward(self, frames: Tensor) -> Tensor:
        """Encode ``(B, 3, T, H, W)`` frames to what leaves the last stage; see :meth:`stage`."""
        return self.after_stem(self.stage(0, frames))

    def after_stem(self, x: Tensor) -> Tensor:
        """What leaves the last stage, of what left the stem."""
        for i in range(1, len(self.channels)):
            x = self.stage(i, x)
        return x

    def _after_conv1(self, x: Tensor) -> Tensor:
        return F.relu(self.bn1(x), inplace=True)


#: STAViS's encoder and DAVE's, by their options; called with ``width``.
resnet50_without_layer4: Callable[..., ResNet3D] = partial(ResNet3D, Bottleneck, (3, 4, 6))
resnet18: Callable[..., ResNet3D] = partial(ResNet3D, BasicBlock, (2, 2, 2, 2))


def leave_out(*prefixes: str) -> Rename:
    """Rename nothing, and leave out the entries of these prefixes.

    >>> leave_out("fc.")("fc.bias", Tensor()) is None
    True
    """

    def rename(key: str, value: Tensor) -> tuple[str, Tensor] | None:
        return None if key.startswith(prefixes) else (key, value)

    return rename


_FORM = "state_dict of kenshohara/3D-ResNets-PyTorch under DataParallel; names read from the code, the file not opened"

WEIGHTS = (
    PublishedWeights(
        name="resnet50_kinetics",
        file="resnet-50-kinetics.pth",
        what="3D ResNet-50 (type B), Kinetics; STAViS starts from it, without layer4",
        source="README of kenshohara/3D-ResNets-PyTorch; also in STAViS's pretrained_models.tar.gz (cvsp.cs.ntua.gr)",
        licence="MIT repository; weights not stated",
        build=resnet50_without_layer4,
        rename=leave_out("layer4.", "fc."),
        form=_FORM,
        online="http://cvsp.cs.ntua.gr/research/stavis/data/pretrained_models.tar.gz",
        trained_on=("kinetics400",),
    ),
    PublishedWeights(
        name="resnet18_kinetics",
        file="resnet-18-kinetics.pth",
        what="3D ResNet-18 (type A), Kinetics; DAVE's video branch starts from Kinetics",
        source="README of kenshohara/3D-ResNets-PyTorch",
        licence="MIT repository; weights not stated",
        build=resnet18,
        rename=leave_out("fc."),
        form=_FORM,
        trained_on=("kinetics400",),
    ),
)
