"""``provenance.same_but_sound``: that two records without a recipe differ in what was heard alone, and who says so.

A record of a network that was trained here tells it by its recipe and weights. Records of weights and of maps from
elsewhere (preset ``maps``) have no recipe: that with another sound names the one with the true sound that it goes with,
by the SHA-256 of the weights, or of the maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

#: ``network``: one ran here, on both sounds. ``word``: the maps were made elsewhere, and who made them says so.
By = Literal["network", "word"]
#: The key in a record's ``provenance``.
KEY = "same_but_sound"


def same_but_sound(by: By, true: str, **more: int) -> dict[str, Any]:
    """What the record with another sound tells.

    Args:
        by: who says that nothing but the sound differs.
        true: SHA-256 of the weights, or of the maps with the true sound.
        more: numbers that are told besides.
    """
    return {KEY: {"by": by, "true": true, **more}}


def goes_with(story: Mapping[str, Any]) -> str:
    """SHA-256 that the record with the true sound has, by the ``provenance`` of another; "" where none is told.

    >>> goes_with(same_but_sound("word", "ab12")), goes_with({})
    ('ab12', '')
    """
    told = story.get(KEY)
    true = told.get("true") if isinstance(told, Mapping) else None
    return true if isinstance(true, str) else ""


def said_by_word(story: Mapping[str, Any]) -> bool:
    """Whether nobody but who made the maps says that they differ in the sound alone."""
    told = story.get(KEY)
    return isinstance(told, Mapping) and told.get("by") == "word"


def identity(weights: Mapping[str, Any], story: Mapping[str, Any]) -> str:
    """SHA-256 of the maps that a record is of, or of its weights; "" where it tells neither."""
    maps = story.get("maps")
    found = maps.get("sha256") if isinstance(maps, Mapping) else weights.get("sha256")
    return found if isinstance(found, str) else ""
