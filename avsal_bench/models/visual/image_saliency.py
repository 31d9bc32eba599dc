"""The image-saliency network of MSPI (mspi2024, section 3.3, Fig. 3), as a network of its own: each frame by itself.

Trained on still images, it is where MSPI's frozen image encoder comes from; tested on videos, it says how far saliency
without motion and sound gets. Encoder and decoder are in :mod:`avsal_bench.models.backbones.image_saliency`, with what
the paper leaves open. The authors publish the encoder's weights alone, and no code of the training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from avsal_bench.models.backbones.image_saliency import ImageEncoder, ImageSaliencyModel
from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.base import Network
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec


@register_model(
    "image_saliency",
    title="MSPI's image network",
    paper="mspi2024",
    modalities=("v",),
    tiny={"size": (64, 96), "encoder_width": 0.125},
)
class ImageSaliency(Network):
    """One frame to the logarithm of a map of sum 1.

    Args:
        modality: ``v``, the only one.
        encoder: ``convnext_t``, or ``mobilenetv2``.
        size: (height, width) of the frame, multiples of 32; by default those of MSPI, for which the encoder is trained.
        encoder_width: multiplier of ConvNeXt's channels, as in MSPI.
    """

    def __init__(
        self,
        modality: Literal["v"] = "v",
        encoder: ImageEncoder = "convnext_t",
        size: Sequence[int] = (224, 384),
        encoder_width: float = 1.0,
    ) -> None:
        super().__init__()
        height, width = size
        self.spec = ClipSpec(1, (height, width), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        c96, c192, c384, c768 = (scale_channels(channels, encoder_width) for channels in (96, 192, 384, 768))
        self.model = ImageSaliencyModel(encoder, dims=(c96, c192, c384, c768) if encoder == "convnext_t" else None)

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, 1, H, W)`` frames to the log map ``(B, H, W)``.

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        self.check_frames(frames)
        log_map: Tensor = self.model(frames[:, :, 0])
        return log_map

    def to_map(self, output: Tensor) -> Tensor:
        """The map of sum 1 of a log map ``(B, H, W)``."""
        return output.exp()
