"""OM-CNN, what DeepVS sees in a frame: a tiny YOLO for objects, and a FlowNet for their motion.

A reading of remega/OMCNN_2CLSTM at 5428720, ``OMCNN_2CLSTM.py`` (O) and ``BasicNet.py`` (B), in TensorFlow 1; decisions
are numbered on, from those of :mod:`avsal_bench.models.visual.deepvs`.

4. Convolutions have zeros on all sides, half the kernel (B 209-214), and transposed ones of 4x4 at stride 2 one pixel
   less on each side, which is what ``SAME`` comes to. Leaky ReLUs have the slope 0.1 (B 20). Batch norms have the
   epsilon 1e-3 of TensorFlow (B 217); they lie behind the bias and before the ReLU.
5. Maps are resized as in TensorFlow 1, where pixel i looks at i times the ratio, without half a pixel (O 79-83).
6. The centre mask (B 67-85) is 1 in the middle, [h/2, w/2], and 0 in the first corner.
7. The bias of the last layer of a map is left out: the map is scaled to its least and greatest value.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.backbones.s3d import scale_channels

_SLOPE, _EPS = 0.1, 1e-7
#: Convolutions of the YOLO; those with a batch norm halve the picture afterwards.
_NORMED = {"conv1": 16, "conv3": 32, "conv5": 64, "conv7": 128, "conv9": 256, "conv11": 512}
_PLAIN = ("conv13", "conv14", "conv15")
#: Values of each of the YOLO's cells: 20 classes, and two boxes of 5.
_CELL = 30
#: The FlowNet: channels, kernel, stride, and whether the coarse map weighs what leaves the layer.
_FLOW = {
    "1": (64, 7, 2, True),
    "2": (128, 5, 2, True),
    "3": (256, 5, 2, True),
    "3_1": (256, 3, 1, True),
    "4": (512, 3, 2, True),
    "4_1": (512, 3, 1, False),
    "5": (512, 3, 2, False),
    "5_1": (512, 3, 1, False),
    "6": (1024, 3, 2, False),
    "6_1": (1024, 3, 1, False),
}
#: Those that are kept, coarsest first.
_KEPT = ("6_1", "5_1", "4_1", "3_1")


class OMCNN(nn.Module):
    """Features of a frame and of its motion, and the coarse map on the way.

    Args:
        size: (height, width) of the frames, multiples of 64.
        width: multiplier of the channels.

    Attributes:
        channels: of the features, 128 at full width.
    """

    def __init__(self, size: tuple[int, int], width: float = 1.0) -> None:
        super().__init__()
        self.objectness = Objectness(size, width)
        self.motion = Motion(width)
        self.coarse = nn.Sequential()
        channels = self.objectness.channels
        for name, outputs, kernel in (("conv19", 512, 3), ("conv20", 256, 1), ("conv21", 128, 3), ("conv22", 128, 1)):
            self.coarse.add_module(name, _conv(channels, channels := scale_channels(outputs, width), kernel))
        self.coarse.add_module("map", map_of(channels))
        self.fusion = nn.Sequential()
        channels = self.objectness.channels + self.motion.channels
        for i, (outputs, kernel) in enumerate(((512, 3), (512, 1), (256, 3), (128, 1)), start=1):
            self.fusion.add_module(f"conv{i}", _conv(channels, channels := scale_channels(outputs, width), kernel))
        self.channels = channels

    def forward(self, frames: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """See frames and later ones, ``(N, 3, H, W)`` each in [-1, 1].

        Returns:
            Features ``(N, channels, H/16, W/16)``, and coarse maps ``(N, H/4, W/4)`` from 0 to 1.
        """
        objects = self.objectness(frames)
        coarse = scaled(self.coarse(objects))
        moving = self.motion(torch.cat([frames, later], 1), 0.5 * coarse + 0.5)
        return self.fusion(torch.cat([objects, moving], 1)), coarse[:, 0]


class Objectness(nn.Module):
    """The tiny YOLO (version 1), and its features at five depths, at 1/16 of the frame.

    Args:
        size: (height, width) of the frames.
        width: multiplier of the channels.

    Attributes:
        channels: of the features, 542 at full width.
    """

    centre: Tensor

    def __init__(self, size: tuple[int, int], width: float = 1.0) -> None:
        super().__init__()
        self.layers = nn.ModuleDict()
        inputs, depth = 3, {}
        for name, channels in (_NORMED | dict.fromkeys(_PLAIN, 1024)).items():
            outputs = depth[name] = scale_channels(channels, width)
            self.layers[name] = _conv(inputs, outputs, 3, norm=name in _NORMED)
            inputs = outputs
        self.grid = (size[0] // 64, size[1] // 64)
        cells = self.grid[0] * self.grid[1]
        narrow, wide = scale_channels(256, width), scale_channels(4096, width)
        self.cells = nn.Sequential(
            *(_started(nn.Linear(inputs * cells, narrow)), nn.LeakyReLU(_SLOPE, inplace=True)),
            *(_started(nn.Linear(narrow, wide)), nn.LeakyReLU(_SLOPE, inplace=True)),
            _started(nn.Linear(wide, _CELL * cells)),
        )
        same = scale_channels(128, width)
        self.squeezed = nn.ModuleDict({name: _conv(depth[f"conv{name}"], same, 1) for name in ("9", "11", "15")})
        self.channels = depth["conv7"] + 3 * same + _CELL
        self.register_buffer("centre", centre_mask(size[0] // 16, size[1] // 16), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Map ``(N, 3, H, W)`` in [-1, 1] to ``(N, channels, H/16, W/16)``."""
        found, x = {}, frames
        for name, layer in self.layers.items():
            x = found[name] = layer(x)
            if name in _NORMED:
                x = F.max_pool2d(x, 2)
        cells = self.cells(x.flatten(1)).unflatten(1, (*self.grid, _CELL)).permute(0, 3, 1, 2)
        kept = [found["conv7"], *(layer(found[f"conv{name}"]) for name, layer in self.squeezed.items()), cells]
        size = (self.centre.shape[0], self.centre.shape[1])
        return torch.cat([resized(part, size) for part in kept], 1) * self.centre


