"""The window of one frame of any video, as a network takes it: for looks inside networks."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from avsal_bench.data.clips.items import collate, read_item
from avsal_bench.data.dataset import Video
from avsal_bench.data.windows import window
from avsal_bench.prediction import check_sound
from avsal_bench.prediction.predictor import Predictor


class OneWindow(NamedTuple):
    """What a network sees and hears for one frame, on the device where it is now too, in eval mode."""

    clip: tuple[int, ...]
    """Numbers of the frames, in the order in which the network sees them."""
    frames: Tensor
    """``(1, 3, T, H, W)``, normalised."""
    audio: Tensor | None
    """``(1, ...)``; None for a network that hears nothing."""


def one_window(predictor: Predictor, video: Video, frame: int, device: torch.device, muted: bool = False) -> OneWindow:
    """Read the window of a frame.

    Args:
        predictor: the network.
        video: from :func:`~avsal_bench.prediction.open_film`, or any other.
        frame: its number from 1.
        device: to compute on.
        muted: whether the network is given silence; the sound is not read then.

    Raises:
        ValueError: for a frame that the video does not have, or a sound that is missing or too short.
        OSError: naming a file that cannot be read.
    """
    module = predictor.module
    spec = module.net.spec
    if not 1 <= frame <= video.n_frames:
        raise ValueError(f"{video.key}: no frame {frame}; it has frames 1 to {video.n_frames}")
    if spec.audio is not None and not muted:
        check_sound(video, predictor.name)
    batch = collate([read_item(video, frame, spec, "muted" if muted else "original")])
    module.to(device).eval()
    batch |= {"frames": batch["frames"].to(device)}
    audio = batch["audio"]
    clip = window(frame, video.n_frames, *spec.form).frames
    return OneWindow(clip, module.normalised(batch), None if audio is None else audio.to(device))
