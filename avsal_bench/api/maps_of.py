"""Where maps come from that are scored: a network, a function of frames, or arrays; all give them video by video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import read_frames
from avsal_bench.data.windows import window
from avsal_bench.evaluation.score import READ
from avsal_bench.names import unknown
from avsal_bench.text import many

#: Numbers of frames, from 1, and their maps ``(F, h, w)``.
Some = tuple[list[int], Tensor]
#: Gives the map ``(h, w)`` of a frame ``(h, w, 3)``, or of the last of ``(T, h, w, 3)``.
FrameFunction = Callable[[NDArray[np.uint8]], Any]


def of_function(function: FrameFunction, frames: int) -> Callable[[Video], Iterator[Some]]:
    """Maps of a function that is called once a frame.

    Args:
        function: of one frame ``(h, w, 3)`` uint8 RGB; or with more ``frames``, of ``(T, h, w, 3)``.
        frames: T.
    """

    def maps(video: Video) -> Iterator[Some]:
        kept: dict[int, Tensor] = {}
        waiting: dict[int, Tensor] = {}
        form = ""
        for frame in range(1, video.n_frames + 1):
            numbers = window(frame, video.n_frames, frames).frames
            if missing := sorted({*numbers} - kept.keys()):
                fresh = read_frames(video, missing, None).permute(1, 2, 3, 0)
                kept = {n: kept[n] for n in numbers if n in kept} | dict(zip(missing, fresh, strict=True))
            given = torch.stack([kept[n] for n in numbers]).numpy()
            where = f"{video.key}, frame {frame}"
            found = as_map(_called(function, given[0] if frames == 1 else given, where), where)
            here = f"shape {tuple(found.shape)} and is {found.dtype}"
            if form not in ("", here):
                raise ValueError(f"{where}: the map has {here}; each before it has {form}; give all of one kind")
            form = here
            waiting[frame] = found
            if len(waiting) == READ or frame == video.n_frames:
                yield list(waiting), torch.stack(list(waiting.values()))
                waiting.clear()

    return maps


def _called(function: FrameFunction, given: NDArray[np.uint8], where: str) -> Any:
    """What a function gives; its error becomes one that names the frame, with the function's own behind it."""
    try:
        return function(given)
    except Exception as error:
        said = f": {error}" if str(error) else ""
        raise RuntimeError(
            f"{where}: the function {getattr(function, '__name__', type(function).__name__)} raised "
            f"{type(error).__name__}{said}; it was given an array {given.shape} of {given.dtype}"
        ) from error


def of_arrays(arrays: Mapping[str, Any]) -> Callable[[Video], Iterator[Some]]:
    """Maps ``(N, h, w)`` that are there already, by the name of each video."""

    def maps(video: Video) -> Iterator[Some]:
        found = arrays[video.name]
        for start in range(0, video.n_frames, READ):
            numbers = list(range(start + 1, min(start + READ, video.n_frames) + 1))
            some = [as_map(found[number - 1], f"{video.key}, frame {number}") for number in numbers]
            yield numbers, torch.stack(some)

    return maps


def check_arrays(arrays: Mapping[str, Any], videos: list[Video]) -> None:
    """Look whether there is a map for each frame of each video, before any is scored.

    Raises:
        ValueError: naming the video.
    """
    names = [video.name for video in videos]
    if strange := [name for name in arrays if name not in names]:
        raise ValueError(unknown("test video", strange[0], names))
    for video in videos:
        if video.name not in arrays:
            raise ValueError(
                f"{video.key}: no maps of this test video; give an array for each of {many(len(names), 'video')}"
            )
        shape = np.shape(arrays[video.name])
        if len(shape) != 3 or shape[0] != video.n_frames:
            raise ValueError(f"{video.key}: expected maps ({video.n_frames}, h, w), one a frame, got {shape}")


def as_map(found: Any, where: str) -> Tensor:
    """What somebody gives as a map, ``(h, w)``: uint8, or floating, finite and not negative.

    Raises:
        TypeError, ValueError: naming the frame.
    """
    if not isinstance(found, Tensor):
        array = np.asarray(found)
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise TypeError(f"{where}: expected a map (h, w) of numbers, got {type(found).__name__} of {array.dtype}")
        found = torch.as_tensor(np.ascontiguousarray(array))
    saliency: Tensor = found.detach().cpu()
    if saliency.ndim != 2 or 0 in saliency.shape:
        raise ValueError(f"{where}: expected a map (h, w), got shape {tuple(saliency.shape)}")
    if saliency.dtype == torch.uint8:
        return saliency
    if not saliency.is_floating_point():
        raise TypeError(
            f"{where}: the map is {saliency.dtype}; give floating-point numbers, or uint8 from 0 to 255 for a map as "
            "it would stand in a file"
        )
    saliency = saliency.to(torch.promote_types(saliency.dtype, torch.float32))
    if not saliency.isfinite().all():
        raise ValueError(f"{where}: the map holds NaN or infinity")
    if (least := saliency.min()) < 0:
        raise ValueError(
            f"{where}: the map holds negative values, the least is {least.item():.4g}; give a density: of logits the "
            "sigmoid, of a logarithm the exponential"
        )
    return saliency
