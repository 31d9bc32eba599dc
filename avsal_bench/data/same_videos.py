"""When two videos are one: the only place that says so. A set may read the files of others, under names of its own.

Videos are the same where their pictures lie in the same place, links followed, or where they have one name in one set.
A still is one with the video in whose folder of frames it lies. Contents are not compared: a copy of the files in
another folder, as another set, stays unknown. One name in two sets says nothing: both sets of Coutrot have a ``clip7``.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.places import NamedFiles, NumberedFiles, VideoFile
from avsal_bench.strays import same_name


def related(one: str, other: str) -> bool:
    """Whether two sets are one, or read files of one set.

    >>> related("synth_stills", "synth_silent"), related("diem", "avad")
    (True, False)
    """
    return not _families(one).isdisjoint(_families(other))


def _families(name: str) -> frozenset[str]:
    """A set, and the sets whose files it reads; of a set that is not known here, its name."""
    try:
        return frozenset({name, *dataset(name).over})
    except ValueError:
        return frozenset({name})


def seen_among(tested: Iterable[Video], learnt: Iterable[Video]) -> set[str]:
    """Keys of the tested videos that a training has seen, whole or in single frames.

    Args:
        tested: videos of a test.
        learnt: videos, or stills, that were trained on.
    """
    names: set[tuple[str, str]] = set()
    videos: dict[str, set[str]] = defaultdict(set)
    stills: dict[str, set[str]] = defaultdict(set)
    for video in learnt:
        names.add((video.dataset, same_name(video.name)))
        for folder, start in _places(video):
            (stills if video.still else videos)[folder].add(start)
    return {
        video.key
        for video in tested
        if (video.dataset, same_name(video.name)) in names
        or any(
            start in (stills if video.still else videos)[folder] or _holds(video.still, folder, start, videos, stills)
            for folder, start in _places(video)
        )
    }


def _holds(
    still: bool, folder: str, start: str, videos: Mapping[str, Iterable[str]], stills: Mapping[str, Iterable[str]]
) -> bool:
    """Whether a picture is a frame of one of some videos, or one of some pictures a frame of a video."""
    if still:
        return any(start.startswith(prefix) for prefix in videos[folder])
    return any(picture.startswith(start) for picture in stills[folder])


def _places(video: Video) -> set[tuple[str, str]]:
    """Folders where its pictures lie, links followed, each with what their names there begin with."""
    frames = video.frames
    if isinstance(frames, NamedFiles):
        folders = {frames.folder / Path(name).parent for name in frames.names} or {frames.folder}
        return {(_real(folder), frames.prefix) for folder in folders}
    if isinstance(frames, NumberedFiles):
        return {(_real(frames.folder), frames.prefix)}
    path = frames.path if isinstance(frames, VideoFile) else frames.file
    return {(_real(path.parent), path.name)}


@lru_cache(maxsize=65_536)
def _real(folder: Path) -> str:
    """Where a folder is, links followed; it need not be there."""
    return os.path.realpath(folder)
