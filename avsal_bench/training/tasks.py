"""What some ways of training weigh: the two tasks of the AVC-aware scheme (scdl2022, section V), and the contrast with
another sound; plain values of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import model_validator
from pydantic.dataclasses import dataclass
from typing_extensions import Self

from avsal_bench.schema import Above0, Flag, Share, build


@dataclass(frozen=True, config={"extra": "forbid"})
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

    rho: Share = 0.5
    avsd_loss: Literal["host", "kl"] = "host"
    supervision: Literal["labels", "weak"] = "labels"
    teacher_forcing: Flag = False

    @model_validator(mode="after")
    def _has_labels(self) -> Self:
        if self.teacher_forcing and self.supervision == "weak":
            raise ValueError("teacher_forcing switches by labels, and supervision: weak has none; turn one of them off")
        return self

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """From the values of a recipe.

        Raises:
            ValueError: for an unknown key, and as the class.
        """
        return build(cls, plain, "two_task")


@dataclass(frozen=True, config={"extra": "forbid"})
class Contrast:
    """How much a clip must lose with the sound of another one, in training (:mod:`avsal_bench.training.contrast`).

    Args:
        weight: of the loss in the first epoch, above 0; it falls in even steps, one an epoch, to 0 in the last.
        margin: in CC, in [0, 1]; a clip that loses more asks for nothing.

    Raises:
        ValueError: for what is out of its range.
    """

    weight: Above0 = 0.5
    margin: Share = 0.3

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """From the values of a recipe.

        Raises:
            ValueError: for an unknown key, and as the class.
        """
        return build(cls, plain, "contrast")
