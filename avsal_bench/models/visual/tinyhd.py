"""TinyHD (tinyhd2023, WACV 2023): a thin MobileNetV2 for clips, and three decoders that see all of its scales.

A port of the class ``FastSalA`` of feiyanhu/tinyHD in the two forms whose weights lie in that repository, a quarter of
the channels (``rc4``). ``maps=1`` predicts the last frame of the clip, ``maps=16`` every frame.

Decisions:

- ``forward`` of ``maps=16`` gives the map of the last frame, which is the target of a window here; ``every_frame``
  gives all of them. The authors cut a video into windows of 16 frames and take all maps of each, so most of their maps
  know frames that follow; ours know none. ``docs/tinyhd.md`` has both.
- The first 15 frames of a video take reverse windows, as with all networks of this suite; the authors repeat the first
  frame in front.
- Two sigmoids in a row, one after each decoder and one after the convolution that joins them, are meant.
- Weights start as torchvision makes those of MobileNetV2, and the decoders' as PyTorch does. The authors start the
  encoder from ImageNet, and the recipe says so.

Frames are resized without antialiasing (``antialias`` of the spec), as torchvision 0.14 did it. The authors normalise
first and resize then, in floating point; here frames are resized in whole levels, which moves a value by half a level.
The authors' networks write their features into one dictionary of the process, so that two of them disturb each other;
here nothing is shared.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.backbones.mobilenetv2 import MobileNet3D
from avsal_bench.models.base import Network
from avsal_bench.models.layers.inverted_residual import InvertedResidual, frame_by_frame, shuffle
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec

#: The clip that the network is built for.
_FRAMES = 16
_SOURCE = "weights/ in feiyanhu/tinyHD"
_FORM = "state dict under student_model; opened, and 980 of 980 entries fit"
_WEIGHTS = (
    PublishedWeights(
        "tinyhd_dhf1k",
        "d123s_rc4_rc1T.pth",
        "one map, a quarter of the channels; DHF1K and Kinetics-400, taught by the full TinyHD",
        _SOURCE,
        "not stated",
        {"modality": "v"},
        sha256="939f818117dda22faa1232127f479c107e7932398c2b1901a963c6fe93b3413c",
        form=_FORM,
        online="https://raw.githubusercontent.com/feiyanhu/tinyHD/2657310d41501384fc367b4615bc9f27e679b09b/weights/d123s_rc4_rc1T.pth",
        trained_on=("kinetics400", "dhf1k/train"),
    ),
    PublishedWeights(
        "tinyhd_multi_dhf1k",
        "d123m_rc4_rc1T.pth",
        "sixteen maps, a quarter of the channels; DHF1K and Kinetics-400, taught by the full TinyHD",
        _SOURCE,
        "not stated",
        {"modality": "v", "maps": 16},
        sha256="53e8a306d3e260f6c236e99694bec5852ee208b21d816d93a2918c1828771958",
        form=_FORM,
        online="https://raw.githubusercontent.com/feiyanhu/tinyHD/2657310d41501384fc367b4615bc9f27e679b09b/weights/d123m_rc4_rc1T.pth",
        trained_on=("kinetics400", "dhf1k/train"),
    ),
)
#: The blocks of the three decoders, which the authors keep in one list: number of the first.
_FIRST_BLOCK = {"d3": 24, "d2": 16, "d1": 0}


@register_model(
    "tinyhd",
    title="TinyHD",
    paper="tinyhd2023",
    modalities=("v",),
    code="feiyanhu/tinyHD",
    code_licence="not stated",
    tiny={"size": (64, 96)},
    variants={"16": {"maps": 16}},
    parity=("v",),
    weights=_WEIGHTS,
)
class TinyHD(Network):
    """The whole network; its maps are sigmoids.

    Args:
        modality: ``v``; there is no other.
        maps: 1 for the network that predicts the last frame, 16 for the one that predicts every frame.
        frames: T; 16, as the decoders end at one step of time, or at 16.
        size: (height, width) of the frames, multiples of 32.

    Raises:
        ValueError: for an option outside its range.
    """

    def __init__(
        self,
        modality: Literal["v"] = "v",
        maps: Literal[1, 16] = 1,
        frames: int = _FRAMES,
        size: tuple[int, int] = (192, 256),
    ) -> None:
        super().__init__()
        if repr(maps) not in ("1", str(_FRAMES)):  # True is 1, and 16.0 is 16
            raise ValueError(f"tinyhd has 1 map (of the last frame) or {_FRAMES} (of every frame); got maps={maps!r}")
        if frames != _FRAMES:
            raise ValueError(f"tinyhd takes clips of {_FRAMES} frames; got {frames!r}")
        if any(side < 32 or side % 32 for side in size):
            raise ValueError(f"tinyhd takes a height and a width of 32, 64, 96 ... pixels; got {tuple(size)}")
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        self.spec = ClipSpec(frames, (size[0], size[1]), mean, std, target="last", antialias=False)
        self.maps = maps
        every = maps == _FRAMES
        self.encoder = MobileNet3D(fold_time=every)
        self.d1, self.d2, self.d3 = Decoder1(every), Decoder2(every), Decoder3(every)
        self.head: nn.Module = nn.Conv3d(6, 1, 1) if every else nn.Conv2d(6, 1, 1)

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, 16, H, W)`` frames to the saliency of the last, ``(B, H, W)`` in [0, 1].

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        return self._all_maps(frames, audio)[:, -1]

    def every_frame(self, frames: Tensor, audio: Tensor | None = None) -> tuple[Tensor, ...]:
        """The saliency of every frame of a clip, ``(B, 16, H, W)`` in [0, 1], of a network with ``maps=16``.

        Raises:
            TypeError: for a network with one map.
            ValueError: if the clip is not the one of the spec.
        """
        if self.maps != _FRAMES:
            raise TypeError("tinyhd with one map predicts the target frame alone; build it with maps=16")
        return (self._all_maps(frames, audio),)

    def _all_maps(self, frames: Tensor, audio: Tensor | None) -> Tensor:
        """``(B, 1 or 16, H, W)``."""
        self.check_input(frames, audio)
        scales = join(self.encoder(frames))
        maps = [decoder(*scales).sigmoid() for decoder in (self.d1, self.d2, self.d3)]
        if self.maps == 1:
            logits: Tensor = self.head(torch.cat(maps, 1)[:, :, 0])
            return logits.sigmoid()
        maps[0] = maps[0].expand(-1, -1, self.maps, -1, -1)
        logits = self.head(torch.cat(maps, 1))[:, 0]
        return logits.sigmoid()

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`."""
        if key.startswith("encoder.encoder."):
            return key.removeprefix("encoder."), value
        if key.startswith("decoder.decoder.0."):
            return f"head.{key.removeprefix('decoder.decoder.0.')}", value
        number, _, rest = key.removeprefix("aggregator.aggregate_adapter.").partition(".")
        if key.startswith("aggregator.aggregate_adapter.") and number.isdigit():
            name = next(name for name, first in _FIRST_BLOCK.items() if int(number) >= first)
            return f"{name}.blocks.{int(number) - _FIRST_BLOCK[name]}.{rest}", value
        return key, value


