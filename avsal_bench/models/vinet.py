"""ViNet and AViNet (vinet2021, arXiv 2012.06170): S3D, a decoder that joins its skips in time, and SoundNet or not.

A port of samyak0210/ViNet with the authors' names inside the decoder. ``modality="v"`` is ViNet. ``"av"`` is AViNet:
the visual feature at the bottom is replaced by what the fusion makes of it and SoundNet's conv7. ``fusion="bilinear"``
is the one of the paper and of the released weights; ``"transformer"`` is built by no script of the authors, and its
settings are the defaults of its class.

Decisions, where the authors' code leaves more than one way:

- 16 and 8 frames work too, with T/8 steps in the place of 4. The authors' ``num_hier`` (fewer skips) is left out, and
  so is the transformer inside the class of the bilinear fusion, which does not fit its own decoder.
- Sizes other than 224 x 384 change the bilinear layer, which has its weights by the position in the frame.
- The position code of the transformer is computed. The authors' files carry it as a buffer, which is not read.
- Layers that the authors' class holds and never calls (SoundNet's two heads, the bilinear layer beside the
  transformer) are left out.
- Weights start as PyTorch makes them. The authors start from S3D's Kinetics weights, AViNet from ViNet's on DHF1K and
  from SoundNet's: the recipe says so.

Part of the network, odd as it looks, and kept: the skips are put behind the decoder's time steps, and the next
convolution folds neighbours, so the groups that it folds mix steps of the one with steps of the other; the bilinear
fusion reads every second column; and it is the only way of the deepest visual feature into the decoder.

Not part of the network, and not ported, are these faults of the published scripts:

- The epoch is chosen on windows of the test lists, for the six audio-visual sets.
- Epoch 0 never wins: its validation loss is replaced by infinity.
- Videos under 63 frames are skipped on DHF1K, and filled up with their first frame on the other sets.
- Switches are parsed with ``type=bool``, so any text turns them on, ``False`` too.
- The class of AViNet loads ``./soundnet8_final.pth`` when it is made, and fails without the file.
- ``use_upsample=False`` names a class that does not exist.
- Maps are written half a level too high: 0.5 is added before a rounding to the nearest.

The authors report that AViNet, once trained, gives the same map for any sound.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from avsal_bench.audio.waveform import Waveform
from avsal_bench.models.backbones.s3d import S3D, Stages, scale_channels
from avsal_bench.models.backbones.soundnet import SoundNet, tokens_of
from avsal_bench.models.base import Network
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.fusion.bilinear import layer_of_positions, over_positions
from avsal_bench.models.layers.audio_free import check_rows, in_rows
from avsal_bench.models.layers.clip import check_clip
from avsal_bench.models.layers.decoders.joined_in_time import DecoderInTime
from avsal_bench.models.layers.winograd import WeightSums
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.names import unknown
from avsal_bench.spec import ClipSpec

Fusion = Literal["bilinear", "transformer"]

_TINY = {"frames": 16, "size": (64, 96), "width": 0.125, "audio_width": 0.125, "bn_momentum": 0.1}

_SOURCE = "OneDrive link in the README of samyak0210/ViNet, reported dead; issue 41 there has a copy"
_LICENCE = "MIT repository; weights not stated"
_WEIGHTS = (
    PublishedWeights(
        "vinet_dhf1k",
        "ViNet_DHF1K.pt",
        "ViNet, DHF1K",
        _SOURCE,
        _LICENCE,
        {"modality": "v"},
        trained_on=("kinetics400", "dhf1k/train"),
    ),
    PublishedWeights(
        "vinet_hollywood",
        "ViNet_Hollywood.pt",
        "ViNet, Hollywood-2",
        _SOURCE,
        _LICENCE,
        {"modality": "v"},
        trained_on=("kinetics400", "dhf1k/train", "hollywood2/train"),
    ),
    PublishedWeights(
        "avinet_dave",
        "AViNet_Dave.pt",
        "AViNet with the bilinear fusion, the split of DAVE",
        _SOURCE,
        _LICENCE,
        {"modality": "av"},
        trained_on=("kinetics400", "dhf1k/train", "flickr", "dave_ave/train"),
    ),
)

#: Prefixes of the authors' keys, and ours; None where the entries have no effect. A fusion has its own.
_Prefixes = dict[str, str | None]
_VINET: _Prefixes = {"backbone.": "s3d.", "decoder.": "decoder."}
_AVINET: _Prefixes = {
    "visual_model.backbone.": "s3d.",
    "visual_model.decoder.": "decoder.",
    "audionet.conv8_": None,
    "audionet.": "soundnet.",
}
#: Axes of our weights where the authors' have further ones, of length one: SoundNet's kernels are k x 1 there, and
#: linear maps of tokens are convolutions 1x1.
_AXES = {"soundnet.": 3, "fusion.visual.": 2, "fusion.audio.": 2}


@register_model(
    "vinet",
    title="ViNet",
    paper="vinet2021",
    modalities=("v", "av"),
    code="samyak0210/ViNet",
    code_licence="MIT",
    tiny=_TINY,
    variants={"transformer": {"modality": "av", "fusion": "transformer"}},
    parity=("v", "av"),
    weights=_WEIGHTS,
)
class ViNet(Network):
    """The whole network; the map is the sigmoid of the decoder's logits.

    Args:
        modality: ``v``, or ``av`` with SoundNet and a fusion.
        fusion: ``bilinear`` or ``transformer``; without effect on a ``v`` network, so that one recipe serves both.
        frames: T, one of 8, 16 and 32; 32 is published.
        size: (height, width) of the frames, multiples of 32.
        width: multiplier of the channels of S3D and of the decoder.
        audio_width: multiplier of SoundNet's channels.
        bn_momentum: of S3D's batch norms; see :class:`S3D`.

    Raises:
        ValueError: for an option outside its range.
    """

    audio_only = ("soundnet.", "fusion.")
    audio_free = True
    shares = True

    def __init__(
        self,
        modality: Literal["v", "av"] = "v",
        fusion: Fusion = "bilinear",
        frames: int = 32,
        size: tuple[int, int] = (224, 384),
        width: float = 1.0,
        audio_width: float = 1.0,
        bn_momentum: float = 0.001,
    ) -> None:
        super().__init__()
        check_clip("vinet", frames, size)
        if fusion not in ("bilinear", "transformer"):
            raise ValueError(unknown("fusion", fusion, ("bilinear", "transformer")))
        audio = Waveform(frames, shape=(1, -1, 1)) if modality == "av" else None
        self.spec = ClipSpec(
            frames, (size[0], size[1]), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), target="last", audio=audio
        )

        self.s3d = S3D(width, bn_momentum)
        channels = self.s3d.channels[-1]
        if audio is not None:
            self.soundnet = SoundNet(audio_width)
            grid = (frames // 8, size[0] // 32, size[1] // 32)
            tokens = tokens_of(audio.samples)
            self.fusion: BilinearFusion | TransformerFusion
            if fusion == "bilinear":
                self.fusion = BilinearFusion(channels, self.soundnet.channels, grid, tokens)
            else:
                self.fusion = TransformerFusion(channels, self.soundnet.channels, grid, tokens)
        last = scale_channels(64, width), scale_channels(32, width)
        self.decoder = DecoderInTime(self.s3d.channels, last, frames)

    def forward(self, frames: Tensor, audio: Tensor | None = None, use_audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, T, H, W)`` frames and their ``(B, 1, n, 1)`` waveform to the saliency ``(B, H, W)`` in [0, 1].

        Items whose ``use_audio``, ``(B,)`` bool, is False keep the visual feature in the place of the fused one.

        Raises:
            ValueError: if the clip is not the one of the spec, or an ``av`` network gets no sound.
        """
        self.check_input(frames, audio)
        return self._decode(self.s3d(frames), audio, use_audio)

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory, use_audio: Tensor | None = None) -> Tensor:
        """See :meth:`Network.predict`: what windows share is encoded once, and all of it once for several sounds."""
        self.check_clips(clips, audio)
        stages = clips.once("s3d", lambda: self.s3d.encode_windows(clips, memory))
        return self._decode(stages, audio, use_audio, WeightSums(memory))

    def _decode(
        self, stages: Stages, audio: Tensor | None, use_audio: Tensor | None, sums: WeightSums | None = None
    ) -> Tensor:
        """The map of S3D's stages and the sound; with ``sums``, as at test time."""
        y3, y2, y1, y0 = stages
        if audio is not None and self.spec.audio is not None:
            rows = check_rows(use_audio, y0.shape[0])
            y0 = in_rows(lambda seen, heard: self.fusion(seen, self.soundnet(heard)), y0, audio, rows)
        logits: Tensor = self.decoder(y0, y1, y2, y3, sums)
        return logits.sigmoid()

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`. A ``v`` network takes a file of ViNet, an ``av`` one of AViNet."""
        prefixes = _VINET if self.spec.audio is None else _AVINET | self.fusion.published
        for theirs, ours in prefixes.items():
            if key.startswith(theirs):
                if ours is None:
                    return None
                axes = _AXES.get(ours, value.ndim)
                return ours + key.removeprefix(theirs), value.flatten(axes - 1) if value.ndim > axes else value
        return key, value


class BilinearFusion(nn.Module):
    """AViNet's fusion: a bilinear layer of each visual channel with the audio channel of the same number.

    Args:
        channels: of the visual feature.
        audio_channels: of a token; the same number.
        grid: (T/8, H/32, W/32), the size of the visual feature.
        tokens: of the sound.

    Raises:
        ValueError: if the two have different numbers of channels.
    """

    published: ClassVar[_Prefixes] = {"bilinear.": "fusion.bilinear."}

    def __init__(self, channels: int, audio_channels: int, grid: tuple[int, int, int], tokens: int) -> None:
        super().__init__()
        if channels != audio_channels:
            raise ValueError(
                f"the bilinear fusion joins channel by channel; got {channels} channels of S3D and {audio_channels} "
                f"of SoundNet: choose width and audio_width that give the same"
            )
        self.bilinear = layer_of_positions(grid, tokens)

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Fuse ``(B, C, t, h, w)`` and ``(B, tokens, C)`` to ``(B, C, t, h, w)``, without an activation."""
        return over_positions(self.bilinear, visual, audio.transpose(1, 2))


class TransformerFusion(nn.Module):
    """Visual and audio tokens through a transformer encoder of three layers with four heads.

    Args:
        channels: of the visual feature; the tokens have half of them.
        audio_channels: of an audio token.
        grid: (T/8, H/32, W/32), the size of the visual feature.
        tokens: of the sound.
    """

    published: ClassVar[_Prefixes] = {
        "conv_in_1x1.": "fusion.visual.",
        "audio_conv_1x1.": "fusion.audio.",
        "transformer.transformer_encoder.": "fusion.encoder.",
        "transformer.pos_encoder.": None,
        "bilinear.": None,
    }
    code: Tensor

    def __init__(self, channels: int, audio_channels: int, grid: tuple[int, int, int], tokens: int) -> None:
        super().__init__()
        width = channels // 2
        self.visual = nn.Linear(channels, width)
        self.audio = nn.Linear(audio_channels, width)
        self.register_buffer("code", position_code(math.prod(grid) + tokens, width), persistent=False)
        layer = nn.TransformerEncoderLayer(width, nhead=4, dim_feedforward=width, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=3, enable_nested_tensor=False)

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Fuse ``(B, C, t, h, w)`` and ``(B, tokens, audio_channels)`` to ``(B, C, t, h, w)``.

        The first half of the channels are the visual tokens; the second is the mean audio token, everywhere.
        """
        seen, heard = self.visual(visual.flatten(2).transpose(1, 2)), self.audio(audio)
        tokens: Tensor = self.encoder(torch.cat([seen, heard], dim=1) + self.code)
        n = seen.shape[1]
        seen, heard = tokens[:, :n], tokens[:, n:].mean(1, keepdim=True).expand(-1, n, -1)
        return torch.cat([seen, heard], dim=2).transpose(1, 2).reshape(visual.shape)


def position_code(positions: int, width: int) -> Tensor:
    """The fixed code ``(positions, width)``: sines in even channels, cosines in odd ones (Vaswani et al. 2017)."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angle = torch.arange(positions)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)
