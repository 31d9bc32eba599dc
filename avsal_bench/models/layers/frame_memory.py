"""Features of single frames, computed once for all the windows of a video that see the frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from avsal_bench.models.clips import Clips

#: Features of a frame, ``(...)`` each, by the key of its video and its number.
FrameMemory = dict[Any, tuple[Tensor, ...]]


def features_once(
    encode: Callable[[Tensor], tuple[Tensor, ...]], clips: Clips, memory: FrameMemory
) -> tuple[Tensor, ...]:
    """Features ``(B, T, ...)`` of windows, each of which ends with its target frame.

    Memory is bounded. Later windows of the video reach back to T - 2 frames before the last target of this batch, and
    reverse windows came up to T - 1 frames beyond it: at most 2T - 2 frames are kept, and none of another video.
    A frame that was dropped and is asked for after all is encoded again.

    Args:
        encode: makes features ``(N, ...)`` of frames ``(N, 3, H, W)``, of each frame by itself. All frames of the
            batch that are not in the memory go through it in one call.
        clips: the windows.
        memory: of the batches before; changed.
    """
    count, steps = clips.index.shape
    keys = [(place.video, number) for place in clips.places for number in place.frames]
    new = [key for key in dict.fromkeys(keys) if key not in memory]
    if new:
        encoded = encode(clips.single(new))
        memory.update(zip(new, zip(*encoded, strict=True), strict=True))
    by_kind = zip(*(memory[key] for key in keys), strict=True)
    features = tuple(torch.unflatten(torch.stack(single), 0, (count, steps)) for single in by_kind)
    video, target = clips.places[-1].video, clips.places[-1].frames[-1]
    for key in list(memory):
        if key[0] != video or key[1] < target - steps + 2:
            del memory[key]
    return features
