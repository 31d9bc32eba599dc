"""How sets of still images lie on the disk. Each image is a video of one frame; names of files only."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from avsal_bench.data.dataset import DataSet, NumberedFiles, OneFile, Video
from avsal_bench.data.layouts.dhf1k_layouts import extracted_layout
from avsal_bench.data.layouts.lists import check_parts_apart
from avsal_bench.data.layouts.videos import need_folders
from avsal_bench.names import safe_name

#: Part of MIT1003 that plays the test: mspi2024, Table 3, validates on 103 of the 1003 images.
MIT1003_TEST = 103 / 1003
#: Every which frame of a ``synth_silent`` video is a still of ``synth_stills``.
STEP = 4


def salicon_layout(root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
    """SALICON as its authors hand it out, all three archives unpacked in one folder; ``val`` plays the test::

        <root>/<SET>/images/{train,val}/<image>.jpg          (COCO_train2014_*, COCO_val2014_*)
        <root>/<SET>/maps/{train,val}/<image>.png
        <root>/<SET>/fixations/{train,val}/<image>.mat       (points of each observer)

    Raises:
        FileNotFoundError: for a missing root or folder, and for one without images.
        ValueError: for an image that lies in both parts.
    """
    del fold  # one split
    split = "val" if part == "test" else part
    places = [f"{description.folder}/{kind}/{split}" for kind in ("images", "maps", "fixations")]
    need_folders(root, description, places)
    images, maps, fixations = (root / place for place in places)
    pictures = _pictures(description, images, ".jpg")
    if split == "train":
        tested = _found(images.with_name("val"), ".jpg")
        check_parts_apart({path.stem: path for path in pictures}, {path.stem: path for path in tested})
    return [still(description, path, maps / f"{path.stem}.png", fixations / f"{path.stem}.mat") for path in pictures]


def mit1003_layout(root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
    """MIT1003 as its authors hand it out::

        <root>/<SET>/ALLSTIMULI/<image>.jpeg
        <root>/<SET>/ALLFIXATIONMAPS/<image>_fixMap.jpg
        <root>/<SET>/ALLFIXATIONMAPS/<image>_fixPts.jpg

    There is no published split: of the images in the order of the SHA-1 of ``<set>/<image>``, the first 103 of 1003
    play the test, of fewer images as large a part, at least one.

    Raises:
        FileNotFoundError: for a missing root or folder, and for one without images.
    """
    del fold  # one split
    need_folders(root, description, [f"{description.folder}/{kind}" for kind in ("ALLSTIMULI", "ALLFIXATIONMAPS")])
    folder = root / description.folder
    maps = folder / "ALLFIXATIONMAPS"
    videos = [
        still(description, path, maps / f"{path.stem}_fixMap.jpg", maps / f"{path.stem}_fixPts.jpg")
        for path in _pictures(description, folder / "ALLSTIMULI", ".jpeg")
    ]
    by_hash = sorted((v.key for v in videos), key=lambda key: hashlib.sha1(key.encode()).hexdigest())
    tested = set(by_hash[: max(1, round(MIT1003_TEST * len(videos)))])
    return [v for v in videos if (v.key in tested) == (part == "test")]


def synth_stills_layout(root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
    """Every fourth frame of the videos of ``synth_silent``, from its own files; its split is that of the videos.

    Raises:
        FileNotFoundError: when ``synth_silent`` is not there.
    """
    found = []
    for video in extracted_layout(root, replace(description, folder="synth_silent"), part, fold):
        for frame in range(STEP, video.n_frames + 1, STEP):
            pictures = [files.path(frame) for files in video.parts.values() if isinstance(files, NumberedFiles)]
            image, density, fixation = pictures  # extracted_layout gives pictures of all three
            found.append(still(description, image, density, fixation, f"{video.name}_{frame:04d}"))
    return found


def still(description: DataSet, frame: Path, density: Path, fixation: Path, name: str = "") -> Video:
    """A still image of a set by its files; its name is that of the picture, unless another is given."""
    return Video(
        dataset=description.name,
        name=safe_name(f"{frame}: image", name or frame.stem),
        n_frames=1,
        fps=1.0,
        frames=OneFile(frame),
        densities=OneFile(density),
        fixations=OneFile(fixation),
    )


def _pictures(description: DataSet, folder: Path, suffix: str) -> list[Path]:
    """As :func:`_found`, and FileNotFoundError where there are none."""
    found = _found(folder, suffix)
    if not found:
        raise FileNotFoundError(f"{description.name}: no {suffix} images in {folder}")
    return found


def _found(folder: Path, suffix: str) -> list[Path]:
    """The pictures of a folder by name; hidden files, which archives made on a Mac hold, are none."""
    there = folder.iterdir() if folder.is_dir() else ()
    return sorted(p for p in there if p.suffix == suffix and not p.name.startswith("."))
