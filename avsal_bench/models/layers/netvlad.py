"""NetVLAD (Arandjelovic et al., CVPR 2016): how local features lie around clusters, as one vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class NetVLAD(nn.Module):
    """Residuals of all positions to K clusters, softly assigned, as hche11/VGGSound has them.

    With the feature ``x`` of each position at unit length, ``a(k) = softmax_k(w_k . x + b_k)``, and over all positions
    ``v_k = sum a(k) (x - c_k)``. Each ``v_k`` is brought to unit length, and then all of them together. ``w`` starts as
    ``2 alpha c`` and ``b`` as ``-alpha |c|``, so that near clusters take most.

    Args:
        channels: C of the features.
        clusters: K.
        alpha: how hard the assignment starts.
    """

    def __init__(self, channels: int, clusters: int = 16, alpha: float = 100.0) -> None:
        super().__init__()
        self.centroids = nn.Parameter(torch.rand(clusters, channels))
        self.conv = nn.Conv2d(channels, clusters, 1)
        with torch.no_grad():
            self.conv.weight.copy_(2 * alpha * self.centroids[:, :, None, None])
            self.conv.bias.copy_(-alpha * self.centroids.norm(dim=1))  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, h, w)`` to ``(B, K C)``, cluster by cluster, of unit length."""
        x = F.normalize(x, dim=1)
        assigned = self.conv(x).softmax(1).flatten(2)
        # sum_p a (x - c) without the residual of each position to each cluster.
        sums = assigned @ x.flatten(2).transpose(1, 2) - assigned.sum(2)[:, :, None] * self.centroids
        return F.normalize(F.normalize(sums, dim=2).flatten(1), dim=1)
