"""What a whole test of a fold is, by the lists that this package brings: no data set needs to be there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from avsal_bench.data.dataset import dataset
from avsal_bench.data.layouts.dhf1k_layouts import dhf1k_layout
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, folds_told, names_of_list, read_fold_list


def listed_frames(name: str, fold: int) -> dict[str, int] | None:
    """Frames of every test video of a fold, by its name in records; None for a set without packaged lists.

    Raises:
        ValueError: for an unknown set, or a fold that it does not have.

    >>> frames = listed_frames("avad", 1)
    >>> frames["V32_Dancers"]
    202
    """
    description = dataset(name)
    description.check_fold(fold)
    for name in names_of_list(description, "test", fold):
        path = PACKAGED_LISTS / name
        if path.is_file():
            listed = read_fold_list(path)
            # DHF1K's lists say 601, and its readers 0601.
            dhf1k = description.layout is dhf1k_layout
            return {v.name.zfill(4) if dhf1k and v.name.isdigit() else v.name: v.n_frames for v in listed}
    return None


def told_by_number(name: str, usual: int) -> Callable[[Path, int], dict[str, Any]]:
    """What a record tells of a set without lists in this package (``DataSet.told``): its ``folds``, and ``own_list``
    where not all its videos are tested.

    Args:
        name: of the set.
        usual: test videos of the whole set.
    """

    def told(root: Path, fold: int) -> dict[str, Any]:
        description = dataset(name, root)
        number = len(description.videos(root, "test", fold))
        own = {} if number == usual else {"own_list": {"videos": number, "usual": usual}}
        return folds_told(description) | own

    return told
