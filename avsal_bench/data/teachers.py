"""What a stage learns from: the density maps of a data set, or pseudo maps in their place.

Pseudo maps are made without eye tracking, such as from categories of videos (``avsal pseudo``). They lie beside the
sets::

    <root>/pseudo/<SET>/<video>/pseudo_%05d.png     grey, 8 bit, one for every frame, from 1

A frame without one, because its maker is not sure, has a black picture: a map that is zero everywhere has no loss. A
video whose maps are all black teaches nothing, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.files.images import read_density
from avsal_bench.data.places import NumberedFiles
from avsal_bench.files import sha256

#: What a stage learns from.
Teacher = Literal["density", "pseudo"]


def taught_by(teacher: Teacher, videos: Iterable[Video], root: Path) -> list[Video]:
    """Videos of one root, with what teaches in the place of their densities; those that it teaches nothing of are out.

    A video whose pseudo maps are missing stays, and is missed where files are looked for.

    Raises:
        ValueError: when all pseudo maps are black, and naming one that cannot be read.
    """
    if teacher == "density":
        return list(videos)
    found = with_pseudo_maps(videos, root)
    taught = [video for video in found if _teaches(_pseudo_maps(video, root), video.n_frames)]
    if found and not taught:
        raise ValueError(
            f"{pseudo_folder(found[0].dataset, root)}: every pseudo map is black; there is nothing to learn"
        )
    return taught


def with_pseudo_maps(videos: Iterable[Video], root: Path) -> list[Video]:
    """Videos of one root with pseudo maps, which need not be there, in the place of their densities.

    >>> from avsal_bench.data.dataset import OneFile
    >>> still = Video("synth", "a", 1, 25.0, OneFile(Path()), OneFile(Path()), OneFile(Path()))
    >>> with_pseudo_maps([still], Path("data"))[0].densities.path(1).as_posix()
    'data/pseudo/synth/a/pseudo_00001.png'
    """
    return [replace(video, densities=_pseudo_maps(video, root)) for video in videos]


def made_of(name: str, root: Path) -> str:
    """SHA-256 of what ``avsal pseudo`` says of the pseudo maps of a data set; "" for maps from elsewhere."""
    marker = pseudo_folder(name, root) / "pseudo.json"
    return sha256(marker) if marker.is_file() else ""


@lru_cache(maxsize=4096)
def _teaches(maps: NumberedFiles, n_frames: int) -> bool:
    """Whether a map is not black, or not there. Most videos are told by their first frames."""
    paths = map(maps.path, range(1, n_frames + 1))
    return any(not path.is_file() or bool(read_density(path).any()) for path in paths)


def _pseudo_maps(video: Video, root: Path) -> NumberedFiles:
    return NumberedFiles(pseudo_folder(video.dataset, root) / video.name, "pseudo_", 5, ".png")


def pseudo_folder(name: str, root: Path) -> Path:
    """Where the pseudo maps of a data set lie."""
    return root / "pseudo" / dataset(name).folder
