"""UniFormer-B of Li et al. (ICLR 2022, Sense-X/UniFormer), as an encoder of a clip: what leaves its four stages.

The first two stages look around a place by convolutions, the last two at all places by attention. The keys of the state
dict are the authors', without their last norm and classifier, which oraclefina/MSPI leaves unused.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import StochasticDepth

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.published_weights import PublishedWeights

#: Channels of the four stages, in heads of attention: a head has 64 channels.
_HEADS = (1, 2, 5, 8)
_DROP_PATH = 0.1


def _mlp(fc1: nn.Module, fc2: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(fc1=fc1, act=nn.GELU(), fc2=fc2))


class PatchEmbedding(nn.Module):
    """A convolution without overlap in space, and LayerNorm (eps 1e-5) over the channels.

    Args:
        inputs: channels that come in.
        outputs: channels that leave.
        kernel: (time, height, width); the stride in space is the same.
        time_stride: stride in time; the padding in time is half the kernel.
    """

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int, int], time_stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(inputs, outputs, kernel, (time_stride, *kernel[1:]), (kernel[0] // 2, 0, 0))
        self.norm = nn.LayerNorm(outputs, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, T, H, W)`` to ``(B, outputs, T/time_stride, H/kernel, W/kernel)``."""
        tokens: Tensor = self.norm(self.proj(x).movedim(1, -1))
        out = tokens.movedim(-1, 1)
        # As the convolutions that follow want it: with the channels where those of their weights are.
        return out if self.proj.weight.is_contiguous(memory_format=torch.channels_last_3d) else out.contiguous()


class LocalBlock(nn.Module):
    """A depthwise 5x5x5 convolution between two 1x1x1, in the place of attention; then an MLP. Batch norms, eps 1e-5.

    Args:
        channels: C.
        drop_path: chance that a clip skips a branch while the network trains.
    """

    def __init__(self, channels: int, drop_path: float) -> None:
        super().__init__()
        self.pos_embed = nn.Conv3d(channels, channels, 3, padding=1, groups=channels)
        self.norm1 = nn.BatchNorm3d(channels, eps=1e-5)
        self.conv1 = nn.Conv3d(channels, channels, 1)
        self.attn = nn.Conv3d(channels, channels, 5, padding=2, groups=channels)
        self.conv2 = nn.Conv3d(channels, channels, 1)
        self.norm2 = nn.BatchNorm3d(channels, eps=1e-5)
        self.mlp = _mlp(nn.Conv3d(channels, 4 * channels, 1), nn.Conv3d(4 * channels, channels, 1))
        self.drop_path = StochasticDepth(drop_path, "row")

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, T, h, w)`` to the same shape."""
        x = x + self.pos_embed(x)
        x = x + self.drop_path(self.conv2(self.attn(self.conv1(self.norm1(x)))))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return out


class GlobalBlock(nn.Module):
    """Attention between all places and times, then an MLP. LayerNorms, eps 1e-6.

    Args:
        channels: C.
        heads: of the attention.
        drop_path: chance that a clip skips a branch while the network trains.
    """

    def __init__(self, channels: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.pos_embed = nn.Conv3d(channels, channels, 3, padding=1, groups=channels)
        self.norm1 = nn.LayerNorm(channels, eps=1e-6)
        self.attn = Attention(channels, heads)
        self.norm2 = nn.LayerNorm(channels, eps=1e-6)
        self.mlp = _mlp(nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels))
        self.drop_path = StochasticDepth(drop_path, "row")

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, T, h, w)`` to the same shape."""
        x = x + self.pos_embed(x)
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens + self.drop_path(self.attn(self.norm1(tokens)))
        tokens = tokens + self.drop_path(self.mlp(self.norm2(tokens)))
        out: Tensor = tokens.transpose(1, 2).reshape(x.shape)
        return out


class Attention(nn.Module):
    """Multi-head self-attention; query, key and value come from one Linear, in this order, each head by head.

    Args:
        channels: C, a multiple of ``heads``.
        heads: h; the scale is (C / h) ** -0.5.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(B, N, C)`` to the same shape."""
        b, n, c = tokens.shape
        query, key, value = self.qkv(tokens).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        seen: Tensor = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(seen.transpose(1, 2).flatten(2))
        return out


class UniFormer(nn.Module):
    """UniFormer-B without its classifier (49.61 M parameters).

    Args:
        depths: blocks of the four stages; the published network has (5, 8, 20, 7).
        width: multiplier of every channel count; 1 is the published network.

    Attributes:
        channels: of the four stages; (64, 128, 320, 512) at width 1.
        steps: time steps of the four stages, for 16 frames.
    """

    steps = (8, 8, 8, 8)

    def __init__(self, depths: tuple[int, int, int, int] = (5, 8, 20, 7), width: float = 1.0) -> None:
        super().__init__()
        head = scale_channels(64, width)
        first, second, third, fourth = (heads * head for heads in _HEADS)
        self.channels = (first, second, third, fourth)
        drops = iter(np.linspace(0, _DROP_PATH, sum(depths)).tolist())
        inputs = 3
        for i, (channels, heads, depth) in enumerate(zip(self.channels, _HEADS, depths, strict=True), start=1):
            embedding = (3, 4, 4) if i == 1 else (1, 2, 2)
            self.add_module(f"patch_embed{i}", PatchEmbedding(inputs, channels, embedding, 2 if i == 1 else 1))
            blocks = nn.Sequential()
            for _ in range(depth):
                drop = next(drops)
                blocks.append(LocalBlock(channels, drop) if i <= 2 else GlobalBlock(channels, heads, drop))
            self.add_module(f"blocks{i}", blocks)
            inputs = channels

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode ``(B, 3, T, H, W)`` frames, H and W multiples of 32.

        Returns:
            Four features ``(B, channels[i], T/2, H / 2^(i+2), W / 2^(i+2))``.
        """
        x, features = frames, []
        for i in range(1, 5):
            x = self.get_submodule(f"blocks{i}")(self.get_submodule(f"patch_embed{i}")(x))
            features.append(x)
        v1, v2, v3, v4 = features
        return v1, v2, v3, v4


def rename_uniformer(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of Sense-X/UniFormer, or of MSPI's ``visnet``, as one of ours; None for the last norm and classifier.

    >>> rename_uniformer("head.bias", Tensor()) is None
    True
    """
    return None if key.startswith(("norm.", "head.")) else (key, value)


WEIGHTS = (
    PublishedWeights(
        "uniformer_b_kinetics400",
        "uniformer_base_k400_16x4.pth",
        "Kinetics-400, UniFormer-B on 16 frames of stride 4; where MSPI's UniFormer starts from",
        "Google Drive link in video_classification/README.md of Sense-X/UniFormer",
        "MIT repository; weights not stated",
        build=UniFormer,
        rename=rename_uniformer,
        form="a flat state dict with norm and head, as oraclefina/MSPI reads it; the file was not opened",
        online="hf:Andy1621/uniformer/uniformer_base_k400_16x4.pth",
        trained_on=("kinetics400",),
    ),
)
