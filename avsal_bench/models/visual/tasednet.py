"""TASED-Net (tased2019): S3D, and a decoder that puts values back where the encoder found its maxima.

A port of the class ``TASED_v2`` of MichiganCOG/TASED-Net with the authors' names inside the decoder: the updated
network of their README, which scores above the paper's, and the only one released.

Decisions:

- 16 and 8 frames work too, with T/8 steps in the place of 4.
- Transposed convolutions of stride 1 stay transposed ones, so that published weights need no turning.
- Windows of two unpoolings overlap, and one place may be the maximum of several. On a CPU the last write in row order
  wins; on a GPU PyTorch leaves the winner open, so neither the authors' maps nor ours repeat exactly there.
- Where two values are nearly equal, rounding may move a maximum by one place, and a few pixels of the map change by
  much. S3D's pooled branches give neighbours the same value, so this is no rare case: with random weights the same clip
  in a batch of two, or in another number of threads, gives a map that differs by 1e-6 in the mean and 1e-5 at most.
  Compare runs by a quantile, or with weights without such ties.
- Weights start as PyTorch makes them; the authors start S3D from its Kinetics weights, and the recipe says so.

Faults of the published scripts that are not ported:

- The loss divides both maps by their sums over the whole batch, not by item.
- Videos under 63 frames are skipped.
- The loader copies what fits by name and size, and skips the rest without a word.

Frames are resized as OpenCV does it, without antialiasing (``antialias`` of the spec).
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.backbones.s3d import S3D, scale_channels
from avsal_bench.models.base import Network
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.layers.clip import check_clip, last_time_kernels
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec

_WEIGHTS = PublishedWeights(
    "tasednet_dhf1k",
    "TASED_updated.pt",
    "DHF1K",
    "Google Drive link in the README of MichiganCOG/TASED-Net",
    "MIT repository; weights not stated",
    {"modality": "v"},
    online="drive:1y4KSTm-e7kP84k0IyVI-rRtmYZkrC-wL",
    trained_on=("kinetics400", "dhf1k/train"),
)


@register_model(
    "tasednet",
    title="TASED-Net",
    paper="tased2019",
    modalities=("v",),
    code="MichiganCOG/TASED-Net",
    code_licence="MIT",
    tiny={"frames": 16, "size": (64, 96), "width": 0.125, "bn_momentum": 0.1},
    parity=("v",),
    weights=(_WEIGHTS,),
)
class TASEDNet(Network):
    """The whole network; the map is the sigmoid of the decoder's logits.

    Args:
        modality: ``v``; there is no other.
        frames: T, one of 8, 16 and 32; 32 is published.
        size: (height, width) of the frames, multiples of 32.
        width: multiplier of the channels, but for the last four.
        bn_momentum: of every batch norm; see :class:`S3D`.

    Raises:
        ValueError: for an option outside its range.
    """

    shares = True

    def __init__(
        self,
        modality: Literal["v"] = "v",
        frames: int = 32,
        size: tuple[int, int] = (224, 384),
        width: float = 1.0,
        bn_momentum: float = 0.001,
    ) -> None:
        super().__init__()
        check_clip("tasednet", frames, size)
        half = (0.5, 0.5, 0.5)
        self.spec = ClipSpec(frames, (size[0], size[1]), half, half, target="last", antialias=False)
        self.s3d = S3D(width, bn_momentum)
        self.decoder = Decoder(self.s3d.channels, width, frames, bn_momentum)

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, T, H, W)`` frames to the saliency ``(B, H, W)`` in [0, 1].

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        self.check_input(frames, audio)
        logits: Tensor = self.decoder(*self.s3d(frames))
        return logits.sigmoid()

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
        """See :meth:`Network.predict`: what windows share is encoded once."""
        self.check_clips(clips, audio)
        logits: Tensor = self.decoder(*self.s3d.encode_windows(clips, memory))
        return logits.sigmoid()

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`."""
        parts = {"base": "s3d.", "convtsp": "decoder."}
        return next((ours + key for theirs, ours in parts.items() if key.startswith(theirs)), key), value


class Decoder(nn.Module):
    """Convolutions in space with batch norm and ReLU, and unpoolings between; time ends in the last block.

    Args:
        channels: of S3D's stages, finest first.
        width: multiplier of the channels of the last block.
        frames: T.
        bn_momentum: of every batch norm.
    """

    def __init__(self, channels: tuple[int, ...], width: float, frames: int, bn_momentum: float) -> None:
        super().__init__()
        c3, c2, c1, c0 = channels
        c64 = scale_channels(64, width)
        first, second = ((kernel, 1, 1) for kernel in last_time_kernels(frames))
        # Nothing but the last convolution has a bias.
        conv = partial(nn.Conv3d, bias=False)
        same = partial(nn.ConvTranspose3d, kernel_size=(1, 3, 3), padding=(0, 1, 1), bias=False)
        twice = partial(nn.ConvTranspose3d, kernel_size=(1, 4, 4), stride=(1, 2, 2), padding=(0, 1, 1), bias=False)

        def norm(features: int) -> tuple[nn.Module, nn.Module]:
            return nn.BatchNorm3d(features, eps=1e-3, momentum=bn_momentum), nn.ReLU(inplace=True)

        self.convtsp1 = nn.Sequential(conv(c0, c0, 1), *norm(c0), same(c0, c1), *norm(c1))
        self.unpool1 = nn.MaxUnpool3d((1, 2, 2), (1, 2, 2))
        self.convtsp2 = nn.Sequential(same(c1, c2), *norm(c2))
        self.unpool2 = nn.MaxUnpool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.convtsp3 = nn.Sequential(same(c2, c3), *norm(c3))
        self.unpool3 = nn.MaxUnpool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.convtsp4 = nn.Sequential(
            *(twice(c3, c64), *norm(c64)),
            *(conv(c64, c64, first, first), *norm(c64)),
            *(nn.ConvTranspose3d(c64, 4, 1, bias=False), *norm(4)),
            *(conv(4, 4, second, second), *norm(4)),
            twice(4, 4),
            nn.Conv3d(4, 1, 1),
        )

    def forward(self, y3: Tensor, y2: Tensor, y1: Tensor, y0: Tensor) -> Tensor:
        """Decode S3D's stages, finest first, to logits ``(B, H, W)``; only the last gives values, the others places."""
        x = self.convtsp1(y0)
        x = self.unpool1(x, *_maxima(y1, 2, self.unpool1))
        x = self.unpool2(self.convtsp2(x), *_maxima(y2, 4, self.unpool2))
        x = self.unpool3(self.convtsp3(x), *_maxima(y3, 4, self.unpool3))
        logits: Tensor = self.convtsp4(x)
        return logits[:, 0, 0]


@torch.no_grad()
def _maxima(stage: Tensor, time: int, unpool: nn.MaxUnpool3d) -> tuple[Tensor, torch.Size]:
    """Where in the volume (T/8, h, w) of each channel the maxima of the windows of ``unpool`` are, and its size.

    Args:
        stage: ``(B, C, time T/8, h, w)``; time becomes the maximum of every ``time`` steps first.
        time: steps to take together.
        unpool: that will put values there.

    Returns:
        Indices ``(B, C, T/8, h/2, w/2)``, and the shape ``(B, C, T/8, h, w)``.
    """
    grouped = F.max_pool3d(stage, (time, 1, 1))
    _, places = F.max_pool3d(grouped, unpool.kernel_size, unpool.stride, unpool.padding, return_indices=True)
    return places, grouped.shape
