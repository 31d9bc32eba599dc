"""AVRSP: relevance-guided audio-visual saliency prediction (avrsp2024, arXiv 2411.11454).

No code is published, so this is a reading of the paper. Its equations are kept as printed; what it leaves open, and
what it says in two ways, is decided here:

1. Frames are normalised as for torchvision's Kinetics weights of S3D.
2. The sound is STAViS's: the excerpt of the clip at 22 050 Hz in [-256, 256] under a Hann window.
3. ASPP is the one of CASP-Net (dilations 3, 6, 12, 18, summed), to 128 channels at every stage.
4. LIP pools time to T/8 steps, the time of the deepest stage, and keeps space, so that all scales agree in time.
5. The audio feature is SoundNet's conv7 as tokens, projected to 128.
6. Eq. 6 weighs the heads by both streams, each averaged over its tokens, with an MLP that the heads share.
7. Two RAVF blocks, and every block hears the same audio tokens: only the visual stream is refined.
8. Retention scores are raw products, as Eqs. 2 and 3 print them; ``retention="sigmoid"`` squeezes them to [0, 1].
9. MS is Eqs. 8 to 12. The layers that they do not name are those of MINet's aggregate interaction
   (lartpang/MINet), in 3D; see :mod:`avsal_bench.models.layers.multi_scale` for where that block goes another way.
10. MRG has one gate per channel.
11. The gated fusion feature is added to the visual feature of its scale.
12. Four decoder blocks with skips by concatenation; time collapses in the last one, as in ViNet.
13. The learning rate is halved at the fourth epoch in a row without a validation loss that is better by a ten
    thousandth, as PyTorch counts a patience of 3, its threshold left as it is (in the recipe).
14. Eight clips in a batch (in the recipe).
15. The reverse window reverses the sound with the frames, as in ViNet.
16. Table V's other fusions are the plainest forms of what it names (:mod:`avsal_bench.models.fusion.alternatives`).
17. A ``v`` job is trained on the six sets too, after DHF1K: the paper speaks of that stage for both branches alone.
18. A block of the decoder is named as a convolution and an upsampling. Here batch norm and ReLU follow the
    convolution; the last block has two, whose time kernels and strides join the T' steps, and a 1x1 convolution to one
    channel before the sigmoid.
19. The feed-forward layer of RAVF widens four times, with GELU, as a transformer's does.
20. Silence gives SoundNet no gradient: batch norms over zeros would multiply it (``backbones/soundnet.py``).
21. Table III's rows without MS and MRG have no skips (``skips=False``), and Table IV's rows without pairs have them;
    see below.

Indices are the paper's: X0 is the deepest of the four scales (1/32) and X3 the finest (1/4). The paper's clip has 32
frames; 8 and 16 work too, with T' = T/8 steps in the place of 4.

The ablations are options: ``ms`` and ``mrg`` (Table III), ``pairs`` (Table IV) and ``fusion`` (Table V). Of ``pairs``
the paper prints inputs and outputs only. Here a scale without a pair is its own skip, S = X. The first gate brings the
fusion feature to its scale in one step. The fourth pair, at X0, makes a fourth skip, which joins the fusion feature
before the first block of the decoder.

"Neither MS nor MRG" is in both tables, with other scores on DIEM: CC 0.628 (``v``) and 0.663 (``av``) in Table III,
0.652 and 0.670 in Table IV. So it is two networks, and the paper does not say which. Section III.C calls it usual to
give the decoder the fused features alone: without skips, ``skips=False``, which is taken for Table III. With them,
which is ``pairs=0`` and equally ``ms=False, mrg=False``, it is Table IV's. The reading orders the two as the scores do;
nothing else speaks for it.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn

from avsal_bench.audio.waveform import Waveform
from avsal_bench.models.backbones.s3d import S3D
from avsal_bench.models.backbones.soundnet import SoundNet
from avsal_bench.models.base import Network
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.fusion.alternatives import MBT, Addition, Bilinear, Concatenation, Multiplication
from avsal_bench.models.fusion.ravf import RAVF, Retention, RetentionMaps
from avsal_bench.models.layers.aspp import ASPP
from avsal_bench.models.layers.audio_free import check_rows, in_rows
from avsal_bench.models.layers.clip import check_clip
from avsal_bench.models.layers.lip import LIP
from avsal_bench.models.layers.multi_scale import MS, RegulatorGate
from avsal_bench.models.layers.resample import upsample
from avsal_bench.models.layers.winograd import WeightSums
from avsal_bench.models.registry import register_model
from avsal_bench.names import pick
from avsal_bench.spec import ClipSpec

Fusion = Literal["add", "multiply", "concatenate", "bilinear", "mbt", "ravf"]

_TINY = {"frames": 16, "size": (64, 96), "width": 32, "backbone_width": 0.25, "audio_width": 0.25, "bn_momentum": 0.1}

#: Fusions that take nothing but the channels.
_SIMPLE = {"add": Addition, "multiply": Multiplication, "concatenate": Concatenation, "bilinear": Bilinear}


@register_model("avrsp", title="AVRSP", paper="avrsp2024", modalities=("v", "av"), tiny=_TINY)
class AVRSP(Network):
    """The whole network, in the order of Fig. 2.

    Args:
        modality: ``av``, or ``v`` without SoundNet and fusion: the decoder and the gates then take X0.
        frames: T, one of 8, 16 and 32.
        size: (height, width) of the frames, multiples of 32 and at least 64.
        width: channels of every feature after the encoder; a multiple of ``heads``.
        backbone_width: multiplier of S3D's channels.
        audio_width: multiplier of SoundNet's channels.
        heads: of RAVF and MBT.
        ravf_blocks: N.
        ms: whether Multi-scale Synergy enhances the scales that have a pair.
        mrg: whether Multi-scale Regulator Gates bring the fusion feature to their skips.
        bn_momentum: of S3D's batch norms; see :class:`S3D`.
        retention: of RAVF, ``raw`` or ``sigmoid``.
        pairs: scales with MS and MRG, 0 to 4, the finest first: 1 is X3, 3 is X3, X2 and X1.
        skips: whether the decoder is given the finer scales; without them it decodes the fusion feature alone, and
            there may be neither MS nor MRG.
        fusion: of X0 and the sound: ``ravf``, or one of the others of Table V.

    Raises:
        ValueError: for an option outside its range.
    """

    audio_only = ("soundnet.", "ravf.", "fusion.")
    audio_free = True
    shares = True
    weightless = ("retention",)

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
        pairs: int = 3,
        fusion: Fusion = "ravf",
        skips: bool = True,
    ) -> None:
        super().__init__()
        check_clip("avrsp", frames, size)
        if min(size) < 64:
            raise ValueError(f"avrsp takes a height and a width of 64 pixels or more; got {tuple(size)}")
        if pairs not in range(5):
            raise ValueError(f"pairs is a number from 0 to 4; got {pairs}")
        if not skips and pairs and (ms or mrg):
            raise ValueError(
                "skips=False has no scales for MS and MRG to enhance; take pairs=0, or ms=False, mrg=False"
            )
        pick("fusion", fusion, {**_SIMPLE, "mbt": MBT, "ravf": RAVF})
        audio = Waveform(frames) if modality == "av" else None
        self.spec = ClipSpec(frames, (size[0], size[1]), target="last", audio=audio)

        self.s3d = S3D(backbone_width, bn_momentum)
        # Stages finest first have T/2, T/2, T/4 and T/8 steps; all leave with T/8. Without skips the finer ones reach
        # nothing, and have no layers.
        strides = (4, 4, 2, 1) if skips else (1,)
        self.aspp = nn.ModuleList(ASPP(channels, width) for channels in self.s3d.channels[-len(strides) :])
        self.lip = nn.ModuleList(LIP(width, stride) for stride in strides)
        # RAVF has a name of its own, which checkpoints know.
        self.ravf: RAVF | None = None
        self.fusion: nn.Module | None = None
        if modality == "av":
            self.soundnet = SoundNet(audio_width)
            channels = self.soundnet.channels
            if fusion == "ravf":
                self.ravf = RAVF(channels, width, heads, ravf_blocks, retention)
            else:
                self.fusion = MBT(channels, width, heads) if fusion == "mbt" else _SIMPLE[fusion](channels, width)
        # Scales, coarse to fine, that have a pair.
        self.paired = range(4 - pairs, 4)
        self.ms = nn.ModuleList(MS(width, i < 3, i > 0) for i in self.paired) if ms else None
        # The first gate starts from X0, each further one from the scale before.
        gates = (RegulatorGate(width, 2**i if i == self.paired[0] else 2) for i in self.paired)
        self.mrg = nn.ModuleList(gates) if mrg else None
        self.deepest_skip = 4 if not skips else 0 if pairs == 4 and (ms or mrg) else 1
        self.decoder = Decoder(width, steps=frames // 8, skips=4 - self.deepest_skip)

    def forward(self, frames: Tensor, audio: Tensor | None = None, use_audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, T, H, W)`` frames and their ``(B, 1, n)`` waveform to the saliency ``(B, H, W)`` in [0, 1].

        Items whose ``use_audio``, ``(B,)`` bool, is False keep X0 in the place of F_av, as the ``v`` network does.

        Raises:
            ValueError: if the clip is not the one of the spec, or an ``av`` network gets no sound.
        """
        self.check_input(frames, audio)
        stages = self.s3d(frames)[-len(self.lip) :]
        scales = [lip(aspp(x)) for lip, aspp, x in zip(self.lip, self.aspp, stages, strict=True)]
        scales.reverse()
        return self._decode(scales[0], self._enhance(scales), audio, use_audio)

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory, use_audio: Tensor | None = None) -> Tensor:
        """See :meth:`Network.predict`: what windows share is found once, all that is seen once for several sounds."""
        self.check_clips(clips, audio)
        x0, enhanced = clips.once("avrsp", lambda: self._see(clips, memory))
        return self._decode(x0, enhanced, audio, use_audio, WeightSums(memory))

    def _see(self, clips: Clips, memory: Memory) -> tuple[Tensor, list[Tensor]]:
        """X0, and E0 to E3, of which there is only the first without skips."""
        first, second = self.s3d.shared(clips, memory)
        if len(self.lip) == 1:
            x0 = self.lip[0](self.aspp[0](self.s3d.deep(second)[-1]))
            return x0, [x0]
        scales = []
        for stage, aspp, lip in zip((first, second), self.aspp, self.lip, strict=False):
            # ASPP, and the convolution of LIP, look at single time steps; LIP's norm is of the whole window.
            x = stage.each(aspp)
            assert isinstance(lip, LIP), "one a stage"
            scales.append(lip.pool(x.windows(), x.each(lip.conv).windows()))
        scales += [
            lip(aspp(x)) for lip, aspp, x in zip(self.lip[2:], self.aspp[2:], self.s3d.deep(second), strict=True)
        ]
        scales.reverse()
        return scales[0], self._enhance(scales, WeightSums(memory))

    def _decode(
        self,
        x0: Tensor,
        enhanced: list[Tensor],
        audio: Tensor | None,
        use_audio: Tensor | None,
        sums: WeightSums | None = None,
    ) -> Tensor:
        """The saliency of X0, of E0 to E3 (E0 without skips) and of the sound."""
        fused = x0
        if audio is not None and self.spec.audio is not None:
            fused = in_rows(self._fuse, x0, audio, check_rows(use_audio, x0.shape[0]))
        skips = self._regulate(fused, enhanced, sums)
        saliency: Tensor = self.decoder(fused, skips[self.deepest_skip :])
        return saliency

    def retention_maps(self, frames: Tensor, audio: Tensor | None) -> list[RetentionMaps]:
        """What each RAVF block keeps of one modality for the other (Fig. 6), for the input of ``forward``.

        Returns:
            For each block, first to last, Ret_A ``(B, heads, T', H/32, W/32, N_a)`` and Ret_V ``(B, heads, N_a, T',
            H/32, W/32)``, as the block used them: any numbers, or in [0, 1] for ``retention="sigmoid"``.

        Raises:
            ValueError: for a network without RAVF, and as ``forward``.
        """
        self.check_input(frames, audio)
        if self.ravf is None or audio is None:
            why = "it does not hear" if self.spec.audio is None else "its fusion is another"
            raise ValueError(f"this network has no retention maps: {why}; take modality='av' and fusion='ravf'")
        x0 = self.lip[-1](self.aspp[-1](self.s3d(frames)[-1]))
        return self.ravf.retention_maps(x0, self.soundnet(audio))

    def _fuse(self, x0: Tensor, audio: Tensor) -> Tensor:
        """F_av, the fusion of X0 and the waveform, in the shape of X0."""
        fusion = self.fusion if self.ravf is None else self.ravf
        assert fusion is not None, "an av network has one"
        fused: Tensor = fusion(x0, self.soundnet(audio))
        return fused

    def _enhance(self, scales: list[Tensor], sums: WeightSums | None = None) -> list[Tensor]:
        """E0 to E3 of X0 to X3, coarse to fine: the MS outputs, and X where there is none. ``sums`` at test time."""
        enhanced = list(scales)
        for i, ms in zip(self.paired, self.ms or (), strict=False):
            near = scales[i + 1] if i < 3 else None, scales[i], scales[i - 1] if i else None
            enhanced[i] = ms(*near) if sums is None else cast(MS, ms).infer(*near, sums)
        return enhanced

    def _regulate(self, fused: Tensor, enhanced: list[Tensor], sums: WeightSums | None = None) -> list[Tensor]:
        """The skips S0 to S3: E plus the gated fusion feature, which climbs from gate to gate; E without a gate."""
        skips = list(enhanced)
        for i, gate in zip(self.paired, self.mrg or (), strict=False):
            both = fused, enhanced[i]
            fused = gate(*both) if sums is None else cast(RegulatorGate, gate).infer(*both, sums)
            skips[i] = enhanced[i] + fused
        return skips


