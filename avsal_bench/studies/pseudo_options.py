"""Options of the classifiers that pseudo maps come from, and their presets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic.dataclasses import dataclass

from avsal_bench.names import pick
from avsal_bench.schema import Above0, AtLeast0, Count, Flag, build
from avsal_bench.yaml_files import read_setting


@dataclass(frozen=True, config={"extra": "forbid"})
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
        optimizer: see :class:`~avsal_bench.training.classifying.tags.TagModule`.
        lr: likewise.
        bias: likewise.
        new: likewise.
        weight_decay: likewise.

    Raises:
        ValueError: for a value of another form than the default's, and for numbers that are not above 0; the decay
            may be 0.
    """

    size: tuple[Count, Count] = (356, 356)
    backbone_width: Above0 = 1.0
    audio_width: Above0 = 1.0
    blocks: tuple[Count, Count, Count, Count] = (3, 4, 23, 3)
    published: Flag = True
    epochs: Count = 15
    batch_size: Count = 8
    batch_size_st: Count = 3
    clips_every: Count = 8
    optimizer: str = "sgd"
    lr: Above0 = 1e-4
    bias: Above0 = 2.0
    new: Above0 = 10.0
    weight_decay: AtLeast0 = 5e-4

    def network(self) -> dict[str, Any]:
        """Options of the network."""
        return {key: getattr(self, key) for key in ("size", "backbone_width", "audio_width", "blocks")}

    def with_overrides(self, overrides: Sequence[str]) -> Options:
        """These options with ``key=value`` from the command line.

        Raises:
            ValueError: for an unknown key, and as the class.
        """
        return build(Options, asdict(self) | dict(read_setting(text, "epochs=2") for text in overrides))


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
