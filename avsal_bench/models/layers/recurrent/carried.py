"""A state that a recurrent network carries through a video, from batch to batch (``walk`` of its spec)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from torch import Tensor

from avsal_bench.models.clips import Place

State = TypeVar("State")


class Carried(NamedTuple):
    """The last frame of a sequence, and the state after it."""

    frame: int
    state: Any


def carry(
    features: Tensor,
    places: Sequence[Place],
    step: int,
    kept: dict[tuple[str, int], Carried],
    advance: Callable[[Tensor, State | None], tuple[Tensor, State]],
) -> list[Tensor]:
    """Take up frames one after the other, each after the one ``step`` before it.

    The frames o, o + step, o + 2 step, ... of a video are a sequence, which starts without a state: with a step of n, a
    video has n sequences that take turns.

    Args:
        features: ``(N, ...)``, of each frame.
        places: of the frames, one each: those of a video in order, one video after the other.
        step: from one frame of a sequence to the next.
        kept: the state of each sequence, by its video and the number of its first frame; here it is read and
            written. What was kept of a video that has none of the frames is dropped.
        advance: from the features ``(1, ...)`` of a frame, and the state of its sequence, or None at its start, what
            is known after it and the next state.

    Returns:
        What is known after each frame, ``(1, ...)`` each.

    Raises:
        ValueError: naming the video and the frame, for one whose frame before did not come, or below 1.
    """
    known = []
    for place, feature in zip(places, features, strict=True):
        frame = place.frames[-1]
        if frame < 1:
            raise ValueError(f"{place.video}, frame {frame}: frames of a video count from 1; add 1 to those from 0")
        sequence = (place.video, (frame - 1) % step + 1)
        state = None
        if frame > step:
            before = kept.get(sequence)
            if before is None or before.frame != frame - step:
                seen = "no frame before it" if before is None else f"frame {before.frame} last"
                raise ValueError(
                    f"{place.video}, frame {frame}: expected after frame {frame - step}, but saw {seen}; give all "
                    "frames of a video in order, from the first one on"
                )
            state = before.state
        after, state = advance(feature[None], state)
        kept[sequence] = Carried(frame, state)
        known.append(after)
    here = {place.video for place in places}
    for sequence in [one for one in kept if one[0] not in here]:
        del kept[sequence]
    return known