class Decoder(nn.Module):
    """Four blocks, each convolutions and an upsampling; skips join by concatenation, and time collapses in the last.

    Args:
        width: C of the features; the last block narrows to C/2 and C/4.
        steps: T', one of 1, 2 and 4. The last block has two convolutions with time kernel and stride 2; with fewer
            than 4 steps the later ones have nothing left to join, and their time kernel is 1.
        skips: 3, at the scales 1/16, 1/8 and 1/4; or 4, with one at 1/32 that the first block takes; or none.
    """

    def __init__(self, width: int, steps: int, skips: int = 3) -> None:
        super().__init__()
        inputs = 2 * width if skips else width
        self.block0 = _conv_bn_relu(2 * width if skips == 4 else width, width)
        self.block1 = _conv_bn_relu(inputs, width)
        self.block2 = _conv_bn_relu(inputs, width)
        first, second = min(2, steps), max(1, steps // 2)
        self.block3 = nn.Sequential(
            _conv_bn_relu(inputs, width // 2, first), _conv_bn_relu(width // 2, width // 4, second)
        )
        self.head = nn.Conv2d(width // 4, 1, 1)

    def forward(self, fused: Tensor, skips: list[Tensor]) -> Tensor:
        """Decode ``(B, C, T', h, w)`` and the skips, coarse to fine, to the map ``(B, 32h, 32w)`` in [0, 1]."""
        joined: list[list[Tensor]] = [[] for _ in range(4 - len(skips))] + [[skip] for skip in skips]
        s0, s1, s2, s3 = joined
        x = upsample(self.block0(torch.cat([fused, *s0], dim=1)))
        x = upsample(self.block1(torch.cat([x, *s1], dim=1)))
        x = upsample(self.block2(torch.cat([x, *s2], dim=1)))
        x = self.block3(torch.cat([x, *s3], dim=1))
        # A 1x1 convolution and a linear upsampling may change places; this way only one channel is enlarged.
        logit = upsample(self.head(x.squeeze(2))[:, :, None], 4)
        return torch.sigmoid(logit[:, 0, 0])


def _conv_bn_relu(inputs: int, outputs: int, time: int = 1) -> nn.Sequential:
    """Convolution (time, 3, 3) that joins every ``time`` steps, batch norm, ReLU."""
    conv = nn.Conv3d(inputs, outputs, (time, 3, 3), (time, 1, 1), (0, 1, 1), bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))
