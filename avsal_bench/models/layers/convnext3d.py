"""ConvNeXt's block (Liu et al., CVPR 2022) for clips, as oraclefina/MSPI has it."""

from __future__ import annotations

from torch import Tensor, nn


class ConvNeXt3D(nn.Module):
    """A depthwise convolution over time, then one over space, and an MLP, with a residual; no layer scale.

    Nothing stands between the two convolutions. The paper calls them one (mspi2024, Fig. 2 (d) (3)).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.time = nn.Conv3d(channels, channels, (7, 1, 1), padding=(3, 0, 0), groups=channels)
        self.space = nn.Conv3d(channels, channels, (1, 7, 7), padding=(0, 3, 3), groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels))
        for module in self.modules():
            if isinstance(module, nn.Conv3d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, channels, T, h, w)`` to the same."""
        mixed = self.space(self.time(x)).movedim(1, -1)
        enhanced: Tensor = x + self.mlp(self.norm(mixed)).movedim(-1, 1)
        return enhanced
