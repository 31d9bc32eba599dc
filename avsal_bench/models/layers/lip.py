"""Local importance pooling (Gao et al., ICCV 2019, arXiv 1908.04156; sebgao/LIP) over clips."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.layers.tracing.plain_operators import plain_layout


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
            if x.device.type == "cpu" and x.dtype is torch.bfloat16 and not torch.is_grad_enabled():
                return self._by_steps(x.movedim(1, -1), logit.movedim(1, -1)).movedim(-1, 1)
            weight = torch.exp(self.coefficient * torch.sigmoid(self.norm(logit.to(kind))))
            pooled = self._pool(weight * x.to(kind)) / self._pool(weight)
        return pooled.to(x.dtype)

    def _by_steps(self, x: Tensor, logit: Tensor) -> Tensor:
        """The same of rows ``(B, T, h, w, C)``, float32 for one time step after the other, which stays in the cache."""
        made = x.new_empty(x.shape[0], x.shape[1] // self.stride, *x.shape[2:])
        for item, steps, logits in zip(made, x, logit, strict=True):
            scale, shift = self._of_norm(logits)
            for at, pooled in enumerate(item):
                both = x.new_zeros(2, *pooled.shape, dtype=torch.float32)
                for step in range(at * self.stride, (at + 1) * self.stride):
                    weight = logits[step].float().mul_(scale).add_(shift).sigmoid_().mul_(self.coefficient).exp_()
                    both[1] += weight
                    both[0] += weight.mul_(steps[step].float())
                over, under = F.avg_pool2d(both.movedim(-1, 1), 3, stride=1, padding=1).movedim(1, -1)
                pooled.copy_(over.div_(under))
        return made

    def _of_norm(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Factor and shift ``(C,)`` of the norm of one item, ``(T, h, w, C)``."""
        sums = logits.new_zeros(2, logits.shape[-1], dtype=torch.float64)
        for step in logits:
            values = step.float().flatten(0, 1)
            sums[0] += values.sum(0)
            sums[1] += values.square_().sum(0)
        mean, squares = sums / logits[..., 0].numel()
        scale = self.norm.weight * (squares - mean.square() + self.norm.eps).rsqrt()
        return scale.float(), (self.norm.bias - mean * scale).float()

    def _pool(self, x: Tensor) -> Tensor:
        """Average over (stride, 3, 3); the padding counts as zero, and cancels in the ratio."""
        # Time first and space next is the same average, and several times faster than avg_pool3d on a CPU.
        b, c, t, h, w = x.shape
        x = x.reshape(b, c, t // self.stride, self.stride, h, w).mean(3)
        return F.avg_pool2d(plain_layout(x).flatten(1, 2), 3, stride=1, padding=1).reshape(x.shape)
