"""Saliency metrics for everyone: functions of torch tensors and numpy arrays, and a ``torchmetrics.Metric`` of each.

:mod:`~avsal_bench.metrics.scores` has the rules of the functions, :mod:`~avsal_bench.metrics.classes` those of the
classes, which are imported when they are asked for: torchmetrics takes as long as torch. The suite itself scores by
:mod:`~avsal_bench.metrics.functional`, the core of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from avsal_bench.lazy import lazily
from avsal_bench.metrics.further import FurtherMetric, list_further_metrics, register_metric
from avsal_bench.metrics.one_frame import crowdsal_scores
from avsal_bench.metrics.resize import gaussian_blur, imresize
from avsal_bench.metrics.scores import (
    auc,
    auc_borji,
    auc_judd,
    cc,
    information_gain,
    kl_divergence,
    nss,
    shuffled_auc,
    sim,
)

__all__ = [
    "CC",
    "NSS",
    "SIM",
    "AUCJudd",
    "FurtherMetric",
    "InformationGain",
    "KLDivergence",
    "PerVideo",
    "ShuffledAUC",
    "auc",
    "auc_borji",
    "auc_judd",
    "cc",
    "crowdsal_scores",
    "gaussian_blur",
    "imresize",
    "information_gain",
    "kl_divergence",
    "list_further_metrics",
    "nss",
    "register_metric",
    "shuffled_auc",
    "sim",
]

if TYPE_CHECKING:
    from avsal_bench.metrics.classes import CC, NSS, SIM, AUCJudd, InformationGain, KLDivergence, ShuffledAUC
    from avsal_bench.metrics.per_video import PerVideo
else:
    _CLASSES = ("CC", "NSS", "SIM", "AUCJudd", "InformationGain", "KLDivergence", "ShuffledAUC")
    __getattr__, __dir__ = lazily(
        __name__, dict.fromkeys(_CLASSES, f"{__name__}.classes") | {"PerVideo": f"{__name__}.per_video"}
    )
