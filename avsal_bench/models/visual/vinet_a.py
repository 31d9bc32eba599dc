"""ViNet-A (vinetv2_2025, arXiv 2502.00397): SlowFast for actions, a neck, and a decoder that shuffles its groups.

A port of the class in the folder ``ViNet_A`` of ViNet-Saliency/vinet_v2. The clip is every second frame of a window of
64 frames around the one that it predicts, so that the network sees up to 31 frames after it.

Decisions:

- ``target_in_clip=True`` keeps the even places of the window, the 17th of which is the target, as the authors do with
  DIEM, ETMD and Coutrot's sets. ``False`` keeps the odd ones, which leave the target out, as they do with DHF1K,
  Hollywood-2 and UCF Sports.
- Sizes other than 256 x 456 work too, where the authors have 57/29 and a pool to (8, 16, 29) in their code: features
  are enlarged to the size of the skip that they meet, which is the same function at 256 x 456.
- Weights start as PyTorch and SlowFast have them. The authors start the encoder from ACAR-Net's, trained on AVA.

Part of the network, odd as it looks, and kept: the neck reads the fast pathway's channels and time as one axis, and
cuts it again, so that each channel becomes two, of the first and of the second half of the clip; and no shuffle stands
before the fifth convolution of the decoder.

Not part of the network, and not ported, are these faults of the published scripts:

- The file of ACAR-Net is loaded loosely: its lateral convolutions have kernels of 7, norms and names of their own, so
  the four of this network start at random, and nothing says so. Its slow pathway was trained on other frames, too.
- On MVVA the network is trained on the last frame of a window, and tested on the middle one.
- The visual sets are scored against ground truth of 256 x 456, and not of its own size as ViNet-S is.
- A score that is not a number counts as 0 in the means.
- The epoch is chosen on the test lists, on all sets but DHF1K; epoch 0 never wins.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.backbones.slowfast import SlowFast, rename_acar
from avsal_bench.models.base import Network
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec

#: The clip, and the way from one frame of it to the next.
FRAMES, STEP = 32, 2
#: Places of the window, before and with the target in the clip, of the target.
ODD, EVEN = FRAMES * STEP // 2 - 1, FRAMES * STEP // 2
#: The authors' values, of every channel.
MEAN, STD = (0.45, 0.45, 0.45), (0.225, 0.225, 0.225)

_SOURCE = "Google Drive link in the README of ViNet-Saliency/vinet_v2, one file with the weights of all its networks"
_LICENCE = "CC BY-NC-SA 4.0 repository; weights not stated"
_FORM = "name and form read from the authors' scripts; the file was not opened"
_OUTSIDE = {"modality": "v", "target_in_clip": False}
_WEIGHTS = (
    PublishedWeights(
        "vinet_a_dhf1k",
        "ViNet_A_DHF1K_no_split_neck_32_kldiv_cc___6_0.pt",
        "ViNet-A, DHF1K; where those of the other sets start from",
        _SOURCE,
        _LICENCE,
        _OUTSIDE,
        form=_FORM,
        trained_on=("ava", "dhf1k/train"),
    ),
    PublishedWeights(
        "vinet_a_hollywood2",
        "ViNet_A_Hollywood2_no_split_neck_32_kldiv_cc___6_0.pt",
        "ViNet-A, Hollywood-2",
        _SOURCE,
        _LICENCE,
        _OUTSIDE,
        form=_FORM,
        trained_on=("ava", "dhf1k/train", "hollywood2/train"),
    ),
    PublishedWeights(
        "vinet_a_ucf",
        "ViNet_A_UCF_no_split_neck_32_kldiv_cc___6_0.pt",
        "ViNet-A, UCF Sports",
        _SOURCE,
        _LICENCE,
        _OUTSIDE,
        form=_FORM,
        trained_on=("ava", "dhf1k/train", "ucf/train"),
    ),
)


@register_model(
    "vinet_a",
    title="ViNet-A",
    paper="vinetv2_2025",
    modalities=("v",),
    code="ViNet-Saliency/vinet_v2",
    code_licence="CC BY-NC-SA 4.0",
    tiny={"size": (48, 80), "width": 0.125},
    variants={"around": {"target_in_clip": False}},
    parity=("v",),
    weights=_WEIGHTS,
)
class ViNetA(Network):
    """The whole network; the map is the sigmoid of the decoder's logits.

    Args:
        modality: ``v``; there is no other.
        target_in_clip: whether the clip holds the frame that it predicts, or its neighbours; see the module.
        frames: of the clip; 32, every second of 64, as the slow pathway and the decoder are made for them.
        size: (height, width) of the frames, multiples of 8.
        width: multiplier of every channel count.

    Raises:
        ValueError: for an option outside its range.
    """

    def __init__(
        self,
        modality: Literal["v"] = "v",
        target_in_clip: bool = True,
        frames: int = FRAMES,
        size: tuple[int, int] = (256, 456),
        width: float = 1.0,
    ) -> None:
        super().__init__()
        if frames != FRAMES:
            raise ValueError(f"vinet_a takes clips of {FRAMES} frames; got {frames!r}")
        if any(side < 32 or side % 8 for side in size):
            raise ValueError(f"vinet_a takes a height and a width of 32, 40, 48 ... pixels; got {tuple(size)}")
        target: Literal["middle"] | int = "middle" if target_in_clip else ODD
        self.spec = ClipSpec(frames, (size[0], size[1]), MEAN, STD, target=target, step=STEP)
        self.slowfast = SlowFast(width, ava=True)
        self.neck = Neck(self.slowfast, width)
        self.decoder = ShuffledDecoder(self.neck.channels, self.neck.skip_channels, width)

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, 32, H, W)`` frames to the saliency of the middle of their window, ``(B, H, W)`` in [0, 1].

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        self.check_input(frames, audio)
        joined, slow, fast = self.slowfast.pathways(frames)
        assert fast is not None, "of the form for actions"
        logits: Tensor = self.decoder(*self.neck(joined, slow, fast))
        return logits.sigmoid()

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`. Neck and decoder have the authors' names."""
        if key.startswith("backbone."):
            name, value = rename_acar(key.removeprefix("backbone."), value)
            return f"slowfast.{name}", value
        return key, value