class Motion(nn.Module):
    """The encoder of a FlowNet, and its features at four depths, at 1/16 of the frame.

    Args:
        width: multiplier of the channels.

    Attributes:
        channels: of the features, 512 at full width.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.layers, self.squeezed = nn.ModuleDict(), nn.ModuleDict()
        inputs, same = 6, scale_channels(128, width)
        for name, (channels, kernel, stride, _) in _FLOW.items():
            outputs = scale_channels(channels, width)
            self.layers[name] = _conv(inputs, outputs, kernel, stride)
            inputs = outputs
            if name in _KEPT:
                self.squeezed[name] = _conv(outputs, same, 3)
        self.channels = len(_KEPT) * same

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Map two frames ``(N, 6, H, W)`` and a mask ``(N, 1, H/4, W/4)`` to ``(N, channels, H/16, W/16)``."""
        found, x = {}, frames
        for name, layer in self.layers.items():
            x = layer(x)
            if _FLOW[name][-1]:
                x = x * resized(mask, (x.shape[2], x.shape[3]))
            found[name] = x
        size = (found["4"].shape[2], found["4"].shape[3])
        return torch.cat([resized(self.squeezed[name](found[name]), size) for name in _KEPT], 1)


def map_of(inputs: int) -> nn.Sequential:
    """What makes a map, ``(N, inputs, h, w)`` to ``(N, 1, 4h, 4w)``, to be :func:`scaled`."""
    enlarge, finish = nn.ConvTranspose2d(inputs, 16, 4, 2, 1), _Finish(16, 1, 4, 2, 1, bias=False)
    return nn.Sequential(_started(enlarge), nn.LeakyReLU(_SLOPE, inplace=True), _started(finish))


class _Finish(nn.ConvTranspose2d):
    """The last layer of a map, never in 16 bits: maps would have steps."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """As of the layer; under autocast in the type of its weights."""
        if input.dtype is self.weight.dtype:  # what comes from the layer before is in 16 bits under autocast
            return super().forward(input, output_size)
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input.to(self.weight.dtype), output_size)


def scaled(maps: Tensor) -> Tensor:
    """Maps ``(N, 1, h, w)`` from 0 to 1 (all but), each by its least and greatest value."""
    maps = maps - maps.amin((2, 3), keepdim=True)
    return maps / (maps.amax((2, 3), keepdim=True) + _EPS)


def centre_mask(height: int, width: int) -> Tensor:
    """``(height, width)``, 1 at [height // 2, width // 2], falling with the distance to 0 where it is largest."""
    y, x = torch.arange(height) - height // 2, torch.arange(width) - width // 2
    distance = (y[:, None] ** 2 + x**2).double().sqrt()
    return (1 - distance / distance.max()).float()


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """``(N, C, h, w)`` at another size, bilinear as in TensorFlow 1: pixel i looks at i h/H, the last one repeats."""
    for dim, length in ((2, size[0]), (3, size[1])):
        old = x.shape[dim]
        if old == length:
            continue
        at = torch.arange(length, device=x.device) * old
        low = at // length
        share = ((at % length).to(x.dtype) / length).view(-1, *(1,) * (3 - dim))
        high = (low + 1).clamp(max=old - 1)
        x = torch.lerp(x.index_select(dim, low), x.index_select(dim, high), share)
    return x


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, norm: bool = False) -> nn.Sequential:
    """Convolution, batch norm by wish, leaky ReLU."""
    conv = _started(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2))
    norms = [nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)] if norm else []
    return nn.Sequential(conv, *norms, nn.LeakyReLU(_SLOPE, inplace=True))


def _started(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> nn.Module:
    """The layer with Glorot's weights, and biases of 0.1 (B 19, 182)."""
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.constant_(layer.bias, 0.1)
    return layer
