"""The metrics for everyone: of torch tensors or numpy arrays, of one map or a batch, with masks or points.

They are the functions of :mod:`~avsal_bench.metrics.functional`, which hold the definitions, behind inputs as users
have them. All share these rules; ``docs/metrics.md`` has an example of each.

- **Maps** are ``(h, w)`` or ``(B, h, w)``. float64 and integers are computed in float64; float32, float16 and bfloat16
  in float32. uint8 is from 0 to 255 and uint16 from 0 to 65535, and they are divided by that; other integers (up to
  2**53) and bool are taken as they are. No metric depends on the unit of a map.
- **Fixations** are a mask of the shape of ``pred`` (bool, or 0 and one other number, or numbers of fixations), or
  points ``(N, 2)`` of ``(x, y)``: pixels from 0 at the left top corner, x to the right and y down. For a batch of maps:
  a list with one such array a map. A point with a fraction lies in the pixel that it is in (floor). Points outside the
  map are an error. Several points in one pixel count once, as in a mask, which the field's scores are made from.
- **Results**: of a tensor a tensor of shape ``()`` or ``(B,)``, on the same device; of an array a float or an array
  ``(B,)``. A score that is not defined is NaN (each function says where), and a map with NaN or infinity has none.
- **Gradients**: of all but the areas under ROC curves; 0 where the score is NaN, so ``-cc(pred, density).nanmean()``
  is a loss.
- **Errors**: ValueError for shapes, devices and values that do not fit, TypeError for types.
"""

from __future__ import annotations

from typing import Any, overload

from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.metrics import functional
from avsal_bench.metrics.inputs import Map, check_density, score
from avsal_bench.metrics.marks import Fixations

Array = NDArray[Any]


@overload
def cc(pred: Tensor, density: Map) -> Tensor: ...
@overload
def cc(pred: Array, density: Map) -> Any: ...
def cc(pred: Map, density: Map) -> Any:
    """Pearson's correlation of two maps over the pixels, -1 to 1, higher is better.

    Args:
        pred: predicted map, ``(h, w)`` or ``(B, h, w)``.
        density: where people looked, a map of the same shape.

    Returns:
        NaN where one of the maps is constant.

    >>> import numpy as np
    >>> round(cc(np.array([[0, 1], [2, 3]]), np.array([[0, 1], [2, 2]])), 3)
    0.944
    """
    return score(functional.cc, pred, {"density": density})


@overload
def sim(pred: Tensor, density: Map) -> Tensor: ...
@overload
def sim(pred: Array, density: Map) -> Any: ...
def sim(pred: Map, density: Map) -> Any:
    """Similarity, the overlap of two maps as histograms, 0 to 1, higher is better.

    Each map is scaled to [0, 1] and then to a sum of 1, as in the MIT code; some code leaves out the first step.

    Args:
        pred: predicted map, ``(h, w)`` or ``(B, h, w)``.
        density: where people looked, a map of the same shape.

    Returns:
        NaN where one of the maps is constant.

    >>> import numpy as np
    >>> sim(np.array([[0, 1], [1, 2]]), np.array([[0, 0], [1, 1]]))
    0.75
    """
    return score(functional.sim, pred, {"density": density})


@overload
def kl_divergence(pred: Tensor, density: Map) -> Tensor: ...
@overload
def kl_divergence(pred: Array, density: Map) -> Any: ...
def kl_divergence(pred: Map, density: Map) -> Any:
    """Kullback-Leibler divergence of the prediction from the density, in nats, 0 or more, lower is better.

    The prediction comes first. The other order is another number, and as both are maps nobody can tell.

    Args:
        pred: predicted map, ``(h, w)`` or ``(B, h, w)``, not negative. An offset changes the score. As a loss it wants
            maps above 0, such as those of a softmax: at a 0 where people looked the gradient is about 1e15.
        density: where people looked, a map of the same shape.

    Returns:
        NaN where the sum of one of the maps is 0.

    Raises:
        ValueError: for logits and logarithms. The few negative pixels that a bicubic resize makes are let through.

    >>> import numpy as np
    >>> round(kl_divergence(np.array([[1, 1]]), np.array([[0, 1]])), 3)  # ln 2
    0.693
    """

    def metric(pred: Tensor, density: Tensor) -> Tensor:
        check_density("pred", pred)
        check_density("density", density)
        return functional.kld(pred, density)

    return score(metric, pred, {"density": density})


@overload
def nss(pred: Tensor, fixations: Fixations) -> Tensor: ...
@overload
def nss(pred: Array, fixations: Fixations) -> Any: ...
def nss(pred: Map, fixations: Fixations) -> Any:
    """Normalised scanpath saliency: the mean of the map at fixations, in its standard deviations; 0 is chance.

    Higher is better. The standard deviation has n - 1, as MATLAB's.

    Args:
        pred: predicted map, ``(h, w)`` or ``(B, h, w)``.
        fixations: mask or points.

    Returns:
        NaN for a constant map and where nothing is fixated.

    >>> import numpy as np
    >>> nss(np.array([[0, 0], [0, 4]]), [(1, 1)])
    1.5
    """
    return score(functional.nss, pred, points={"fixations": fixations})


