"""The image-saliency encoder of MSPI (oraclefina/MSPI, ``image_encoder``), and the network that it is trained in.

MSPI takes from each frame by itself what leaves the last two stages of a network that was trained on ImageNet, and then
on the saliency of images (SALICON, MIT1003); there it stays frozen. The encoders are timm's. The authors' code has
ConvNeXt-T; MobileNetV2 and the training on images are in the paper only (mspi2024, Fig. 3, sections 3.2 and 3.3).
"""

from __future__ import annotations

import re
from typing import Literal

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.published_weights import PublishedWeights

ImageEncoder = Literal["convnext_t", "mobilenetv2"]

#: Channels at stride 16 and 32: those of MobileNetV2, for which the rest of MSPI was designed.
_CHANNELS = (96, 320)


def _conv_bn_relu(inputs: int, outputs: int) -> nn.Sequential:
    """Convolution 3x3 with bias, batch norm, ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def convnext_t(
    depths: tuple[int, int, int, int] = (3, 3, 9, 3), dims: tuple[int, int, int, int] = (96, 192, 384, 768)
) -> nn.Module:
    """timm's ConvNeXt-T, LayerNorm eps 1e-6, from which the last two stages (strides 16 and 32) are given back.

    Args:
        depths: blocks of the four stages; other ones than ConvNeXt-T's are for tests.
        dims: channels of the four stages; likewise.
    """
    net: nn.Module = timm.create_model(
        "convnext_tiny", pretrained=False, features_only=True, out_indices=(2, 3), depths=depths, dims=dims
    )
    return net


def mobilenetv2() -> nn.Module:
    """timm's MobileNetV2, from which the last two stages are given back: 96 channels at stride 16, 320 at 32."""
    net: nn.Module = timm.create_model("mobilenetv2_100", pretrained=False, features_only=True, out_indices=(3, 4))
    return net


class ImageSaliencyEncoder(nn.Module):
    """What an image-saliency network sees in its last two stages, as 96 and 320 channels.

    ConvNeXt-T's 384 and 768 channels go through a convolution, batch norm and ReLU (30.36 M parameters in all);
    MobileNetV2 has 96 and 320 by itself. Nothing is downloaded: the weights start at random.

    Args:
        encoder: ``convnext_t`` (published), or ``mobilenetv2`` (in the paper only).
        depths: of a smaller ConvNeXt; see :func:`convnext_t`.
        dims: of a smaller ConvNeXt.

    Attributes:
        channels: at stride 16 and 32; (96, 320).

    Raises:
        ValueError: for another encoder, or ``depths`` or ``dims`` of MobileNetV2.
    """

    channels = _CHANNELS

    def __init__(
        self,
        encoder: ImageEncoder = "convnext_t",
        depths: tuple[int, int, int, int] | None = None,
        dims: tuple[int, int, int, int] | None = None,
    ) -> None:
        super().__init__()
        small = {name: option for name, option in (("depths", depths), ("dims", dims)) if option is not None}
        self.smooth_0: nn.Module = nn.Identity()
        self.smooth_1: nn.Module = nn.Identity()
        if encoder == "convnext_t":
            self.encoder = convnext_t(**small)
            fine, coarse = (dims or (96, 192, 384, 768))[2:]
            self.smooth_0 = _conv_bn_relu(coarse, _CHANNELS[1])
            self.smooth_1 = _conv_bn_relu(fine, _CHANNELS[0])
        elif encoder == "mobilenetv2":
            if small:
                raise ValueError(f"mobilenetv2 has no {' and no '.join(small)}; they are options of convnext_t")
            self.encoder = mobilenetv2()
        else:
            raise ValueError(f"the image encoder is 'convnext_t' or 'mobilenetv2'; got {encoder!r}")

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Encode frames ``(N, 3, H, W)``, normalised by ImageNet's mean and deviation, H and W multiples of 32.

        Returns:
            ``(N, 96, H/16, W/16)`` and ``(N, 320, H/32, W/32)``.
        """
        fine, coarse = self.encoder(frames)
        return self.smooth_1(fine), self.smooth_0(coarse)


class ImageSaliencyModel(nn.Module):
    """The network that trains the encoder on images: encoder, transition, decoder.

    The paper says (section 3.3, Fig. 3): an encoder and a decoder, and between them convolution, batch norm and ReLU as
    a transition. There is no code of it, and the rest is decided here:

    - The transition of ConvNeXt-T is its two layers that lie in the encoder's published file. MobileNetV2 has layers of
      the same form behind the features that MSPI takes.
    - The decoder joins both features at stride 16, and narrows to 128, 64 and 32 channels by convolution, batch norm
      and ReLU, each enlarged by two. A last convolution to one channel at stride 2 is enlarged by two as well.
    - The output has the form of MSPI's.

    Args:
        encoder: see :class:`ImageSaliencyEncoder`.
        depths: see :class:`ImageSaliencyEncoder`.
        dims: see :class:`ImageSaliencyEncoder`.
    """

    def __init__(
        self,
        encoder: ImageEncoder = "convnext_t",
        depths: tuple[int, int, int, int] | None = None,
        dims: tuple[int, int, int, int] | None = None,
    ) -> None:
        super().__init__()
        self.encoder = ImageSaliencyEncoder(encoder, depths, dims)
        own = encoder == "mobilenetv2"
        self.transition = nn.ModuleList(_conv_bn_relu(c, c) if own else nn.Identity() for c in _CHANNELS)
        self.decoder = nn.ModuleList(
            _conv_bn_relu(inputs, outputs) for inputs, outputs in ((sum(_CHANNELS), 128), (128, 64), (64, 32))
        )
        self.head = nn.Conv2d(32, 1, 3, padding=1)

    def forward(self, frames: Tensor) -> Tensor:
        """Predict the log map ``(N, H, W)`` of frames ``(N, 3, H, W)``; its exponential sums to one over a frame.

        Raises:
            ValueError: for a height or a width that is no multiple of 32.
        """
        if any(side % 32 for side in frames.shape[-2:]):
            raise ValueError(f"ImageSaliencyModel takes a height and a width of 32, 64 ...; got {tuple(frames.shape)}")
        fine, coarse = (layer(x) for layer, x in zip(self.transition, self.encoder(frames), strict=True))
        x = torch.cat([fine, _enlarge(coarse)], dim=1)
        for block in self.decoder:
            x = _enlarge(block(x))
        raw = _enlarge(self.head(x))[:, 0]
        return raw.flatten(1).log_softmax(1).reshape(raw.shape)


def _enlarge(x: Tensor) -> Tensor:
    """``(N, C, h, w)`` to ``(N, C, 2h, 2w)``."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def rename_facebook(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of facebookresearch/ConvNeXt as one of :func:`convnext_t`; None for its last norm and classifier.

    A foreign key comes back as it is.

    >>> rename_facebook("stages.2.8.pwconv1.bias", torch.zeros(()))
    ('stages_2.blocks.8.mlp.fc1.bias', tensor(0.))
    >>> rename_facebook("downsample_layers.0.1.weight", torch.zeros(()))[0]
    'stem_1.weight'
    """
    if key.startswith(("norm.", "head.")):
        return None
    key = key.replace("downsample_layers.0.", "stem_")
    key = re.sub(r"^downsample_layers\.(\d)\.", r"stages_\1.downsample.", key)
    key = re.sub(r"^stages\.(\d)\.", r"stages_\1.blocks.", key)
    return key.replace(".dwconv.", ".conv_dw.").replace(".pwconv", ".mlp.fc"), value


def rename_timm_mobilenetv2(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of timm's MobileNetV2 as one of :func:`mobilenetv2`; None for what follows the last stage.

    >>> rename_timm_mobilenetv2("classifier.bias", Tensor()) is None
    True
    """
    return None if key.startswith(("conv_head.", "bn2.", "classifier.")) else (key, value)


