"""The mean that scores have everywhere: over the values that are defined. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Iterable


def defined_mean(values: Iterable[float], weights: Iterable[float] | None = None) -> float:
    """Mean of the values that are not NaN, rounded once, so the same in whatever order; NaN where there is none.

    Args:
        values: any number of them, NaN where undefined.
        weights: how often each value counts, one for each (1 without).

    >>> defined_mean([0.25, float("nan"), 0.75]), defined_mean([]), defined_mean([1.0, 4.0], weights=[2, 1])
    (0.5, nan, 2.0)
    """
    if weights is None:
        plain = [value for value in values if not math.isnan(value)]
        return math.fsum(plain) / len(plain) if plain else math.nan
    defined = [(value, weight) for value, weight in zip(values, weights, strict=True) if not math.isnan(value)]
    total = math.fsum(weight for _, weight in defined)
    return math.fsum(value * weight for value, weight in defined) / total if total else math.nan
