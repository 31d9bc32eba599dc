"""STSANet (stsanet2023): S3D, attention between parts of the clip at four depths, and a decoder that weighs them.

A port of WZq975/STSANet. It predicts the 16th frame of 32, so it sees 15 frames before and 16 behind.

Decisions:

- Attention is computed by ``scaled_dot_product_attention`` with the scale 1, exactly. On a CPU it holds one table of
  2,688 x 2,688 pairs of tokens for each item of a batch at most, 29 MB; on a GPU PyTorch chooses a kernel without one
  where it has one.
- The layer norms have a weight for each place of a feature, so weights fit one size alone. Another ``size`` is another
  network, for small tests.
- Where a block of four has its largest value twice, the first in reading order counts. Where two are nearly equal,
  rounding may move the place, and a value of the unpooled feature with it, within the block.
- No script of the authors predicts a video. Where a window reaches beyond an end of a video the end frame is repeated,
  as for all networks here whose target is not the last frame.
- Weights start as PyTorch makes them; the authors start S3D from a file of theirs (``S3D_backbone.pth``), and the
  recipe from S3D's Kinetics weights.

Part of the network, and kept: queries of one part meet keys and values of the other, without a scale, so the attention
is sharp; queries, keys and values are never negative; the mask of a fusion acts on the weights of channels alone.

Faults of the published scripts that are not ported:

- A new optimiser in each epoch, which forgets its moments.
- The last window of a video is never drawn on DHF1K, and a video of 32 frames ends the run.
- Epochs are chosen on the test lists of Hollywood-2 and UCF Sports.
- On DIEM the map of another frame teaches, unless the authors' files were numbered otherwise.
- ``--lr`` has no type, so that a rate from the command line is text, and fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.backbones.s3d import S3D, Stages, scale_channels
from avsal_bench.models.base import Network
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.layers.resample import upsample
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec

_WEIGHTS = PublishedWeights(
    "stsanet_dhf1k",
    "STSANet_DHF1K.pth",
    "DHF1K; the name is that in a comment of the code",
    "Google Drive and Baidu links in the README of WZq975/STSANet",
    "MIT repository; weights not stated",
    {"modality": "v"},
    trained_on=("kinetics400", "dhf1k/train"),
)

#: T, the frame of a clip that is predicted, from 0, and the time steps that all stages are brought to.
_FRAMES, _TARGET, _STEPS = 32, 15, 4
#: Embeddings of the attention between pairs, channels behind it, and embeddings of that between halves, finest first.
_LEVELS = ((96, 192, 96), (224, 240, 128), (416, 416, 208), (512, 512, 256))
#: Channels behind the readout's first and second convolution.
_READOUT = (64, 32)

#: Names of the authors and ours, which take the groups of the pattern in their order.
_NAMES = (
    (r"base([1-4])\.(.+)", "s3d.base{}.{}"),
    (r"branch([0-3])_pre\.(.+)", "levels.{}.shorten.{}"),
    (r"branch([0-3])_mid\.(.+)", "levels.{}.middle.{}"),
    (r"branch([0-3])_([01])_([ab])_([qkv])\.(.+)", "levels.{}.pairs.{}.{}.{}.{}"),
    (r"branch([0-3])_2_([ab])_([qkv])\.(.+)", "levels.{}.halves.{}.{}.{}"),
    (r"ln_([0-3])_0\.(.+)", "levels.{}.norm_pairs.{}"),
    (r"ln_([0-3])_1\.(.+)", "levels.{}.norm_halves.{}"),
    (r"branch3_beh_0\.(.+)", "coarsest.{}"),
    (r"SA_([0-2])\.(.+)", "fusions.{}.mask.{}"),
    (r"CA_([0-2])\.(.+)", "fusions.{}.weigh.{}"),
    (r"inc_([0-2])_([0-3])\.(.+)", "inceptions.{}.branches.{}.{}"),
    (r"readout_1\.(.+)", "enlarged.{}"),
    (r"readout_2\.(.+)", "readout.{}"),
)


@register_model(
    "stsanet",
    title="STSANet",
    paper="stsanet2023",
    modalities=("v",),
    code="WZq975/STSANet",
    code_licence="MIT",
    tiny={"size": (32, 64), "width": 0.125, "bn_momentum": 0.1},
    parity=("v",),
    weights=(_WEIGHTS,),
)
class STSANet(Network):
    """The whole network; the map is the sigmoid of the readout.

    Args:
        modality: ``v``; there is no other.
        frames: T; 32, as four time steps are left of them everywhere.
        size: (height, width) of the frames, multiples of 32; weights are of one size.
        width: multiplier of the channels.
        bn_momentum: of S3D's batch norms; see :class:`S3D`.

    Raises:
        ValueError: for an option outside its range.
    """

    shares = True

    def __init__(
        self,
        modality: Literal["v"] = "v",
        frames: int = _FRAMES,
        size: tuple[int, int] = (224, 384),
        width: float = 1.0,
        bn_momentum: float = 0.001,
    ) -> None:
        super().__init__()
        if frames != _FRAMES:
            raise ValueError(f"stsanet takes clips of {_FRAMES} frames; got {frames!r}")
        if any(side < 32 or side % 32 for side in size):
            raise ValueError(f"stsanet takes a height and a width of 32, 64, 96 ... pixels; got {tuple(size)}")
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        self.spec = ClipSpec(frames, (size[0], size[1]), mean, std, target=_TARGET)

        self.s3d = S3D(width, bn_momentum)
        self.levels = nn.ModuleList()
        for i, (channels, steps, published) in enumerate(zip(self.s3d.channels, (16, 16, 8, 4), _LEVELS, strict=True)):
            embedding, outputs, half_embedding = (scale_channels(number, width) for number in published)
            grid = (size[0] >> (i + 2), size[1] >> (i + 2))
            # The finest level is too large for all pairs of tokens.
            level = Level(channels, outputs, (embedding, half_embedding), steps // _STEPS, grid, pooled=i == 0)
            self.levels.append(level)
        c0, c1, c2, c3 = (scale_channels(outputs, width) for _, outputs, _ in _LEVELS)
        self.coarsest = nn.Sequential(_spatial(c3, c2), nn.ReLU(inplace=True))
        self.fusions = nn.ModuleList(Fusion(channels) for channels in (c2, c1, c0))
        self.inceptions = nn.ModuleList(SummedInception(*both) for both in ((c2, c1), (c1, c0), (c0, c0)))
        first, second = (scale_channels(channels, width) for channels in _READOUT)
        self.enlarged = nn.Sequential(_spatial(c0, first), nn.ReLU(inplace=True))
        self.readout = nn.Sequential(
            nn.Conv3d(first, second, (2, 3, 3), (2, 1, 1), (0, 1, 1)),
            nn.ReLU(inplace=True),
            nn.Conv3d(second, second, (2, 1, 1), (2, 1, 1), bias=False),
            nn.ReLU(inplace=True),
            _spatial(second, 1),
        )

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, 32, H, W)`` frames to the saliency of the 16th, ``(B, H, W)`` in [0, 1].

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        self.check_input(frames, audio)
        return self._decode(self.s3d(frames))

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
        """See :meth:`Network.predict`: what windows share is encoded once."""
        self.check_clips(clips, audio)
        return self._decode(self.s3d.encode_windows(clips, memory))

    def _decode(self, stages: Stages) -> Tensor:
        """The map ``(B, H, W)`` of S3D's stages, finest first."""
        attended = [level(stage) for level, stage in zip(self.levels, stages, strict=True)]
        x = upsample(self.coarsest(attended.pop()))
        for fusion, inception in zip(self.fusions, self.inceptions, strict=True):
            x = upsample(inception(fusion(x, attended.pop())))
        logits: Tensor = self.readout(upsample(self.enlarged(x)))
        return logits[:, 0, 0].sigmoid()

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`."""
        for theirs, ours in _NAMES:
            if (found := re.fullmatch(theirs, key)) is not None:
                return ours.format(*found.groups()), value
        return key, value


def _spatial(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv3d:
    """A convolution in space that keeps the size."""
    return nn.Conv3d(inputs, outputs, (1, kernel, kernel), padding=(0, kernel // 2, kernel // 2))


class Level(nn.Module):
    """Attention between time steps at one depth: the first and the second, the third and the fourth; then the halves.

    Args:
        channels: of the stage.
        outputs: channels that leave.
        embeddings: channels of queries and keys, of pairs and of halves.
        fold: time steps of the stage that become one.
        grid: (height, width) of the stage.
        pooled: whether attention looks at the largest of four pixels, and its result stands where that one was.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        embeddings: tuple[int, int],
        fold: int,
        grid: tuple[int, int],
        pooled: bool,
    ) -> None:
        super().__init__()
        self.pooled = pooled
        self.shorten = nn.Sequential()
        if fold > 1:
            times = (fold, 1, 1)
            self.shorten = nn.Sequential(nn.Conv3d(channels, channels, times, times), nn.ReLU(inplace=True))
        self.pairs = nn.ModuleList(CrossedAttention(channels, embeddings[0]) for _ in range(2))
        self.norm_pairs = nn.LayerNorm([channels, _STEPS, *grid])
        self.middle = nn.Sequential(_spatial(channels, outputs), nn.ReLU(inplace=True))
        self.halves = CrossedAttention(outputs, embeddings[1])
        self.norm_halves = nn.LayerNorm([outputs, _STEPS, *grid])

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, channels, 4 fold, h, w)`` to ``(B, outputs, 4, h, w)``."""
        x = self.shorten(x)
        x = x + self.norm_pairs(self._where_largest(x, self._attend_in_pairs))
        x = self.middle(x)
        attended: Tensor = self.norm_halves(self._where_largest(x, self._attend_in_halves))
        return x + attended

    def _attend_in_pairs(self, x: Tensor) -> Tensor:
        first, second, third, fourth = torch.split(x, 1, 2)
        return torch.cat([self.pairs[0](first, second), self.pairs[1](third, fourth)], 2)

    def _attend_in_halves(self, x: Tensor) -> Tensor:
        attended: Tensor = self.halves(*torch.split(x, _STEPS // 2, 2))
        return attended

    def _where_largest(self, x: Tensor, attend: Callable[[Tensor], Tensor]) -> Tensor:
        """What attention makes of a feature; in the pooled level zero but where the largest of four pixels was."""
        if not self.pooled:
            return attend(x)
        blocks = (1, 2, 2)
        largest, places = F.max_pool3d(x, blocks, return_indices=True)
        return F.max_unpool3d(attend(largest), places, blocks, output_size=x.shape)


class CrossedAttention(nn.Module):
    """Attention of two parts of a clip, in which the queries of each meet the keys and the values of the other.

    Args:
        channels: of both parts.
        embedding: channels of queries and keys.
    """

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.a, self.b = Embeddings(channels, embedding), Embeddings(channels, embedding)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Map two ``(B, C, t, h, w)`` to one ``(B, C, 2 t, h, w)``: what b asked of a, and then what a asked of b."""
        (query_a, key_a, value_a), (query_b, key_b, value_b) = self.a(a), self.b(b)
        return torch.cat([_attention(query_b, key_a, value_a), _attention(query_a, key_b, value_b)], 2)


def _attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """What all tokens (t, h, w) find, without a scale: a feature of the shape of the values."""
    q, k, v = (x.flatten(2).transpose(1, 2) for x in (query, key, value))
    found = F.scaled_dot_product_attention(q, k, v, scale=1.0)
    return found.transpose(1, 2).reshape(value.shape)


class Embeddings(nn.Module):
    """Queries, keys and values of a part of a clip, none of them negative.

    Args:
        channels: that come in, and of values.
        embedding: channels of queries and keys.
    """

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()

        def embedded(*convolutions: nn.Conv3d) -> nn.Sequential:
            return nn.Sequential(*(layer for conv in convolutions for layer in (conv, nn.ReLU(inplace=True))))

        self.q = embedded(nn.Conv3d(channels, embedding, 1), _spatial(embedding, embedding))
        self.k = embedded(nn.Conv3d(channels, embedding, 1), _spatial(embedding, embedding))
        self.v = embedded(
            nn.Conv3d(channels, channels, (1, 3, 1), padding=(0, 1, 0)),
            nn.Conv3d(channels, channels, (1, 1, 3), padding=(0, 0, 1)),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map ``(B, C, t, h, w)`` to queries, keys and values of the same times and places."""
        return self.q(x), self.k(x), self.v(x)


class Fusion(nn.Module):
    """A coarse feature and a finer one, each channel times a weight for each step of time.

    Args:
        channels: of each.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        both, fewer = 2 * channels, channels // 2
        self.mask = nn.Sequential(nn.Conv3d(both, 1, 1), nn.Sigmoid())
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool3d((_STEPS, 1, 1)),
            nn.Conv3d(both, fewer, 1),
            nn.LayerNorm([fewer, _STEPS, 1, 1]),
            nn.ReLU(inplace=True),
            nn.Conv3d(fewer, both, 1),
            nn.Sigmoid(),
        )

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Fuse two ``(B, C, 4, h, w)`` to one of the shape."""
        both = torch.cat([coarse, fine], 1)
        of_coarse, of_fine = self.weigh(both * self.mask(both)).chunk(2, 1)
        fused: Tensor = coarse * of_coarse + fine * of_fine
        return fused


class SummedInception(nn.Module):
    """Four branches, summed: 1x1x1; time and then 3x3; time and then 5x5; a maximum of neighbours and 1x1x1.

    Args:
        inputs: channels that come in.
        outputs: channels that go out.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()

        def separable(kernel: int) -> nn.Sequential:
            time = nn.Conv3d(inputs, outputs, (3, 1, 1), padding=(1, 0, 0))
            return nn.Sequential(time, nn.ReLU(inplace=True), _spatial(outputs, outputs, kernel))

        self.branches = nn.ModuleList(
            [
                nn.Sequential(nn.Conv3d(inputs, outputs, 1)),
                separable(3),
                separable(5),
                nn.Sequential(nn.MaxPool3d(3, 1, 1), nn.Conv3d(inputs, outputs, 1)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, 4, h, w)`` to ``(B, outputs, 4, h, w)``."""
        first, *others = (branch(x) for branch in self.branches)
        total: Tensor = sum(others, start=first)
        return F.relu(total, inplace=True)
