"""The fusions that AVRSP is compared with (avrsp2024, Table V): the paper names them only.

Each takes X0 ``(B, C, T', h, w)`` and the audio tokens ``(B, N_a, audio_channels)``, projects the tokens to C, and
gives ``(B, C, T', h, w)``. All but MBT hear the mean of the tokens, the same at every position.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avsal_bench.models.fusion.audio_visual import TransformerLayer


class MeanSound(nn.Module):
    """What the simple fusions share: the audio tokens projected to C, and their mean.

    Args:
        audio_channels: of an audio token.
        width: C.
    """

    def __init__(self, audio_channels: int, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(audio_channels, width)

    def heard(self, audio: Tensor) -> Tensor:
        """The mean ``(B, C)`` of the projected tokens."""
        mean: Tensor = self.project(audio).mean(1)
        return mean


class Addition(MeanSound):
    """The sum."""

    def forward(self, x0: Tensor, audio: Tensor) -> Tensor:
        """Fuse; see the module."""
        return x0 + self.heard(audio)[:, :, None, None, None]


class Multiplication(MeanSound):
    """The product."""

    def forward(self, x0: Tensor, audio: Tensor) -> Tensor:
        """Fuse; see the module."""
        return x0 * self.heard(audio)[:, :, None, None, None]


class Concatenation(MeanSound):
    """A convolution 1x1x1 of both, from 2C channels to C."""

    def __init__(self, audio_channels: int, width: int) -> None:
        super().__init__(audio_channels, width)
        self.join = nn.Conv3d(2 * width, width, 1)

    def forward(self, x0: Tensor, audio: Tensor) -> Tensor:
        """Fuse; see the module."""
        heard = self.heard(audio)[:, :, None, None, None].expand_as(x0)
        joined: Tensor = self.join(torch.cat([x0, heard.to(x0.dtype)], dim=1))
        return joined


class Bilinear(MeanSound):
    """``nn.Bilinear(C, C, C)`` of the visual token and the sound, at every position."""

    def __init__(self, audio_channels: int, width: int) -> None:
        super().__init__(audio_channels, width)
        self.bilinear = nn.Bilinear(width, width, width)

    def forward(self, x0: Tensor, audio: Tensor) -> Tensor:
        """Fuse; see the module."""
        # The sound is the same everywhere, so it first makes a matrix for the clip of the layer's weights.
        matrix = torch.einsum("oij,bj->boi", self.bilinear.weight, self.heard(audio))
        return torch.einsum("boi,bithw->bothw", matrix, x0) + self.bilinear.bias[:, None, None, None]


class MBT(nn.Module):
    """Multimodal bottleneck transformer (Nagrani et al. 2021, arXiv 2107.00135): the streams meet in a few tokens only.

    Each layer is self attention and an MLP over the tokens of one modality and the bottleneck tokens, with weights of
    its own for each modality. What the two make of the bottleneck tokens is averaged for the next layer. The visual
    tokens are the result; so the last layer of the sound, which nothing would read, is left out.

    Args:
        audio_channels: of an audio token.
        width: C of all tokens, a multiple of ``heads``.
        heads: of the self attention.
        layers: of the visual stream.
        bottlenecks: tokens that both streams read and write.

    Raises:
        ValueError: if ``heads`` does not divide ``width``.
    """

    def __init__(self, audio_channels: int, width: int, heads: int, layers: int = 2, bottlenecks: int = 4) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width must be a multiple of heads; got width={width}, heads={heads}")
        self.project = nn.Linear(audio_channels, width)
        self.bottleneck = nn.Parameter(0.02 * torch.randn(bottlenecks, width))
        self.visual = nn.ModuleList(TransformerLayer(width, heads) for _ in range(layers))
        self.audio = nn.ModuleList(TransformerLayer(width, heads) for _ in range(layers - 1))

    def forward(self, x0: Tensor, audio: Tensor) -> Tensor:
        """Fuse; see the module."""
        seen, heard = x0.flatten(2).transpose(1, 2), self.project(audio)
        shared = self.bottleneck.expand(x0.shape[0], -1, -1)
        for visual, sound in zip(self.visual[:-1], self.audio, strict=True):
            seen, shared_seen = _through(visual, seen, shared)
            heard, shared_heard = _through(sound, heard, shared)
            shared = (shared_seen + shared_heard) / 2
        seen, _ = _through(self.visual[-1], seen, shared)
        return seen.transpose(1, 2).reshape(x0.shape)


def _through(layer: nn.Module, tokens: Tensor, shared: Tensor) -> tuple[Tensor, Tensor]:
    """A layer over the tokens of a stream and the shared ones, each ``(B, N, C)``; both, as they come out."""
    n = tokens.shape[1]
    out = layer(torch.cat([tokens, shared], dim=1))
    return out[:, :n], out[:, n:]
