"""How sets of still images lie on the disk. Each image is a video of one frame; names of files only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from avsal_bench.data.dataset import DataSet, Video
from avsal_bench.data.layouts.dhf1k_layouts import extracted_layout
from avsal_bench.data.layouts.lists import check_parts_apart
from avsal_bench.data.layouts.videos import need_folders
from avsal_bench.data.places import FixationFiles, MapFiles, NumberedFiles, OneFile
from avsal_bench.names import safe_name
from avsal_bench.strays import without_strays

#: Part of MIT1003 that plays the test: mspi2024, Table 3, validates on 103 of the 1003 images.
MIT1003_TEST = 103 / 1003
#: Part of each category of CAT2000 that plays the test: alexanderkroner/saliency validates on 20 of the 100.
CAT2000_TEST = 20 / 100
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
    found = pictures(description, images, ".jpg")
    if split == "train":
        tested = _found(images.with_name("val"), ".jpg")
        check_parts_apart({path.stem: path for path in found}, {path.stem: path for path in tested})
    return [_of_three(description, path, maps / f"{path.stem}.png", fixations / f"{path.stem}.mat") for path in found]


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
        _of_three(description, path, maps / f"{path.stem}_fixMap.jpg", maps / f"{path.stem}_fixPts.jpg")
        for path in pictures(description, folder / "ALLSTIMULI", ".jpeg")
    ]
    return split_by_names(videos, part, MIT1003_TEST)


def cat2000_layout(root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
    """The training part of CAT2000 as its authors hand it out::

        <root>/<SET>/trainSet/Stimuli/<category>/<image>.jpg         (001.jpg and so on)
        <root>/<SET>/trainSet/FIXATIONMAPS/<category>/<image>.jpg
        <root>/<SET>/trainSet/FIXATIONLOCS/<category>/<image>.mat

    An image is named ``<category>_<image>``. Folders ``Output``, with pictures of fixations, are left out. Of the
    images of each category in the order of the SHA-1 of ``<set>/<category>_<image>``, the first 20 of 100 play the
    test, of fewer as large a part, at least one.

    Raises:
        FileNotFoundError: for a missing root or folder, and for a category without images.
        ValueError: for a folder whose name can be no part of the name of an image.
    """
    del fold  # one split
    base = f"{description.folder}/trainSet"
    need_folders(root, description, [f"{base}/{kind}" for kind in ("Stimuli", "FIXATIONMAPS", "FIXATIONLOCS")])
    images, maps, fixations = (root / base / kind for kind in ("Stimuli", "FIXATIONMAPS", "FIXATIONLOCS"))
    categories = [p for p in without_strays(images.iterdir()) if p.is_dir() and p.name.lower() != "output"]
    if not categories:
        raise FileNotFoundError(f"{description.name}: no folders of categories in {images}; unpack the archive again")
    found = []
    for folder in categories:
        kind = safe_name(f"{folder}: category", folder.name)
        of_kind = [
            replace(
                _of_three(
                    description,
                    path,
                    maps / kind / path.name,
                    fixations / kind / f"{path.stem}.mat",
                    f"{kind}_{path.stem}",
                ),
                category=kind,
            )
            for path in pictures(description, folder, ".jpg")
        ]
        found += split_by_names(of_kind, part, CAT2000_TEST)
    return found


def synth_stills_layout(root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
    """Every fourth frame of the videos of ``synth_silent``, from its own files; its split is that of the videos.

    Raises:
        FileNotFoundError: when ``synth_silent`` is not there.
    """
    found = []
    for video in extracted_layout(root, replace(description, folder="synth_silent"), part, fold):
        for frame in range(STEP, video.n_frames + 1, STEP):
            three = [files.path(frame) for files in video.parts.values() if isinstance(files, NumberedFiles)]
            image, density, fixation = three  # extracted_layout gives pictures of all three
            found.append(_of_three(description, image, density, fixation, f"{video.name}_{frame:04d}"))
    return found


def split_by_names(images: Sequence[Video], part: str, tested: float) -> list[Video]:
    """The images of a part of a set without a split: those first in the order of the SHA-1 of their keys are tested.

    Args:
        images: of the set.
        part: "train" or "test".
        tested: share of them that is, at least one image.
    """
    by_hash = sorted((image.key for image in images), key=lambda key: hashlib.sha1(key.encode()).hexdigest())
    chosen = set(by_hash[: max(1, round(tested * len(images)))])
    return [image for image in images if (image.key in chosen) == (part == "test")]


def still(description: DataSet, frame: Path, density: MapFiles, fixation: FixationFiles, name: str = "") -> Video:
    """A still image of a set; its name is that of the picture, unless another is given."""
    return Video(
        dataset=description.name,
        name=safe_name(f"{frame}: image", name or frame.stem),
        n_frames=1,
        fps=1.0,
        frames=OneFile(frame),
        densities=density,
        fixations=fixation,
    )


def _of_three(description: DataSet, frame: Path, density: Path, fixation: Path, name: str = "") -> Video:
    """A still image by its three files."""
    return still(description, frame, OneFile(density), OneFile(fixation), name)


def pictures(description: DataSet, folder: Path, suffix: str) -> list[Path]:
    """The pictures of a folder by name, without hidden files.

    Raises:
        FileNotFoundError: where there are none.
    """
    found = _found(folder, suffix)
    if not found:
        raise FileNotFoundError(f"{description.name}: no {suffix} images in {folder}")
    return found


def _found(folder: Path, suffix: str) -> list[Path]:
    """The pictures of a folder by name, the ending in any case; what other programs left there is none."""
    there = without_strays(folder.iterdir()) if folder.is_dir() else []
    return [path for path in there if path.suffix.lower() == suffix]
