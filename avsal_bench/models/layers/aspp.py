"""Atrous spatial pyramid pooling, the form that OpenNLPLab/AVSBench uses, lifted to clips."""

from __future__ import annotations

from torch import Tensor, nn


class ASPP(nn.Module):
    """The sum of four parallel convolutions (1, 3, 3) with bias and the spatial dilations 3, 6, 12 and 18.

    No norm, no activation, no image pooling and no projection; weights start as N(0, 0.01).
    CASP-Net and AVRSP set it after every stage of S3D.
    """

    def __init__(self, inputs: int, outputs: int, dilations: tuple[int, ...] = (3, 6, 12, 18)) -> None:
        super().__init__()
        self.branches = nn.ModuleList()
        for r in dilations:
            branch = nn.Conv3d(inputs, outputs, (1, 3, 3), padding=(0, r, r), dilation=(1, r, r))
            nn.init.normal_(branch.weight, std=0.01)
            self.branches.append(branch)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, T, h, w)`` to ``(B, outputs, T, h, w)``."""
        total: Tensor = self.branches[0](x)
        for branch in self.branches[1:]:
            total = total + branch(x)
        return total
