"""Saliency maps for any video file with its sound: a folder of maps, or an mp4 with the maps laid over the frames.

Every frame gets a map, from the window that a test would give it. Maps go to the disk batch by batch, so that no
video is too long.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from avsal_bench.data.clips.datamodule import Windows, collate
from avsal_bench.data.dataset import VIDEO_SUFFIXES, NumberedFiles, Video, VideoFile, is_video_file
from avsal_bench.data.files.presence import AUDIO_SLACK, sound_seconds
from avsal_bench.data.files.reading import frame_size, read_frames
from avsal_bench.data.files.video_files import count_frames, frame_rate, has_track
from avsal_bench.data.pictures import painting
from avsal_bench.data.pictures.show import overlay_size, write_overlay
from avsal_bench.evaluation.protocol import require_finite
from avsal_bench.evaluation.score_videos import KeepMaps, save_maps
from avsal_bench.evaluation.steps import to_eight_bit
from avsal_bench.files import write_atomically
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.progress import progress

#: What a folder of maps was made of; a run goes on only with the same.
MARKER = "predict.json"
#: Maps lie here until they are whole.
UNFINISHED = ".unfinished"
_MAP = re.compile(r"\d{5,}\.(png|npy)")


@dataclass(frozen=True)
class Running:
    """How the work is done; nothing of it changes a map beyond rounding.

    Args:
        batch_size: windows that are predicted at a time.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:<n>``.
        workers: processes that read; 0 reads in this one.
    """

    batch_size: int = 4
    device: str = "auto"
    workers: int = 0

    def torch_device(self) -> torch.device:
        """The device.

        Raises:
            ValueError: for one that is not there.
        """
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"no device {self.device!r} here ({reason}); use auto, cpu, cuda or cuda:<n>") from error
        return device


def open_film(path: Path, audio: Path | None = None) -> Video:
    """Any video file as a :class:`Video`, without ground truth.

    Args:
        path: of the video.
        audio: sound in a file of its own, a wav or a video file; None for the video's own track, if it has one.

    Raises:
        FileNotFoundError, ValueError: naming a file that is missing, unreadable, or not of a kind that is read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"missing video {path}")
    if not is_video_file(path):
        raise ValueError(
            f"{path}: no video file by its name ({', '.join(VIDEO_SUFFIXES)}); "
            f"convert it with `ffmpeg -i {path.name} {path.stem}.mp4`"
        )
    if audio is not None and not audio.is_file():
        raise FileNotFoundError(f"missing sound {audio}")
    nothing = NumberedFiles(path.parent, "", 5, "")
    return Video(
        dataset=path.resolve().parent.name,
        name=path.name,
        n_frames=count_frames(path),
        fps=frame_rate(path),
        frames=VideoFile(path),
        densities=nothing,
        fixations=nothing,
        audio=audio or (path if has_track(path) else None),
    )


def check_sound(video: Video, network: str) -> None:
    """Look whether the sound of a video is there and lasts as long as its frames.

    Raises:
        ValueError: naming the file, when it is not; at most ``AUDIO_SLACK`` seconds may lack.
    """
    path = video.audio
    advice = (
        "give the sound with --audio, let the network hear silence with --muted, or use a visual one (--modality v)"
    )
    if path is None or (is_video_file(path) and not has_track(path)):
        place = path or _file(video)
        raise ValueError(f"{place}: no sound track in this video, and {network} hears; {advice}")
    seconds = sound_seconds(path)
    needed = video.n_frames / video.fps
    if seconds < needed - AUDIO_SLACK:
        raise ValueError(
            f"{path}: {seconds:.2f} s of sound for {needed:.2f} s of video ({video.n_frames} frames at "
            f"{video.fps:g} a second); {advice}"
        )


def predict_maps(
    predictor: Predictor, video: Video, frames: Sequence[int], running: Running, muted: bool = False
) -> Iterator[tuple[list[int], Tensor]]:
    """Predict some frames of a video, in order.

    Args:
        predictor: the network.
        video: from :func:`open_film`, or any other.
        frames: numbers from 1.
        running: batch size, device and reading processes.
        muted: whether a network that hears is given silence; the sound is not read then.

    Yields:
        The numbers of a batch, and their maps ``(B, h, w)`` float32, not negative, on the device.

    Raises:
        ValueError: for a map that is not finite, or a batch that the device has no memory for.
    """
    device = running.torch_device()
    module = predictor.module.to(device).eval()
    loader = DataLoader(
        Windows([video], module.net.spec, density=False, sound="muted" if muted else "original"),
        sampler=[(0, frame) for frame in frames],
        batch_size=running.batch_size,
        collate_fn=collate,
        num_workers=running.workers,
        pin_memory=device.type == "cuda",
    )
    memory: dict[Any, Any] = {}
    for batch in loader:
        numbers = [int(frame) for frame in batch["frame"]]
        batch |= {key: batch[key].to(device) for key in ("frames", "audio") if batch[key] is not None}
        try:
            with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, deterministic=True):
                maps = module(batch, memory).float()
        except torch.OutOfMemoryError as error:
            raise ValueError(
                f"no memory for {running.batch_size} windows at a time on {device}; lower --batch-size"
            ) from error
        require_finite(maps, [f"{video.key}, frame {number}" for number in numbers])
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
        densities = to_eight_bit(resize_maps(maps, size)).float().div(255).cpu().numpy()
        for number, density in zip(numbers, densities, strict=True):
            # One at a time, and resized here: the cache of the reader is meant for small frames.
            stored = read_frames(video, [number], None)[:, 0]
            frame = F.interpolate(stored[None], size, mode="bilinear", antialias=True)[0].permute(1, 2, 0)
            yield Image.fromarray(painting.blend(np.asarray(frame), density))


