"""Audio-visual fusion by a transformer over the tokens of both, with their agreement as a loss (mspi2024, section 3.4).

The equations are the paper's; what it leaves open is oraclefina/MSPI's.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Norm = Literal["layer", "batch"]

_NORMS = {"layer": nn.LayerNorm, "batch": nn.BatchNorm1d}


def sinusoids(positions: int, width: int) -> Tensor:
    """The fixed position code ``(positions, width)`` float32: sines in even channels, cosines in odd ones.

    The angle is ``p / 10000^(2 floor(j / 2) / width)``, computed in float64 (Vaswani et al. 2017).
    """
    channel = torch.arange(width, dtype=torch.float64)
    rate = 10000 ** (2 * (channel // 2) / width)
    angle = torch.arange(positions, dtype=torch.float64)[:, None] / rate
    return torch.where(channel % 2 == 0, angle.sin(), angle.cos()).float()


class TransformerFusion(nn.Module):
    """MSPI's audio-visual fusion block: three pre-norm layers over the visual and the audio tokens together.

    Visual tokens are in the order time, row, column, and audio tokens in the order frequency, time. Each group starts
    at position 0 of the same code. Beyond Eq. 5, both are normalised before, as in the authors' code.

    Args:
        channels: of the visual feature.
        width: of a token; that of the sound's feature.
        tokens: most tokens that a group has.
    """

    code: Tensor

    def __init__(self, channels: int, width: int, tokens: int, layers: int = 3, heads: int = 4) -> None:
        super().__init__()
        self.project = nn.Linear(channels, width)
        self.visual_norm = nn.LayerNorm(width)
        self.audio_norm = nn.LayerNorm(width)
        self.register_buffer("code", sinusoids(tokens, width), persistent=False)
        self.layers = nn.Sequential(*(TransformerLayer(width, heads) for _ in range(layers)))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Fuse ``(B, channels, T, h, w)`` and ``(B, width, F, T')``.

        Returns:
            ``(B, width, T, h, w)``, and the audio tokens ``(B, F T', width)`` after the last layer.
        """
        seen = self.visual_norm(self.project(visual.flatten(2).transpose(1, 2)))
        heard = self.audio_norm(audio.flatten(2).transpose(1, 2))
        n = seen.shape[1]
        tokens = torch.cat([seen + self.code[:n], heard + self.code[: heard.shape[1]]], dim=1)
        tokens = self.layers(tokens)
        fused = tokens[:, :n].transpose(1, 2).unflatten(2, visual.shape[2:])
        return fused, tokens[:, n:]


class TransformerLayer(nn.Module):
    """Attention and an MLP four times as wide, each behind a LayerNorm and with a residual; no dropout."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, N, width)`` to the same."""
        query, key, value = self.qkv(self.norm1(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        x = x + self.project(attended)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class Agreement(nn.Module):
    """How well the picture and the sound of a clip foretell each other: MSPI's symmetrised cosine loss (Eqs. 6 and 7).

    Each goes through a projector, and a predictor guesses the projection of the other from it, which gets no gradient
    from the guess.

    Args:
        width: of both vectors; projections are four times as wide.
        norm: ``layer``, the authors' code; ``batch``, the paper's for four clips in a batch or more.
    """

    def __init__(self, width: int, norm: Norm = "layer") -> None:
        super().__init__()
        self.norm = norm
        wide, make = 4 * width, _NORMS[norm]

        def projector() -> nn.Sequential:
            first, middle = (nn.Linear(width, wide), make(wide), nn.ReLU()), (nn.Linear(wide, wide), make(wide))
            return nn.Sequential(*first, *middle, nn.ReLU(), nn.Linear(wide, wide), make(wide))

        def predictor() -> nn.Sequential:
            return nn.Sequential(nn.Linear(wide, width), make(width), nn.ReLU(), nn.Linear(width, wide))

        self.visual_projector, self.audio_projector = projector(), projector()
        self.visual_predictor, self.audio_predictor = predictor(), predictor()

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """The loss of ``(B, width)`` and ``(B, width)``, a mean over the clips: from -1, all foretold, to 1.

        Raises:
            ValueError: if batch norms are to learn from one clip.
        """
        if self.norm == "batch" and self.training and len(visual) < 2:
            raise ValueError("projector_norm='batch' needs two clips or more in a batch; got 1: take 'layer'")
        v1, a1 = self.visual_projector(visual), self.audio_projector(audio)
        v2, a2 = self.visual_predictor(v1), self.audio_predictor(a1)
        both = F.cosine_similarity(v2, a1.detach()) + F.cosine_similarity(a2, v1.detach())
        return -both.mean() / 2