WEIGHTS = (
    PublishedWeights(
        "mspi_image_convnext_t",
        "image_saliency_encoder_convnext_tiny.pt",
        "ImageNet, SALICON and MIT1003; MSPI's image-saliency encoder, which stays as it is",
        "release v1.0.0 of oraclefina/MSPI",
        "not stated",
        build=ImageSaliencyEncoder,
        form="a flat state dict of encoder and smooth layers, as oraclefina/MSPI reads it; the file was not opened",
        online="https://github.com/oraclefina/MSPI/releases/download/v1.0.0/image_saliency_encoder_convnext_tiny.pt",
        trained_on=("imagenet", "salicon/train", "mit1003"),
    ),
    PublishedWeights(
        "convnext_t_imagenet",
        "convnext_tiny_1k_224_ema.pth",
        "ImageNet-1k, ConvNeXt-T; where the image-saliency encoder starts from",
        "https://dl.fbaipublicfiles.com/convnext/convnext_tiny_1k_224_ema.pth; timm's convnext_tiny.fb_in1k",
        "MIT repository; weights not stated",
        build=convnext_t,
        rename=rename_facebook,
        form="names read from timm's reader of this file, under model; the file was not opened",
        online="timm:convnext_tiny.fb_in1k",
        trained_on=("imagenet",),
    ),
    PublishedWeights(
        "mobilenetv2_imagenet",
        "mobilenetv2_100_ra-b33bc2c4.pth",
        "ImageNet-1k, MobileNetV2 by timm; the paper does not say which weights its MobileNetV2 started from",
        "release v0.1-weights of huggingface/pytorch-image-models; timm's mobilenetv2_100.ra_in1k",
        "Apache-2.0 repository; weights not stated",
        build=mobilenetv2,
        sha256="b33bc2c4",
        rename=rename_timm_mobilenetv2,
        form="names of timm's network; the checksum is the one in the name; the file was not opened",
        online="timm:mobilenetv2_100.ra_in1k",
        trained_on=("imagenet",),
    ),
)
