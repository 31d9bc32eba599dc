"""The metrics in plain numpy, one frame at a time, from the definitions of the MIT code as published Python has them.

Maps are ``(h, w)`` float64, masks ``(h, w)`` bool. What the MIT code draws at random is drawn at random here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.ndimage import correlate1d

Array = NDArray[Any]

EPS = 2.0**-52
RNG = default_rng(1)  # of jitter and splits


def minmax(x: Array) -> Array:
    """Scaled to [0, 1]."""
    return np.asarray((x - x.min()) / (x.max() - x.min()))


def cc(p: Array, g: Array) -> float:
    """Mean product of the standardised maps."""
    return float(np.mean((p - p.mean()) / p.std() * ((g - g.mean()) / g.std())))


def sim(p: Array, g: Array) -> float:
    """Common mass of the stretched maps."""
    p, g = minmax(p), minmax(g)
    return float(np.minimum(p / p.sum(), g / g.sum()).sum())


def nss(p: Array, fixated: Array) -> float:
    """Mean of the standardised map at fixations."""
    return float(((p - p.mean()) / p.std(ddof=1))[fixated].mean())


def kld(p: Array, g: Array) -> float:
    """Divergence of the maps as distributions; the real part for a bicubic overshoot."""
    p, g = p / p.sum(), g / g.sum()
    return float((g * np.log(np.abs(EPS + g / (p + EPS)))).sum())


def auc_judd(p: Array, fixated: Array) -> float:
    """One pass over the map for each fixation, after jitter."""
    s = minmax(p + 1e-7 * RNG.random(p.shape))
    thresholds = np.sort(s[fixated])[::-1]
    n = len(thresholds)
    tp, fp = np.zeros(n + 2), np.ones(n + 2)
    fp[0], tp[-1] = 0, 1
    for i, threshold in enumerate(thresholds, 1):
        tp[i] = i / n
        fp[i] = ((s >= threshold).sum() - i) / (s.size - n)
    return float(trapezoid(tp, fp))


def auc_shuffled(p: Array, fixated: Array, negatives: Array, splits: int = 100) -> float:
    """Mean over random splits of the area at steps of 0.1."""
    s = minmax(p)
    here, others = s[fixated], s[negatives]
    n, areas = min(len(here), len(others)), []
    for _ in range(splits):
        drawn = RNG.choice(others, n, replace=False)
        highest = max(here.max(), drawn.max())
        thresholds = [t for t in 0.1 * np.arange(10, -1, -1) if t <= highest]
        tp = [0.0, *((here >= t).mean() for t in thresholds), 1.0]
        fp = [0.0, *((drawn >= t).mean() for t in thresholds), 1.0]
        areas.append(trapezoid(tp, fp))
    return float(np.mean(areas))


def prepare(small: Array, size: tuple[int, ...]) -> Array:
    """An 8-bit prediction stretched, blurred (13 pixels, sigma 2) and resized as MATLAB does."""
    x = np.arange(-6, 7)
    kernel = np.exp(-(x**2) / 8)
    s = minmax(small / 255)
    for axis in (0, 1):
        s = correlate1d(s, kernel / kernel.sum(), axis=axis, mode="reflect")
    rows, columns = (bicubic(n, to) for n, to in zip(s.shape, size, strict=True))
    return np.asarray(rows @ s @ columns.T)


def bicubic(n: int, to: int) -> Array:
    """Weights ``(to, n)`` of Keys' kernel, widened when shrinking, borders mirrored."""
    shrink = min(to / n, 1.0)
    centre = (np.arange(to) + 0.5) * n / to - 0.5
    taps = np.floor(centre - 2 / shrink).astype(int)[:, None] + np.arange(int(np.ceil(4 / shrink)) + 2)
    x = np.abs(shrink * (centre[:, None] - taps))
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    weights = np.where(x <= 1, near, np.where(x < 2, far, 0.0))
    place = np.mod(taps, 2 * n)
    matrix: Array = np.zeros((to, n))
    np.add.at(matrix, (np.arange(to)[:, None], np.minimum(place, 2 * n - 1 - place)), weights)
    return np.asarray(matrix / weights.sum(1, keepdims=True))


PLAIN = {"CC": cc, "SIM": sim, "NSS": nss, "AUC-J": auc_judd, "sAUC": auc_shuffled, "KL": kld}
