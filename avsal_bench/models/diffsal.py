"""DiffSal (diffsal2024, CVPR 2024): a diffusion network; picture and sound tell it what a noisy map was without noise.

A port of junwenxiong/diff_sal: MViTv2-S sees 16 frames, VGGish and one layer of attention hear nine patches of sound,
and SalUNet (:mod:`avsal_bench.models.diffusion.salunet`) decodes both together with a noisy map. ``modality="v"`` is
the authors' visual network.

Decisions:

- The sampler takes one step, as in the authors' test script: the network is told that nothing but noise is hardly
  noisy, and its answer is the map. ``steps`` is for more.
- The noise is a function of video, frame and ``seed``; the authors draw it from one generator of the process, so their
  maps depend on the order, the batches and the number of processes.
- Without sound the noise does not reach the output at test time; the network is a plain one then. With sound it acts
  through the keys of the decoder's attention alone. ``docs/diffsal.md`` has both, measured.
- Frames are resized once. The authors resize those of the audio-visual sets to 320 x 240 first.
- DHF1K and the audio-visual sets are normalised each in its own way (``normalisation``), and so are their weights.
- What the authors have and do not use has no place here: VGGish's linear layers, the patch embedding and the positions
  of the sound's attention, and a layer ``fc``.

Facts that are easily got wrong, and kept: a patch of sound has time along its rows and bands along its columns, and is
multiplied with rows and columns of the picture; the class token's way; layer norms have an eps of 1e-5.

Not part of the network, and not ported, are these faults of the published scripts:

- The network is not made anew between the splits: those of splits 2 and 3 have seen their test videos.
- The best epoch is chosen on windows of the test lists.
- The last batch of a test, if it is not whole, gets no maps, and its windows are shuffled.
- Frames 1 to 8 of a video are never predicted; here they have windows with the first frame repeated. At the end of a
  video the authors repeat the window's frames from its first on, and write some frames several times.
- Where a ground-truth map is empty, another item at random is tested in its place.
- Weights are loaded with ``strict=False``, absolute paths are written down, and the scripts fail on new versions of
  Python and PyTorch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.audio.log_mel_images import LogMelImages
from avsal_bench.models.backbones.mvitv2 import MViTv2, rename_mmaction
from avsal_bench.models.backbones.vggish import VGGishFeatures
from avsal_bench.models.diffusion import DiffusionNetwork, SalUNet, Widths
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.names import pick
from avsal_bench.spec import ClipSpec

#: Frames of a clip, and patches of its sound: one for each step of time of the picture, and one for the noisy map.
FRAMES, PATCHES = 16, 9

#: Mean and deviation of RGB in 0..255: of the six audio-visual sets, and of DHF1K, which are ImageNet's.
NORMALISATIONS = {
    "six": ((114.7748, 107.7354, 99.475), (38.7568578, 37.88248729, 40.02898126)),
    "dhf1k": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}

_SOURCE = "Google Drive folder in the README of junwenxiong/diff_sal"
_OPEN = "open the Google Drive folder that the README of junwenxiong/diff_sal links to"
_FORM = "state dict under state_dict, names read from the authors' code; the file was not opened"
_WEIGHTS = (
    PublishedWeights(
        name="diffsal_dhf1k",
        file="diffsal_visual_best.pth",
        what="DiffSal without sound, DHF1K",
        source=_SOURCE,
        licence="not stated",
        options={"modality": "v"},
        form=_FORM,
        steps=(
            _OPEN,
            "fetch experiments_on_dhf1k/visual/weights/best.pth and name it diffsal_visual_best.pth",
        ),
        trained_on=("kinetics400", "dhf1k/train"),
    ),
    PublishedWeights(
        name="diffsal_s1",
        file="diffsal_split1_best.pth",
        what="DiffSal, the six sets, split 1; a user reports that it does not give the paper's scores",
        source=_SOURCE,
        licence="not stated",
        options={"modality": "av"},
        form=_FORM,
        steps=(
            _OPEN,
            "fetch experiments_on_av_data/audio_visual/split1_weights/best.pth and name it diffsal_split1_best.pth",
        ),
        trained_on=("kinetics400", "dhf1k/train", "audioset", "six/train/1"),
    ),
    PublishedWeights(
        name="diffsal_s2",
        file="diffsal_split2_best.pth",
        what="DiffSal, the six sets, split 2, from weights that saw its test videos",
        source=_SOURCE,
        licence="not stated",
        options={"modality": "av"},
        form=_FORM,
        steps=(
            _OPEN,
            "fetch experiments_on_av_data/audio_visual/split2_weights/best.pth and name it diffsal_split2_best.pth",
        ),
        trained_on=("kinetics400", "dhf1k/train", "audioset", "six/train/1", "six/train/2"),
    ),
    PublishedWeights(
        name="diffsal_s3",
        file="diffsal_split3_best.pth",
        what="DiffSal, the six sets, split 3, from weights that saw its test videos",
        source=_SOURCE,
        licence="not stated",
        options={"modality": "av"},
        form=_FORM,
        steps=(
            _OPEN,
            "fetch experiments_on_av_data/audio_visual/split3_weights/best.pth and name it diffsal_split3_best.pth",
        ),
        trained_on=("kinetics400", "dhf1k/train", "audioset", "six/train/1", "six/train/2", "six/train/3"),
    ),
)

#: The authors' names (patterns) and ours, in order; the encoder of the picture has mmaction2's.
_STAGE = r"decoder_net\.invpt_decoder\.mid_stages\.(\d)\."
_BLOCK = rf"{_STAGE}blocks\.0\."
_NAMES = (
    (r"audio_net\.features\.", "audio_encoder.features."),
    (r"spatiotemp_net\.transformer\.layers\.0\.0\.norm\.", "audio_attention.norm1."),
    (r"spatiotemp_net\.transformer\.layers\.0\.0\.to_qkv\.", "audio_attention.qkv."),
    (r"spatiotemp_net\.transformer\.layers\.0\.0\.to_out\.0\.", "audio_attention.proj."),
    (r"spatiotemp_net\.transformer\.layers\.0\.1\.net\.0\.", "audio_attention.norm2."),
    (r"spatiotemp_net\.transformer\.layers\.0\.1\.net\.1\.", "audio_attention.mlp.0."),
    (r"spatiotemp_net\.transformer\.layers\.0\.1\.net\.4\.", "audio_attention.mlp.2."),
    (r"spatiotemp_net\.transformer\.norm\.", "audio_attention.norm."),
    (rf"{_STAGE}patch_embed\.0\.proj\.1\.", r"decoder.stages.\1.up.0."),
    (rf"{_STAGE}patch_embed\.0\.proj\.2\.", r"decoder.stages.\1.up.1."),
    (rf"{_STAGE}patch_embed\.0\.proj\.4\.", r"decoder.stages.\1.up.3."),
    (rf"{_STAGE}patch_embed\.0\.proj\.5\.", r"decoder.stages.\1.up.4."),
    (rf"{_BLOCK}align_conv\.", r"decoder.stages.\1.align."),
    (rf"{_BLOCK}norm\.", r"decoder.stages.\1.norm1."),
    (rf"{_BLOCK}attn\.conv_proj_([qkv])\.conv\.", r"decoder.stages.\1.\2."),
    (rf"{_BLOCK}attn\.conv_proj_([qkv])\.bn\.", r"decoder.stages.\1.\2.norm."),
    (rf"{_BLOCK}attn\.proj_([qkv])\.", r"decoder.stages.\1.\2.linear."),
    (rf"{_BLOCK}attn\.proj\.", r"decoder.stages.\1.proj."),
    (rf"{_BLOCK}norm2\.", r"decoder.stages.\1.norm2."),
    (rf"{_BLOCK}mlp\.fc1\.", r"decoder.stages.\1.mlp.0."),
    (rf"{_BLOCK}mlp\.fc2\.", r"decoder.stages.\1.mlp.2."),
    (r"decoder_net\.invpt_decoder\.norm_mts\.(\d)\.", r"decoder.stages.\1.branch_norm."),
    (r"decoder_net\.invpt_decoder\.redu_chan_up\.(\d)\.proj\.0\.", r"decoder.stages.\1.branch."),
    (r"decoder_net\.invpt_decoder\.mt_proj\.", "decoder.join."),
    (r"decoder_net\.logits\.linear_pred\.", "decoder.logits."),
    (r"decoder_net\.temb\.dense\.0\.", "decoder.code.dense.0."),
    (r"decoder_net\.temb\.dense\.1\.", "decoder.code.dense.2."),
    (r"decoder_net\.conv_in\.", "decoder.noise_encoder.conv_in."),
    (r"decoder_net\.down1\.conv\.", "decoder.noise_encoder.down.conv."),
    (r"decoder_net\.res_encoder\.(\d)\.0\.temb_proj\.", r"decoder.noise_encoder.blocks.\1.code."),
    (r"decoder_net\.res_encoder\.(\d)\.0\.nin_shortcut\.", r"decoder.noise_encoder.blocks.\1.shortcut."),
    (r"decoder_net\.res_encoder\.(\d)\.0\.", r"decoder.noise_encoder.blocks.\1."),
    (r"decoder_net\.res_encoder\.(\d)\.1\.conv\.", r"decoder.noise_encoder.downs.\1.conv."),
)
#: Entries of theirs that have no effect on the output.
_IDLE = ("audio_net.embeddings.", "spatiotemp_net.to_patch_embedding.", "spatiotemp_net.pos_embedding", "fc.")


@register_model(
    "diffsal",
    title="DiffSal",
    paper="diffsal2024",
    modalities=("v", "av"),
    code="junwenxiong/diff_sal",
    code_licence="not stated",
    tiny={"size": (64, 128), "width": 0.0625, "audio_width": 0.0625, "frozen_encoders": False},
    parity=("v", "av"),
    weights=_WEIGHTS,
)
class DiffSal(DiffusionNetwork):
    """The whole network; its maps are sigmoids.

    Args:
        modality: ``av``, or ``v`` without sound.
        steps: of the sampler, 1 to 1000; 1 as the authors test. See
            :func:`~avsal_bench.models.diffusion.schedule.sampled_steps`.
        seed: of the noise that maps are sampled from.
        normalisation: of frames, as the authors have it for the audio-visual sets, ``six``, and for DHF1K, ``dhf1k``;
            None for that of the published weights, which are those sets' with sound and DHF1K's without.
        frozen_encoders: whether the sound's encoder stays as it is loaded, as published. From random weights it must
            learn.
        size: (height, width) of the frames, multiples of 32 from 64 on, with room for two blocks of 64 x 64.
        width: multiplier of the channels of MViTv2 and the decoder.
        audio_width: multiplier of those of VGGish and the sound's attention.

    Raises:
        ValueError: for an option outside its range.
    """

    def __init__(
        self,
        modality: Literal["v", "av"] = "av",
        steps: int = 1,
        seed: int = 0,
        normalisation: Literal["six", "dhf1k"] | None = None,
        frozen_encoders: bool = True,
        size: Sequence[int] = (224, 384),
        width: float = 1.0,
        audio_width: float = 1.0,
    ) -> None:
        super().__init__(steps, seed)
        height, breadth = size
        if any(side < 64 or side % 32 for side in (height, breadth)) or (height // 64) * (breadth // 64) < 2:
            raise ValueError(
                "diffsal takes a height and a width of 64, 96, 128 ... pixels, with room for two blocks of 64 x 64, as "
                f"its attention has a key for each; got {(height, breadth)}"
            )
        hears = modality == "av"
        mean, std = pick("normalisation", normalisation or ("six" if hears else "dhf1k"), NORMALISATIONS)
        self.spec = ClipSpec(
            FRAMES,
            (height, breadth),
            (mean[0] / 255, mean[1] / 255, mean[2] / 255),
            (std[0] / 255, std[1] / 255, std[2] / 255),
            target="middle",
            audio=LogMelImages(PATCHES, (height // 2, breadth // 2)) if hears else None,
        )
        self.encoder = MViTv2(width, class_token=True)
        finest, fine, middle, coarse = self.encoder.channels
        sound = 0
        if hears:
            self.audio_encoder = VGGishFeatures(audio_width)
            sound = self.audio_encoder.channels
            self.audio_attention = SoundAttention(sound)
        self.decoder = SalUNet(Widths((coarse, middle, fine, finest), sound), hears)
        aligned = tuple(f"decoder.stages.{i}.align." for i in range(4))
        self.audio_only = ("audio_encoder.", "audio_attention.", *aligned)
        self.frozen = ("audio_encoder",) if hears and frozen_encoders else ()
        self.freeze()

    def see(self, frames: Tensor) -> list[Tensor]:
        """MViTv2's last three stages, coarsest first; the decoder does not read the finest."""
        _, fine, middle, coarse = self.encoder(frames)
        return [coarse, middle, fine]

    def hear(self, audio: Tensor | None) -> Tensor | None:
        """The sound's feature ``(B, 512, 9, H/32, W/32)`` of patches ``(B, 1, 9, H/2, W/2)``; None without sound."""
        if audio is None or self.spec.audio is None:
            return None
        patches = audio.transpose(1, 2)
        found: Tensor = self.audio_encoder(patches.flatten(0, 1)).unflatten(0, patches.shape[:2])
        attended: Tensor = self.audio_attention(found.transpose(1, 2))
        return attended

    def clean(self, seen: list[Tensor], heard: Tensor | None, noisy: Tensor, step: int) -> Tensor:
        """The map ``(B, 1, H, W)`` in [0, 1] that is found in a noisy one of a step; made at half the size."""
        half = self.decoder(seen, heard, noisy, step).sigmoid()
        return F.interpolate(half, scale_factor=2, mode="bilinear")

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`."""
        if key.startswith(_IDLE):
            return None
        if key.startswith("visual_net."):
            renamed = rename_mmaction(key.removeprefix("visual_net."), value)
            return None if renamed is None else (f"encoder.{renamed[0]}", renamed[1])
        for theirs, ours in _NAMES:
            name, found = re.subn(f"^{theirs}", ours, key)
            if found:
                # Their visual network has the layers that bring the sound to each stage, and no sound.
                idle = self.spec.audio is None and ".align." in name
                return None if idle else (name, value)
        return key, value


class SoundAttention(nn.Module):
    """One layer of attention over all places of all patches, two heads of an eighth of the channels, and a norm.

    It has no code of positions: places differ by what is heard there alone.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        head = channels // 8
        self.norm1 = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * 2 * head, bias=False)
        self.proj = nn.Linear(2 * head, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, channels // 2), nn.GELU(), nn.Linear(channels // 2, channels))
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, T, h, w)`` to the same shape."""
        tokens = x.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.norm1(tokens)).unflatten(2, (3, 2, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        tokens = tokens + self.proj(mixed)
        tokens = tokens + self.mlp(self.norm2(tokens))
        found: Tensor = self.norm(tokens).transpose(1, 2).unflatten(2, x.shape[2:])
        return found
