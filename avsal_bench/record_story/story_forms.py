"""The form of ``provenance.viewing`` and ``provenance.trained_on``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, with_config
from typing_extensions import NotRequired, TypedDict

from avsal_bench.names import PLAIN
from avsal_bench.plain_values import TEXT

#: What followed where viewers looked. ``simulated``: a set that the project makes; ``unknown``: nobody says.
Device = Literal["eye", "mouse", "simulated", "unknown"]

_Name = Annotated[str, Field(pattern=PLAIN, max_length=100)]
_Text = Annotated[str, Field(pattern=TEXT, max_length=200)]
_Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
_STRICT = ConfigDict(extra="forbid", strict=True)


@with_config(_STRICT)
class ViewingForm(TypedDict):
    """How the data set of a record was watched."""

    device: Device
    viewers: _Text
    heard: bool | None


@with_config(_STRICT)
class LearntForm(TypedDict):
    """Videos of one set that decided the weights: those that were fitted, or that chose the checkpoint.

    ``names`` is the SHA-256 of their sorted names; neither it nor ``videos`` is there where only somebody's word is.
    """

    set: _Name
    part: Literal["train", "val", "test", "unknown"]
    fold: Annotated[int, Field(ge=1, le=1000)] | None
    use: Literal["fit", "validation", "observed", "said"]
    stage: NotRequired[_Text]
    videos: NotRequired[_Count]
    names: NotRequired[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]


@with_config(_STRICT)
class StartForm(TypedDict):
    """Weights that a training started from, or that were tested, and what those were trained on: ``unknown`` too."""

    name: _Text
    trained_on: Annotated[list[_Text], Field(max_length=100)]


@with_config(_STRICT)
class TrainedOnForm(TypedDict):
    """What decided the weights of a record, and what of the tested set was in it."""

    known: bool
    sets: Annotated[list[LearntForm], Field(max_length=200)]
    weights: Annotated[list[StartForm], Field(max_length=100)]
    tested_videos_seen: _Count
    training_part_seen: bool
