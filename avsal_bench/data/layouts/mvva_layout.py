"""MVVA's lists, of two families, and its videos in whichever tree is on the disk. Names of files only."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avsal_bench.data.dataset import DataSet, Video, dataset
from avsal_bench.data.layouts.categories import read_categories
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, names_of_list, read_fold_list, read_part, told_of_test
from avsal_bench.data.layouts.mvva_tree import BASES, MvvaTree, number_of
from avsal_bench.data.layouts.videos import only_file
from avsal_bench.data.places import PointsFile
from avsal_bench.strays import same_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Folder of what this package adds, the same for all lists.
FOLDER = "MVVA"
#: Names of the two families of lists.
_PLAIN, _WITH_WORD = re.compile(r"\d+"), re.compile(r"video_\d+")


@dataclass(frozen=True)
class MvvaLayout:
    """MVVA in whichever of its two forms is on the disk. ``<base>`` is ``MVVA`` or ``mvva_dataset`` below the root, or
    the root itself for folders with ``mvva`` in their names. Files of a video bear its number with zeros or without.

    As its authors hand it out; they leave the names of the folders open::

        <base>/mvva_video/<n>.mp4
        <base>/maps/video_%03d/%03d.jpg                              (from 000; or any folder with map in its name)
        <base>/face_tracking/<n>.npy                                 (optional; or any with track)
        <base>/face_talking/<n>.npy                                  (optional; or any with talk)
        <base>/sound/<n>.wav                                         (or any with sound or audio; else the mp4's track)
        <base>/fixation_data_mvva/<n>.npy                            (or any with fixation or gaze)

    As vinet_v2 keeps it, with those of the other folders that are there::

        <base>/video_frames/mvva/<name>/img_%05d.jpg                 (from 1)
        <base>/annotations/mvva/<name>/maps/eyeMap_%05d.jpg          (from 1)
        <root>/fixation_data_mvva/<name>.npy                         (or below <base>)
        <base>/video_audio/mvva/<name>/<name>.wav                    (optional)

    Beside both::

        <root>/fold_lists/mvva_list_{train,test}_{1..5,random1..3}_fps.txt     (or below <base>; else this package's)
        <root>/fold_lists/MVVA_list_{train,test}_{1..3}_fps.txt                (likewise, of ``mvva_shuffled``)
        <root>/annotations/MVVA/categories.csv                       (optional: video,category)
        <root>/prepared/MVVA/%03d/                                   (optional: made by ``avsal data prepare``)
        <root>/av_gt_label/MVVA/%03d.txt                             (optional, in the place of who talks)

    Args:
        points: reads the file of points of a video, for :class:`~avsal_bench.data.places.PointsFile`.
        rate: the frame rate that a video file has itself; 0 where it does not tell.
        with_word: whether lists say ``video_001`` and not ``001``.
        published: name of a list as it is handed out, in the place of that in this package.
    """

    points: Callable[[Path, Video], Sequence[NDArray[np.int64]]]
    rate: Callable[[Path], float]
    with_word: bool = False
    published: str = ""

    def __call__(self, root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
        """The videos of a part of a fold, at the rate of their own files, else at the measured rate of the lists.

        Raises:
            FileNotFoundError: for a missing root, or one without the set.
            ValueError: for a bad list, one of the other family, and two files of one video.
        """
        if not root.is_dir():
            raise FileNotFoundError(f"{description.name}: no data root {root}; set AVSAL_DATA or --data-root")
        lists = {kind: self._list(root, description, kind, fold) for kind in description.parts}
        listed = read_part(lists, part, number_of)
        for video in listed:
            self._check_family(lists[part], video.name)
        tree = MvvaTree(root)
        if not tree.there:
            raise FileNotFoundError(
                f"{description.name}: no folder {root / BASES[0] / 'mvva_video'} or {root / BASES[-1]}; the layout is "
                f"described in avsal_bench/data/sets/mvva.py; `avsal data get {description.name}` says how to get it"
            )
        measured = {} if not self.with_word else _measured()
        categories = read_categories(root / "annotations" / FOLDER / "categories.csv")
        videos = []
        for name, n_frames, fps in listed:
            number = number_of(name)
            film = only_file(tree.films.get(number, []))
            own = self.rate(film) if film is not None else 0.0
            videos.append(
                Video(
                    dataset=description.name,
                    name=name,
                    n_frames=n_frames,
                    fps=own if 0 < own < 1000 else measured.get((number, n_frames), fps),
                    frames=tree.frames(name, film),
                    densities=tree.densities(name),
                    fixations=PointsFile(tree.file("points", number, ".npy"), self.points),
                    audio=tree.sound(number, film),
                    category=categories.get(same_name(name), categories.get(number, "")),
                    prepared=root / "prepared" / FOLDER / number,
                    labels=tree.labels(FOLDER, number),
                    faces=tree.faces(number),
                )
            )
        return videos

    def told(self, name: str, root: Path, fold: int) -> dict[str, Any]:
        """What a record tells of the lists of a set: ``overlaps``, ``own_list``, and its ``folds``, unless three.

        Args:
            name: of the set.
            root: the data root.
            fold: of the test.
        """
        description = dataset(name)
        test = self._list(root, description, "test", fold)
        packaged = PACKAGED_LISTS / names_of_list(description, "test", fold)[0]
        used, usual = ({v.name: v.n_frames for v in read_fold_list(path, number_of)} for path in (test, packaged))
        return told_of_test(description, test, used, usual)

    def _list(self, root: Path, description: DataSet, part: str, fold: int) -> Path:
        """The list of a part: that of the root where it has one, spelt as it is handed out, else this package's."""
        name = names_of_list(description, part, fold)[0]
        for own in dict.fromkeys((self.published.format(part=part, fold=fold) or name, name)):
            for place in (root, *(root / base for base in BASES)):
                # By a look into the folder: a file system that ignores case has each family under both names.
                if own in _names(place / "fold_lists"):
                    return place / "fold_lists" / own
        return PACKAGED_LISTS / name

    def _check_family(self, path: Path, name: str) -> None:
        mine, other = (_WITH_WORD, _PLAIN) if self.with_word else (_PLAIN, _WITH_WORD)
        if mine.fullmatch(name):
            return
        known, another = ("video_001", "mvva") if self.with_word else ("001", "mvva_shuffled")
        hint = (
            f"it is of the set {another}. The lists of both families have names that differ in capitals only: keep one "
            "in a folder of its own where the file system ignores case"
            if other.fullmatch(name)
            else "mend the name"
        )
        raise ValueError(
            f"{path}: it names a video {name!r}, and those of this set are named such as {known!r}; {hint}"
        )


def _measured() -> dict[tuple[str, int], float]:
    """The rates of the lists that were measured, by number and frames of a video."""
    paths = (PACKAGED_LISTS / f"mvva_list_{part}_1_fps.txt" for part in ("train", "test"))
    return {(number_of(video.name), video.n_frames): video.fps for path in paths for video in read_fold_list(path)}


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []
