"""What a stage learns from: the density maps of a data set, or pseudo maps in their place.

Pseudo maps are made without eye tracking, such as from categories of videos (``avsal pseudo``). They lie beside the
sets::

    <root>/pseudo/<SET>/<video>/pseudo_%05d.png     grey, 8 bit, one for every frame, from 1

A frame without one, because its maker is not sure, has a black picture: a map that is zero everywhere has no loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from avsal_bench.data.dataset import NumberedFiles, Video, dataset

#: What a stage learns from.
Teacher = Literal["density", "pseudo"]


def taught_by(teacher: Teacher, videos: Iterable[Video], root: Path) -> list[Video]:
    """Videos of one root, with what teaches in the place of their densities.

    >>> from avsal_bench.data.dataset import OneFile
    >>> still = Video("synth", "a", 1, 25.0, OneFile(Path()), OneFile(Path()), OneFile(Path()))
    >>> taught_by("pseudo", [still], Path("data"))[0].densities.path(1).as_posix()
    'data/pseudo/synth/a/pseudo_00001.png'
    """
    if teacher == "density":
        return list(videos)
    return [replace(video, densities=_pseudo_maps(video, root)) for video in videos]


def _pseudo_maps(video: Video, root: Path) -> NumberedFiles:
    return NumberedFiles(pseudo_folder(video.dataset, root) / video.name, "pseudo_", 5, ".png")


def pseudo_folder(name: str, root: Path) -> Path:
    """Where the pseudo maps of a data set lie."""
    return root / "pseudo" / dataset(name).folder
