"""Analysis of variance of scores, and which pairs differ (dave2019, 5.3: ANOVA with the networks as factor).

The paper says that the networks differ with p < 0.05 in each category, and that "all the models" differ on all scores;
it names neither the test of pairs nor what one observation is. Decisions here:

- An observation is a video (its mean score), as frames of one video are no independent draws. Where frame scores are
  there, the same is given with frames as observations beside it: nearly everything is significant then.
- The test of pairs is Tukey's honestly significant difference (``scipy.stats.tukey_hsd``), which belongs to ANOVA with
  one factor: its p already counts how many pairs there are.

The ANOVA with one factor takes the networks for groups of different videos, though all saw the same ones. The paired
test of the page (signed ranks of each video's difference) sees smaller differences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: Below it a difference is called significant, as in the paper.
LEVEL = 0.05


@dataclass(frozen=True)
class Pair:
    """Two groups: the difference of their means, first less second, its 95 % interval, and Tukey's p."""

    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Variance:
    """ANOVA with one factor.

    Args:
        groups: their names.
        sizes: observations of each.
        f: the ratio of the variances; NaN where there is none.
        p: of it.
        eta: share of the variance that the factor explains (eta squared).
        pairs: of the post-hoc test; empty where ANOVA is not defined.
        missing: why it is not defined; "" where it is.
    """

    groups: tuple[str, ...]
    sizes: tuple[int, ...]
    f: float = math.nan
    p: float = math.nan
    eta: float = math.nan
    pairs: tuple[Pair, ...] = ()
    missing: str = ""

    @property
    def freedom(self) -> tuple[int, int]:
        """Degrees of freedom, between groups and within them."""
        return len(self.groups) - 1, sum(self.sizes) - len(self.groups)


def variance(groups: Mapping[str, Sequence[float] | Array], pairs: bool = True) -> Variance:
    """ANOVA with one factor over groups of scores, with Tukey's test of its pairs.

    Args:
        groups: by name their scores; NaN counts nowhere.
        pairs: whether to test pairs too.
    """
    # scipy.stats takes half a second to import, and few need it.
    from scipy.stats import f_oneway, tukey_hsd

    kept = {name: np.asarray(values, dtype=np.float64) for name, values in groups.items()}
    kept = {name: values[~np.isnan(values)] for name, values in kept.items()}
    names, sizes = tuple(kept), tuple(len(values) for values in kept.values())
    if len(kept) < 2:
        return Variance(names, sizes, missing="one group; there is nothing to compare")
    if small := [name for name, values in kept.items() if len(values) < 2]:
        return Variance(names, sizes, missing=f"fewer than two scores of {', '.join(small)}")
    together = np.concatenate([*kept.values()])
    within = sum(float(((values - values.mean()) ** 2).sum()) for values in kept.values())
    total = float(((together - together.mean()) ** 2).sum())
    # Below it, what is left is rounding: equal scores have no variance to analyse.
    if within <= 1e-20 * max(1.0, float((together**2).sum())):
        return Variance(names, sizes, missing="all scores of a group are the same, so that nothing varies within it")
    f, p = f_oneway(*kept.values())
    found = Variance(names, sizes, float(f), float(p), 1 - within / total)
    if not pairs:
        return found
    tested = tukey_hsd(*kept.values())
    bounds = tested.confidence_interval(0.95)
    told = tuple(
        Pair(
            names[i],
            names[j],
            float(tested.statistic[i, j]),
            float(bounds.low[i, j]),
            float(bounds.high[i, j]),
            float(tested.pvalue[i, j]),
        )
        for i, j in combinations(range(len(names)), 2)
    )
    return Variance(names, sizes, found.f, found.p, found.eta, told)
