"""What is to be made of DHF1K's raw gaze: which files are of which video, and what is known of each video."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torchvision.io import ImageReadMode

from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.images import decode_image_file
from avsal_bench.data.files.timeline import timeline
from avsal_bench.data.files.video_files import picture_size
from avsal_bench.data.gaze.dhf1k_maps import RATE, SIZE, Form
from avsal_bench.data.gaze.samples import FILE_NAME
from avsal_bench.data.gaze.text_files import files_below, one_an_observer, some
from avsal_bench.data.layouts.dhf1k_layouts import annotations_of, four_digits
from avsal_bench.data.layouts.lists import find_list, read_fold_list
from avsal_bench.data.layouts.videos import find_video_files, only_file
from avsal_bench.strays import without_strays
from avsal_bench.text import many

#: What was made of what, beside it: maps without such a file are somebody else's, and stay as they are.
STORY = "converted.json"
_RAW = re.compile(r"(P\d+)_Trail(\d+)\.txt", re.IGNORECASE | re.ASCII)
#: Names that may be meant so, such as those that a copy, a correction or an unpacking program makes.
_LIKE = re.compile(r"P\d+\W*_?\W*Tr[ai]+l", re.IGNORECASE)


@dataclass(frozen=True)
class Plan:
    """What is made of the raw files of one video.

    Args:
        name: of the video, four digits.
        folder: of its annotations.
        files: raw files by viewer.
        n_frames: of the video.
        rate: frames a second.
        size: height and width of the maps.
        gaze_size: height and width of the video's frames, in whose pixels the gaze of single viewers is.
        form: of the fixation maps.
        gaze_only: whether the maps stay as they are.
    """

    name: str
    folder: Path
    files: Mapping[str, Path]
    n_frames: int
    rate: float
    size: tuple[int, int]
    gaze_size: tuple[int, int]
    form: Form
    gaze_only: bool


def raw_files(source: Path) -> dict[str, dict[str, Path]]:
    """Raw files by video and viewer, in the order of their names; those with names like theirs are told in a warning.

    Args:
        source: folder below which they lie.

    Raises:
        FileNotFoundError: when there are none.
        ValueError: naming two files of one viewer and video that differ.
    """
    found: dict[str, dict[str, Path]] = {}
    packed: list[Path] = []
    left: list[str] = []
    for path in files_below(source):
        if match := _RAW.fullmatch(path.name):
            viewer = f"P{int(match[1][1:]):02d}"
            one_an_observer(found.setdefault(four_digits(match[2]), {}), viewer, path)
        elif path.suffix.lower() in (".rar", ".zip", ".7z"):
            packed.append(path)
        elif _LIKE.match(path.name):
            left.append(str(path))
    if found and left:
        text = f"{many(len(left), 'file')} left out, as the name is not P<viewer>_Trail<video>.txt: {some(left)}"
        warnings.warn(text, stacklevel=3)
    if not found:
        unpack = f"; unpack {packed[0]} first" if packed else ""
        raise FileNotFoundError(f"no P<viewer>_Trail<video>.txt, such as P01_Trail002.txt, below {source}{unpack}")
    return {name: dict(sorted(files.items())) for name, files in sorted(found.items())}


def plans_of(
    root: Path, raw: Mapping[str, Mapping[str, Path]], form: Form, size: tuple[int, int] | None, gaze_only: bool
) -> list[Plan]:
    """What is to be made, a plan a video, in the order of their names; what is assumed or left out is a warning.

    Args:
        root: the data root.
        raw: files by video and viewer.
        form: of the fixation maps.
        size: height and width of videos without a file; None for 360 x 640.
        gaze_only: whether maps stay as they are.

    Raises:
        FileNotFoundError: when nothing is known of any of the videos.
        ValueError: naming a video file or a picture that cannot be read.
    """
    folder = root / dataset("dhf1k").folder
    listed = {
        four_digits(video.name): video
        for part in ("train", "test")
        for video in read_fold_list(find_list(root, f"{folder.name}_list_{part}_1_fps.txt"), four_digits)
    }
    files = find_video_files(folder / "video", four_digits)
    plans, unknown, assumed = [], [], []
    for name, viewers in raw.items():
        file, place = only_file(files.get(name, [])), annotations_of(root, dataset("dhf1k"), name)
        if place is None or not (file or name in listed):
            unknown.append(name)
            continue
        if file is not None:
            line, maps = timeline(file), picture_size(file)
            n_frames, rate = len(line.times), line.fps
        else:
            assumed.append(name)
            _, n_frames, rate = listed[name]
            maps = size or SIZE
        frames = _size_of_frames(place)
        # Rates of the lists differ from 30 in the last place, and the border of two frames is a matter of last places.
        rate = RATE if math.isclose(rate, RATE, rel_tol=1e-6) else rate
        plans.append(Plan(name, place, viewers, n_frames, rate, maps, frames or maps, form, gaze_only))
    if unknown:
        text = f"{many(len(unknown), 'video')} not converted, in no list and without a file below {folder}"
        if not plans:
            raise FileNotFoundError(f"dhf1k: {text}: {some(unknown)}; put the video there")
        warnings.warn(f"dhf1k: {text}: {some(unknown)}", stacklevel=3)
    if assumed:
        height, width = size or SIZE
        warnings.warn(
            f"dhf1k: {many(len(assumed), 'video')} without a file in {folder / 'video'}: frames and rate are those of "
            f"the lists, and the size is {width} x {height}: {some(assumed)}",
            stacklevel=3,
        )
    return plans


def _size_of_frames(folder: Path) -> tuple[int, int] | None:
    """Height and width of extracted frames; None where there are none."""
    pictures = folder / "images"
    first = next(iter(without_strays(pictures.iterdir())), None) if pictures.is_dir() else None
    if first is None:
        return None
    height, width = decode_image_file(first, ImageReadMode.RGB).shape[-2:]
    return height, width


def check_free(plan: Plan) -> None:
    """Raise ValueError where there are maps that this conversion did not write."""
    if plan.gaze_only:
        return
    ours = ("maps", "fixation") if story_of(plan.folder) else ()
    looked_at = ("maps", "fixation", "fixation/maps", "fixations", "fixations/maps")
    taken = next((p for part in looked_at if part not in ours for p in numbered_in(plan.folder / part)), None)
    if taken is not None:
        raise ValueError(
            f"{taken} is there, and no {STORY} says that it was converted from raw gaze: it is left as it is. Move "
            f"{plan.folder} away or name another root; or give --gaze-only to write {FILE_NAME} beside the maps"
        )


def numbered_in(folder: Path) -> list[Path]:
    """Maps in a folder, sorted; none where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.stem.isdecimal() and p.suffix in (".png", ".mat"))


def story_of(folder: Path) -> dict[str, object]:
    """What :data:`STORY` tells; nothing where there is none, or it cannot be read."""
    try:
        told = json.loads((folder / STORY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
