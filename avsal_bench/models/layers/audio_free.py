"""The way around the sound, for some items of a batch: the audio flow is computed for the others alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from avsal_bench.text import many


def check_rows(use_audio: Tensor | None, items: int) -> Tensor | None:
    """Which items hear, ``(B,)`` bool; None where all do, so that what follows is computed as if nobody had asked.

    Raises:
        ValueError: for another shape or type.
    """
    if use_audio is None:
        return None
    if use_audio.dtype != torch.bool or tuple(use_audio.shape) != (items,):
        raise ValueError(
            f"use_audio of shape {tuple(use_audio.shape)}, {use_audio.dtype}; expected one bool for each of the "
            f"{many(items, 'item')} of the batch"
        )
    return None if bool(use_audio.all()) else use_audio


def in_rows(
    change: Callable[[Tensor, Tensor], Tensor], visual: Tensor, audio: Tensor, use_audio: Tensor | None
) -> Tensor:
    """``change(visual, audio)`` for the items that hear, and the visual feature as it is for the others.

    Args:
        change: from the visual feature and the sound to a feature of the visual one's shape.
        visual: ``(B, ...)``.
        audio: ``(B, ...)``.
        use_audio: from :func:`check_rows`.
    """
    if use_audio is None:
        return change(visual, audio)
    if not bool(use_audio.any()):
        return visual
    changed = change(visual[use_audio], audio[use_audio])
    # Under autocast the two may differ in type.
    return visual.index_put((use_audio,), changed.to(visual.dtype))
