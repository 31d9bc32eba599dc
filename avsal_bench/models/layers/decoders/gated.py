"""The decoder of TMFI-Net (tmfinet2023), and of HyperSal (hypersal2024), whose last kernels depend on the clip.

Four stages of a clip are brought to the same channels, each finer one takes up the coarser ones, and each goes by a
branch of its own to a map of the last frame. One convolution makes a map of the four.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.layers.resample import upsample

#: Channels of the stages in the published decoder, and of the three steps of a branch.
CHANNELS = (192, 96, 48, 24)

#: How much each branch enlarges after its third step, and after its map: from a 4th, 8th, 16th and 32nd of the frame.
_ENLARGE = ((1, 1), (2, 1), (2, 2), (2, 4))


class Gate(nn.Module):
    """``x * sigmoid(conv(x)) + x``, place by place.

    Args:
        channels: of x.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Conv3d(channels, channels, (1, 3, 3), padding=(0, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, T, h, w)`` to its own shape."""
        return torch.addcmul(x, x, self.gate(x).sigmoid())


class ModulatedConv(nn.Module):
    """A convolution (1, 3, 3) to one channel, whose kernel is multiplied, by input channel, with what a clip says.

    The kernel is divided by the root of its size (an equalised learning rate, as in StyleGAN2), and the factors are
    ``c W^T / sqrt(conditions) + b`` of the condition c. There is no bias.

    Args:
        channels: of the input.
        conditions: numbers in the condition of a clip.
    """

    def __init__(self, channels: int, conditions: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, channels, 1, 3, 3))
        # At first a condition of nothing leaves the kernel as it is.
        self.modulation = nn.Linear(conditions, channels)
        nn.init.normal_(self.modulation.weight)
        nn.init.ones_(self.modulation.bias)

    def factors(self, condition: Tensor) -> Tensor:
        """What the kernel is multiplied with, ``(B, channels)``, of conditions ``(B, conditions)``."""
        scale = 1 / math.sqrt(self.modulation.in_features)
        return F.linear(condition, self.modulation.weight * scale, self.modulation.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Map ``(B, channels, T, h, w)`` and the conditions ``(B, conditions)`` to ``(B, 1, T, h, w)``."""
        # To multiply the input is to multiply the kernel, and lets clips of a batch share a convolution.
        x = x * self.factors(condition)[:, :, None, None, None].to(x.dtype)
        return F.conv3d(x, self.weight / math.sqrt(self.weight[0].numel()), padding=(0, 1, 1))


class Branch(nn.Module):
    """From a stage to the map of the last frame: three convolutions that halve time, and one to a channel.

    Args:
        steps: channels of the input and of the three convolutions.
        enlarge: how much height and width grow after the third convolution, and after the last one. They double after
            the first and the second.
        conditions: numbers in the condition of a clip, which modulates the last convolution; 0 for none.
    """

    def __init__(self, steps: Sequence[int], enlarge: tuple[int, int], conditions: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList(
            nn.Conv3d(inputs, outputs, (2, 3, 3), (2, 1, 1), (0, 1, 1), bias=False)
            for inputs, outputs in pairwise(steps)
        )
        third, self.after = enlarge
        self.enlarge = (2, 2, third)
        self.last: nn.Module
        if conditions:
            self.last = ModulatedConv(steps[-1], conditions)
        else:
            self.last = nn.Conv3d(steps[-1], 1, (1, 3, 3), padding=(0, 1, 1), bias=False)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map a stage ``(B, C, 8, h, w)`` to ``(B, 1, 1, H, W)`` in [0, 1]."""
        for step, factor in zip(self.steps, self.enlarge, strict=True):
            x = _enlarged(F.relu(step(x), inplace=True), factor)
        x = self.last(x) if condition is None else self.last(x, condition)
        return _enlarged(x, self.after).sigmoid()


class GatedDecoder(nn.Module):
    """From four stages of a clip of 32 frames to the logits of its last frame.

    Args:
        channels: of the four stages, finest first.
        inner: channels of the stages inside, and of the three steps of a branch.
        conditions: numbers in the condition of a clip, which modulates the last convolution of each branch; 0 for none.
    """

    def __init__(self, channels: Sequence[int], inner: Sequence[int] = CHANNELS, conditions: int = 0) -> None:
        super().__init__()
        first = inner[0]
        self.lateral = nn.ModuleList(nn.Conv3d(c, first, (2, 1, 1), (2, 1, 1)) for c in channels)
        self.smooth = nn.ModuleList(
            nn.Conv3d(first, first, (1, 3, 3), padding=(0, 1, 1), bias=False) for _ in channels[1:]
        )
        self.gates = nn.ModuleList(Gate(first) for _ in channels)
        self.branches = nn.ModuleList(Branch(inner, enlarge, conditions) for enlarge in _ENLARGE)
        self.out = nn.Conv3d(len(channels), 1, (1, 3, 3), padding=(0, 1, 1))

    def forward(self, stages: Sequence[Tensor], condition: Tensor | None = None) -> Tensor:
        """Decode stages ``(B, channels[i], 16, H / 2^(i+2), W / 2^(i+2))`` to logits ``(B, H, W)``.

        Args:
            stages: finest first.
            condition: ``(B, conditions)`` where the decoder has one.
        """
        y1, y2, y3, y4 = (lateral(stage) for lateral, stage in zip(self.lateral, stages, strict=True))
        t3 = y3 + upsample(y4)
        t2 = y2 + upsample(t3) + upsample(y4, 4)
        t1 = y1 + upsample(t2) + upsample(y4, 8)
        joined = [*(smooth(t) for smooth, t in zip(self.smooth, (t1, t2, t3), strict=True)), y4]
        gated = (gate(s) for gate, s in zip(self.gates, joined, strict=True))
        maps = [branch(x, condition) for branch, x in zip(self.branches, gated, strict=True)]
        logits: Tensor = self.out(torch.cat(maps, dim=1))
        return logits[:, 0, 0]


def _enlarged(x: Tensor, factor: int) -> Tensor:
    return x if factor == 1 else upsample(x, factor)


def check_clip_of_32(network: str, frames: int, size: Sequence[int]) -> None:
    """Nothing, for 32 frames of a height and a width that are multiples of 32.

    Raises:
        ValueError: naming what is neither.
    """
    if frames != 32:
        raise ValueError(f"{network} takes clips of 32 frames, which its decoder halves to one step; got {frames!r}")
    if len(size) != 2 or any(not isinstance(side, int) or side < 32 or side % 32 for side in size):
        raise ValueError(f"{network} takes a height and a width of 32, 64, 96 ... pixels; got {tuple(size)}")


#: The authors' names (patterns) of TMFI-Net and HyperSal, and ours, whose numbers start at 0.
_NAMES = (
    (r"decoder\.conv([1-4])\.(weight|bias)", "decoder.lateral.{}.{}"),
    (r"decoder\.convs([1-3])\.(weight)", "decoder.smooth.{}.{}"),
    (r"decoder\.gate([1-4])\.gate\.(weight|bias)", "decoder.gates.{}.gate.{}"),
    (r"decoder\.convtsp([1-4])\.(?:conv3d_module1\.)?0\.(weight)", "decoder.branches.{}.steps.0.{}"),
    (r"decoder\.convtsp([1-4])\.(?:conv3d_module1\.)?3\.(weight)", "decoder.branches.{}.steps.1.{}"),
    (r"decoder\.convtsp([1-4])\.(?:conv3d_module1\.)?6\.(weight)", "decoder.branches.{}.steps.2.{}"),
    (r"decoder\.convtsp(1(?=\.8)|[2-4](?=\.9))\.[89]\.(weight)", "decoder.branches.{}.last.{}"),
    (r"decoder\.convtsp([1-4])\.conv3d_module2\.(weight)", "decoder.branches.{}.last.{}"),
)


def rename_decoder(key: str) -> str:
    """An entry of the authors' decoder under our name; a foreign key comes back as it is.

    >>> rename_decoder("decoder.convtsp1.8.weight"), rename_decoder("decoder.convtsp1.9.weight")
    ('decoder.branches.0.last.weight', 'decoder.convtsp1.9.weight')
    >>> rename_decoder("decoder.modulations.modulations.3.bias")
    'decoder.branches.3.last.modulation.bias'
    """
    key = re.sub(r"^decoder\.modulations\.modulations\.([0-3])\.", r"decoder.branches.\1.last.modulation.", key)
    key = re.sub(r"^decoder\.convout\.0\.", "decoder.out.", key)
    for pattern, ours in _NAMES:
        if found := re.fullmatch(pattern, key):
            return ours.format(int(found[1]) - 1, found[2])
    return key
