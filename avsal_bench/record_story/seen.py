"""What the training behind a record saw of the set that it is tested on, and how that is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any


class Seen(Enum):
    """What the training of a record saw of the set that it is tested on."""

    ZERO_SHOT = "zero-shot"
    TRAINING_PART = "trained on the training part"
    UNKNOWN = "unknown"
    TEST_VIDEOS = "saw test videos"

    @property
    def worse(self) -> int:
        """Order: of several records of a row, the one that saw most counts."""
        return (Seen.ZERO_SHOT, Seen.TRAINING_PART, Seen.UNKNOWN, Seen.TEST_VIDEOS).index(self)


def nothing_known() -> dict[str, Any]:
    """``trained_on`` of maps of which nobody says what made them."""
    return {"known": False, "sets": [], "weights": [], "tested_videos_seen": 0, "training_part_seen": False}


def seen_of(story: Mapping[str, Any], dataset: str) -> Seen:
    """What the training behind a record saw of its set, by the record's ``provenance``.

    Test videos that were seen count more than all else. A set that stands among those that were trained on, whatever
    else the record says, was not zero-shot; and what nobody knows is ``unknown``.

    >>> seen_of({}, "avad").value
    'unknown'
    >>> seen_of({"trained_on": nothing_known() | {"known": True}}, "avad").value
    'zero-shot'
    """
    told = story.get("trained_on")
    if not isinstance(told, Mapping):
        return Seen.UNKNOWN
    own = [learnt for learnt in told["sets"] if learnt["set"] == dataset]
    if told["tested_videos_seen"] or any(learnt["part"] == "test" for learnt in own):
        return Seen.TEST_VIDEOS
    if not told["known"] or any(learnt["part"] == "unknown" for learnt in own):
        return Seen.UNKNOWN
    return Seen.TRAINING_PART if told["training_part_seen"] or own else Seen.ZERO_SHOT


def trained_on_lines(story: Mapping[str, Any], named: Callable[[str], str] = str) -> Iterator[str]:
    """What a record tells of its training, for people, a line a set or file of weights.

    Args:
        story: ``provenance`` of the record.
        named: gives a set, such as ``avad`` or ``six/train/1``, its name for the reader.
    """
    told = story.get("trained_on")
    if not isinstance(told, Mapping):
        yield "what it was trained on is not told"
        return
    for learnt in told["sets"]:
        fold = f", fold {learnt['fold']}" if learnt["fold"] else ""
        videos = learnt.get("videos")
        how = {
            "fit": "",
            "validation": ", to choose the checkpoint",
            "observed": ", looked at",
            "said": ", as was said",
        }
        count = "" if videos is None else f": {videos} video{'s' * (videos != 1)}"
        stage = f" (stage {learnt['stage']})" if learnt.get("stage") else ""
        yield f"{named(learnt['set'])}, part {learnt['part']}{fold}{count}{how[learnt['use']]}{stage}"
    for start in told["weights"]:
        yield f"weights {start['name']}, trained on {'; '.join(map(named, start['trained_on'])) or 'nothing'}"
    if not told["sets"] and not told["weights"] and told["known"]:
        yield "no video"
    if not told["known"]:
        yield "not all of it is known"
    if seen := told["tested_videos_seen"]:
        yield f"{seen} of the test videos {'was' if seen == 1 else 'were'} among them"
