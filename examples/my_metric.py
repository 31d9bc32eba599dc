"""A metric of one's own: the share of fixations in the brightest fifth of the map. A protocol asks for it by its name.

avsal evaluate --pred maps --dataset AVAD --protocol my_protocol --plugin my_metric.py --plugin my_protocol.py
"""

import torch
from torch import Tensor

from avsal_bench.metrics import register_metric


@register_metric("hits20", compared=("fixations",), higher_is_better=True, low=0.0, high=1.0, digits=3)
def hits(saliency: Tensor, fixations: Tensor) -> Tensor:
    """The share of fixated pixels among the brightest 20 % of the map, ``(B,)``.

    Args:
        saliency: ``(B, H, W)`` float64, 0 and above, as the protocol prepared it.
        fixations: ``(B, H, W)`` bool.

    Returns:
        0 to 1; NaN, not defined, where nobody looked.
    """
    threshold = torch.quantile(saliency.flatten(1), 0.8, dim=1)[:, None, None]
    found = (fixations & (saliency > threshold)).flatten(1).sum(1)
    return found / fixations.flatten(1).sum(1).to(saliency)  # 0 / 0 is NaN
