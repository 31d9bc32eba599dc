"""HyperSal (hypersal2024, ICASSP 2024), for videos of sports: a decoder whose last kernels depend on the clip.

A port of the class ``AudioVideoSaliencyModel`` of MinglangQiao/Sports_saliency (``modality="av"``), and of
``VideoSaliencyModel_ml`` (``"v"``), which is the same without the sound. The encoder and the decoder are those of
TMFI-Net (:mod:`avsal_bench.models.visual.tmfinet`); beside them a small network makes a condition of the clip, which
modulates the last convolution of each branch. The sound is added to the coarsest stage, so that what is seen reaches
the decoder whatever is heard.

Parts of the published network, odd as they look, and kept:

- The condition is the mean of a square whose side is the height of the frame: of 384 columns the 224 on the left. What
  is on the right does not change it, but for the rim that convolutions look across.
- The fusion reads every second column of the coarsest stage.
- The sound of a window starts and ends one frame before its frames do. That of the first 32 windows of a video runs
  backwards though their frames do not (:class:`~avsal_bench.audio.waveform.EarlyWaveform`).

Decisions:

- The first 31 frames of a video repeat its first frame in front, as in the authors' test script (``start="repeat"``).
- Frames are resized once, with antialiasing. The authors halve them first, by four pixels each.
- The ways to use the condition that the authors' code has and the released network does not have are left out: an
  added condition, and none.
- Kernels that are modulated start as in StyleGAN2, from which their scale is: unit normal weights, and factors of 1.
- SoundNet is frozen, as published; from random weights it must learn (``frozen_sound=False``).
- Other sizes change the bilinear layer, which has its weights by the position in the frame. A frame is at least as wide
  as it is high, because of the square.

Not part of the network, and not ported, are these faults of the published scripts:

- The class with sound fails without ``residual_fusion=True``, and so does an excerpt of sound that is longer than the
  buffer: under 20 frames a second at 44.1 kHz.
- The test script without sound takes the pair of a map and further outputs for a map.

The training code is not published. There is a loss in the repository, between conditions of tasks, that nothing calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.audio.waveform import EarlyWaveform
from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.backbones.soundnet import SoundNet, rename_soundnet8, tokens_of
from avsal_bench.models.backbones.videoswin import VideoSwin, rename_mmaction
from avsal_bench.models.base import Network
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.fusion.bilinear import layer_of_positions, over_positions
from avsal_bench.models.layers.audio_free import check_rows, in_rows
from avsal_bench.models.layers.decoders.gated import CHANNELS, GatedDecoder, check_clip_of_32, rename_decoder
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec
from avsal_bench.text import many

_WEIGHTS = (
    PublishedWeights(
        "hypersal_sports",
        "VSTNet_pseudo_test.pth",
        "HyperSal with sound, the authors' videos of sports",
        "Dropbox link in the README of MinglangQiao/Sports_saliency",
        "not stated",
        {"modality": "av"},
        form="a flat state dict, its names read from the authors' code; the file was not opened, and that it is of the "
        "network with sound is a guess",
    ),
)

#: The four stages and the condition of some clips.
Seen = tuple[tuple[Tensor, Tensor, Tensor, Tensor], Tensor]


@register_model(
    "hypersal",
    title="HyperSal",
    paper="hypersal2024",
    modalities=("v", "av"),
    code="MinglangQiao/Sports_saliency",
    code_licence="not stated",
    tiny={"size": (32, 32), "width": 0.125, "audio_width": 0.125, "depths": (1, 2, 2, 2), "drop_path": 0.0},
    parity=("v", "av"),
    weights=_WEIGHTS,
)
class HyperSal(Network):
    """The whole network; the map is the sigmoid of a convolution over four maps.

    Args:
        modality: ``v``, or ``av`` with SoundNet and a bilinear fusion.
        frames: T; 32, as the decoder ends at one step of time.
        size: (height, width) of the frames, multiples of 32, at least as wide as high.
        width: multiplier of the channels of all but SoundNet; 1 is published.
        audio_width: multiplier of SoundNet's channels.
        depths: blocks of the encoder's four stages.
        drop_path: of the encoder in training; see :class:`~avsal_bench.models.backbones.videoswin.VideoSwin`.
        frozen_sound: whether SoundNet stays as it is loaded.

    Raises:
        ValueError: for an option outside its range.
    """

    audio_only = ("soundnet.", "project.", "bilinear.")
    audio_free = True
    shares = True

    def __init__(
        self,
        modality: Literal["v", "av"] = "av",
        frames: int = 32,
        size: tuple[int, int] = (224, 384),
        width: float = 1.0,
        audio_width: float = 1.0,
        depths: Sequence[int] = (2, 2, 18, 2),
        drop_path: float = 0.2,
        frozen_sound: bool = True,
    ) -> None:
        super().__init__()
        check_clip_of_32("hypersal", frames, size)
        height, breadth = size
        if breadth < height:
            raise ValueError(
                f"hypersal takes frames at least as wide as high, as it looks at a square of them; got {height} high "
                f"and {breadth} wide"
            )
        audio = EarlyWaveform(frames) if modality == "av" else None
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        self.spec = ClipSpec(frames, (height, breadth), mean, std, target="last", audio=audio, start="repeat")
        self.backbone = VideoSwin(width, last_norm=True, drop_path=drop_path, depths=depths)
        self.condition = Condition(3 * frames, scale_channels(64, width), scale_channels(128, width))
        inner = [scale_channels(c, width) for c in CHANNELS]
        self.decoder = GatedDecoder(self.backbone.channels, inner, conditions=self.condition.channels)
        if audio is not None:
            channels = self.backbone.channels[-1]
            self.soundnet = SoundNet(audio_width)
            self.project = nn.Linear(self.soundnet.channels, channels)
            grid = (frames // 2, height // 32, breadth // 32)
            self.bilinear = layer_of_positions(grid, tokens_of(audio.samples))
            self.frozen = ("soundnet",) if frozen_sound else ()
        self.freeze()

    def forward(self, frames: Tensor, audio: Tensor | None = None, use_audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, 32, H, W)`` frames and their ``(B, 1, n, 1)`` waveform to the saliency ``(B, H, W)`` in [0, 1].

        Items whose ``use_audio``, ``(B,)`` bool, is False are predicted as by the network without sound.

        Raises:
            ValueError: if the clip or the sound is not the one of the spec, or an ``av`` network gets no sound.
        """
        self.check_input(frames, audio)
        return self._decode(self._see(frames), audio, use_audio)

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory, use_audio: Tensor | None = None) -> Tensor:
        """See :meth:`Network.predict`: all that is seen is found once for several sounds.

        Windows share next to nothing. Attention is shifted in time from the second of 24 blocks on, so that each step
        depends on the whole window. What comes before is 5 % of the multiplications, of which windows 16 frames apart
        have half in common.
        """
        self.check_clips(clips, audio)
        return self._decode(clips.once("hypersal", lambda: self._see(clips.frames)), audio, use_audio)

    def _see(self, frames: Tensor) -> Seen:
        return self.backbone(frames), self.condition(frames)

    def _decode(self, seen: Seen, audio: Tensor | None, use_audio: Tensor | None) -> Tensor:
        (*finer, coarsest), condition = seen
        if audio is not None and self.spec.audio is not None:
            coarsest = in_rows(self._add_sound, coarsest, audio, check_rows(use_audio, len(coarsest)))
        logits: Tensor = self.decoder((*finer, coarsest), condition)
        return logits.sigmoid()

    def _add_sound(self, seen: Tensor, audio: Tensor) -> Tensor:
        assert isinstance(self.spec.audio, EarlyWaveform), "of a network with sound"
        if audio.shape != (len(seen), 1, self.spec.audio.samples, 1):
            raise ValueError(
                f"expected a waveform (B, 1, {self.spec.audio.samples}, 1) for each of {many(len(seen), 'clip')}; got "
                f"{tuple(audio.shape)}"
            )
        heard = F.relu(self.project(self.soundnet(audio))).transpose(1, 2)
        return seen + over_positions(self.bilinear, seen, heard)

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`. A ``v`` network takes a file of either class, and leaves the sound."""
        if key.startswith("backbone."):
            renamed = rename_mmaction(key, value, last_norm=True)
            return renamed and (f"backbone.{renamed[0]}", renamed[1])
        if key.startswith(("audionet.", "audio_conv_1x1.", "bilinear.")) and self.spec.audio is None:
            return None
        if key.startswith("audionet."):
            renamed = rename_soundnet8(key.removeprefix("audionet."), value)
            return renamed and (f"soundnet.{renamed[0]}", renamed[1])
        if key.startswith("audio_conv_1x1."):
            return key.replace("audio_conv_1x1.", "project."), value.flatten(1) if value.ndim == 4 else value
        return rename_decoder(key.replace("condition_net.condition.", "condition.layers.")), value


class Condition(nn.Module):
    """What a clip is like, in a few numbers: four convolutions over all its frames at once, and a mean.

    The mean is over a square on the left of the frame, as high as the frame.

    Args:
        inputs: three times the frames of a clip.
        narrow: channels of the first two convolutions.
        wide: channels of the others.

    Attributes:
        channels: of the condition.
    """

    def __init__(self, inputs: int, narrow: int, wide: int) -> None:
        super().__init__()
        self.channels = wide
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, narrow, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(narrow, narrow, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.AvgPool2d(2),
            nn.Conv2d(narrow, wide, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, wide, 3, padding=1),
            nn.ReLU(inplace=True),
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Map ``(B, 3, T, H, W)`` frames to ``(B, wide)``, which are not below 0."""
        side = frames.shape[3] // 2
        # Two convolutions at half the size look two columns further, and two at the whole size two more: what is to
        # the right of that changes nothing.
        frames = frames[..., : 2 * (side + 2) + 2]
        # The red of all frames, then the green, then the blue.
        found: Tensor = self.layers(frames.flatten(1, 2))
        return found[..., :side].mean((2, 3))
