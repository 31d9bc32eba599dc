"""How AVRSP's scales meet: Multi-scale Synergy (MS) and the Multi-scale Regulator Gate (MRG), avrsp2024, section III.C.

MS is Eqs. 8 to 12 as they are printed. They name a convolution, an upsampling and a downsampling with one behind each,
and nothing else. The rest is that of lartpang/MINet's aggregate interaction, whose first sums are the same, in 3D:
convolutions 3x3x3, nearest upsampling, 2x2 average pooling, and batch norm and ReLU after every sum. That block then
goes another way, which is not taken here: one more convolution and norm on the sum of Eq. 11, the feature itself
through a 1x1 convolution where channels differ, and a ReLU over both. Eq. 12 is a plain sum.

Each has two ways to the same numbers: ``forward``, which is the paper's, and ``infer`` for test time, in fewer products
where that is faster (:mod:`avsal_bench.models.layers.winograd`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from avsal_bench.models.layers.resample import halve, upsample
from avsal_bench.models.layers.winograd import Convolved, Source, WeightSums, as_clip, as_rows, few_products


class MS(nn.Module):
    """Multi-scale Synergy of a feature with its finer (h) and coarser (l) neighbour, Eqs. 8 to 12.

    Args:
        channels: C of all scales.
        finer: whether there is a finer neighbour; the finest scale has none, and its terms are dropped.
        coarser: likewise; the coarsest scale has none.
    """

    def __init__(self, channels: int, finer: bool, coarser: bool = True) -> None:
        super().__init__()
        scales = ("h" if finer else "") + "m" + ("l" if coarser else "")
        self.first = nn.ModuleDict({i: Gather(channels, i, i) for i in scales})
        self.second = nn.ModuleDict({i: Gather(channels, _neighbours(i, scales), i) for i in scales})
        self.third = Gather(channels, scales, "m")

    def forward(self, finer: Tensor | None, middle: Tensor, coarser: Tensor | None) -> Tensor:
        """Enhance the middle of ``(B, C, T', 2h, 2w)``, ``(B, C, T', h, w)`` and ``(B, C, T', h/2, w/2)``."""
        return self._enhance(finer, middle, coarser, lambda gather, scales: gather(scales))

    def infer(self, finer: Tensor | None, middle: Tensor, coarser: Tensor | None, sums: WeightSums) -> Tensor:
        """As ``forward``, without gradients."""
        return self._enhance(finer, middle, coarser, lambda gather, scales: gather.infer(scales, sums))

    def _enhance(
        self,
        finer: Tensor | None,
        middle: Tensor,
        coarser: Tensor | None,
        gathered: Callable[[Gather, Mapping[str, Tensor]], Tensor],
    ) -> Tensor:
        x = {i: scale for i, scale in (("h", finer), ("m", middle), ("l", coarser)) if scale is not None}
        x1 = {i: gathered(cast(Gather, gather), x) for i, gather in self.first.items()}
        x2 = {i: gathered(cast(Gather, gather), x1) for i, gather in self.second.items()}
        return gathered(self.third, x2) + middle


def _neighbours(scale: str, scales: str) -> str:
    """The scale itself and those next to it.

    >>> _neighbours("m", "hml"), _neighbours("l", "hml")
    ('hml', 'ml')
    """
    at = scales.index(scale)
    return scales[max(0, at - 1) : at + 2]


class Gather(nn.Module):
    """Bring scales to one of them and convolve each, then sum, batch norm and ReLU: one step of Eqs. 9 to 11.

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

    def infer(self, scales: Mapping[str, Tensor], sums: WeightSums) -> Tensor:
        """As ``forward``, without gradients: what is brought to a finer scale is convolved before it is enlarged."""
        own = scales[self.target]
        if not few_products(own):
            total, *others = (conv(self._resize(scales[i], i)) for i, conv in self.convs.items())
            for other in others:
                total += other
            return torch.relu(self.bn(total))
        # The target first: it has all sums.
        order = sorted(self.convs, key=lambda i: i != self.target)
        convolved = sums.of(self, lambda: Convolved([cast(nn.Conv3d, self.convs[i]) for i in order], self.bn))
        return as_clip(convolved(*(self._source(scales[i], i) for i in order)).relu_())

    def _source(self, x: Tensor, source: str) -> Source:
        finer = "hml".index(source) > "hml".index(self.target)
        return Source(as_rows(x), doubled=True) if finer else Source(as_rows(self._resize(x, source)))

    def _resize(self, x: Tensor, source: str) -> Tensor:
        if source == self.target:
            return x
        return halve(x) if "hml".index(source) < "hml".index(self.target) else upsample(x, 2, "nearest")


class RegulatorGate(nn.Module):
    """Multi-scale Regulator Gate, Eqs. 13 to 15: the visual feature says which channels of the fusion feature pass.

    Args:
        channels: C of both.
        factor: by which the visual feature is larger than the fusion feature.
    """

    def __init__(self, channels: int, factor: int = 2) -> None:
        super().__init__()
        self.factor = factor
        self.gate = nn.Conv3d(2 * channels, channels, 3, padding=1)
        self.conv = nn.Conv3d(channels, channels, 3, padding=1)

    def forward(self, fused: Tensor, visual: Tensor) -> Tensor:
        """Bring ``(B, C, T', h, w)`` to the visual ``(B, C, T', factor h, factor w)``, gated, at that size."""
        fused = upsample(fused, self.factor)
        gate = torch.sigmoid(self.gate(torch.cat([fused, visual], dim=1))).mean((2, 3, 4), keepdim=True)
        gated: Tensor = self.conv(gate * fused)
        return gated

    def infer(self, fused: Tensor, visual: Tensor, sums: WeightSums) -> Tensor:
        """As ``forward``, without gradients."""
        if not few_products(fused):
            gated: Tensor = self(fused, visual)
            return gated
        fused = upsample(fused, self.factor)
        gate = sums.of(self.gate, lambda: Convolved([self.gate]))
        opened = gate(Source(as_rows(torch.cat([fused, visual], dim=1)))).sigmoid_()
        conv = sums.of(self.conv, lambda: Convolved([self.conv]))
        return as_clip(conv(Source(as_rows(fused).mul_(opened.mean((1, 2, 3), keepdim=True)))))
