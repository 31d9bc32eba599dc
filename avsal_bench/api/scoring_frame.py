"""``score``: the metrics of one map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from avsal_bench.metrics import auc_judd, cc, kl_divergence, nss, shuffled_auc, sim
from avsal_bench.records import METRICS


def score(
    pred: ArrayLike | Tensor,
    fixations: ArrayLike | Tensor | None,
    density: ArrayLike | Tensor | None = None,
    *,
    negatives: ArrayLike | Tensor | None = None,
) -> dict[str, float]:
    """Score the map of one frame, as it is: no blur, no 8 bits, no resizing.

    A protocol does such things before it scores, so the numbers of the tables are those of
    :func:`avsal_bench.evaluate`. :mod:`avsal_bench.metrics` has each metric by itself, and for batches.

    >>> import numpy as np, avsal_bench
    >>> saliency = np.array([[0.0, 0.1, 0.2], [0.1, 0.5, 0.9]])
    >>> scores = avsal_bench.score(saliency, [(2, 1)], density=saliency**2)  # one fixation, at x = 2, y = 1
    >>> {name: round(value, 3) for name, value in scores.items()}
    {'CC': 0.97, 'NSS': 1.762, 'AUC-J': 1.0, 'sAUC': nan, 'SIM': 0.777, 'KL': 0.145}

    Args:
        pred: the predicted map ``(h, w)``: floating, uint8 (0 to 255) or uint16 (0 to 65535).
        fixations: where people looked: a mask ``(h, w)``, or points ``(N, 2)`` of ``(x, y)`` in pixels from the left
            top corner; ``[]`` where nobody looked. None if they are not known.
        density: the ground-truth map ``(h, w)``, for CC, SIM and KL.
        negatives: fixations of other frames in either form, for the sAUC.

    Returns:
        ``CC``, ``NSS``, ``AUC-J``, ``sAUC``, ``SIM`` and ``KL``. NaN for a metric whose ground truth was not given, and
        where one is not defined, such as for a constant map.

    Raises:
        ValueError: for a batch, maps of several sizes, a map with NaN or infinity, and logits beside a density.
        TypeError: for what is no map of real numbers.
    """
    found = _map("pred", pred)
    scores = dict.fromkeys(METRICS, math.nan)
    if fixations is not None:
        where = _array("fixations", fixations)
        scores |= {"NSS": nss(found, where), "AUC-J": auc_judd(found, where)}
        if negatives is not None:
            scores["sAUC"] = shuffled_auc(found, where, _array("negatives", negatives))
    if density is not None:
        truth = _map("density", density)
        scores |= {"CC": cc(found, truth), "SIM": sim(found, truth), "KL": kl_divergence(found, truth)}
    return {name: float(value) for name, value in scores.items()}


def _map(name: str, given: Any) -> NDArray[Any]:
    found = _array(name, given)
    if found.ndim != 2:
        raise ValueError(
            f"{name} has shape {found.shape}: score takes one map (h, w); the functions of metrics take batches, "
            "and evaluate takes videos"
        )
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise ValueError(f"{name} holds NaN or infinity, and such a map has no score; has the network diverged?")
    return found


def _array(name: str, given: Any) -> NDArray[Any]:
    if isinstance(given, Tensor):
        found = given.detach().cpu()
        return found.numpy() if found.dtype.itemsize > 2 or not found.is_floating_point() else found.float().numpy()
    try:
        array: NDArray[Any] = np.asanyarray(given)
    except ValueError as error:
        raise ValueError(f"{name} has rows of unlike length; give an array") from error
    return array
