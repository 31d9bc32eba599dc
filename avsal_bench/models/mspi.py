"""MSPI: multisensory perception and integration (mspi2024, Image and Vision Computing 2024).

A port of oraclefina/MSPI, in the order of Fig. 2: three encoders (motion, sound, and a model of the saliency of single
images), audio-visual fusion, spatial attention by the image features, and a decoder over four stages. ``modality="v"``
is the authors' visual network: without sound and fusion.

Seven motion encoders are published (Table 6), and every ablation is an option (Tables 2 and 5). The authors' code has
neither MobileNetV2 nor the other fusions nor the maps in the place of features; these are a reading of the paper.

Decisions, where the paper and the code leave more than one way:

- The clip has 16 frames; every encoder is given ImageNet's mean and deviation, whatever it was pre-trained with. The
  size is the 224 x 384 of the released network; MorphMLP's linear layers fit 224 x 224 only.
- Projectors and predictors of the audio-visual loss have layer norms, as in the code. The paper has batch norms at
  four clips a batch, and layer norms at fewer: ``projector_norm="batch"``. They have no effect on the map, and
  ``forward`` leaves them out.
- The mask of the spatial attention comes from a convolution (1, 3, 3), as in the code; the paper says (3, 3, 3).
- ``image_features="maps"`` (V7): the image model's maps, each divided by its maximum, the largest of every four
  frames, shrunk to each stage, are the masks of Eq. 4 themselves.
- The other fusions of Table 5 are named only. Each makes the feature that is put behind v4, 512 channels as MSPI's.
  The bilinear ones are STAViS's and AViNet's (:mod:`avsal_bench.models.fusion.bilinear`). ``avim`` and ``avim_cpc``
  are CASP-Net's blocks on the deepest stage (:mod:`avsal_bench.models.fusion.consistency`). They have no loss of
  their own. The sound is one vector for those that take one: the mean of its feature.
- An ``av`` network may start from its ``v`` twin, but for the first convolution on the deepest stage, which has the
  fused feature among its inputs, and so other weights. The authors never do so.

Facts that are easily got wrong, and kept: the max-pool before S3D's last stage leaves time alone; SlowFast's slow
frames are 0, 4, 12 and 15; MViTv2 has no class token and Video Swin no norm after its patches, though their Kinetics
weights were trained with them.

Not part of the network, and not ported, are these faults of the published scripts:

- Weights are loaded with ``strict=False``, so those of the token and the norm above vanish without a word, and a
  wrong checkpoint would pass. The constructor needs the files of all encoders even where a whole network is loaded.
- Videos under 31 frames are skipped at test time.
- The test script hears 16 frames past the clip (the default of a function), the training does not. ``script_audio``
  is the script's; the network's own front end is that of training.
- Maps are written as JPEG, at 640 x 480 for every set, before they are scored.
- Validation is on clips of the test lists.
- The test script cannot run the visual network: it takes the pair of map and loss for a map.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.audio.spectra import LogSpectrogram
from avsal_bench.models.backbones.audio_resnet import AudioResNet18
from avsal_bench.models.backbones.image_saliency import ImageSaliencyEncoder, ImageSaliencyModel
from avsal_bench.models.backbones.motion import MOTION_ENCODERS, check_size
from avsal_bench.models.backbones.s3d import S3D, Inception, scale_channels
from avsal_bench.models.base import Network, Outputs
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.fusion.audio_visual import Agreement, Norm, TransformerFusion
from avsal_bench.models.fusion.bilinear import ChannelBilinear, SpatialBilinear
from avsal_bench.models.fusion.consistency import ConsistencyFusion
from avsal_bench.models.layers.convnext3d import ConvNeXt3D
from avsal_bench.models.layers.frame_memory import features_once
from avsal_bench.models.layers.readout import Readout
from avsal_bench.models.layers.resample import upsample
from avsal_bench.models.layers.spatial_attention import Mask
from avsal_bench.models.layers.winograd import WeightSums
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.names import pick, unknown
from avsal_bench.spec import ClipSpec

Fusion = Literal["transformer", "bilinear_stavis", "bilinear_avinet", "avim", "avim_cpc"]
Image = Literal["convnext_t", "mobilenetv2", "none"]

#: Frames of a clip, time steps of the decoder, and positions of the sound's feature (9 frequencies, 4 times).
FRAMES, STEPS, AUDIO_TOKENS = 16, 4, 36

#: Channels of the Sep-Inception block (those of S3D's Mixed_4b), and the sum of what leaves it.
_INCEPTION = (192, 96, 208, 16, 48, 64)

_SOURCE = "release v1.0.0 of oraclefina/MSPI"
_FORM_OF_ANOTHER_FOLD = (
    "names of the entries read from the authors' code; the file was not opened, its name is that of fold 2 with "
    "another digit"
)
_WEIGHTS = (
    PublishedWeights(
        name="mspi_mvitv2_s1",
        file="mvitv2_small_224_384_16_s1.pt",
        what="MSPI with MViTv2-S at 224 x 384, the six sets, fold 1",
        source=_SOURCE,
        licence="not stated",
        options={"modality": "av"},
        form=_FORM_OF_ANOTHER_FOLD,
        online="https://github.com/oraclefina/MSPI/releases/download/v1.0.0/mvitv2_small_224_384_16_s1.pt",
        trained_on=("kinetics400", "vggsound", "imagenet", "salicon/train", "mit1003", "six/train/1"),
    ),
    PublishedWeights(
        name="mspi_mvitv2_s2",
        file="mvitv2_small_224_384_16_s2.pt",
        what="MSPI with MViTv2-S at 224 x 384, the six sets, fold 2",
        source=_SOURCE,
        licence="not stated",
        options={"modality": "av"},
        online="https://github.com/oraclefina/MSPI/releases/download/v1.0.0/mvitv2_small_224_384_16_s2.pt",
        trained_on=("kinetics400", "vggsound", "imagenet", "salicon/train", "mit1003", "six/train/2"),
    ),
    PublishedWeights(
        name="mspi_mvitv2_s3",
        file="mvitv2_small_224_384_16_s3.pt",
        what="MSPI with MViTv2-S at 224 x 384, the six sets, fold 3",
        source=_SOURCE,
        licence="not stated",
        options={"modality": "av"},
        form=_FORM_OF_ANOTHER_FOLD,
        online="https://github.com/oraclefina/MSPI/releases/download/v1.0.0/mvitv2_small_224_384_16_s3.pt",
        trained_on=("kinetics400", "vggsound", "imagenet", "salicon/train", "mit1003", "six/train/3"),
    ),
)

#: The authors' names (patterns) and ours, in order; the motion encoder has its own.
_NAMES = (
    (r"audnet\.", "audio_encoder."),
    (r"aud_vis_sync_block\.vis_proj\.", "fusion.project."),
    (r"aud_vis_sync_block\.vis_norm\.", "fusion.visual_norm."),
    (r"aud_vis_sync_block\.aud_norm\.", "fusion.audio_norm."),
    (r"aud_vis_sync_block\.blocks\.(\d)\.(norm[12])\.", r"fusion.layers.\1.\2."),
    (r"aud_vis_sync_block\.blocks\.(\d)\.attn\.qkv\.", r"fusion.layers.\1.qkv."),
    (r"aud_vis_sync_block\.blocks\.(\d)\.attn\.proj\.", r"fusion.layers.\1.project."),
    (r"aud_vis_sync_block\.blocks\.(\d)\.mlp\.fc1\.", r"fusion.layers.\1.mlp.0."),
    (r"aud_vis_sync_block\.blocks\.(\d)\.mlp\.fc2\.", r"fusion.layers.\1.mlp.2."),
    (r"vis_projector\.", "agreement.visual_projector."),
    (r"aud_projector\.", "agreement.audio_projector."),
    (r"mlp_vis\.", "agreement.visual_predictor."),
    (r"mlp_aud\.", "agreement.audio_predictor."),
    (r"latlayer_(\d)\.(\d)\.dwconv_t\.", r"lateral.\1.\2.time."),
    (r"latlayer_(\d)\.(\d)\.dwconv_s\.", r"lateral.\1.\2.space."),
    (r"latlayer_(\d)\.(\d)\.norm\.norm\.", r"lateral.\1.\2.norm."),
    (r"latlayer_(\d)\.(\d)\.pwconv1\.", r"lateral.\1.\2.mlp.0."),
    (r"latlayer_(\d)\.(\d)\.pwconv2\.", r"lateral.\1.\2.mlp.2."),
    (r"latlayer_(\d)\.", r"lateral.\1."),
    (r"adapter\.conv\.", "sep_inception."),
    (r"sa_(\d)\.conv_mask\.0\.(conv|bn)\.", r"masks.\1.\2."),
    (r"sa_(\d)\.conv_mask\.2\.", r"masks.\1.score."),
    # Ours upsamples behind the convolution.
    (r"readout\.8\.", "readout.7."),
)


@register_model(
    "mspi",
    title="MSPI",
    paper="mspi2024",
    modalities=("v", "av"),
    code="oraclefina/MSPI",
    code_licence="not stated",
    tiny={"encoder": "s3d", "size": (64, 96), "width": 0.125, "encoder_width": 0.125, "bn_momentum": 0.1},
    variants={name: {"modality": "av", "encoder": name} for name in MOTION_ENCODERS if name != "mvitv2_s"},
    parity=("v", "av"),
    weights=_WEIGHTS,
)
class MSPI(Network):
    """The whole network; the output is the logarithm of a map of sum 1.

    Args:
        modality: ``av``, or ``v`` without sound and fusion.
        encoder: of motion, one of :data:`MOTION_ENCODERS`.
        size: (height, width) of the frames, multiples of 32; None is 224 x 384, and 224 x 224 for MorphMLP.
        image: which image model, or ``none`` for no image features and no attention by them (V1 of Table 2).
        image_features: ``features`` of the image model, or its ``maps`` (V7).
        fusion: of the ``av`` network; see the module.
        projector_norm: of the audio-visual loss; ``batch`` needs two clips in a batch.
        frozen_encoders: whether the encoders of sound and image stay as they are loaded, as published. From random
            weights they must learn.
        width: multiplier of the channels of what is not an encoder.
        encoder_width: multiplier of the encoders' channels, and of the fused feature's, which has those of the sound.
            MobileNetV2 has one width.
        bn_momentum: of the batch norms of S3D, of the Sep-Inception block and of the masks; see
            :class:`~avsal_bench.models.backbones.s3d.S3D`.

    Raises:
        ValueError: for an option outside its range.
    """

    # The first convolution on the deepest stage has the fused feature among its inputs.
    audio_only = ("audio_encoder.", "fusion.", "agreement.", "lateral.3.0.")
    shares = True
    visual_only = ("lateral.3.0.",)

    def __init__(
        self,
        modality: Literal["v", "av"] = "av",
        encoder: str = "mvitv2_s",
        size: Sequence[int] | None = None,
        image: Image = "convnext_t",
        image_features: Literal["features", "maps"] = "features",
        fusion: Fusion = "transformer",
        projector_norm: Norm = "layer",
        frozen_encoders: bool = True,
        width: float = 1.0,
        encoder_width: float = 1.0,
        bn_momentum: float = 0.001,
    ) -> None:
        super().__init__()
        motion = pick("encoder", encoder, MOTION_ENCODERS)
        height, breadth = size or motion.size
        check_size(encoder, (height, breadth))
        if image not in ("convnext_t", "mobilenetv2", "none"):
            raise ValueError(unknown("image model", image, ("convnext_t", "mobilenetv2", "none")))
        if image_features not in ("features", "maps"):
            raise ValueError(unknown("image_features", image_features, ("features", "maps")))
        if projector_norm not in ("layer", "batch"):
            raise ValueError(unknown("projector_norm", projector_norm, ("layer", "batch")))
        hears = modality == "av"
        self.spec = ClipSpec(
            FRAMES,
            (height, breadth),
            (0.485, 0.456, 0.406),
            (0.229, 0.224, 0.225),
            target="last",
            audio=LogSpectrogram(FRAMES) if hears else None,
        )
        self.script_audio = LogSpectrogram(2 * FRAMES) if hears else None
        self.rename_motion = motion.rename

        self.motion_encoder = motion.build(encoder_width, bn_momentum)
        *shallow, deepest = self.motion_encoder.channels
        steps = self.motion_encoder.steps
        self.agreement: Agreement | None = None
        if hears:
            self.audio_encoder = AudioResNet18(encoder_width)
            fused = self.audio_encoder.channels
            self.fusion = _fusion(fusion, deepest, fused, (steps[3], height // 32, breadth // 32))
            self.agreement = Agreement(fused, projector_norm) if fusion == "transformer" else None
            deepest += fused

        self.image_encoder: ImageSaliencyEncoder | ImageSaliencyModel | None = None
        if image != "none":
            c96, c192, c384, c768 = (scale_channels(c, encoder_width) for c in (96, 192, 384, 768))
            dims = (c96, c192, c384, c768) if image == "convnext_t" else None
            if image_features == "maps":
                self.image_encoder = ImageSaliencyModel(image, dims=dims)
            else:
                norm = partial(nn.BatchNorm3d, eps=1e-3, momentum=bn_momentum)
                self.image_encoder = ImageSaliencyEncoder(image, dims=dims)
                a, b, c, d, e, f = (scale_channels(channels, width) for channels in _INCEPTION)
                self.sep_inception = Inception(sum(self.image_encoder.channels), (a, b, c, d, e, f), norm)
                squeezed = scale_channels(32, width)
                self.masks = nn.ModuleList(Mask(a + c + e + f, squeezed, factor, norm) for factor in (4, 2, 1))

        inner = scale_channels(192, width)
        self.lateral = nn.ModuleList(
            _lateral(inputs, inner, t // STEPS) for inputs, t in zip((*shallow, deepest), steps, strict=True)
        )
        self.readout = Readout(inner, scale_channels(64, width), scale_channels(32, width), STEPS)
        encoders = ("audio_encoder",) * hears + ("image_encoder",) * (image != "none")
        self.frozen = encoders if frozen_encoders else ()
        self.freeze()

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, 16, H, W)`` frames and their ``(B, 1, 257, 111)`` spectrogram to the log map ``(B, H, W)``.

        Raises:
            ValueError: if the clip is not the one of the spec, or an ``av`` network gets no sound.
        """
        self.check_input(frames, audio)
        stages, audio_visual, _ = self._perceive(self.motion_encoder(frames), audio)
        return self._decode(stages, audio_visual, self._masks(self._clip_features(frames)))

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
        """As :meth:`forward` in eval mode, but what is seen in a frame, or by S3D in some, is found once.

        All that is seen is found once for several sounds.
        """
        self.check_clips(clips, audio)
        seen, masks = clips.once("mspi", lambda: self._see(clips, memory))
        stages, audio_visual, _ = self._perceive(seen, audio)
        return self._decode(stages, audio_visual, masks, WeightSums(memory))

    def _see(self, clips: Clips, memory: Memory) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        """The stages of the motion encoder, and the masks."""
        features: tuple[Tensor, ...] = ()
        if self.image_encoder is not None:
            features = features_once(self.frame_features, clips, memory.seen.setdefault("image", {}))
        encoder = self.motion_encoder
        stages = encoder.encode_windows(clips, memory) if isinstance(encoder, S3D) else encoder(clips.frames)
        return stages, self._masks(features)

    def outputs(self, frames: Tensor, audio: Tensor | None = None) -> Outputs:
        """The log map; from MSPI's own fusion also the loss ``audio_visual``, in [-1, 1] (Eq. 7), in any mode.

        Raises:
            ValueError: as :meth:`forward`; also where batch norms in the projectors are to learn from one clip.
        """
        self.check_input(frames, audio)
        stages, audio_visual, heard = self._perceive(self.motion_encoder(frames), audio)
        main = self._decode(stages, audio_visual, self._masks(self._clip_features(frames)))
        if self.agreement is None or audio_visual is None or heard is None:
            return Outputs(main)
        loss = self.agreement(audio_visual.mean((2, 3, 4)), heard.mean(1))
        return Outputs(main, auxiliary={"audio_visual": loss})

    def to_map(self, output: Tensor) -> Tensor:
        """The map of sum 1 of a log map ``(B, H, W)``."""
        return output.exp()

    def frame_features(self, frames: Tensor) -> tuple[Tensor, ...]:
        """What the image model makes of single frames ``(N, 3, H, W)``; in eval mode the same in every clip.

        Returns:
            ``(N, 96, H/16, W/16)`` and ``(N, 320, H/32, W/32)``; or maps ``(N, 1, H, W)`` of maximum 1; or nothing
            without an image model.
        """
        if isinstance(self.image_encoder, ImageSaliencyModel):
            log_map = self.image_encoder(frames)[:, None]
            return ((log_map - log_map.amax((2, 3), keepdim=True)).exp(),)
        return () if self.image_encoder is None else self.image_encoder(frames)

    def _clip_features(self, frames: Tensor) -> tuple[Tensor, ...]:
        """:meth:`frame_features` ``(B, 16, ...)`` of ``(B, 3, 16, H, W)``."""
        single = self.frame_features(frames.transpose(1, 2).flatten(0, 1))
        return tuple(feature.reshape(-1, FRAMES, *feature.shape[1:]) for feature in single)

    def _perceive(
        self, motion: Sequence[Tensor], audio: Tensor | None
    ) -> tuple[list[Tensor], Tensor | None, Tensor | None]:
        """Motion features v1 to v4, f_av ``(B, C, T, h, w)``, and the sound's tokens where the fusion refines them."""
        stages = list(motion)
        if audio is None or self.spec.audio is None:
            return stages, None, None
        fused = self.fusion(stages[3], self.audio_encoder(audio))
        return (stages, *fused) if self.agreement is not None else (stages, fused, None)

    def _masks(self, features: tuple[Tensor, ...]) -> list[Tensor]:
        """Attention ``(B, 1, 4, h, w)`` on each of the first three stages; nothing without an image model."""
        # The largest of every four frames: (B, C, 4, h, w).
        pooled = [x.reshape(x.shape[0], STEPS, -1, *x.shape[2:]).amax(2).transpose(1, 2) for x in features]
        if isinstance(self.image_encoder, ImageSaliencyModel):
            return [F.avg_pool3d(pooled[0], (1, shrink, shrink)) for shrink in (4, 8, 16)]
        if not pooled:
            return []
        fine, coarse = pooled
        saliency = self.sep_inception(torch.cat([fine, upsample(coarse)], dim=1))
        return [mask(saliency) for mask in self.masks]

    def _decode(
        self, stages: list[Tensor], audio_visual: Tensor | None, masks: list[Tensor], sums: WeightSums | None = None
    ) -> Tensor:
        """The log map: every stage gets all deeper ones, and the readout sees all four. ``sums`` at test time."""
        if audio_visual is not None:
            stages[3] = torch.cat([stages[3], audio_visual], dim=1)
        s0, s1, s2, s3 = (lateral(stage) for lateral, stage in zip(self.lateral, stages, strict=True))
        if masks:
            s0, s1, s2 = (s + s * mask for s, mask in zip((s0, s1, s2), masks, strict=True))
        s2 = s2 + upsample(s3)
        s1 = s1 + upsample(s2) + upsample(s3, 4)
        deeper = [upsample(s1), upsample(s2, 4), upsample(s3, 8)]
        s0 = s0 + deeper[0] + deeper[1] + deeper[2]
        if sums is None:
            raw: Tensor = self.readout(torch.cat([s0, *deeper], dim=1))[:, 0, 0]
        else:
            raw = self.readout.infer([s0, s1, s2, s3], sums)[:, 0, 0]
        return raw.flatten(1).log_softmax(1).reshape(raw.shape)

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`."""
        if key.startswith("visnet."):
            renamed = self.rename_motion(key.removeprefix("visnet."), value)
            return None if renamed is None else (f"motion_encoder.{renamed[0]}", renamed[1])
        for theirs, ours in _NAMES:
            name, found = re.subn(f"^{theirs}", ours, key)
            if found:
                # Convolutions 1x1x1 of theirs are linear layers here.
                return name, value.flatten(1) if ".mlp." in name and value.ndim == 5 else value
        return key, value


def _fusion(name: str, channels: int, width: int, grid: tuple[int, int, int]) -> nn.Module:
    """The fusion of v4, of ``channels`` and (T, h, w), and the sound's feature of ``width`` channels."""
    fusions: dict[str, Callable[[], nn.Module]] = {
        "transformer": lambda: TransformerFusion(channels, width, max(math.prod(grid), AUDIO_TOKENS)),
        "bilinear_stavis": lambda: ChannelBilinear(channels, width, width),
        "bilinear_avinet": lambda: SpatialBilinear(channels, width, grid, AUDIO_TOKENS),
        "avim": lambda: ConsistencyFusion(channels, width, cpc=False),
        "avim_cpc": lambda: ConsistencyFusion(channels, width, cpc=True),
    }
    return pick("fusion", name, fusions)()


def _lateral(inputs: int, outputs: int, fold: int) -> nn.Sequential:
    """T&C block: to ``outputs`` channels, every ``fold`` steps to one, then a ConvNeXt block."""
    block = nn.Sequential(nn.Conv3d(inputs, outputs, 1))
    if fold > 1:
        block.append(nn.Conv3d(outputs, outputs, (fold, 1, 1), (fold, 1, 1), bias=False))
    return block.append(ConvNeXt3D(outputs))
