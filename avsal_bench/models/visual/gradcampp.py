"""Grad-CAM++ (gradcampp2018, WACV 2018): where an image classifier sees the class that it names, frame by frame.

The weakly supervised method of the survey scdl2022 that takes nothing but a classifier, so nothing is trained here.
For features A^k, ``(h, w)`` each, of the last layer, and the score S of a class, the paper explains Y = exp(S)::

    a^k_ij = Y'' / (2 Y'' + sum_ab A^k_ab Y''')        derivatives by A^k_ij
    w^k    = sum_ij a^k_ij relu(Y')
    map    = relu(sum_k w^k A^k)

Decisions:

1. The classifier is torchvision's ResNet-50, and A what leaves its last stage. Behind it are a mean over places and one
   matrix W, so S has the derivative W_ck/N at each of the N places, and Y', Y'' and Y''' are Y times its powers. What
   is left of the formula, up to Y, is w^k = N relu(g)/(2 + g sum A^k), g = W_ck/N: no gradient is asked for at test
   time. The survey does not say which classifier it took; the paper has VGG-16 and ResNet-50.
   The authors' code, adityac94/Grad_CAM_plus_plus, is for VGG-16 in TensorFlow 1, and no output of it was compared.
2. The class is the one that scores highest in the frame, as nobody names one.
3. The map is enlarged to the frame, bilinear, and its greatest value is 1. Frames are 224x384: the network takes any
   size, and videos are wide.
"""

from __future__ import annotations

from typing import Any, Literal

import timm
import torch
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.base import Network
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec

_WEIGHTS = PublishedWeights(
    "resnet50_imagenet",
    "resnet50-0676ba61.pth",
    "ImageNet-1k, ResNet50_Weights.IMAGENET1K_V1 of torchvision",
    "the model pages of torchvision, ResNet50",
    "BSD-3-Clause repository; weights not stated",
    {"modality": "v"},
    sha256="0676ba61",
    form="names of torchvision's network; the checksum is the one in the name; the file was not opened",
    online="torchvision:ResNet50_Weights.IMAGENET1K_V1",
    trained_on=("imagenet",),
)


@register_model(
    "gradcampp",
    title="Grad-CAM++",
    paper="gradcampp2018",
    modalities=("v",),
    code="adityac94/Grad_CAM_plus_plus",
    code_licence="not stated",
    tiny={"size": (64, 96), "width": 0.125, "blocks": (1, 1, 1, 1)},
    weights=(_WEIGHTS,),
)
class GradCAMPP(Network):
    """The whole method.

    Args:
        modality: ``v``; there is no other.
        size: (height, width) of the frames and maps, at least 32 pixels each.
        width: multiplier of the channels of the four stages; 1 is ResNet-50.
        blocks: of each stage.

    Raises:
        ValueError: for frames that are too small.
    """

    classifier: Any

    def __init__(
        self,
        modality: Literal["v"] = "v",
        size: tuple[int, int] = (224, 384),
        width: float = 1.0,
        blocks: tuple[int, int, int, int] = (3, 4, 6, 3),
    ) -> None:
        super().__init__()
        if min(size) < 32:
            raise ValueError(f"gradcampp takes a height and a width of 32 pixels or more; got {tuple(size)}")
        self.spec = ClipSpec(1, (size[0], size[1]), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        widths = tuple(scale_channels(channels, width) for channels in (64, 128, 256, 512))
        # As torchvision's, whose weights these are: no batch norm starts at zero.
        self.classifier = timm.create_model("resnet50", layers=tuple(blocks), channels=widths, zero_init_last=False)
        # It has a say in which class is named, which has no gradient, and none in where it is seen.
        self.classifier.fc.bias.requires_grad_(False)

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, 1, H, W)`` frames to where the class that scores highest is seen, ``(B, H, W)`` in [0, 1].

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        self.check_input(frames, audio)
        last = self.classifier.fc
        features = self.classifier.forward_features(frames[:, :, 0]).to(last.weight.dtype)  # autocast ends here
        scores = (last.weight * features.mean((2, 3))[:, None]).sum(2) + last.bias
        slopes = last.weight[scores.argmax(1)] / features[0, 0].numel()
        maps = activation_map(features, slopes)[:, None]
        maps = F.interpolate(maps, self.spec.size, mode="bilinear", align_corners=False)[:, 0]
        return maps / maps.amax((1, 2), keepdim=True).clamp_min(torch.finfo(maps.dtype).tiny)

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`; keys are those of torchvision's ``resnet50``."""
        return f"classifier.{key}", value


def activation_map(features: Tensor, slopes: Tensor) -> Tensor:
    """The map ``(B, h, w)`` of features ``(B, C, h, w)``, none below 0, and of ``(B, C)`` slopes of the score by each.

    A slope is the same at all places. The map is that of the formula above by Y.
    """
    slopes = slopes.relu()
    weights = features[0, 0].numel() * slopes / (2 + slopes * features.sum((2, 3)))
    return (weights[:, :, None, None] * features).sum(1)
