"""Relevance-guided audio-visual fusion (RAVF), avrsp2024, section III.B."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

Retention = Literal["raw", "sigmoid"]


class RetentionMaps(NamedTuple):
    """The retention scores of one block, by which it weighs the values of the other modality."""

    ret_a: Tensor
    """Ret_A (Eq. 2), ``(B, heads, T', h, w, N_a)``: what a visual token keeps of each audio token."""
    ret_v: Tensor
    """Ret_V (Eq. 3), ``(B, heads, N_a, T', h, w)``: what an audio token keeps of each visual token."""


class RAVF(nn.Module):
    """N blocks refine the visual tokens by the same audio tokens.

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

    def retention_maps(self, x0: Tensor, audio: Tensor) -> list[RetentionMaps]:
        """The scores of each block, first to last, for the input of ``forward``."""
        tokens = x0.flatten(2).transpose(1, 2)
        audio = self.project(audio)
        grid = x0.shape[2:]
        maps = []
        for block in self.blocks:
            assert isinstance(block, RAVFBlock)
            tokens, ret_a, ret_v = block.refine(tokens, audio)
            b, heads, n_a = ret_v.shape[:3]
            maps.append(RetentionMaps(ret_a.reshape(b, heads, *grid, n_a), ret_v.reshape(b, heads, n_a, *grid)))
        return maps


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
        return self.refine(visual, audio)[0]

    def refine(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Refine as ``forward``.

        Returns:
            The refined tokens ``(B, N_v, C)``, and the scores they come from: Ret_A ``(B, h, N_v, N_a)`` and Ret_V
            ``(B, h, N_a, N_v)``.
        """
        fused, ret_a, ret_v = self._cross_attention(visual, audio)
        visual = self.norm1(visual + fused)
        return self.norm2(visual + self.ffn(visual)), ret_a, ret_v

    def _cross_attention(self, visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """F_av of Eq. 7, ``(B, N_v, C)``, and the scores."""
        v_q, v_k, v_v = self._split(self.visual_qkv(visual))
        a_q, a_k, a_v = self._split(self.audio_qkv(audio))
        ret_a, ret_v = self._retain(v_q, a_k), self._retain(a_q, v_k)
        v2a = ret_a @ a_v + v_v
        a2v = ret_v @ v_v + a_v
        both = torch.cat([v2a.mean(2), a2v.mean(2)], dim=-1)
        head_weights = torch.softmax(self.head_mlp(both), dim=1)
        fused = head_weights[..., None] * v2a
        return fused.transpose(1, 2).flatten(2), ret_a, ret_v

    def _split(self, qkv: Tensor) -> tuple[Tensor, ...]:
        """Query, key and value ``(B, h, N, d)`` of ``(B, N, 3C)``."""
        b, n, c = qkv.shape
        return tuple(qkv.reshape(b, n, 3, self.heads, c // (3 * self.heads)).permute(2, 0, 3, 1, 4))

    def _retain(self, query: Tensor, key: Tensor) -> Tensor:
        """Retention of one modality, Eqs. 2 and 3: ``(B, h, N_query, N_key)``."""
        scores: Tensor = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        return scores.sigmoid() if self.retention == "sigmoid" else scores
