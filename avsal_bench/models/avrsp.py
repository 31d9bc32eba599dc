"""AVRSP: relevance-guided audio-visual saliency prediction (avrsp2024, arXiv 2411.11454).

No code is published, so this is a reading of the paper. It departs from it nowhere that is known; what the paper
leaves open is decided here, numbered as in the project's fact sheet:

1. Frames are normalised as for torchvision's Kinetics weights of S3D.
2. The sound is STAViS's: the excerpt of the clip at 22 050 Hz in [-256, 256] under a Hann window.
3. ASPP is the one of CASP-Net (dilations 3, 6, 12, 18, summed), to 128 channels at every stage.
4. LIP pools time to T/8 steps, the time of the deepest stage, and keeps space, so that all scales agree in time.
5. The audio feature is SoundNet's conv7 as tokens, projected to 128.
6. The weights of the heads (Eq. 6) come from both streams, each averaged over its tokens, by an MLP that the heads
   share.
7. Two RAVF blocks, and every block hears the same audio tokens: only the visual stream is refined.
8. Retention scores are raw products, as Eqs. 2 and 3 print them; ``retention="sigmoid"`` squeezes them to [0, 1].
9. MS is MINet's aggregate interaction (lartpang/MINet), which has the same equations, in 3D.
10. MRG has one gate per channel.
11. The gated fusion feature is added to the visual feature of its scale.
12. Four decoder blocks with skips by concatenation; time collapses in the last one, as in ViNet.

Indices are the paper's: X0 is the deepest of the four scales (1/32) and X3 the finest (1/4). The paper's clip has 32
frames; 8 and 16 work too, with T' = T/8 steps in the place of 4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from avsal_bench.audio import Waveform
from avsal_bench.models.backbones.s3d import S3D
from avsal_bench.models.backbones.soundnet import SoundNet
from avsal_bench.models.layers.aspp import ASPP
from avsal_bench.models.layers.clip import check_clip
from avsal_bench.models.layers.lip import LIP
from avsal_bench.models.layers.resample import halve, upsample
from avsal_bench.models.registry import Network, register_model
from avsal_bench.spec import ClipSpec

Retention = Literal["raw", "sigmoid"]

_TINY = {"frames": 16, "size": (64, 96), "width": 32, "backbone_width": 0.25, "audio_width": 0.25, "bn_momentum": 0.1}


@register_model("avrsp", paper="avrsp2024", modalities=("v", "av"), tiny=_TINY)
class AVRSP(Network):
    """The whole network, in the order of Fig. 2.

    Args:
        modality: ``av``, or ``v`` without SoundNet and RAVF: the decoder and the gates then take X0.
        frames: T, one of 8, 16 and 32.
        size: (height, width) of the frames, multiples of 32 and at least 64.
        width: channels of every feature after the encoder; a multiple of ``heads``.
        backbone_width: multiplier of S3D's channels.
        audio_width: multiplier of SoundNet's channels.
        heads: of RAVF.
        ravf_blocks: N.
        ms: whether Multi-scale Synergy enhances X1 to X3.
        mrg: whether Multi-scale Regulator Gates bring the fusion feature to the skips.
        bn_momentum: of S3D's batch norms; see :class:`S3D`.
        retention: ``raw`` or ``sigmoid``.

    Raises:
        ValueError: for an option outside its range.
    """

    audio_only = ("soundnet.", "ravf.")

    def __init__(
        self,
        modality: Literal["v", "av"] = "av",
        frames: int = 32,
        size: tuple[int, int] = (224, 384),
        width: int = 128,
        backbone_width: float = 1.0,
        audio_width: float = 1.0,
        heads: int = 4,
        ravf_blocks: int = 2,
        ms: bool = True,
        mrg: bool = True,
        bn_momentum: float = 0.001,
        retention: Retention = "raw",
    ) -> None:
        super().__init__()
        check_clip("avrsp", frames, size)
        if min(size) < 64:
            raise ValueError(f"avrsp takes a height and a width of 64 pixels or more; got {tuple(size)}")
        audio = Waveform(frames) if modality == "av" else None
        self.spec = ClipSpec(frames, (size[0], size[1]), target="last", audio=audio)

        self.s3d = S3D(backbone_width, bn_momentum)
        self.aspp = nn.ModuleList(ASPP(channels, width) for channels in self.s3d.channels)
        # Stages finest first have T/2, T/2, T/4 and T/8 steps; all leave with T/8.
        self.lip = nn.ModuleList(LIP(width, stride) for stride in (4, 4, 2, 1))
        if modality == "av":
            self.soundnet = SoundNet(audio_width)
            self.ravf = RAVF(self.soundnet.channels, width, heads, ravf_blocks, retention)
        self.ms = nn.ModuleList(MS(width, finer) for finer in (True, True, False)) if ms else None
        self.mrg = nn.ModuleList(RegulatorGate(width) for _ in range(3)) if mrg else None
        self.decoder = Decoder(width, steps=frames // 8)

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, T, H, W)`` frames and their ``(B, 1, n)`` waveform to the saliency ``(B, H, W)`` in [0, 1].

        Raises:
            ValueError: if the clip is not the one of the spec, or an ``av`` network gets no sound.
        """
        self.check_input(frames, audio)
        x3, x2, x1, x0 = (lip(aspp(x)) for lip, aspp, x in zip(self.lip, self.aspp, self.s3d(frames), strict=True))
        fused = x0 if audio is None or self.spec.audio is None else self.ravf(x0, self.soundnet(audio))
        enhanced = self._enhance([x0, x1, x2, x3])
        saliency: Tensor = self.decoder(fused, self._regulate(fused, enhanced))
        return saliency

    def _enhance(self, scales: list[Tensor]) -> list[Tensor]:
        """E1, E2, E3 of X0 to X3 (coarse to fine): the MS outputs, or X1, X2, X3 without MS."""
        if self.ms is None:
            return scales[1:]
        finer = [*scales[2:], None]
        return [ms(h, m, lower) for ms, h, m, lower in zip(self.ms, finer, scales[1:], scales, strict=False)]

    def _regulate(self, fused: Tensor, enhanced: list[Tensor]) -> list[Tensor]:
        """The skips S1, S2, S3: E plus the gated fusion feature, which climbs from gate to gate; E without MRG."""
        if self.mrg is None:
            return enhanced
        skips = []
        for gate, feature in zip(self.mrg, enhanced, strict=True):
            fused = gate(fused, feature)
            skips.append(feature + fused)
        return skips


