"""SalUNet, DiffSal's decoder (diffsal2024): four stages of attention that see the picture, the sound and a noisy map.

A port of the decoder of junwenxiong/diff_sal. Some of it surprises, and is kept, as the weights were trained with it:

- Steps of time never meet in a stage; each is attended to by itself. The noisy map is a ninth step behind the eight of
  the picture, and the maps of the stages are read from the first five. So without sound the noise does not reach the
  output, but by the statistics of batch norms while training.
- With sound, all nine steps meet in a mean, which makes the keys of the attention. That is how sound, noise and the
  last three steps of the picture reach the output, and the only way.
- The keys are a feature ``(C, T, H, W)`` read, number by number, as ``(T, H W, C)``: places and channels are mixed.
  They come from a softmax over the columns of each row.
- Logits of the attention are divided by the root of all channels, not of those of a head.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Steps of time of the picture; one more is the noisy map.
PICTURE_STEPS = 8
#: Steps that the map of a stage is read from, the first ones.
_READ = 5
#: Heads of attention, in every stage.
_HEADS = 2
_DROPOUT = 0.1
#: Deviation that convolutions and linear layers start from.
_STD = 0.01


class Widths(NamedTuple):
    """Channels of the decoder.

    Args:
        stages: of the four stages, coarsest first; (768, 384, 192, 96) as published.
        sound: of the sound's feature, 512.
    """

    stages: tuple[int, int, int, int]
    sound: int

    @property
    def finest(self) -> int:
        """Of the finest stage, of the step code's waves, and of what is left for the last layer."""
        return self.stages[3]


def _swish(x: Tensor) -> Tensor:
    return F.silu(x)


def _group_norm(channels: int) -> nn.GroupNorm:
    """32 groups; fewer for a number of channels that they do not divide."""
    return nn.GroupNorm(math.gcd(32, channels), channels, eps=1e-6)


def waves(step: Tensor, count: int) -> Tensor:
    """Sines and cosines of steps ``(B,)``: ``(B, count)`` float32, ``count / 2`` frequencies from 1 down to 1e-4.

    >>> waves(torch.tensor([0]), 4)
    tensor([[0., 0., 1., 1.]])
    """
    half = count // 2
    frequencies = (-math.log(10000) / (half - 1) * torch.arange(half, dtype=torch.float32, device=step.device)).exp()
    angles = step.float()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


class StepCode(nn.Module):
    """What tells the network how noisy the map is: waves, and two linear layers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.waves = channels
        self.dense = nn.Sequential(nn.Linear(channels, 4 * channels), nn.SiLU(), nn.Linear(4 * channels, 4 * channels))

    def forward(self, step: Tensor) -> Tensor:
        """Map steps ``(B,)`` to ``(B, 4 C)``."""
        found: Tensor = self.dense(waves(step, self.waves).to(self.dense[0].weight.dtype))  # type: ignore[arg-type]
        return found


class Residual(nn.Module):
    """Two convolutions 3x3 behind norms, the step code added between them, beside a convolution 1x1."""

    def __init__(self, inputs: int, outputs: int, code: int) -> None:
        super().__init__()
        self.norm1 = _group_norm(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.code = nn.Linear(code, outputs)
        self.norm2 = _group_norm(outputs)
        self.dropout = nn.Dropout(_DROPOUT)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Map ``(B, inputs, H, W)`` and the code ``(B, code)`` to ``(B, outputs, H, W)``."""
        y = self.conv1(_swish(self.norm1(x))) + self.code(_swish(code))[:, :, None, None]
        y = self.conv2(self.dropout(_swish(self.norm2(y))))
        found: Tensor = y + self.shortcut(x)
        return found


