"""A folder of predicted films, one a video: of one video, or of a whole part of a data set; a run can be stopped.

A film is there whole or not at all, so one that is there is not predicted again, and one that was begun is begun anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import frame_size
from avsal_bench.data.places import is_video_file
from avsal_bench.evaluation.map_films import FILM_FORMS, Bits, FilmForm, FilmWriter
from avsal_bench.files import write_atomically
from avsal_bench.prediction.maps_folder import (
    MARKER,
    read_marker,
    require_same_maps,
    story_of_network,
    story_of_video,
)
from avsal_bench.prediction.predicting import Running, predict_maps, resize_maps
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.progress import progress


def predict_films(
    predictor: Predictor,
    videos: Sequence[Video],
    folder: Path,
    running: Running,
    *,
    form: FilmForm = "mp4",
    bits: Bits = 10,
    native: bool = False,
    muted: bool = False,
    force: bool = False,
    reuse_other_code: bool = False,
) -> int:
    """Write the maps of every frame of some videos as ``<folder>/<video>.<form>``, with the rate of the video.

    Each map is scaled to its own lowest and highest value; see :mod:`~avsal_bench.evaluation.map_films`.

    Args:
        predictor: the network.
        videos: from :func:`~avsal_bench.prediction.films.open_film`, or of a data set. They need no ground truth.
        folder: of the films, and of ``predict.json``, which says what they were made of.
        running: batch size, device, reading processes and precision.
        form: ``mp4``, as challenges take it, or ``mkv``, without loss.
        bits: of the levels in an mp4.
        native: whether maps keep the size that the network gives; else they get that of the video.
        muted: whether a network that hears is given silence.
        force: whether films of something else are removed.
        reuse_other_code: whether a run goes on with films that other code or other libraries made.

    Returns:
        How many films were there already.

    Raises:
        ValueError: for a folder with maps of other weights, other videos, other options or other code, and for two
            videos of one name.
        ValueError, OSError: as :func:`~avsal_bench.prediction.predicting.predict_maps`, and for a folder that cannot be
            written.
    """
    named = {film_name(video): video for video in videos}
    if len(named) < len(videos):
        raise ValueError(f"{folder}: two of the videos have one name, so their films would, too; rename one of them")
    made = story_of_network(predictor, running.precision) | {
        "form": form if form == "mkv" else f"{form}, {bits} bits",
        "size": "native" if native else "of the video",
    }
    done = _claim(folder, made, named, form, force, reuse_other_code)
    there = {name for name in done if (folder / f"{name}.{form}").is_file()}
    for name in sorted(there):
        own = story_of_video(predictor, named[name], muted)
        require_same_maps(folder, done[name], own, reuse_other_code, f"{name}.{form}")
    total = sum(video.n_frames for video in videos)
    with progress("predict films", total, sum(named[name].n_frames for name in there)) as bar:
        for name, video in named.items():
            if name in there:
                continue
            # Before the film, which is there when it is whole: none is there of which is not known what it was made of.
            done[name] = story_of_video(predictor, video, muted)
            _write(folder, made, done)
            size = None if native else frame_size(video)
            with FilmWriter(folder / f"{name}.{form}", video.fps, bits) as film:
                for numbers, maps in predict_maps(predictor, video, range(1, video.n_frames + 1), running, muted):
                    for saliency in maps[:, None].unbind():  # one at a time: films are large
                        film.add((saliency if size is None else resize_maps(saliency, size)).cpu())
                    bar.advance(len(numbers), name)
    return len(there)


def film_name(video: Video) -> str:
    """Name of the film of a video, without its ending: that of the video's own file, or in its set."""
    name = Path(video.name)
    return name.stem if is_video_file(name) else video.name


def _claim(
    folder: Path, made: dict[str, Any], named: dict[str, Video], form: str, force: bool, reuse_other_code: bool
) -> dict[str, Any]:
    """Make sure that all films in a folder are of one kind; returns what those that are there were made of, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    marker = folder / MARKER
    films = [path for name in named for path in (folder / f"{name}.{one}" for one in FILM_FORMS) if path.is_file()]
    if force:
        for path in films:
            path.unlink()
        _write(folder, made, {})
        return {}
    if not marker.is_file():
        if films:
            raise ValueError(
                f"{folder}: holds films such as {films[0].name} and no {MARKER}: another program made them; name "
                "another folder, or replace them with --force"
            )
        _write(folder, made, {})
        return {}
    before = read_marker(marker)
    done = before.pop("films", None)
    if not isinstance(done, dict):
        raise ValueError(f"{folder}: holds maps of one video, a file a frame; name another folder for films")
    require_same_maps(folder, before, made, reuse_other_code)
    if strange := [path for path in films if path.name.removesuffix(path.suffix) not in done]:
        raise ValueError(f"{strange[0]}: another program made it; name another folder, or replace it with --force")
    return done


def _write(folder: Path, made: dict[str, Any], done: dict[str, Any]) -> None:
    write_atomically(folder / MARKER, json.dumps({**made, "films": done}, indent=1) + "\n")