class RAVF(nn.Module):
    """Relevance-guided audio-visual fusion: N blocks refine the visual tokens by the same audio tokens.

    Args:
        audio_channels: of an audio token.
        width: channels of a visual token.
        heads: of each block.
        blocks: N.
        retention: see :class:`RAVFBlock`.
    """

    def __init__(self, audio_channels: int, width: int, heads: int, blocks: int, retention: Retention) -> None:
        super().__init__()
        self.project = nn.Linear(audio_channels, width)
        self.blocks = nn.ModuleList(RAVFBlock(width, heads, retention) for _ in range(blocks))

    def forward(self, x0: Tensor, audio: Tensor) -> Tensor:
        """Fuse ``(B, C, T', h, w)`` and ``(B, N_a, audio_channels)`` to ``(B, C, T', h, w)``."""
        tokens = x0.flatten(2).transpose(1, 2)
        audio = self.project(audio)
        for block in self.blocks:
            tokens = block(tokens, audio)
        return tokens.transpose(1, 2).reshape(x0.shape)


class RAVFBlock(nn.Module):
    """Relevance-aware multi-head cross attention (Eqs. 1 to 7) and a feed-forward layer.

    A residual and LayerNorm follow each. The scores are not normalised: they say how much of the other modality is
    kept.

    Args:
        width: C of both streams, a multiple of ``heads``.
        heads: h; d = C / h.
        retention: ``raw`` keeps the scores as they are, ``sigmoid`` squeezes them to [0, 1].

    Raises:
        ValueError: if ``heads`` does not divide ``width``, or for another retention.
    """

    def __init__(self, width: int, heads: int, retention: Retention = "raw") -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width must be a multiple of heads; got width={width}, heads={heads}")
        if retention not in ("raw", "sigmoid"):
            raise ValueError(f"retention is 'raw' or 'sigmoid'; got {retention!r}")
        self.heads = heads
        self.retention = retention
        head_width = width // heads
        # Query, key and value of a stream in one matrix: the paper's six affine maps.
        self.visual_qkv = nn.Linear(width, 3 * width)
        self.audio_qkv = nn.Linear(width, 3 * width)
        # A bias of the last layer would be the same for every head, and the softmax would not see it.
        self.head_mlp = nn.Sequential(
            nn.Linear(2 * head_width, head_width), nn.ReLU(), nn.Linear(head_width, 1, bias=False)
        )
        self.norm1 = nn.LayerNorm(width)
        self.ffn = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.norm2 = nn.LayerNorm(width)

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Refine ``(B, N_v, C)`` visual tokens by ``(B, N_a, C)`` audio tokens."""
        visual = self.norm1(visual + self._cross_attention(visual, audio))
        refined: Tensor = self.norm2(visual + self.ffn(visual))
        return refined

    def _cross_attention(self, visual: Tensor, audio: Tensor) -> Tensor:
        """F_av of Eq. 7, ``(B, N_v, C)``."""
        v_q, v_k, v_v = self._split(self.visual_qkv(visual))
        a_q, a_k, a_v = self._split(self.audio_qkv(audio))
        v2a = self._retain(v_q, a_k) @ a_v + v_v
        a2v = self._retain(a_q, v_k) @ v_v + a_v
        both = torch.cat([v2a.mean(2), a2v.mean(2)], dim=-1)
        head_weights = torch.softmax(self.head_mlp(both), dim=1)
        fused = head_weights[..., None] * v2a
        return fused.transpose(1, 2).flatten(2)

    def _split(self, qkv: Tensor) -> tuple[Tensor, ...]:
        """Query, key and value ``(B, h, N, d)`` of ``(B, N, 3C)``."""
        b, n, c = qkv.shape
        return tuple(qkv.reshape(b, n, 3, self.heads, c // (3 * self.heads)).permute(2, 0, 3, 1, 4))

    def _retain(self, query: Tensor, key: Tensor) -> Tensor:
        """Retention of one modality, Eqs. 2 and 3: ``(B, h, N_query, N_key)``."""
        scores: Tensor = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        return scores.sigmoid() if self.retention == "sigmoid" else scores


class MS(nn.Module):
    """Multi-scale Synergy of a feature with its finer (h) and coarser (l) neighbour, Eqs. 8 to 12.

    Args:
        channels: C of all scales.
        finer: whether there is a finer neighbour; the finest scale has none, and its terms are dropped.
    """

    def __init__(self, channels: int, finer: bool) -> None:
        super().__init__()
        scales = "hml" if finer else "ml"
        self.first = nn.ModuleDict({i: Gather(channels, i, i) for i in scales})
        self.second = nn.ModuleDict({i: Gather(channels, _neighbours(i, scales), i) for i in scales})
        self.third = Gather(channels, scales, "m")

    def forward(self, finer: Tensor | None, middle: Tensor, coarser: Tensor) -> Tensor:
        """Enhance the middle of ``(B, C, T', 2h, 2w)``, ``(B, C, T', h, w)`` and ``(B, C, T', h/2, w/2)``."""
        x = {"m": middle, "l": coarser}
        if finer is not None:
            x["h"] = finer
        x1 = {i: gather(x) for i, gather in self.first.items()}
        x2 = {i: gather(x1) for i, gather in self.second.items()}
        enhanced: Tensor = self.third(x2) + middle
        return enhanced


def _neighbours(scale: str, scales: str) -> str:
    """The scale itself and those next to it.

    >>> _neighbours("m", "hml"), _neighbours("l", "hml")
    ('hml', 'ml')
    """
    at = scales.index(scale)
    return scales[max(0, at - 1) : at + 2]


class Gather(nn.Module):
    """Bring scales to one of them and convolve each, then sum, batch norm and ReLU: one step of MINet's interaction.

    Args:
        channels: C of all scales.
        sources: scales that are summed, of "h", "m" and "l" (fine to coarse).
        target: scale of the result, at most one step from each source.
    """

    def __init__(self, channels: int, sources: str, target: str) -> None:
        super().__init__()
        self.target = target
        # The norm follows the sum, so the convolutions need no bias.
        self.convs = nn.ModuleDict({i: nn.Conv3d(channels, channels, 3, padding=1, bias=False) for i in sources})
        self.bn = nn.BatchNorm3d(channels)

    def forward(self, scales: Mapping[str, Tensor]) -> Tensor:
        """Gather ``(B, C, T', h, w)`` features, by scale, at the size of the target."""
        total = torch.stack([conv(self._resize(scales[i], i)) for i, conv in self.convs.items()]).sum(0)
        return torch.relu(self.bn(total))

    def _resize(self, x: Tensor, source: str) -> Tensor:
        if source == self.target:
            return x
        return halve(x) if "hml".index(source) < "hml".index(self.target) else upsample(x, 2, "nearest")


class RegulatorGate(nn.Module):
    """Multi-scale Regulator Gate, Eqs. 13 to 15: the visual feature says which channels of the fusion feature pass."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Conv3d(2 * channels, channels, 3, padding=1)
        self.conv = nn.Conv3d(channels, channels, 3, padding=1)

    def forward(self, fused: Tensor, visual: Tensor) -> Tensor:
        """Bring ``(B, C, T', h, w)`` to the visual ``(B, C, T', 2h, 2w)``, gated, at that size."""
        fused = upsample(fused)
        gate = torch.sigmoid(self.gate(torch.cat([fused, visual], dim=1))).mean((2, 3, 4), keepdim=True)
        gated: Tensor = self.conv(gate * fused)
        return gated


class Decoder(nn.Module):
    """Four blocks, each convolutions and an upsampling; skips join by concatenation, and time collapses in the last.

    Args:
        width: C of the features; the last block narrows to C/2 and C/4.
        steps: T', one of 1, 2 and 4. The last block has two convolutions with time kernel and stride 2; with fewer
            than 4 steps the later ones have nothing left to join, and their time kernel is 1.
    """

    def __init__(self, width: int, steps: int) -> None:
        super().__init__()
        self.block0 = _conv_bn_relu(width, width)
        self.block1 = _conv_bn_relu(2 * width, width)
        self.block2 = _conv_bn_relu(2 * width, width)
        first, second = min(2, steps), max(1, steps // 2)
        self.block3 = nn.Sequential(
            _conv_bn_relu(2 * width, width // 2, first), _conv_bn_relu(width // 2, width // 4, second)
        )
        self.head = nn.Conv2d(width // 4, 1, 1)

    def forward(self, fused: Tensor, skips: list[Tensor]) -> Tensor:
        """Decode ``(B, C, T', h, w)`` and the skips, coarse to fine, to the map ``(B, 32h, 32w)`` in [0, 1]."""
        x = upsample(self.block0(fused))
        x = upsample(self.block1(torch.cat([x, skips[0]], dim=1)))
        x = upsample(self.block2(torch.cat([x, skips[1]], dim=1)))
        x = self.block3(torch.cat([x, skips[2]], dim=1))
        # A 1x1 convolution and a linear upsampling may change places; this way only one channel is enlarged.
        logit = upsample(self.head(x.squeeze(2))[:, :, None], 4)
        return torch.sigmoid(logit[:, 0, 0])


def _conv_bn_relu(inputs: int, outputs: int, time: int = 1) -> nn.Sequential:
    """Convolution (time, 3, 3) that joins every ``time`` steps, batch norm, ReLU."""
    conv = nn.Conv3d(inputs, outputs, (time, 3, 3), (time, 1, 1), (0, 1, 1), bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))