@overload
def information_gain(pred: Tensor, fixations: Fixations, baseline: Map | None) -> Tensor: ...
@overload
def information_gain(pred: Array, fixations: Fixations, baseline: Map | None) -> Any: ...
def information_gain(pred: Map, fixations: Fixations, baseline: Map | None) -> Any:
    """Information gain over a baseline, in bits per fixation; 0 is the baseline itself, higher is better.

    Args:
        pred: predicted map, ``(h, w)`` or ``(B, h, w)``.
        fixations: mask or points.
        baseline: a map of the same shape, or one ``(h, w)`` for all, such as a centre bias. None: the mean log2 of the
            prediction alone; add ``log2(h * w)`` for the gain over a uniform map.

    Returns:
        NaN where one of the maps is constant and where nothing is fixated.

    >>> import numpy as np
    >>> round(information_gain(np.array([[0, 1, 3]]), [(2, 0)], np.array([[0, 1, 1]])), 4)
    0.585
    """
    return score(functional.information_gain, pred, {"baseline": baseline}, {"fixations": fixations}, "baseline")


@overload
def auc(pred: Tensor, fixations: Fixations, negatives: Fixations | None = None) -> Tensor: ...
@overload
def auc(pred: Array, fixations: Fixations, negatives: Fixations | None = None) -> Any: ...
def auc(pred: Map, fixations: Fixations, negatives: Fixations | None = None) -> Any:
    """Area under the exact ROC curve, 0 to 1, chance 0.5, higher is better: pysaliency's AUC.

    Args:
        pred: predicted map, ``(h, w)`` or ``(B, h, w)``.
        fixations: mask or points.
        negatives: mask or points that the fixated pixels are held against, also one for all maps of a batch. None: all
            pixels that are not fixated.

    Returns:
        NaN for a constant map, without fixations and without negatives.

    >>> import numpy as np
    >>> auc(np.array([[0, 1, 2, 3, 3]]), [(4, 0)])
    0.875
    """
    points = {"fixations": fixations} if negatives is None else {"fixations": fixations, "negatives": negatives}
    return score(functional.auc, _constant(pred), points=points, shared="negatives")


@overload
def auc_judd(pred: Tensor, fixations: Fixations, *, jitter: bool = True) -> Tensor: ...
@overload
def auc_judd(pred: Array, fixations: Fixations, *, jitter: bool = True) -> Any: ...
def auc_judd(pred: Map, fixations: Fixations, *, jitter: bool = True) -> Any:
    """Area under the ROC curve of fixated against all other pixels, after Judd, 0 to 1, higher is better.

    Args:
        pred: predicted map, ``(h, w)`` or ``(B, h, w)``.
        fixations: mask or points.
        jitter: True: the expectation over the noise with which the MIT code breaks ties. False: that code without it.

    Returns:
        NaN where nothing or everything is fixated; without jitter also for a constant map.

    >>> import numpy as np
    >>> auc_judd(np.array([[0, 1, 2, 3]]), [(2, 0), (3, 0)])
    1.0
    """

    def metric(saliency: Tensor, fixations: Tensor) -> Tensor:
        return functional.auc_judd(saliency, fixations, jitter)

    return score(metric, _constant(pred), points={"fixations": fixations})


@overload
def auc_borji(pred: Tensor, fixations: Fixations) -> Tensor: ...
@overload
def auc_borji(pred: Array, fixations: Fixations) -> Any: ...
def auc_borji(pred: Map, fixations: Fixations) -> Any:
    """Area under the ROC curve of fixations against pixels drawn at random, after Borji, 0 to 1, higher is better.

    Args:
        pred: predicted map, ``(h, w)`` or ``(B, h, w)``.
        fixations: mask or points.

    Returns:
        The expectation over the draws; NaN for a constant map and for fewer than 2 fixations.

    >>> import numpy as np
    >>> auc_borji(np.array([[0, 1, 2, 3]]), [(2, 0), (3, 0)])
    0.75
    """
    return score(functional.auc_borji, _constant(pred), points={"fixations": fixations})


@overload
def shuffled_auc(pred: Tensor, fixations: Fixations, negatives: Fixations) -> Tensor: ...
@overload
def shuffled_auc(pred: Array, fixations: Fixations, negatives: Fixations) -> Any: ...
def shuffled_auc(pred: Map, fixations: Fixations, negatives: Fixations) -> Any:
    """Area under the ROC curve of fixations against fixations of other frames, 0 to 1, chance 0.5, higher is better.

    Args:
        pred: predicted map, ``(h, w)`` or ``(B, h, w)``.
        fixations: mask or points.
        negatives: mask or points of fixations of other frames, images or videos, also one for all maps of a batch.

    Returns:
        The expectation over the MIT code's draws; NaN for a constant map, without fixations and without negatives.

    >>> import numpy as np
    >>> shuffled_auc(np.array([[0, 1, 2, 3]]), [(2, 0), (3, 0)], [(0, 0), (2, 0)])
    0.875
    """
    points = {"fixations": fixations, "negatives": negatives}
    return score(functional.auc_shuffled, _constant(pred), points=points, shared="negatives")


def _constant(pred: Map) -> Map:
    """Without gradient: areas are made of numbers of pixels."""
    return pred.detach() if isinstance(pred, Tensor) else pred
