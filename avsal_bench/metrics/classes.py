"""One ``torchmetrics.Metric`` a metric: the mean over all maps that have a score, in every process that saw some.

``update(pred, target)`` takes what the function of the same metric takes, one map or a batch. Of the targets each has
its own: ``density``, ``fixations``, and for two of them ``negatives`` or ``baseline``. In a ``MetricCollection`` of
both kinds give them by name, and each metric takes its own::

    metrics = MetricCollection([CC(), NSS(), ShuffledAUC()])
    metrics.update(pred, density=density, fixations=fixations, negatives=negatives)

Tables of the field take the mean over the frames of a video first, and then over videos: for that there is
:class:`~avsal_bench.metrics.per_video.PerVideo`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from avsal_bench.metrics import inputs, scores
from avsal_bench.metrics.inputs import Map
from avsal_bench.metrics.marks import Fixations


class MeanOverMaps(Metric):
    """Mean of the scores of maps, without those that are not defined, which are counted.

    Sums are float64 whatever the module is cast to, so any number of processes, and maps shared out among them in any
    way, give what one process gives, up to the order of a sum. On an Apple GPU, which has no float64, they are float32.
    """

    full_state_update = False
    is_differentiable = True
    higher_is_better = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # One name a class: a MetricCollection takes metrics for one whose states have equal names and values, as those
        # of two metrics of a perfect first batch have.
        self._sums = f"sums_of_{type(self).__name__}"
        self.add_state(self._sums, torch.zeros(3, dtype=torch.float64), dist_reduce_fx="sum")

    @property
    def undefined(self) -> int:
        """How many maps since the last reset had no score and are not in the mean; of this process."""
        return int(self._state()[2])

    def compute(self) -> Tensor:
        """The mean, ``()`` float64; NaN where no map has a score."""
        total, defined, _ = self._state().unbind()
        return total / defined

    def plot(self, val: Tensor | Sequence[Tensor] | None = None, ax: Any = None) -> Any:
        """Draw a value, or several over the steps, with matplotlib.

        Args:
            val: what ``compute`` or ``forward`` gave, or a list of such. None: ``compute`` is called.
            ax: axes to draw in. None: a new figure.

        Returns:
            The figure and its axes.
        """
        return self._plot(val, ax)

    def _add(self, metric: Callable[..., Any], pred: Map, *targets: Any) -> None:
        """Add the scores of one map or of more."""
        values = torch.as_tensor(metric(pred, *targets))
        undefined = values.isnan()
        total = values.masked_fill(undefined, 0.0).to(self._state()).sum()
        left_out = undefined.sum().to(total)
        setattr(self, self._sums, self._state() + torch.stack([total, values.numel() - left_out, left_out]))

    def _state(self) -> Tensor:
        state = getattr(self, self._sums)
        assert isinstance(state, Tensor)
        return state

    def _apply(self, fn: Callable[..., Any], exclude_state: Sequence[str] = "") -> nn.Module:
        # What was computed may be of a type that the new device does not have.
        self._computed = self._forward_cache = None
        module = super()._apply(fn, (*exclude_state, self._sums))
        self._defaults[self._sums] = self._placed(torch.zeros(3))
        setattr(self, self._sums, self._placed(self._state()))
        return module

    def _placed(self, state: Tensor) -> Tensor:
        kind = torch.float32 if self.device.type in inputs.WITHOUT_FLOAT64 else torch.float64
        # First the narrower of two types, then the place, then the wider.
        return state.to(min(kind, state.dtype, key=lambda dtype: dtype.itemsize)).to(self.device).to(kind)


class CC(MeanOverMaps):
    """Mean correlation with a density: :func:`~avsal_bench.metrics.scores.cc`, -1 to 1.

    >>> metric = CC()
    >>> metric.update(torch.tensor([[0.0, 1.0], [2.0, 3.0]]), torch.tensor([[5.0, 7.0], [9.0, 11.0]]))
    >>> metric.compute()
    tensor(1., dtype=torch.float64)
    """

    plot_lower_bound, plot_upper_bound = -1.0, 1.0

    def update(self, pred: Map, density: Map) -> None:
        """Add one map or a batch, and where people looked."""
        self._add(scores.cc, pred, density)


class SIM(MeanOverMaps):
    """Mean overlap with a density: :func:`~avsal_bench.metrics.scores.sim`, 0 to 1."""

    plot_lower_bound, plot_upper_bound = 0.0, 1.0

    def update(self, pred: Map, density: Map) -> None:
        """Add one map or a batch, and where people looked."""
        self._add(scores.sim, pred, density)


class KLDivergence(MeanOverMaps):
    """Mean divergence from a density: :func:`~avsal_bench.metrics.scores.kl_divergence`, in nats, lower is better."""

    higher_is_better = False
    plot_lower_bound = 0.0

    def update(self, pred: Map, density: Map) -> None:
        """Add one map or a batch, and where people looked."""
        self._add(scores.kl_divergence, pred, density)


class NSS(MeanOverMaps):
    """Mean of the standardised map at fixations: :func:`~avsal_bench.metrics.scores.nss`."""

    def update(self, pred: Map, fixations: Fixations) -> None:
        """Add one map or a batch, and its fixations as masks or points."""
        self._add(scores.nss, pred, fixations)


class InformationGain(MeanOverMaps):
    """Mean gain over a baseline map: :func:`~avsal_bench.metrics.scores.information_gain`, in bits per fixation."""

    def update(self, pred: Map, fixations: Fixations, baseline: Map | None) -> None:
        """Add one map or a batch, its fixations as masks or points, and a baseline, also one for all."""
        self._add(scores.information_gain, pred, fixations, baseline)


class AUCJudd(MeanOverMaps):
    """Mean area under Judd's curve: :func:`~avsal_bench.metrics.scores.auc_judd`, 0 to 1."""

    is_differentiable = False
    plot_lower_bound, plot_upper_bound = 0.0, 1.0

    def update(self, pred: Map, fixations: Fixations) -> None:
        """Add one map or a batch, and its fixations as masks or points."""
        self._add(scores.auc_judd, pred, fixations)


class ShuffledAUC(MeanOverMaps):
    """Mean area against fixations of other frames: :func:`~avsal_bench.metrics.scores.shuffled_auc`, 0 to 1."""

    is_differentiable = False
    plot_lower_bound, plot_upper_bound = 0.0, 1.0

    def update(self, pred: Map, fixations: Fixations, negatives: Fixations) -> None:
        """Add one map or a batch, its fixations and those of other frames, as masks or points."""
        self._add(scores.shuffled_auc, pred, fixations, negatives)