class Neck(nn.Module):
    """Fewer channels of all that SlowFast gives, and both pathways as one.

    Args:
        slowfast: whose features come in.
        width: multiplier of the channels.

    Attributes:
        channels: that leave; 1536 at width 1.
        skip_channels: of the skips, finest first; (40, 160, 320, 640) at width 1.
    """

    def __init__(self, slowfast: SlowFast, width: float) -> None:
        super().__init__()
        inputs = (slowfast.stem_channels, *slowfast.channels[:3])
        c1, c2, c3, c4 = (scale_channels(channels, width) for channels in (40, 160, 320, 640))
        self.skip_channels = (c1, c2, c3, c4)
        slow = scale_channels(1024, width)
        self.conv_slow = _pointwise(slowfast.channels[3], slow)
        self.conv_skip1, self.conv_skip2, self.conv_skip3, self.conv_skip4 = map(_pointwise, inputs, self.skip_channels)
        self.pool = nn.MaxPool3d((2, 1, 1))
        self.channels = slow + 2 * slowfast.fast_channels

    def forward(self, joined: tuple[Tensor, ...], slow: Tensor, fast: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The features of :class:`~avsal_bench.models.backbones.slowfast.Pathways`, ready to decode.

        Returns:
            ``(B, channels, 8, h, w)``, and the skips, finest first, ``(B, c, 8, ...)``.
        """
        b, c, t, h, w = fast.shape
        halves = self.pool(fast.reshape(b, 2 * c, t // 2, h, w))
        convs = (self.conv_skip1, self.conv_skip2, self.conv_skip3, self.conv_skip4)
        return torch.cat([self.conv_slow(slow), halves], 1), [conv(x) for conv, x in zip(convs, joined, strict=True)]


class ShuffledDecoder(nn.Module):
    """Grouped convolutions without batch norm, each with a ReLU; skips join as channels, which are shuffled then.

    At widths other than 1 a convolution has as many of the published groups as divide its channels.

    Args:
        inputs: channels that come in.
        skips: channels of the skips, finest first.
        width: multiplier of the channels of the last steps.
    """

    def __init__(self, inputs: int, skips: tuple[int, int, int, int], width: float) -> None:
        super().__init__()
        c1, c2, c3, c4 = skips
        c64, c32, c16 = (scale_channels(channels, width) for channels in (64, 32, 16))
        self.convtsp1 = nn.Sequential(*_step(inputs, c4, 3, 32))
        self.convtsp2 = nn.Sequential(*_step(2 * c4, c3, 3, 16))
        self.convtsp3 = nn.Sequential(*_step(2 * c3, c2, 3, 8))
        self.convtsp4 = nn.Sequential(*_step(2 * c2, c1, 3, 8))
        self.shuffle1, self.shuffle2, self.shuffle3 = Shuffle(32), Shuffle(16), Shuffle(8)
        self.convtsp5 = nn.Sequential(*_step(2 * c1, c64, 2, 4))
        self.convtsp6 = nn.Sequential(
            *_step(c64, c32, 2, 2),
            nn.Upsample(scale_factor=(1, 2, 2), mode="trilinear"),
            nn.Conv3d(c32, c16, (2, 3, 3), 1, (0, 1, 1), bias=False),
            nn.ReLU(inplace=True),
            nn.Conv3d(c16, c16, 1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv3d(c16, 1, 1),
        )

    def forward(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        """Decode ``(B, inputs, 8, h, w)``, with the skips, finest first, to logits ``(B, H, W)``."""
        s1, s2, s3, s4 = skips
        x = self.shuffle1(torch.cat([self.convtsp1(x), s4], 1))
        x = self.shuffle2(torch.cat([_like(s3, self.convtsp2(x)), s3], 1))
        x = self.shuffle3(torch.cat([_like(s2, self.convtsp3(x)), s2], 1))
        x = torch.cat([_like(s1, self.convtsp4(x)), s1], 1)
        x = self.convtsp5(x)
        x = F.interpolate(x, scale_factor=(1, 2, 2), mode="trilinear")
        logits: Tensor = self.convtsp6(x)
        return logits[:, 0, 0]


class Shuffle(nn.Module):
    """Channels (g, C/g) as (C/g, g): each group of the next convolution sees something of every group of the last.

    Args:
        groups: g; of fewer channels as many as divide them.
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """Shuffle the channels of ``(B, C, T, H, W)``."""
        return F.channel_shuffle(x, math.gcd(self.groups, x.shape[1]))


def _pointwise(inputs: int, outputs: int) -> nn.Sequential:
    """Convolution 1x1x1 without bias, ReLU."""
    return nn.Sequential(nn.Conv3d(inputs, outputs, 1, bias=False), nn.ReLU(inplace=True))


def _step(inputs: int, outputs: int, time: int, groups: int) -> tuple[nn.Module, ...]:
    """Convolution (time, 3, 3), which keeps the steps of time or folds two to one, and ReLU."""
    stride, padding = ((1, 1, 1), (1, 1, 1)) if time == 3 else ((2, 1, 1), (0, 1, 1))
    groups = math.gcd(groups, inputs, outputs)
    conv = nn.Conv3d(inputs, outputs, (time, 3, 3), stride, padding, bias=False, groups=groups)
    return conv, nn.ReLU(inplace=True)


def _like(skip: Tensor, x: Tensor) -> Tensor:
    """Enlarged to the height and width of a skip, trilinear without aligned corners; time stays."""
    return x if x.shape[3:] == skip.shape[3:] else F.interpolate(x, skip.shape[2:], mode="trilinear")
