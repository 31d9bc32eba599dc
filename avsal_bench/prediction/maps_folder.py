"""Folders of predicted maps: one file a frame, all of one kind, and a run goes on where another one stopped."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from avsal_bench.bench.computing.precision import FLOAT32
from avsal_bench.bench.made_of import networks_of
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import frame_size
from avsal_bench.data.places import VideoFile
from avsal_bench.evaluation.map_films import FilmWriter
from avsal_bench.evaluation.score_videos import save_maps
from avsal_bench.evaluation.scores_of import COMPUTE, DECIDE_NOTHING, readers
from avsal_bench.files import sha256, text_sha256, write_atomically
from avsal_bench.kept import code_of, differing, is_code, versions_of
from avsal_bench.prediction.predicting import Running, predict_maps, resize_maps
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.progress import progress

#: What a folder of maps was made of; a run goes on only with the same.
MARKER = "predict.json"
#: Maps lie here until they are whole.
UNFINISHED = ".unfinished"
_MAP = re.compile(r"\d{5,}\.(png|npy)")
#: How a folder with a file a frame holds them.
PictureForm = Literal["png", "npy"]


def predict_folder(
    predictor: Predictor,
    video: Video,
    folder: Path,
    running: Running,
    *,
    form: PictureForm = "png",
    native: bool = False,
    muted: bool = False,
    force: bool = False,
    reuse_other_code: bool = False,
) -> int:
    """Write the map of every frame of a video as ``<folder>/%05d.<form>``; what is there is not predicted again.

    Args:
        predictor: the network.
        video: from :func:`open_film`, or of a data set; it needs no ground truth.
        folder: of the maps, and of ``predict.json``, which says what they were made of.
        running: batch size, device, reading processes and precision.
        form: ``png``, 8 bits, each map scaled to its own lowest and highest value; ``npy``, float32 as predicted.
        native: whether maps keep the size that the network gives; else they get that of the video.
        muted: whether a network that hears is given silence.
        force: whether maps of something else are removed.
        reuse_other_code: whether a run goes on with maps that other code or other libraries made.

    Returns:
        How many maps were there already.

    Raises:
        ValueError: for a folder with maps of other weights, another video, other options or other code.
        ValueError, OSError: as :func:`predict_maps`, and for a folder that cannot be written.
    """
    size = None if native else frame_size(video)
    story = story_of_network(predictor, running.precision) | story_of_video(predictor, video, muted)
    story |= {"form": form, "size": "native" if size is None else list(size)}
    _claim(folder, story, force, reuse_other_code)
    frames = [n for n in range(1, video.n_frames + 1) if not _is_there(folder / f"{n:05d}.{form}")]
    there = video.n_frames - len(frames)
    unfinished = folder / UNFINISHED
    if frames:
        with progress(f"{video.key}: maps", video.n_frames, there) as bar:
            for numbers, maps in predict_maps(predictor, video, frames, running, muted):
                for number, saliency in zip(numbers, maps[:, None].unbind(), strict=True):  # one at a time
                    sized = saliency if size is None else resize_maps(saliency, size)
                    save_maps(sized.cpu(), [number], unfinished, form)
                    name = f"{number:05d}.{form}"
                    (unfinished / name).replace(folder / name)
                bar.advance(len(numbers))
    shutil.rmtree(unfinished, ignore_errors=True)
    return there


def _is_there(path: Path) -> bool:
    """Whether a map is there; one without a byte is what a machine leaves that lost its power."""
    return path.is_file() and path.stat().st_size > 0


def _claim(folder: Path, story: dict[str, Any], force: bool, reuse_other_code: bool) -> None:
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
        require_same_maps(folder, {"precision": FLOAT32} | read_marker(marker), story, reuse_other_code)
        return
    write_atomically(marker, json.dumps(story, indent=1) + "\n")


def require_same_maps(
    folder: Path, before: Mapping[str, Any], story: Mapping[str, Any], reuse_other_code: bool, what: str = ""
) -> None:
    """Raise ValueError unless the maps in a folder, or one film there, ``what``, were made as a run makes them."""
    if other := differing(before, story, reuse_other_code):
        told = "; ".join(f"{key} was {json.dumps(before.get(key))}, is {json.dumps(story.get(key))}" for key in other)
        ways = "name another folder, or replace them with --force"
        if all(map(is_code, other)):
            ways += "; or go on with them, with --reuse-other-code"
        holds = f"{what} was made otherwise" if what else "holds maps made otherwise"
        raise ValueError(f"{folder}: {holds} ({told}); {ways}")


def read_marker(path: Path) -> dict[str, Any]:
    """What the maps in a folder were made of.

    Raises:
        ValueError: naming a damaged file.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: damaged ({error}); start over with --force") from error


def story_of_network(predictor: Predictor, precision: str) -> dict[str, Any]:
    """All that maps depend on beside the video and their form, as plain values."""
    net = networks_of(predictor.model, predictor.options)
    story = {
        "network": predictor.name,
        "options": predictor.options,
        "weights": predictor.sha256,
        "precision": precision,
        "code": code_of(*net, predict_maps, save_maps, FilmWriter, without=DECIDE_NOTHING),
        **versions_of(*COMPUTE, *readers()),
    }
    return dict(json.loads(json.dumps(story)))


def story_of_video(predictor: Predictor, video: Video, muted: bool) -> dict[str, Any]:
    """What the maps of a network depend on in a video, as plain values."""
    heard: str | None = None
    if predictor.hears:
        heard = "muted" if muted or video.audio is None else sha256(video.audio)
    return {"video": _sha256_of_frames(video), "frames": video.n_frames, "fps": video.fps, "sound": heard}


def _sha256_of_frames(video: Video) -> str:
    """SHA-256 of a video file, or over those of all pictures."""
    if isinstance(video.frames, VideoFile):
        return sha256(video.frames.path)
    paths = (video.frames.path(frame) for frame in range(1, video.n_frames + 1))
    return text_sha256("".join(map(sha256, paths)))
