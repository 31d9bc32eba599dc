"""MorphMLP-S of Zhang et al. (ECCV 2022, MTLab/MorphMLP), as an encoder of a clip: what leaves its four stages.

It has no attention: a run of neighbouring places, or of times, goes through one fully connected layer, so the lengths
of runs fix what sizes it takes. The keys of the state dict are the authors', without their last norm and classifier.
"""

from __future__ import annotations

import math
from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from avsal_bench.models.published_weights import PublishedWeights

#: Places of a run, in the four stages.
_RUNS = (14, 28, 28, 49)
_FRAMES = 16
#: Time steps behind the stem, which are the run in time.
_STEPS = 8
_DROP_PATH = 0.1


def mix_runs(x: Tensor, run: int, linear: nn.Module) -> Tensor:
    """Let the places of each run see each other, separately in each group of channels.

    Args:
        x: ``(..., N, C)``, with N places in the order of the scan. N and C are multiples of ``run``.
        run: places of a run, which follow each other, and number of groups of C / run channels.
        linear: maps the C values of one run and one group, place by place, to as many.

    Returns:
        The same shape.
    """
    *batch, places, channels = x.shape
    split = (*batch, places // run, run, run, channels // run)
    # The axis of places and the one of groups are equally long, so both ways have the same shape.
    vectors: Tensor = linear(x.reshape(split).transpose(-3, -2).flatten(-2))
    return vectors.reshape(split).transpose(-3, -2).reshape(x.shape)


def _mlp(inputs: int, inner: int, outputs: int) -> nn.Sequential:
    fc1, fc2 = nn.Linear(inputs, inner), nn.Linear(inner, outputs)
    return nn.Sequential(OrderedDict(fc1=fc1, act=nn.GELU(), fc2=fc2))


class TimeFC(nn.Module):
    """All 8 time steps of a place see each other, in 8 groups of channels; then a Linear over the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp_t = nn.Linear(channels, channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, 8, h, w, C)`` to the same shape."""
        out: Tensor = self.proj(mix_runs(x.movedim(1, 3), _STEPS, self.mlp_t).movedim(3, 1))
        return out


class SpaceFC(nn.Module):
    """Branches that see runs of places, and one that sees the place alone, weighed channel by channel.

    Args:
        channels: C.
        run: places of a run.
        last: False for branches down the columns (h), along the rows (w) and on the place (c). True in the last stage,
            which has h and c, and whose runs are the whole map: where it has a multiple of ``run`` places, each run
            takes every second, third ... of them.
    """

    def __init__(self, channels: int, run: int, last: bool) -> None:
        super().__init__()
        self.run = run
        self.last = last
        branches = 2 if last else 3
        self.mlp_h = nn.Linear(channels, channels)
        if not last:
            self.mlp_w = nn.Linear(channels, channels)
        self.mlp_c = nn.Linear(channels, channels)
        self.reweight = _mlp(channels, channels // 4, branches * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, T, h, w, C)`` to the same shape."""
        if self.last:
            branches = [self._strided(x), self.mlp_c(x)]
        else:
            branches = [self._scan(x.transpose(2, 3), self.mlp_h).transpose(2, 3)]
            branches += [self._scan(x, self.mlp_w), self.mlp_c(x)]
        stacked = torch.stack(branches, dim=-1)
        scores: Tensor = self.reweight(stacked.sum(-1).mean((1, 2, 3)))
        weights = scores.reshape(x.shape[0], -1, len(branches)).softmax(-1)
        out: Tensor = self.proj((stacked * weights[:, None, None, None]).sum(-1))
        return out

    def _scan(self, x: Tensor, linear: nn.Module) -> Tensor:
        """Runs along the last but one axis of ``(B, T, h, w, C)``."""
        return mix_runs(x.flatten(2, 3), self.run, linear).reshape(x.shape)

    def _strided(self, x: Tensor) -> Tensor:
        """Runs over the whole map ``(B, T, h, w, C)``."""
        b, t, h, w, c = x.shape
        places = x.reshape(b, t, self.run, h * w // self.run, c).transpose(2, 3)
        return mix_runs(places, self.run, self.mlp_h).transpose(2, 3).reshape(x.shape)


class Block(nn.Module):
    """Time, space and an MLP of ratio 3. What time gives enters space, but not the sum that goes on.

    Args:
        channels: C.
        run: see :class:`SpaceFC`.
        last: see :class:`SpaceFC`.
        drop_path: chance that a clip skips a branch while the network trains.
    """

    def __init__(self, channels: int, run: int, last: bool, drop_path: float) -> None:
        super().__init__()
        self.t_norm1 = nn.LayerNorm(channels, eps=1e-5)
        self.t_fc = TimeFC(channels)
        self.norm1 = nn.LayerNorm(channels, eps=1e-5)
        self.fc = SpaceFC(channels, run, last)
        self.norm2 = nn.LayerNorm(channels, eps=1e-5)
        self.mlp = _mlp(channels, 3 * channels, channels)
        self.drop_path = StochasticDepth(drop_path, "row")

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, 8, h, w, C)`` to the same shape."""
        timed = x + self.t_fc(self.t_norm1(x))
        x = x + self.drop_path(self.fc(self.norm1(timed)))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class Stem(nn.Module):
    """Convolutions 3x3x3 (stride 2, in time too) and 1x3x3 (stride 2 in space), each with batch norm (eps 1e-5)."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.proj1 = nn.Conv3d(3, outputs // 2, 3, 2, 1)
        self.norm1 = nn.BatchNorm3d(outputs // 2, eps=1e-5)
        self.act = nn.GELU()
        self.proj2 = nn.Conv3d(outputs // 2, outputs, (1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.norm2 = nn.BatchNorm3d(outputs, eps=1e-5)

    def forward(self, frames: Tensor) -> Tensor:
        """Map ``(B, 3, T, H, W)`` to ``(B, T/2, H/4, W/4, outputs)``."""
        x: Tensor = self.norm2(self.proj2(self.act(self.norm1(self.proj1(frames)))))
        return x.movedim(1, -1)


class Downsampling(nn.Module):
    """A convolution 1x3x3 of stride 2 in space, and LayerNorm (eps 1e-5) over the channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(inputs, outputs, (1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.norm = nn.LayerNorm(outputs, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, T, h, w, inputs)`` to ``(B, T, h/2, w/2, outputs)``, odd sides rounded up."""
        out: Tensor = self.norm(self.proj(x.movedim(-1, 1)).movedim(1, -1))
        return out


class MorphMLP(nn.Module):
    """MorphMLP-S without its classifier (46.72 M parameters).

    Args:
        depths: blocks of the four stages; the published network has (3, 4, 9, 3).
        channels: of the four stages; the published network has (112, 224, 392, 784). Multiples of 56, the last of 392,
            so that runs of 8 steps and of 14, 28, 28 and 49 places divide them.

    Attributes:
        channels: of the four stages.
        steps: time steps of the four stages, for 16 frames.

    Raises:
        ValueError: for channels that runs do not divide.
    """

    steps = (_STEPS, _STEPS, _STEPS, _STEPS)

    def __init__(
        self,
        depths: tuple[int, int, int, int] = (3, 4, 9, 3),
        channels: tuple[int, int, int, int] = (112, 224, 392, 784),
    ) -> None:
        super().__init__()
        if any(width % math.lcm(_STEPS, run) for width, run in zip(channels, _RUNS, strict=True)):
            raise ValueError(f"MorphMLP's channels are multiples of 56, 56, 56 and 392; got {channels}")
        self.channels = channels
        drops = iter(np.linspace(0, _DROP_PATH, sum(depths)).tolist())
        for i, (width, run, depth) in enumerate(zip(channels, _RUNS, depths, strict=True)):
            self.add_module(f"patch_embed{i + 1}", Downsampling(channels[i - 1], width) if i else Stem(width))
            blocks = nn.Sequential(*(Block(width, run, i == 3, next(drops)) for _ in range(depth)))
            self.add_module(f"blocks{i + 1}", blocks)

    @staticmethod
    def check_size(size: tuple[int, int]) -> None:
        """Nothing, for a (height, width) in pixels whose maps can be cut into runs; 224x224 is one.

        Raises:
            ValueError: naming the stage whose map cannot.
        """
        height, width = size
        for i, run in enumerate(_RUNS):
            h, w = (math.ceil(side / 2 ** (i + 2)) for side in size)
            if h * w % run:
                raise ValueError(
                    f"MorphMLP cannot take frames of {height}x{width} pixels: stage {i + 1} has a map of {h}x{w} and "
                    f"needs a multiple of {run} places; take 224x224"
                )

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode frames ``(B, 3, 16, H, W)`` of a size that :meth:`check_size` accepts.

        Returns:
            Four features ``(B, channels[i], 8, H / 2^(i+2), W / 2^(i+2))``.

        Raises:
            ValueError: for another number of frames, or another size.
        """
        if frames.shape[2] != _FRAMES:
            raise ValueError(f"MorphMLP takes {_FRAMES} frames; got {frames.shape[2]}, in {tuple(frames.shape)}")
        self.check_size((frames.shape[3], frames.shape[4]))
        x, features = frames, []
        for i in range(1, 5):
            x = self.get_submodule(f"blocks{i}")(self.get_submodule(f"patch_embed{i}")(x))
            features.append(x.movedim(-1, 1))
        v1, v2, v3, v4 = features
        return v1, v2, v3, v4


def rename_morphmlp(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of MTLab/MorphMLP, or of MSPI's ``visnet``, as one of ours; None for the last norm and classifier.

    >>> rename_morphmlp("norm.weight", Tensor()) is None
    True
    """
    return None if key.startswith(("norm.", "head.")) else (key, value)


WEIGHTS = (
    PublishedWeights(
        "morphmlp_s_kinetics400",
        "mlp_s16x4_k400.pth",
        "Kinetics-400, MorphMLP-S on 16 frames of stride 4; where MSPI's MorphMLP starts from",
        "Google Drive link in the README of MTLab/MorphMLP",
        "Apache-2.0 repository; weights not stated",
        build=MorphMLP,
        rename=rename_morphmlp,
        form="a flat state dict with norm and head, as oraclefina/MSPI reads it; the file was not opened",
        trained_on=("kinetics400",),
    ),
)