class _Down(nn.Module):
    """A convolution 3x3 with a stride, a row and a column of zeros below and to the right."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return found


class NoiseEncoder(nn.Module):
    """A noisy map and its step, seen at an 8th, a 16th and a 32nd of its size."""

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        coarse, middle, fine, finest = widths.stages
        self.conv_in = nn.Conv2d(1, finest, 3, padding=1)
        self.down = _Down(finest, 4)
        sizes = ((finest, fine), (fine, middle), (middle, coarse))
        self.blocks = nn.ModuleList(Residual(inputs, outputs, 4 * finest) for inputs, outputs in sizes)
        self.downs = nn.ModuleList(_Down(outputs, 2) for _, outputs in sizes)

    def forward(self, noisy: Tensor, code: Tensor) -> list[Tensor]:
        """Map ``(B, 1, H, W)`` and the step code to the features of the first three stages, coarsest first."""
        x = self.down(self.conv_in(noisy))
        found = []
        for block, down in zip(self.blocks, self.downs, strict=True):
            x = down(block(x, code))
            found.append(x)
        return found[::-1]


class _Projection(nn.Module):
    """A depthwise convolution, a norm and a linear layer: queries, keys or values of one step of time.

    The kernels are 3D, as published. Queries have three steps in time, of which one step of time meets the middle one.
    """

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        time, self.padding = (kernel, 1) if stride == 1 else (1, 0)
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(channels, 1, time, kernel, kernel))
        nn.init.normal_(self.weight, std=_STD)
        self.norm = nn.LayerNorm(channels)
        self.linear = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to ``(N, heads, positions, C / heads)``."""
        middle = self.weight[:, :, self.weight.shape[2] // 2]
        x = F.conv2d(x, middle, None, self.stride, self.padding, groups=len(middle)).flatten(2).transpose(1, 2)
        found: Tensor = self.linear(self.norm(x)).unflatten(2, (_HEADS, -1)).transpose(1, 2)
        return found


class Stage(nn.Module):
    """One stage: the stage before, twice as large; attention and an MLP; and a branch to the map.

    Args:
        inputs: channels of the stage before; 0 for the first, which takes the picture's feature.
        channels: of the stage.
        sound: channels of the sound's feature; 0 without sound.
        stride: of keys and values in space.
        enlarged: how many times larger than the sound's feature the stage is.
        branch: channels of the branch.
    """

    def __init__(self, inputs: int, channels: int, sound: int, stride: int, enlarged: int, branch: int) -> None:
        super().__init__()
        self.enlarged = enlarged
        self.up: nn.Module | None = None
        if inputs:
            layers: list[nn.Module] = []
            for before in (inputs, channels):
                conv = nn.Conv2d(before, channels, 3, padding=2, dilation=2, bias=False)
                layers.extend([conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)])
            self.up = nn.Sequential(*layers)
        self.align = nn.Conv2d(sound, channels, 1) if sound else None
        self.norm1 = nn.LayerNorm(channels)
        self.q = _Projection(channels, 3, 1)
        self.k = _Projection(channels, stride, stride)
        self.v = _Projection(channels, stride, stride)
        self.proj = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))
        self.branch_norm = nn.LayerNorm(channels)
        self.branch = nn.Conv3d(channels, branch, (_READ, 1, 1), (_READ, 1, 1), bias=False)

    def forward(self, x: Tensor, seen: Tensor | None, sound: Tensor | None) -> Tensor:
        """One stage.

        Args:
            x: of the stage before, ``(B, T, inputs, H/2, W/2)``; of the first, ``(B, T, C, H, W)``.
            seen: what is added, ``(B, T, C, H, W)``: picture and noisy map; None where nothing is.
            sound: ``(B, T, 512, h, w)``.

        Returns:
            ``(B, T, C, H, W)``.
        """
        steps = x.shape[1]
        x = x.flatten(0, 1)
        if self.up is not None:
            x = self.up(F.interpolate(x, scale_factor=2, mode="bilinear"))
        if seen is not None:
            x = x + seen.flatten(0, 1)
        height, width = x.shape[2:]
        tokens = x.flatten(2).transpose(1, 2)
        normed = _as_picture(self.norm1(tokens), height, width)
        keys = self.k(normed if sound is None else self._sounding(_in_time(x, steps), sound))
        mixed = F.scaled_dot_product_attention(self.q(normed), keys, self.v(normed), scale=x.shape[1] ** -0.5)
        tokens = tokens + self.proj(mixed.transpose(1, 2).flatten(2))
        tokens = tokens + self.mlp(self.norm2(tokens))
        return _in_time(_as_picture(tokens, height, width), steps)

    def _sounding(self, x: Tensor, sound: Tensor) -> Tensor:
        """What the keys are made of, ``(B T, C, H, W)``, of a stage ``(B, T, C, H, W)`` and the sound."""
        assert self.align is not None, "a network that hears"
        count, steps, channels, height, width = x.shape
        aligned = self.align(sound.flatten(0, 1))
        heard = _in_time(F.interpolate(aligned, scale_factor=self.enlarged, mode="nearest"), steps)
        both = heard * (heard * x).mean(1, keepdim=True).softmax(-1)
        # Read as the authors read it: number by number, from (C, T, H, W) to (T, H W, C).
        mixed = both.transpose(1, 2).reshape(count * steps, height * width, channels)
        return _as_picture(mixed, height, width)

    def read(self, x: Tensor) -> Tensor:
        """What the map is made of, ``(B, branch, H, W)``: the first five steps of the stage ``(B, T, C, H, W)``."""
        normed = self.branch_norm(x[:, :_READ].movedim(2, -1)).movedim(-1, 1)
        found: Tensor = self.branch(normed)[:, :, 0]
        return F.relu(found)


