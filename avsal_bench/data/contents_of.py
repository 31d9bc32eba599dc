"""What the files of videos hold, part by part, and what a list says of them: fingerprints of results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

from avsal_bench.data.dataset import Video
from avsal_bench.data.places import LABEL_RULE, NumberedFiles, OneFile, PaintedMaps, PointsFile, VideoFile
from avsal_bench.files import fingerprint
from avsal_bench.kept.contents import Contents, Files, once
from avsal_bench.kept.fingerprint import NONE

#: What a video may have: its frames, saliency maps, fixation maps, sound, labels of consistency, gaze of observers.
Part = Literal["frames", "maps", "fixations", "sound", "labels", "gaze"]


def files_of(video: Video, part: Part) -> Files | None:
    """The files of a part of a video; None where it has no such part."""
    single: Mapping[Part, Path | None] = {"sound": video.audio, "gaze": video.gaze, "labels": video.labels}
    if part in single:
        path = single[part]
        if path is None or (part == "labels" and not path.is_file()):  # which need not be there for every video
            return None
        # How labels are read is a part of what they say.
        ruled = part == "labels" and path.with_name(LABEL_RULE).is_file()
        return Files(path.parent, (path.name, LABEL_RULE)) if ruled else Files.one(path)
    pictures = video.parts.get(part)
    if pictures is None:
        return None
    if isinstance(pictures, VideoFile | PointsFile | PaintedMaps):
        return Files.one(pictures.path)
    return _numbered(pictures, video.n_frames)


def _numbered(pictures: NumberedFiles | OneFile, n_frames: int) -> Files:
    return Files(pictures.folder, tuple(pictures.name(frame) for frame in range(1, n_frames + 1)))


def contents_of(contents: Contents, videos: Sequence[Video], parts: Iterable[Part]) -> dict[Part, list[str]]:
    """For each part a SHA-256 a video, :data:`~avsal_bench.kept.fingerprint.NONE` for one without it.

    Raises:
        FileNotFoundError: naming a missing file.
        ValueError: as :meth:`~avsal_bench.kept.contents.Contents.digests`.
    """
    parts = tuple(parts)
    return once(("parts", parts, *videos), lambda: _contents_of(contents, videos, parts))


def _contents_of(contents: Contents, videos: Sequence[Video], parts: Iterable[Part]) -> dict[Part, list[str]]:
    places = {part: [files_of(video, part) for video in videos] for part in parts}
    wanted = [files for of_part in places.values() for files in of_part if files is not None]
    found = dict(zip(wanted, contents.digests(wanted), strict=True))
    return {part: [NONE if files is None else found[files] for files in of_part] for part, of_part in places.items()}


def together(contents: Contents, videos: Sequence[Video], part: Part) -> str:
    """SHA-256 of a part of all videos in their order. Stills of one folder are looked at as one.

    Raises:
        FileNotFoundError, ValueError: as :func:`contents_of`.
    """
    places = [files_of(video, part) for video in videos]
    runs = [
        Files(folder, tuple(name for files in run if files for name in files.names)) if folder else None
        for folder, run in groupby(places, lambda files: files.folder if files else None)
    ]
    digests = iter(contents.digests([files for files in runs if files is not None]))
    return fingerprint([NONE if files is None else next(digests) for files in runs])


def line_of(video: Video) -> list[str | int | float]:
    """What lists say of a video."""
    return [video.key, video.n_frames, video.fps, video.category, *(["silent"] if video.silent else [])]
