"""``predict``: the saliency maps of a video, in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.api.running import Model, borrowed, predictor_of
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import frame_size
from avsal_bench.prediction.films import check_sound, open_film
from avsal_bench.prediction.frame_folders import check_frames, frames_written, open_folder, sound_written
from avsal_bench.prediction.predicting import Running, predict_maps, resize_maps
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.progress import progress as progress_bar

Film = str | os.PathLike[str] | NDArray[Any] | Tensor
Sounds = str | os.PathLike[str] | NDArray[Any] | Tensor
Maps = NDArray[np.float32]

#: Frames a second of pictures, where nothing depends on it.
FPS = 25.0


@overload
def predict(
    video: Film,
    model: Model,
    *,
    fps: float | None = None,
    sound: Sounds | None = None,
    sample_rate: int | None = None,
    muted: bool = False,
    size: tuple[int, int] | Literal["video"] | None = None,
    stream: Literal[False] = False,
    batch_size: int | None = None,
    device: str = "auto",
    workers: int = 0,
    precision: str = "32-true",
    progress: bool = False,
) -> Maps: ...
@overload
def predict(
    video: Film,
    model: Model,
    *,
    fps: float | None = None,
    sound: Sounds | None = None,
    sample_rate: int | None = None,
    muted: bool = False,
    size: tuple[int, int] | Literal["video"] | None = None,
    stream: Literal[True],
    batch_size: int | None = None,
    device: str = "auto",
    workers: int = 0,
    precision: str = "32-true",
    progress: bool = False,
) -> Iterator[Maps]: ...
def predict(
    video: Film,
    model: Model,
    *,
    fps: float | None = None,
    sound: Sounds | None = None,
    sample_rate: int | None = None,
    muted: bool = False,
    size: tuple[int, int] | Literal["video"] | None = None,
    stream: bool = False,
    batch_size: int | None = None,
    device: str = "auto",
    workers: int = 0,
    precision: str = "32-true",
    progress: bool = False,
) -> Maps | Iterator[Maps]:
    """Predict where people look in each frame of a video.

    Each frame gets the map that a test would give it, from the window of frames before it and their sound.

    >>> import numpy as np, avsal_bench
    >>> frames = np.zeros((5, 48, 64, 3), dtype=np.uint8)
    >>> avsal_bench.predict(frames, "centre").shape
    (5, 192, 256)
    >>> for saliency in avsal_bench.predict(frames, "centre", size="video", stream=True):
    ...     print(saliency.shape)
    ...     break
    (48, 64)

    Args:
        video: path of a video file (mp4, avi, mkv, mov or webm), path of a folder of pictures (jpg or png, in the order
            of the last number in their names), or an array ``(N, h, w, 3)`` uint8 RGB.
        model: a network (any ``nn.Module`` with a spec; see :func:`avsal_bench.create_model`), a ``SaliencyModule``,
            the name of a baseline or of a network whose published weights were imported, or the path of a checkpoint.
            A network is used as it is, in eval mode, and then is in its mode and on its device again.
        fps: frames a second of pictures or an array; a network that hears needs it. A video file says it itself.
        sound: a file (wav, or any with a sound track), or samples ``(n,)`` or ``(n, channels)``, floating in [-1, 1]
            or int16. By default the sound of the video file.
        sample_rate: samples a second, of samples.
        muted: let a network that hears hear silence.
        size: of the maps: ``(height, width)``, ``"video"`` for that of the frames, or None for what the network gives.
        stream: give an iterator of maps ``(h, w)`` in place of one array. Then memory holds a batch at a time, however
            long the film is; the whole array of an hour of 25 frames a second at 480x640 would take 110 GB.
        batch_size: frames that are predicted at a time; None for as many as pay on the device.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:<n>``.
        workers: processes that read; 0 reads in this one.
        precision: what the network computes in: ``32-true``, or on a GPU ``bf16`` or ``fp16``; ``bf16`` also on a CPU
            with AMX or AVX512-BF16. That is faster, and the maps are nearly the same, in float32.
        progress: show a bar, on stderr.

    Returns:
        Maps ``(N, h, w)`` float32, not negative, one a frame, in the unit of the network; with ``stream`` an iterator
        of ``(h, w)``.

    Raises:
        FileNotFoundError: for a film, a folder, frames, a sound or weights that are not there.
        ValueError: for what is unreadable or does not fit: an unknown network (it suggests the nearest one), no sound
            for a network that hears, a map with NaN (it names the frame).
        TypeError: for arrays of another type.
    """
    predictor = predictor_of(model)
    if predictor.module.net.observes and isinstance(model, str):
        raise ValueError(f"{model} is made of the maps of a training list and cannot predict a video; try centre")
    running = Running(batch_size, device, workers, precision)
    running.torch_device()
    _check_size(size)
    stack = ExitStack()
    try:
        opened = _open(stack, video, predictor, fps, sound, sample_rate, muted)
        # In no variable: Lightning keeps the frame of this call for a while, and an iterator that is given up should
        # be closed at once.
        if stream:
            return _maps(stack.pop_all(), predictor, opened, running, muted, size, progress)
        return np.stack(list(_maps(stack, predictor, opened, running, muted, size, progress)))
    finally:
        stack.close()


def _open(
    stack: ExitStack,
    video: Film,
    predictor: Predictor,
    fps: float | None,
    sound: Sounds | None,
    sample_rate: int | None,
    muted: bool,
) -> Video:
    """The video, once it was looked at."""
    hears = predictor.hears and not muted
    audio: Path | None = None
    if isinstance(sound, str | os.PathLike):
        audio = Path(sound)
    elif sound is not None:
        audio = stack.enter_context(sound_written(_array(sound), sample_rate))
    in_memory = not isinstance(video, str | os.PathLike)
    if in_memory or Path(os.fspath(video)).is_dir():  # type: ignore[arg-type]
        if fps is None and hears:
            raise ValueError(f"fps: say how many frames a second there are; {predictor.name} hears their sound")
        rate = FPS if fps is None else float(fps)
        if in_memory:
            frames = _array(video)
            if frames.dtype.kind not in "biuf":
                raise TypeError(
                    f"video: expected a path, or an array (N, height, width, 3) of uint8, got {type(video).__name__}"
                )
            check_frames(frames)
            opened = stack.enter_context(frames_written(frames, rate, audio))
        else:
            opened = open_folder(Path(os.fspath(video)), rate, audio)  # type: ignore[arg-type]
    else:
        if fps is not None:
            raise ValueError(f"fps: {video} says by itself how many frames a second it has; leave it out")
        opened = open_film(Path(os.fspath(video)), audio)  # type: ignore[arg-type]
    if hears:
        if opened.audio is None:
            raise ValueError(
                f"{opened.name}: no sound, and {predictor.name} hears; give it as `sound`, let the network hear "
                "silence with `muted=True`, or use a network of frames only (modality='v')"
            )
        check_sound(opened, predictor.name)
    return opened


def _check_size(size: object) -> None:
    if size is None or (isinstance(size, str) and size == "video"):
        return
    pair = isinstance(size, tuple | list) and len(size) == 2 and all(isinstance(n, Integral) and n > 0 for n in size)  # type: ignore[operator]
    if not pair:
        raise ValueError(f"size: expected (height, width) in pixels, 'video' or None, got {size!r}")


def _array(given: Any) -> NDArray[Any]:
    return given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)


def _maps(
    stack: ExitStack,
    predictor: Predictor,
    video: Video,
    running: Running,
    muted: bool,
    size: tuple[int, int] | Literal["video"] | None,
    progress: bool,
) -> Iterator[Maps]:
    """The maps, one by one; what the video needs is closed at the end, or when the iterator is given up."""
    with stack, borrowed(predictor.module), ExitStack() as bars:
        bar = bars.enter_context(progress_bar(f"{video.name}: maps", video.n_frames)) if progress else None
        wanted = frame_size(video) if size == "video" else size
        for numbers, maps in predict_maps(predictor, video, range(1, video.n_frames + 1), running, muted):
            for saliency in maps[:, None].unbind():  # one at a time: they may be large
                yield (saliency if wanted is None else resize_maps(saliency, wanted))[0].cpu().numpy()
            if bar is not None:
                bar.advance(len(numbers))