def predict_folder(
    predictor: Predictor,
    video: Video,
    folder: Path,
    running: Running,
    *,
    form: KeepMaps = "png",
    native: bool = False,
    muted: bool = False,
    force: bool = False,
) -> int:
    """Write the map of every frame of a video as ``<folder>/%05d.<form>``; what is there is not predicted again.

    Args:
        predictor: the network.
        video: from :func:`open_film`.
        folder: of the maps, and of ``predict.json``, which says what they were made of.
        running: batch size, device and reading processes.
        form: ``png``, 8 bits, each map scaled to its own lowest and highest value; ``npy``, float32 as predicted.
        native: whether maps keep the size that the network gives; else they get that of the video.
        muted: whether a network that hears is given silence.
        force: whether maps of something else are removed.

    Returns:
        How many maps were there already.

    Raises:
        ValueError: for a folder with maps of other weights, another video or other options.
        ValueError, OSError: as :func:`predict_maps`, and for a folder that cannot be written.
    """
    size = None if native else frame_size(video)
    _claim(folder, _story(predictor, video, form, size, muted), force)
    frames = [n for n in range(1, video.n_frames + 1) if not (folder / f"{n:05d}.{form}").is_file()]
    there = video.n_frames - len(frames)
    unfinished = folder / UNFINISHED
    if frames:
        with progress(f"{video.key}: maps", video.n_frames, there) as bar:
            for numbers, maps in predict_maps(predictor, video, frames, running, muted):
                save_maps((maps if size is None else resize_maps(maps, size)).cpu(), numbers, unfinished, form)
                for number in numbers:
                    name = f"{number:05d}.{form}"
                    (unfinished / name).replace(folder / name)
                bar.advance(len(numbers))
    shutil.rmtree(unfinished, ignore_errors=True)
    return there


def _claim(folder: Path, story: dict[str, Any], force: bool) -> None:
    """Make sure that all maps in a folder are of one kind: none are there, or such as this run makes."""
    marker = folder / MARKER
    folder.mkdir(parents=True, exist_ok=True)
    maps = [path for path in folder.iterdir() if _MAP.fullmatch(path.name)]
    if force:
        for path in maps:
            path.unlink()
    elif maps:
        if not marker.is_file():
            raise ValueError(
                f"{folder}: holds maps such as {min(maps).name} and no {MARKER}: another program made them; "
                "name another folder, or replace them with --force"
            )
        before = _read_marker(marker)
        if other := [key for key in story if before.get(key) != story[key]]:
            told = "; ".join(f"{key} was {json.dumps(before.get(key))}, is {json.dumps(story[key])}" for key in other)
            raise ValueError(
                f"{folder}: holds maps made otherwise ({told}); name another folder, or replace them with --force"
            )
        return
    write_atomically(marker, json.dumps(story, indent=1) + "\n")


def _read_marker(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: damaged ({error}); start over with --force") from error


def _story(
    predictor: Predictor, video: Video, form: KeepMaps, size: tuple[int, int] | None, muted: bool
) -> dict[str, Any]:
    """All that the maps depend on, as plain values."""
    heard: Any = None
    if predictor.hears:
        heard = "muted" if muted or video.audio is None else _stamp(video.audio)
    story = {
        "network": predictor.name,
        "options": predictor.options,
        "weights": predictor.sha256,
        "video": _stamp(_file(video)),
        "frames": video.n_frames,
        "fps": video.fps,
        "sound": heard,
        "form": form,
        "size": "native" if size is None else list(size),
    }
    return dict(json.loads(json.dumps(story)))


def _stamp(path: Path) -> dict[str, Any]:
    """What changes when a file does, short of reading it."""
    found = path.stat()
    return {"file": path.name, "bytes": found.st_size, "modified": found.st_mtime_ns}


def _file(video: Video) -> Path:
    assert isinstance(video.frames, VideoFile), "made by open_film"
    return video.frames.path
