"""Options of the classifiers that pseudo maps come from, and their presets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import yaml

from avsal_bench.names import pick, unknown


def _is_above_0(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


@dataclass(frozen=True)
class Options:
    """How the classifiers are made and trained; the defaults are published unless something else is said.

    Args:
        size: (height, width) of the frames, and of the pseudo maps.
        backbone_width: see :class:`~avsal_bench.models.scam.SCAM`.
        audio_width: likewise.
        blocks: likewise.
        published: whether the trunks start from published weights, which must be imported.
        epochs: of each classifier.
        batch_size: clips of a step.
        batch_size_st: likewise, of the classifier ``st``.
        clips_every: frames to a clip of an epoch; not published.
        optimizer: see :class:`~avsal_bench.training.tags.TagModule`.
        lr: likewise.
        bias: likewise.
        new: likewise.
        weight_decay: likewise.

    Raises:
        ValueError: for a value of another form than the default's, and for numbers that are not above 0; the decay
            may be 0.
    """

    size: tuple[int, int] = (356, 356)
    backbone_width: float = 1.0
    audio_width: float = 1.0
    blocks: tuple[int, int, int, int] = (3, 4, 23, 3)
    published: bool = True
    epochs: int = 15
    batch_size: int = 8
    batch_size_st: int = 3
    clips_every: int = 8
    optimizer: str = "sgd"
    lr: float = 1e-4
    bias: float = 2.0
    new: float = 10.0
    weight_decay: float = 5e-4

    def __post_init__(self) -> None:
        for one in fields(self):
            value: Any = getattr(self, one.name)
            default: Any = one.default
            if isinstance(default, tuple):
                fits = isinstance(value, tuple) and len(value) == len(default) and all(_is_above_0(n) for n in value)
                fits = fits and all(isinstance(n, int) for n in value)
            elif isinstance(default, bool | str):
                fits = isinstance(value, type(default))
            else:
                fits = _is_above_0(value) and not (isinstance(default, int) and isinstance(value, float))
            if not fits and not (one.name == "weight_decay" and value == 0):
                raise ValueError(f"{one.name}: expected a value such as {default!r}, numbers above 0; got {value!r}")

    def network(self) -> dict[str, Any]:
        """Options of the network."""
        return {key: getattr(self, key) for key in ("size", "backbone_width", "audio_width", "blocks")}

    def with_overrides(self, overrides: Sequence[str]) -> Options:
        """These options with ``key=value`` from the command line.

        Raises:
            ValueError: for an unknown key, and as the class.
        """
        changed: dict[str, Any] = {}
        for text in overrides:
            key, equals, value = text.partition("=")
            if not equals:
                raise ValueError(f"expected key=value, such as epochs=2, got {text!r}")
            if key not in asdict(self):
                raise ValueError(unknown("option", key, asdict(self)))
            plain = yaml.safe_load(value)
            changed[key] = tuple(plain) if isinstance(plain, list) else plain
        return replace(self, **changed)


#: ``smoke`` takes minutes on two cores: small networks from random weights.
PRESETS = {
    "paper": Options(),
    "smoke": Options(
        size=(96, 128),
        backbone_width=0.25,
        audio_width=0.25,
        blocks=(1, 1, 2, 1),
        published=False,
        epochs=5,
        batch_size_st=8,
        optimizer="adamw",
        lr=2e-3,
        bias=1.0,
        new=1.0,
        weight_decay=1e-4,
    ),
}


def preset(name: str) -> Options:
    """Options by their name.

    Raises:
        ValueError: for an unknown one.
    """
    return pick("preset", name, PRESETS)
