"""When two videos are one: the only place that says so. A set may read the files of others, under names of its own.

Videos are the same where their pictures lie in the same place, links followed, or where they have one name in one set,
or in a set and one that reads its files (``DataSet.over``). A still is one with the video in whose folder of frames it
lies. Contents are not compared: a copy under another name, in a set that does not say whose it is, stays unknown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from avsal_bench.data.dataset import NumberedFiles, OneFile, Video, VideoFile, dataset
from avsal_bench.strays import same_name


def related(one: str, other: str) -> bool:
    """Whether two sets are one, or read files of one set.

    >>> related("synth_stills", "synth_silent"), related("diem", "avad")
    (True, False)
    """
    return not families(one).isdisjoint(families(other))


def families(name: str) -> frozenset[str]:
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
    identities: set[tuple[str, str]] = set()
    of_videos, of_stills = set(), set()
    for video in learnt:
        identities |= _identities(video)
        if isinstance(video.frames, NumberedFiles):
            of_videos.add(_real(video.frames.folder))
        elif isinstance(video.frames, OneFile):
            of_stills.add(_real(video.frames.folder))
    seen = set()
    for video in tested:
        across = of_videos if video.still else of_stills
        place = "" if isinstance(video.frames, VideoFile) else _real(video.frames.folder)
        if place in across or not identities.isdisjoint(_identities(video)):
            seen.add(video.key)
    return seen


def _identities(video: Video) -> set[tuple[str, str]]:
    frames, names = video.frames, {same_name(video.name), same_name(video.called or video.name)}
    if isinstance(frames, NumberedFiles):
        places = [_real(frames.folder / below) for below in frames.folders]
    else:
        path = frames.path if isinstance(frames, VideoFile) else frames.file
        places = [os.path.join(_real(path.parent), path.name)]
    return {*(("place", place) for place in places), *((family, name) for family in families(video.dataset) for name in names)}


@lru_cache(maxsize=65_536)
def _real(folder: Path) -> str:
    """Where a folder is, links followed; it need not be there."""
    return os.path.realpath(folder)
