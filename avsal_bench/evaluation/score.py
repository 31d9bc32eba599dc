"""From maps and ground truth in memory to the scores of a video."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from avsal_bench.evaluation.protocol import Protocol, prepare, require_finite
from avsal_bench.metrics import functional
from avsal_bench.records import METRICS, VideoScores

#: Pixels of ground truth or prediction that are scored at once. It bounds the memory (some 20 arrays of this size)
#: whatever the length of the video, and arrays this small stay near the processor.
PIXELS = 2**18


def score_frames(
    maps: Tensor,
    densities: Tensor,
    fixations: Tensor,
    negatives_union: Tensor,
    protocol: Protocol,
    where: str = "",
    dtype: torch.dtype = torch.float64,
) -> dict[str, Tensor]:
    """Every metric of every frame of one video.

    Args:
        maps: predictions ``(F, h, w)``, uint8 or floating and non-negative, at the network's own size.
        densities: ground-truth maps ``(F, H, W)``, uint8 or floating.
        fixations: fixation maps ``(F, H, W)``, bool.
        negatives_union: ``(H, W)`` bool, what is fixated in any frame of the video, predicted or not.
        protocol: how maps become scores.
        where: data set and video, for errors.
        dtype: of the computation.

    Returns:
        For each name of ``records.METRICS`` a tensor ``(F,)``, NaN where the metric is not defined.

    Raises:
        ValueError: when the shapes do not fit, or a prediction holds a NaN or an infinity; the latter names
            the frame, counted from 1 in the order given.
    """
    _check_shapes(maps, densities, fixations, negatives_union, where)
    step = max(1, PIXELS // max(maps[0].numel(), densities[0].numel()))
    size = (densities.shape[1], densities.shape[2])
    chunks = []
    for start in range(0, len(maps), step):
        part = slice(start, start + step)
        names = [f"{where} frame {start + i + 1}".lstrip() for i in range(len(maps[part]))]
        require_finite(maps[part], names)
        negatives = negatives_union & ~fixations[part]
        prepared = prepare(maps[part], size, protocol, dtype)
        density = densities[part].to(dtype)
        chunks.append(_score(prepared, density, fixations[part], negatives, protocol))
    return {metric: torch.cat([chunk[metric] for chunk in chunks]) for metric in METRICS}


def video_scores(name: str, frame_scores: Mapping[str, Tensor], category: str = "") -> VideoScores:
    """Mean of each metric over the frames where it is defined, and the number of frames where it is not."""
    values = {metric: frame_scores[metric].tolist() for metric in METRICS}
    defined = {metric: [v for v in row if not math.isnan(v)] for metric, row in values.items()}
    return VideoScores(
        video=name,
        frames=len(next(iter(values.values()))),
        scores={m: math.fsum(row) / len(row) if row else math.nan for m, row in defined.items()},
        undefined={m: len(values[m]) - len(row) for m, row in defined.items()},
        category=category,
    )


def _score(
    prediction: Tensor, density: Tensor, fixations: Tensor, negatives: Tensor, protocol: Protocol
) -> dict[str, Tensor]:
    """The metrics of a few frames, all ``(B, H, W)``."""
    scores = {
        "CC": functional.cc(prediction, density),
        "NSS": functional.nss(prediction, fixations),
        "AUC-J": functional.auc_judd(prediction, fixations),
        "sAUC": functional.auc_shuffled(prediction, fixations, negatives),
        "SIM": functional.sim(prediction, density),
        "KL": functional.kld(prediction, density),
    }
    if protocol.empty_density == "zero":
        empty = ~density.flatten(1).any(1) & ~prediction[:, 0, 0].isnan()
        for metric in ("SIM", "KL"):
            scores[metric] = scores[metric].masked_fill(empty, 0.0)
    return scores


def _check_shapes(maps: Tensor, densities: Tensor, fixations: Tensor, union: Tensor, where: str) -> None:
    expected = (len(maps), *union.shape)
    if maps.ndim != 3 or len(maps) == 0 or not expected == densities.shape == fixations.shape:
        got = ", ".join(str(tuple(x.shape)) for x in (maps, densities, fixations, union))
        raise ValueError(
            f"{where or 'score_frames'}: expected maps (F, h, w), densities and fixations (F, H, W) and negatives "
            f"(H, W) with F at least 1, got {got}"
        )
    if fixations.dtype != torch.bool or union.dtype != torch.bool:
        raise ValueError(f"expected fixations and negatives of bool, got {fixations.dtype} and {union.dtype}")
