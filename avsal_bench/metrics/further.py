"""Metrics beside the six of every record, of plug-ins and one of the package: a protocol asks for them by name.

Its records hold them, and tell their form, so that they are shown where a plug-in is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from avsal_bench.names import unknown
from avsal_bench.plugins import enter, find, load_plugins
from avsal_bench.text import many

if TYPE_CHECKING:
    from torch import Tensor

#: What a metric compares a saliency map with: the ground-truth map, the fixations, or those of other frames.
Compared = Literal["density", "fixations", "negatives"]
F = TypeVar("F", bound="Callable[..., Tensor]")

#: The AUC-J of all other protocols, beside that of a protocol which computes another one under its name.
AUC_J_MIT = "AUC-J-mit"


@dataclass(frozen=True)
class FurtherMetric:
    """A metric beside the six.

    Args:
        name: in records and tables.
        function: gets saliency maps ``(B, H, W)`` float64, not negative, and one tensor ``(B, H, W)`` for each of
            ``compared``, and returns ``(B,)``, NaN where a score is not defined.
        compared: ``density`` (floating), ``fixations`` and ``negatives`` (bool).
        higher_is_better: whether it is.
        low: the least that a score can be; None for no bound.
        high: the most; likewise.
        digits: behind the point, in tables.
    """

    name: str
    function: Callable[..., Tensor]
    compared: tuple[Compared, ...] = ("density",)
    higher_is_better: bool = True
    low: float | None = None
    high: float | None = None
    digits: int = 3


_FURTHER: dict[str, FurtherMetric] = {}


def register_metric(
    name: str,
    *,
    compared: tuple[Compared, ...] = ("density",),
    higher_is_better: bool = True,
    low: float | None = None,
    high: float | None = None,
    digits: int = 3,
) -> Callable[[F], F]:
    """Enter a function as a metric; arguments as in :class:`FurtherMetric`.

    Raises:
        ValueError: for a name that is taken, also by one of the six, and for arguments that mean nothing.
    """
    for one in compared:
        if one not in ("density", "fixations", "negatives"):
            raise ValueError(f"metric {name}: {unknown('truth', one, ('density', 'fixations', 'negatives'))}")
    if low is not None and high is not None and not low < high:
        raise ValueError(f"metric {name}: low is {low:g} and high {high:g}; low must be less")
    if not 0 <= digits <= 9:
        raise ValueError(f"metric {name}: {digits} digits; expected 0 to 9")

    def enter_metric(function: F) -> F:
        from avsal_bench.metrics import functional  # here, as it needs torch

        own = functional.__file__ if name in functional.IN_TABLES else ""
        entry = FurtherMetric(name, function, tuple(compared), higher_is_better, low, high, digits)
        enter("metric", name, entry, _FURTHER, own)
        return function

    return enter_metric


@register_metric(AUC_J_MIT, compared=("fixations",), low=0.0, high=1.0)
def auc_judd_mit(saliency: Tensor, fixations: Tensor) -> Tensor:
    """Judd's area as all protocols but ``crowdsal`` have it: each fixated pixel once, and n - N others."""
    from avsal_bench.metrics.functional import auc_judd  # here, as it needs torch

    return auc_judd(saliency, fixations)


def further_metric(name: str) -> FurtherMetric:
    """The metric that is registered under a name.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    return find("metric", name, _FURTHER)


def list_further_metrics() -> list[str]:
    """Names of the metrics beside the six, sorted: that of the package, and those of plug-ins."""
    load_plugins()
    return sorted(_FURTHER)


def further_scores(names: tuple[str, ...], saliency: Tensor, truth: dict[str, Tensor]) -> dict[str, Tensor]:
    """Scores of some frames by metrics beside the six, ``(B,)`` each.

    Args:
        names: of the metrics.
        saliency: ``(B, H, W)``.
        truth: ``density``, ``fixations`` and ``negatives``, each ``(B, H, W)``.

    Raises:
        ValueError: for what is not one score a map, infinite, or out of the range that the metric states.
    """
    found = {}
    for metric in map(further_metric, names):
        scores = metric.function(saliency, *(truth[one] for one in metric.compared))
        _check(metric, scores, len(saliency))
        found[metric.name] = scores.to(saliency)
    return found


def _check(metric: FurtherMetric, scores: object, maps: int) -> None:
    import torch

    where = f"metric {metric.name}, {metric.function.__module__}.{metric.function.__qualname__}"
    if not isinstance(scores, torch.Tensor) or tuple(scores.shape) != (maps,) or not scores.is_floating_point():
        told = f"{tuple(scores.shape)}, {scores.dtype}" if isinstance(scores, torch.Tensor) else type(scores).__name__
        raise ValueError(f"{where}: expected one floating score for each of {many(maps, 'map')}, ({maps},), got {told}")
    defined = scores[~scores.isnan()]
    low, high = (float("-inf") if metric.low is None else metric.low), metric.high
    for value in defined.tolist():
        if abs(value) == float("inf") or value < low - 1e-6 or (high is not None and value > high + 1e-6):
            raise ValueError(
                f"{where}: gives {value:g}, and says that scores lie from {metric.low} to {metric.high} "
                "(None: any number); NaN stands for a score that is not defined"
            )
