"""Is everything there that a run will read? Looked at before hours are spent; `avsal data check` looks deeper."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.moments import AUDIO_SLACK, check_frame_rate, shown_seconds
from avsal_bench.data.files.prepared import check_prepared
from avsal_bench.data.files.readers.video_reader import check_reader
from avsal_bench.data.files.sound_files import audio_path, check_floats, sound_header
from avsal_bench.data.files.sound_limits import soundless
from avsal_bench.data.files.tracks import has_track
from avsal_bench.data.files.truth_files import check_points, fixations_of, map_size, maps_of
from avsal_bench.data.files.video_files import count_frames, until_damage
from avsal_bench.data.files.whole_films.truth_films import check_film_of_maps
from avsal_bench.data.places import NumberedFiles, OneFile, PaintedMaps, PointsFile, VideoFile, is_video_file
from avsal_bench.kept import Contents
from avsal_bench.kept.noted import at_once, noted
from avsal_bench.progress import progress
from avsal_bench.text import many


def check_video(video: Video, audio: bool) -> None:
    """Look for every file of a video, before hours are spent; contents are read later.

    Raises:
        FileNotFoundError: naming the first missing file.
        ValueError: for a video file with fewer frames than the list asks for, or of another frame rate, for a sound
            that ends over ``AUDIO_SLACK`` seconds before the frames do, and for a prepared form of other originals.
    """
    for look in _looks(audio).values():
        look(video)
    check_film_of_maps(video)
    _check_points(video)
    _check_lengths(video, audio)


def check_videos(videos: Sequence[Video], audio: bool, truth: bool = True, contents: Contents | None = None) -> None:
    """Look for every file of a list of videos, as :func:`check_video` does for one; without ``truth``, not for maps.

    Args:
        videos: to look at.
        audio: whether sound is needed.
        truth: whether ground truth is.
        contents: what is known of the files, for prepared forms whose originals were touched.

    Raises:
        FileNotFoundError: naming the first missing file, and how many videos lack what.
        ValueError: as for :func:`check_video`.
    """
    first: FileNotFoundError | None = None
    lacking = []
    for what, look in _looks(audio, truth).items():
        missing = 0
        for video in videos:
            try:
                look(video)
            except FileNotFoundError as error:
                first = first or error
                missing += 1
        if missing:
            lacking.append(f"{missing} of {many(len(videos), 'video')} lack {what}")
    if first is not None:
        raise FileNotFoundError(f"{first}; in all, {', '.join(lacking)}")
    films = sum(isinstance(files, VideoFile) for video in videos for files in (video.frames, video.densities))
    bar = progress("count the frames of video files", len(videos)) if films else nullcontext()
    with bar as told, at_once():
        for video in videos:
            if truth:
                _check_film_of_maps(video)
                _check_points(video)
            _check_lengths(video, audio, contents)
            if told is not None:
                told.advance()


def faults_of(
    video: Video, parts: Collection[str], contents: Contents | None = None
) -> dict[str, OSError | ValueError]:
    """All that is missing or does not fit in the files of a video, and not the first thing only.

    Args:
        video: to look at.
        parts: of ``frames``, ``maps``, ``fixations`` and ``sound``, those that are needed.
        contents: as for :func:`check_videos`.

    Returns:
        For each part with a fault what :func:`check_video` would raise.
    """
    there: dict[str, Callable[[], object]] = {
        "frames": lambda: _check_frames(video),
        "maps": lambda: _check_maps(video),
        "fixations": lambda: _check_fixations(video),
        "sound": lambda: _check_sound_is_there(video),
    }
    lengths: dict[str, Callable[[], object]] = {
        "frames": lambda: _check_count(video, contents),
        "maps": lambda: _check_film_of_maps(video),
        "fixations": lambda: None if "maps" in found else _check_points(video),  # maps say how large a picture is
        "sound": lambda: _check_sound(video),
    }
    found: dict[str, OSError | ValueError] = {}
    for looks in (there, lengths):
        for part, look in looks.items():
            if part not in parts or part in found or (part == "sound" and "frames" in found and looks is lengths):
                continue  # nobody knows how long it must be
            try:
                look()
            except (OSError, ValueError) as error:
                found[part] = error
    return found


def lacks_sound(video: Video) -> bool:
    """Whether a video of a set with sound has none at all: no file, or a video file without a track."""
    path = video.audio
    if path is None or video.silent:
        return False
    return not path.exists() or (is_video_file(path) and path.is_file() and not has_track(path))


def check_truth(video: Video) -> None:
    """Look for the ground truth of a video only, which is all that scoring maps needs.

    Raises:
        FileNotFoundError: naming the first missing file.
    """
    check_truths([video])


def check_truths(videos: Sequence[Video]) -> None:
    """As :func:`check_truth`, of several videos.

    Raises:
        FileNotFoundError: naming the first missing file.
        ValueError: naming a film of maps that does not fit its video, and a list of points that cannot be read.
    """
    for video in videos:
        _check_maps(video)
        _check_fixations(video)
    with at_once():
        for video in videos:
            _check_film_of_maps(video)
            _check_points(video)


def _looks(audio: bool, truth: bool = True) -> dict[str, Callable[[Video], object]]:
    """What is looked for, and how; a look raises FileNotFoundError."""
    looks: dict[str, Callable[[Video], object]] = {"frames": _check_frames}
    if truth:
        looks["saliency maps"] = _check_maps
        looks["fixation maps"] = _check_fixations
    return looks | {"sound": _check_sound_is_there} if audio else looks


def _check_sound_is_there(video: Video) -> None:
    if not video.silent:
        audio_path(video)


def _check_frames(video: Video) -> None:
    if not isinstance(video.frames, VideoFile):
        _check_numbered(video, video.frames)
    elif not video.frames.path.is_file():
        raise FileNotFoundError(f"{video.key}: missing video {video.frames.path}")


def _check_maps(video: Video) -> None:
    files = maps_of(video)
    if isinstance(files, PaintedMaps):  # of the points, which are looked for
        return
    if not isinstance(files, VideoFile):
        _check_numbered(video, files)
        return
    if not files.path.is_file():
        raise FileNotFoundError(f"{video.key}: missing saliency maps {files.path}")


def _check_fixations(video: Video) -> None:
    files = fixations_of(video)
    if not isinstance(files, PointsFile):
        _check_numbered(video, files)
    elif not files.path.is_file():
        raise FileNotFoundError(f"{video.key}: missing points {files.path}")


def _check_numbered(video: Video, files: NumberedFiles | OneFile) -> None:
    if isinstance(files, OneFile):
        if not files.file.is_file():
            raise FileNotFoundError(f"{video.key}: missing file {files.file}")
        return
    # From the files to their numbers, as a list may ask for any number of them.
    found: dict[int, int] = {}
    for below in files.folders:
        folder = files.folder / below
        if folder.is_dir():
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = f"{below}/{entry.name}" if below else entry.name
                    if 1 <= (n := files.frame(name)) <= video.n_frames and entry.is_file():  # no dangling link
                        found[n] = entry.stat().st_size
    if len(found) < video.n_frames:
        missing = next(n for n in range(1, video.n_frames + 1) if n not in found)
        raise FileNotFoundError(
            f"{video.key}: missing file {files.path(missing)}; the list asks for {many(video.n_frames, 'frame')}, "
            f"and {many(video.n_frames - len(found), '', 'are')} missing in {files.folder}"
        )
    if empty := sorted(n for n, size in found.items() if not size):
        raise ValueError(
            f"{video.key}: {files.path(empty[0])} is empty: {len(empty)} of {many(len(found), 'file')} there; was the "
            "disk full, or a copy broken off? Fetch it again"
        )


def _check_lengths(video: Video, audio: bool, contents: Contents | None = None) -> None:
    _check_count(video, contents)
    if audio:
        _check_sound(video)


def _check_count(video: Video, contents: Contents | None) -> None:
    if isinstance(video.frames, VideoFile):
        path = video.frames.path
        _good_once(path, "seen-1", [video.n_frames], lambda: _check_pictures(path, video.n_frames))
        check_reader(path)
    if video.prepared is not None and video.prepared.is_dir():
        check_prepared(video, contents)


def _check_pictures(path: Path, wanted: int) -> None:
    n_frames = count_frames(path)
    if n_frames < wanted:
        raise ValueError(
            f"{path}: {many(n_frames, 'frame')}{until_damage(path)}, and the list asks for {wanted}; fetch it "
            "again, or mend the number of frames in the fold list"
        )


def _check_film_of_maps(video: Video) -> None:
    if isinstance(files := video.densities, VideoFile):
        film = video.frames.path if isinstance(video.frames, VideoFile) else ""
        said = [video.n_frames, files.bits, str(film)]
        _good_once(files.path, "maps-1", said, lambda: check_film_of_maps(video))


def _check_points(video: Video) -> None:
    """Read the points of a video to their end: a test comes to them after hours of training."""
    files = video.fixations
    if not isinstance(files, PointsFile) or video.n_frames == 1:  # of a set of pictures, one file holds those of all
        return
    size = files.size or map_size(video)
    said = [video.key, video.n_frames, *size]
    _good_once(files.path, "points-1", said, lambda: check_points(video, size))


def _good_once(path: Path, kind: str, said: list[Any], look: Callable[[], None]) -> None:
    """Look through a film, unless it was found good for the same before and nobody wrote to it since."""

    def find(path: Path) -> list[Any]:
        look()
        return said

    noted([path], kind, find, "look into films", fits=lambda path, values: values == said, readers=1)


def sound_seconds(path: Path) -> float:
    """Seconds of sound in a file; more than 0. A gap in it counts, and is heard as silence.

    Raises:
        FileNotFoundError, ValueError: naming the file, also when it holds no samples, or a wav of floats holds what is
            no sound.
    """
    seconds = sound_header(path).seconds
    if not seconds:
        raise soundless(path)
    check_floats(path)
    return seconds


def _check_sound(video: Video) -> None:
    if video.silent:
        return
    path = audio_path(video)
    if isinstance(video.frames, VideoFile) and path == video.frames.path:
        said = [video.n_frames, video.fps]
        _good_once(path, "heard-1", said, lambda: _check_sound_in(video, path))
    else:
        _check_sound_in(video, path)


def _check_sound_in(video: Video, path: Path) -> None:
    check_frame_rate(video)
    seconds = sound_seconds(path)
    needed = shown_seconds(video)
    if seconds < needed - AUDIO_SLACK:
        raise ValueError(
            f"{path}: {seconds:.2f} s of sound for {needed:.2f} s of video ({many(video.n_frames, 'frame')} at "
            f"{video.fps:g} a second); extract the sound again, or mend the frame rate in the fold list"
        )
