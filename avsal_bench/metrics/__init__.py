"""Metrics on maps in memory: pure functions, and MATLAB's resizing that the field's scores depend on.

:class:`~avsal_bench.metrics.per_video.PerVideo` is imported by its own name: torchmetrics takes as long as torch.
"""

from avsal_bench.metrics.functional import (
    IN_TABLES,
    auc,
    auc_borji,
    auc_judd,
    auc_shuffled,
    cc,
    information_gain,
    kld,
    nss,
    sim,
)
from avsal_bench.metrics.resize import gaussian_blur, imresize

__all__ = [
    "IN_TABLES",
    "auc",
    "auc_borji",
    "auc_judd",
    "auc_shuffled",
    "cc",
    "gaussian_blur",
    "imresize",
    "information_gain",
    "kld",
    "nss",
    "sim",
]
