"""TMFI-Net (tmfinet2023, IEEE TCSVT 2023): Video Swin-S, and a decoder that joins four scales and goes back to each.

A port of the class ``VideoSaliencyModel`` of wusonghe/TMFI-Net, in the order of its forward pass. It sees 32 frames,
and predicts the last one.

Facts that are easily got wrong, and kept: 32 frames are 16 steps of time, so windows of attention shift in time too;
of the four stages only the coarsest is normed; each of the four branches ends with a sigmoid, and the convolution that
joins their maps is followed by another one.

Decisions:

- There is no norm behind the patches, though the Kinetics weights that training starts from were trained with one. The
  last norm is there, and is loaded.
- Windows are predicted each by itself. Attention is shifted in time from the second of 24 blocks on, so that each step
  depends on the whole window. What comes before is 5 % of the multiplications, of which windows 16 frames apart have
  half in common.
- The first 31 frames of a video repeat its first frame in front, as in the authors' test script (``start="repeat"``).
- Weights start as torchvision makes those of Video Swin, and the decoder's as PyTorch does. The authors start from
  Kinetics-400, and the recipe says so.

Not part of the network, and not ported, are these faults of the published scripts:

- Epoch 0 is never saved, whatever its validation score is.
- Switches are parsed with ``type=bool``, so any text turns them on; that of NSS has no effect.
- ``--load_path`` takes the Kinetics file alone, and fails with the trained one that the repository offers.
- ``train()`` of the encoder returns None, and the writing of maps passes an argument that torchvision now refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.backbones.videoswin import VideoSwin, rename_mmaction
from avsal_bench.models.base import Network
from avsal_bench.models.layers.decoders.gated import CHANNELS, GatedDecoder, check_clip_of_32, rename_decoder
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec

_WEIGHTS = (
    PublishedWeights(
        "tmfinet_dhf1k",
        "best_VSTNet147.pth",
        "TMFI-Net, DHF1K; not fine-tuned on UCF Sports or Hollywood-2",
        "Baidu link (code 2023) in the README of wusonghe/TMFI-Net; a user's copy on Google Drive in issue 9 there",
        "not stated",
        {"modality": "v"},
        form="a flat state dict, its names read from the authors' code; the file was not opened, and issue 8 there "
        "calls it best_DHF1K.pth",
        trained_on=("kinetics400", "dhf1k/train"),
    ),
)


@register_model(
    "tmfinet",
    title="TMFI-Net",
    paper="tmfinet2023",
    modalities=("v",),
    code="wusonghe/TMFI-Net",
    code_licence="not stated",
    tiny={"size": (32, 32), "width": 0.125, "depths": (1, 2, 2, 2), "drop_path": 0.0},
    parity=("v",),
    weights=_WEIGHTS,
)
class TMFINet(Network):
    """The whole network; the map is the sigmoid of a convolution over four maps.

    Args:
        modality: ``v``; there is no other.
        frames: T; 32, as the decoder ends at one step of time.
        size: (height, width) of the frames, multiples of 32.
        width: multiplier of the channels; 1 is published.
        depths: blocks of the encoder's four stages.
        drop_path: of the encoder in training; see :class:`~avsal_bench.models.backbones.videoswin.VideoSwin`.

    Raises:
        ValueError: for an option outside its range.
    """

    def __init__(
        self,
        modality: Literal["v"] = "v",
        frames: int = 32,
        size: tuple[int, int] = (224, 384),
        width: float = 1.0,
        depths: Sequence[int] = (2, 2, 18, 2),
        drop_path: float = 0.2,
    ) -> None:
        super().__init__()
        check_clip_of_32("tmfinet", frames, size)
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        self.spec = ClipSpec(frames, (size[0], size[1]), mean, std, target="last", start="repeat")
        self.backbone = VideoSwin(width, last_norm=True, drop_path=drop_path, depths=depths)
        self.decoder = GatedDecoder(self.backbone.channels, [scale_channels(c, width) for c in CHANNELS])

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, 32, H, W)`` frames to the saliency of the last, ``(B, H, W)`` in [0, 1].

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        self.check_input(frames, audio)
        logits: Tensor = self.decoder(self.backbone(frames))
        return logits.sigmoid()

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`. Indices of relative positions are computed, not loaded."""
        if key.startswith("backbone."):
            renamed = rename_mmaction(key, value, last_norm=True)
            return renamed and (f"backbone.{renamed[0]}", renamed[1])
        return rename_decoder(key), value