def _as_picture(tokens: Tensor, height: int, width: int) -> Tensor:
    """``(N, H W, C)`` as ``(N, C, H, W)``."""
    return tokens.transpose(1, 2).reshape(len(tokens), -1, height, width)


def _in_time(x: Tensor, steps: int) -> Tensor:
    """``(B T, C, H, W)`` as ``(B, T, C, H, W)``."""
    return x.reshape(-1, steps, *x.shape[1:])


class SalUNet(nn.Module):
    """The whole decoder.

    Args:
        widths: its channels.
        hears: whether it takes sound.
    """

    def __init__(self, widths: Widths, hears: bool) -> None:
        super().__init__()
        coarse, *_, finest = widths.stages
        self.code = StepCode(finest)
        self.noise_encoder = NoiseEncoder(widths)
        sound = widths.sound if hears else 0
        self.stages = nn.ModuleList(
            Stage(before, channels, sound, 2 ** (i + 1), 2**i, coarse)
            for i, (before, channels) in enumerate(zip((0, *widths.stages[:3]), widths.stages, strict=True))
        )
        join = nn.Conv2d(coarse, finest, 3, padding=1)
        self.join = nn.Sequential(join, nn.BatchNorm2d(finest), nn.ReLU(inplace=True))
        self.logits = nn.Conv2d(finest, 1, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear):
                nn.init.normal_(module.weight, std=_STD)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, picture: Sequence[Tensor], sound: Tensor | None, noisy: Tensor, step: int) -> Tensor:
        """The logits of a map.

        Args:
            picture: the features of the first three stages, coarsest first, ``(B, C, 8, h, w)``.
            sound: ``(B, 512, 9, h, w)``, of the size of the coarsest; None without sound.
            noisy: ``(B, 1, H, W)``.
            step: how noisy it is, 0 to 999.

        Returns:
            ``(B, 1, H/2, W/2)``.
        """
        code = self.code(torch.full((1,), step, device=noisy.device)).expand(len(noisy), -1)
        noise = self.noise_encoder(noisy, code)
        seen = [torch.cat([x, y[:, :, None]], 2).transpose(1, 2) for x, y in zip(picture, noise, strict=True)]
        heard = None if sound is None else sound.transpose(1, 2)
        size = [side // 2 for side in noisy.shape[2:]]
        x, total = seen[0], torch.zeros((), device=noisy.device)
        for stage, added in zip(self.stages, (None, *seen[1:], None), strict=True):
            x = stage(x, added, heard)
            total = total + F.interpolate(stage.read(x), size, mode="bilinear")  # type: ignore[operator]
        found: Tensor = self.logits(self.join(total))
        return found