def join(features: list[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What the encoder's 18 blocks give, joined to four scales, finest first.

    Returns:
        ``(B, 7, 8, H/2, W/2)``, ``(B, 6, 4, H/4, W/4)``, ``(B, 34, 2, H/8, W/8)`` and ``(B, 130, 2 or 1, H/16, W/16)``
        of 16 frames.
    """
    a, *rest = (torch.cat(features[first:last], 1) for first, last in ((0, 1), (1, 3), (3, 6), (6, 13), (13, 18)))
    b, c, d, e = map(shuffle, rest)
    return torch.cat([a, b], 1), c, d, e


def enlarge(x: Tensor) -> Tensor:
    """Twice the height and the width of ``(B, C, T, h, w)``, trilinear with aligned corners; time stays."""
    return frame_by_frame(lambda y: F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True), x)


def stretch(x: Tensor) -> Tensor:
    """Twice the steps of time of ``(B, C, T, h, w)``, trilinear with aligned corners; each frame stays."""
    return F.interpolate(x, scale_factor=(2, 1, 1), mode="trilinear", align_corners=True)


class _Decoder(nn.Module):
    """What the three decoders have in common: a list of blocks.

    Args:
        every: whether there is a map of each frame, which changes depthwise kernels and strides in time.
        blocks: channels of the input and the output, and the kind of each block: ``S`` halves time, ``P`` does not
            look through it, ``T`` does and keeps it.
    """

    def __init__(self, every: bool, blocks: list[tuple[int, int, str]]) -> None:
        super().__init__()
        self.every = every
        self.blocks = nn.ModuleList()
        for inputs, outputs, kind in blocks:
            time, stride = (1 if kind == "P" else 3), (2 if kind == "S" else 1)
            self.blocks.append(InvertedResidual(inputs, outputs, 2, (time, 3, 3), (stride, 1, 1)))


class Decoder1(_Decoder):
    """A branch from each scale to a map of its own; they meet no other scale."""

    def __init__(self, every: bool) -> None:
        p = "T" if every else "P"
        deep = "T" if every else "S"
        super().__init__(
            every,
            [
                *((7, 24, "S"), (24, 48, p), (12, 24, "S"), (24, 1, "S")),
                *((6, 56, "S"), (14, 56, p), (14, 28, "S"), (28, 1, p)),
                *((34, 56, "S"), (14, 56, p), (14, 56, p), (14, 1, p)),
                *((130, 136, deep), (34, 136, p), (34, 136, p), (34, 1, p)),
            ],
        )

    def forward(self, x0: Tensor, x1: Tensor, x2: Tensor, x3: Tensor) -> Tensor:
        """Decode the four scales of :func:`join` to logits ``(B, 4, 1, H, W)``."""
        b = self.blocks
        return torch.cat(
            [
                b[3](b[2](shuffle(b[1](b[0](x0))))),
                b[7](b[6](shuffle(b[5](shuffle(b[4](x1)))))),
                b[11](shuffle(b[10](shuffle(b[9](shuffle(b[8](x2))))))),
                b[15](shuffle(b[14](shuffle(b[13](shuffle(b[12](enlarge(x3)))))))),
            ],
            1,
        )


class Decoder2(_Decoder):
    """From the coarsest scale to the finest, each added on the way (hierarchical)."""

    def __init__(self, every: bool) -> None:
        p, s = ("T", "T") if every else ("P", "S")
        super().__init__(
            every,
            [
                *((130, 136, p), (34, 24, p), (6, 6, s), (6, 28, p)),
                *((7, 7, s), (7, 7, s), (7, 7, s), (7, 1, s)),
            ],
        )

    def forward(self, x0: Tensor, x1: Tensor, x2: Tensor, x3: Tensor) -> Tensor:
        """Decode the four scales of :func:`join` to logits ``(B, 1, 1 or 16, H, W)``."""
        b = self.blocks
        stretched = stretch if self.every else _same
        u = stretched(shuffle(b[0](x3))) + x2
        u = stretched(shuffle(b[1](u))) + b[2](x1)
        u = stretched(shuffle(b[3](u))) + b[5](b[4](x0))
        logits: Tensor = b[7](stretched(enlarge(b[6](u))))
        return logits


class Decoder3(_Decoder):
    """Each scale takes up the next coarser one, level by level, until one is left."""

    def __init__(self, every: bool) -> None:
        p, s = ("T", "T") if every else ("P", "S")
        super().__init__(
            every,
            [
                *((7, 6, s), (6, 34, s), (34, 130, p)),
                *((6, 8, p), (34, 32, p), (130, 128, s), (7, 2, s), (6, 8, s), (34, 32, s)),
                *((2, 2, s), (8, 8, s)),
                *((2, 2, s), (2, 1, p)),
            ],
        )

    def forward(self, x0: Tensor, x1: Tensor, x2: Tensor, x3: Tensor) -> Tensor:
        """Decode the four scales of :func:`join` to logits ``(B, 1, 1 or 16, H, W)``."""
        b = self.blocks
        stretched = stretch if self.every else _same
        a = [stretched(enlarge(x)) for x in (x0, x1, x2, x3)]
        for coarse, block, x in zip((1, 2, 3), b[0:3], (x0, x1, x2), strict=True):
            a[coarse] = a[coarse] + block(x)
        for up, along in ((b[3:6], b[6:9]), ((None, None), b[9:11]), ((None,), b[11:12])):
            raised = [stretched(shuffle(x if block is None else block(x))) for block, x in zip(up, a[1:], strict=True)]
            a = [up + block(x) for up, block, x in zip(raised, along, a, strict=False)]
        logits: Tensor = b[12](a[0])
        return logits


def _same(x: Tensor) -> Tensor:
    return x
