"""How the two tasks of the AVC-aware scheme are weighed (scdl2022, section V); plain values of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from avsal_bench.names import unknown

AVSDLoss = Literal["host", "kl"]
Supervision = Literal["labels", "weak"]


@dataclass(frozen=True)
class TwoTask:
    """The two losses of Eq. 3, and what they learn from.

    Args:
        rho: weight of the saliency loss, in [0, 1]; the classifier's has 1 - rho.
        avsd_loss: ``host``: the loss of the recipe; ``kl``: the divergence alone. Both of the switched output; side
            outputs and losses of the host's own have no part in it.
        supervision: ``labels``: the label of the target frame; ``weak``: whether the sound is that of the clip or that
            of another video.
        teacher_forcing: whether the labels switch in training, in the place of the classifier.

    Raises:
        ValueError: for what is out of its range, and for teacher forcing without labels.
    """

    rho: float = 0.5
    avsd_loss: AVSDLoss = "host"
    supervision: Supervision = "labels"
    teacher_forcing: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.rho, int | float) or not 0 <= self.rho <= 1:
            raise ValueError(f"rho, the weight of the saliency loss, is a number from 0 to 1; got {self.rho!r}")
        if not isinstance(self.teacher_forcing, bool):
            raise ValueError(f"teacher_forcing is true or false; got {self.teacher_forcing!r}")
        for what, found, known in (
            ("avsd_loss", self.avsd_loss, get_args(AVSDLoss)),
            ("supervision", self.supervision, get_args(Supervision)),
        ):
            if found not in known:
                raise ValueError(unknown(what, found, known))
        if self.teacher_forcing and self.supervision == "weak":
            raise ValueError("teacher_forcing switches by labels, and supervision: weak has none; turn one of them off")

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TwoTask:
        """From the values of a recipe.

        Raises:
            ValueError: for an unknown key, and as the class.
        """
        for key in plain:
            if key not in (known := cls.__dataclass_fields__):
                raise ValueError(unknown("key in two_task", key, known))
        return cls(**plain)
