"""Local importance pooling (Gao et al., ICCV 2019, arXiv 1908.04156; sebgao/LIP) over clips."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LIP(nn.Module):
    """Pool groups of ``stride`` steps of time, and 3x3 in space at stride 1, with weights learnt from the input.

    Weights w = exp(12 sigmoid(IN(conv(x)))), output = avgpool(w x) / avgpool(w): LIP's "simplified" logit module. The
    convolution (1, 3, 3) starts at zero, so that LIP starts as average pooling.
    """

    #: LIP's bound of the logits.
    coefficient = 12.0

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv3d(channels, channels, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.norm = nn.InstanceNorm3d(channels, affine=True)
        nn.init.zeros_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, T, h, w)`` to ``(B, C, T / stride, h, w)``."""
        return self.pool(x, self.conv(x))

    def pool(self, x: Tensor, logit: Tensor) -> Tensor:
        """The same of ``x`` and its convolution, ``(B, C, T, h, w)`` both; that looks at single steps of time."""
        # The weights reach exp(12) = 1.6e5, beyond float16, and their ratios need more than bfloat16.
        kind = torch.promote_types(x.dtype, torch.float32)
        with torch.autocast(x.device.type, enabled=False):
            weight = torch.exp(self.coefficient * torch.sigmoid(self.norm(logit.to(kind))))
            pooled = self._pool(weight * x.to(kind)) / self._pool(weight)
        return pooled.to(x.dtype)

    def _pool(self, x: Tensor) -> Tensor:
        """Average over (stride, 3, 3); the padding counts as zero, and cancels in the ratio."""
        # Time first and space next is the same average, and several times faster than avg_pool3d on a CPU.
        b, c, t, h, w = x.shape
        x = x.reshape(b, c, t // self.stride, self.stride, h, w).mean(3)
        return F.avg_pool2d(x.flatten(1, 2), 3, stride=1, padding=1).reshape(x.shape)
