"""The maps of some frames of a film, as they come, and a film with its maps laid over the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.bench.computing.precision import FLOAT32, check_predicting, computing, predicting_name
from avsal_bench.bench.jobs.listening import Listener
from avsal_bench.data import painting
from avsal_bench.data.clips.sounds import Swaps
from avsal_bench.data.clips.stream import Brought, Stream
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import read_frames
from avsal_bench.data.pictures.show import overlay_size, write_overlay
from avsal_bench.evaluation.protocol import require_finite
from avsal_bench.evaluation.steps import to_eight_bit
from avsal_bench.models import Memory
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.spec import ClipSpec, Sound, WindowBatch
from avsal_bench.text import many
from avsal_bench.training.module import SaliencyModule


@dataclass(frozen=True)
class Running:
    """How the work is done; nothing of it but the precision changes a map beyond rounding.

    Args:
        batch_size: windows that are predicted at a time; None for as many as pay
            (:meth:`~avsal_bench.spec.ClipSpec.windows_at_a_time`).
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:<n>``.
        workers: processes that read; 0 reads in this one.
        precision: what the network computes in: ``32-true``, or on a GPU ``bf16`` or ``fp16``; ``bf16`` also on a CPU
            with AMX or AVX512-BF16. Maps are float32.

    Raises:
        ValueError: for numbers that are too small, and an unknown precision.
    """

    batch_size: int | None = None
    device: str = "auto"
    workers: int = 0
    precision: str = FLOAT32

    def __post_init__(self) -> None:
        for name, value, least in (("batch_size", self.batch_size, 1), ("workers", self.workers, 0)):
            if value is None and name == "batch_size":
                continue
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name}: expected a whole number from {least}, got {value!r}")
        object.__setattr__(self, "precision", predicting_name(self.precision))

    def torch_device(self) -> torch.device:
        """The device.

        Raises:
            ValueError: for one that is not there, or that does not compute in the precision.
        """
        device = self._device()
        check_predicting(self.precision, device.type)
        return device

    def _device(self) -> torch.device:
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
            torch.ones(1, device=device).item()  # a device without numbers, such as meta, is none here
        except (RuntimeError, AssertionError) as error:
            gpus = torch.cuda.device_count()
            raise ValueError(
                f"no device {self.device!r} here, which has {gpus or 'no'} GPUs; use auto, cpu, cuda or cuda:<n>"
            ) from error
        return device


def predict_maps(
    predictor: Predictor,
    video: Video,
    frames: Sequence[int],
    running: Running,
    muted: bool = False,
    spec: ClipSpec | None = None,
) -> Iterator[tuple[list[int], Tensor]]:
    """Predict some frames of a video, in order.

    Args:
        predictor: the network.
        video: from :func:`~avsal_bench.prediction.films.open_film`, or any other.
        frames: numbers from 1, ascending.
        running: batch size, device, reading processes and precision.
        muted: whether a network that hears is given silence; the sound is not read then.
        spec: of the windows, where it is not that of the network.

    Yields:
        The numbers of a batch, and their maps ``(B, h, w)`` float32, not negative, on the device.

    Raises:
        ValueError: for a map that is not finite, or a batch that the device has no memory for.
    """
    module = predictor.predicting.to(running.torch_device()).eval()
    memory = Memory()
    brought = Brought(sound="muted" if muted else "original")
    for numbers, maps in _predict(module, lambda batch: module(batch, memory), video, frames, running, brought, spec):
        require_finite(maps, [f"{video.key}, frame {number}" for number in numbers])
        yield numbers, maps


def predict_sounds(
    predictor: Predictor,
    video: Video,
    running: Running,
    others: Sequence[Sound],
    swaps: Swaps,
    spec: ClipSpec | None = None,
) -> Iterator[tuple[list[int], Tensor]]:
    """Predict all frames of a video with its true sound and with others, in order; what is seen is seen once.

    Args:
        predictor: a network that hears.
        video: see :func:`predict_maps`, as ``running`` and ``spec``.
        running: likewise.
        others: sounds beside the true one.
        swaps: what the videos are given where they hear another one (:func:`~avsal_bench.data.clips.sounds.swaps_of`).
        spec: likewise.

    Yields:
        The numbers of a batch, and their maps ``(1 + S, B, h, w)`` float32, not negative, on the device.

    Raises:
        ValueError: as :func:`predict_maps`.
    """
    listener = Listener(predictor.predicting.net).to(running.torch_device()).eval()
    listener.on_predict_start()
    brought = Brought("original", tuple(others), swaps)
    frames = range(1, video.n_frames + 1)
    for numbers, maps in _predict(
        listener, lambda batch: listener.predict_step(batch, 0), video, frames, running, brought, spec
    ):
        for of_sound in maps:
            require_finite(of_sound, [f"{video.key}, frame {number}" for number in numbers])
        yield numbers, maps


def _predict(
    module: SaliencyModule,
    predict: Callable[[WindowBatch], Tensor],
    video: Video,
    frames: Sequence[int],
    running: Running,
    brought: Brought,
    spec: ClipSpec | None,
) -> Iterator[tuple[list[int], Tensor]]:
    """What ``predict`` gives of each batch of windows, in float32, with the numbers of its frames."""
    device, spec = running.torch_device(), spec or module.net.spec
    # Ground truth that a network is switched by is there in a test, and not in a film.
    brought = replace(brought, labels=module.net.switched_by_labels and video.labels is not None)
    size = running.batch_size or spec.windows_at_a_time(device.type)
    stream = Stream([video], [(0, frames)], spec, size, brought, device=device, workers=running.workers)
    for batch in stream:
        numbers = batch["frame"]
        try:
            exactly = torch.backends.cudnn.flags(enabled=True, deterministic=True)
            with torch.inference_mode(), exactly, computing(running.precision, device):
                maps = predict(batch).float()
        except torch.OutOfMemoryError as error:
            raise ValueError(
                f"no memory for {many(size, 'window')} at a time on {device}; lower --batch-size"
            ) from error
        if numbers:  # a network that goes by frames may have walked through a whole batch
            yield numbers, maps


def resize_maps(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps ``(B, h, w)`` at another size, bilinear, antialiased where they shrink."""
    return F.interpolate(maps[:, None], size, mode="bilinear", antialias=True)[:, 0]


def predict_overlay(predictor: Predictor, video: Video, path: Path, running: Running, muted: bool = False) -> None:
    """Write an mp4 of a video with its maps laid over the frames, and its sound; always anew, and whole or not at all.

    Each map is scaled to its own lowest and highest value, as in a folder of 8-bit maps.

    Raises:
        ValueError, OSError: as :func:`predict_maps` and :func:`~avsal_bench.data.pictures.show.write_overlay`.
    """
    size = overlay_size(video)
    found = predict_maps(predictor, video, range(1, video.n_frames + 1), running, muted)
    write_overlay(video, path, _laid_over(video, found, size), size)


def _laid_over(video: Video, found: Iterator[tuple[list[int], Tensor]], size: tuple[int, int]) -> Iterator[Image.Image]:
    for numbers, maps in found:
        for number, saliency in zip(numbers, maps[:, None].unbind(), strict=True):  # one at a time: films are large
            density = to_eight_bit(resize_maps(saliency, size))[0].float().div(255).cpu().numpy()
            stored = read_frames(video, [number], None)[:, 0]
            frame = F.interpolate(stored[None], size, mode="bilinear", antialias=True)[0].permute(1, 2, 0)
            yield Image.fromarray(painting.blend(np.asarray(frame), density))
