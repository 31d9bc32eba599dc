"""A set over the files of others: a split of its own of their videos, which lie once on the disk.

What a video has, how long it is and how fast, comes from the set whose video it is, as the root holds it: in whichever
form that set is read, with its own lists, its prepared form and its gaze.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from avsal_bench.data.dataset import DataSet, Video, dataset
from avsal_bench.data.layouts.categories import read_categories
from avsal_bench.data.layouts.lists import (
    PACKAGED_LISTS,
    find_list,
    names_of_list,
    read_fold_list,
    read_part,
    told_of_test,
)
from avsal_bench.strays import same_name


@dataclass(frozen=True)
class OtherSets:
    """Where the videos of a set over others lie::

        <root>/...                                                   the sets of ``DataSet.over``, each in its layout
        <root>/fold_lists/<SET>_list_{train,val,test}_fps.txt        (else this package's; frames and rates of a list of
                                                                      the root's own hold, else those of the sets)
        <root>/annotations/<SET>/categories.csv                      (optional, in the place of this package's)

    Args:
        of: ``of(name)``: the set that a video is of, and the name that it has there.
    """

    of: Callable[[str], tuple[str, str]]

    def __call__(self, root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
        """The videos of a part, in the order of its list.

        Raises:
            FileNotFoundError: for a missing root, and for a set that it lacks; naming the set.
            ValueError: for a bad list, and naming a video that no list of its own set names.
        """
        if not root.is_dir():
            raise FileNotFoundError(f"{description.name}: no data root {root}; set AVSAL_DATA or --data-root")
        lists = {kind: find_list(root, names_of_list(description, kind, fold)[0]) for kind in description.parts}
        own = lists[part].parent != PACKAGED_LISTS
        categories = categories_of(root, description)
        listed = read_part(lists, part)
        found = _videos_of(root, description, [self.of(one.name) for one in listed])
        videos = []
        for name, n_frames, fps in listed:
            source, called = self.of(name)
            video = found.get((source, same_name(called)))
            if video is None:
                raise ValueError(
                    f"{description.name}/{name} is {source}/{called}, and no list of {source} in {root} names that; "
                    f"add it to one of them, or write lists of your own without {name!r}, such as "
                    f"{root / 'fold_lists' / lists[part].name}"
                )
            timed = replace(video, n_frames=n_frames, fps=fps) if own else video
            category = categories.get(same_name(name), "")
            videos.append(
                replace(
                    timed, dataset=description.name, name=name, category=category, called=video.called or video.name
                )
            )
        return videos

    def told(self, name: str, root: Path, fold: int) -> dict[str, Any]:
        """What a record tells of the lists: ``overlaps`` and ``own_list``, as those of other sets do.

        Args:
            name: of the set.
            root: the data root.
            fold: of the test.
        """
        description = dataset(name, root)
        file = names_of_list(description, "test", fold)[0]
        test, packaged = find_list(root, file), PACKAGED_LISTS / file
        usual = {v.name: v.n_frames for v in read_fold_list(packaged)}
        used = {v.name: v.n_frames for v in description.videos(root, "test", fold)}
        return told_of_test(description, test, used, usual)


def categories_of(root: Path, description: DataSet) -> dict[str, str]:
    """The category of each video: of the root's own table, else of that of this package."""
    own = root / "annotations" / description.folder / "categories.csv"
    return read_categories(own) if own.is_file() else _packaged(description.folder)


@lru_cache(maxsize=8)
def _packaged(folder: str) -> dict[str, str]:
    return read_categories(PACKAGED_LISTS / f"{folder}_categories.csv")


def _videos_of(root: Path, description: DataSet, asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Video]:
    """The videos that are asked for, as their sets read them, by set and by what spellings of a name have in common."""
    found: dict[tuple[str, str], Video] = {}
    for source in description.over:
        names = {same_name(called) for of, called in asked if of == source}
        other = dataset(source, root)
        try:
            for fold, part in product(other.fold_numbers if names else (), other.parts):
                if any((source, name) not in found for name in names):
                    found |= {(source, same_name(v.name)): v for v in other.videos(root, part, fold)}
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{description.name} has the files of {', '.join(description.over)}: {error}"
            ) from error
    return found
