"""What a validation tells besides its loss: the CC of the maps, and that with the sound muted where it is asked."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from avsal_bench.metrics.functional import cc
from avsal_bench.metrics.per_video import PerVideo
from avsal_bench.spec import Batch, WindowBatch
from avsal_bench.training.losses import truth_of

#: Names that they are logged under. The CC is that of the scores: a mean over each video's frames, then over videos.
CC, MUTED = "val/cc", "val/cc_muted"


class ValidationScores(PerVideo):
    """Scores of the videos that are validated on, of all processes.

    A frame that two processes validate, each in another batch, may get two scores by rounding.

    Args:
        videos: keys ``<set>/<name>`` of all of them.
    """

    def __init__(self, videos: Iterable[str]) -> None:
        super().__init__([CC, MUTED], videos, tolerance=math.inf)

    def add(self, saliency: Tensor, muted: Tensor | None, batch: Batch | WindowBatch) -> None:
        """Add a batch.

        Args:
            saliency: maps ``(B, h, w)``.
            muted: the same with the sound muted; None where that was not asked.
            batch: whose windows they are of.
        """
        keys = [f"{dataset}/{video}" for dataset, video in zip(batch["dataset"], batch["video"], strict=True)]
        own = cc(saliency, truth_of(batch, saliency).density)
        silent = torch.full_like(own, math.nan) if muted is None else cc(muted, truth_of(batch, muted).density)
        self.update({CC: own, MUTED: silent}, keys, batch["frame"])

    def told(self) -> dict[str, float]:
        """What is logged, the same on every process; the CC with the sound muted only where it was asked."""
        means = self.compute()["overall"]
        return {name: mean for name, mean in means.items() if name == CC or not math.isnan(mean)}
