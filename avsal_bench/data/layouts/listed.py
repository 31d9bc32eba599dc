"""What a whole test of a fold is, by the lists that this package brings: no data set needs to be there."""

from __future__ import annotations

from avsal_bench.data.dataset import dataset
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, read_fold_list


def listed_frames(name: str, fold: int) -> dict[str, int] | None:
    """Frames of every test video of a fold, by its name in records; None for a set without packaged lists.

    Raises:
        ValueError: for an unknown set, or a fold that is none of 1, 2 and 3.

    >>> frames = listed_frames("avad", 1)
    >>> frames["V32_Dancers"]
    202
    """
    description = dataset(name)
    if fold not in (1, 2, 3):
        raise ValueError(f"fold {fold}, expected 1, 2 or 3")
    stem = f"{description.folder}_list_test"
    for suffix in (f"_{fold}", "_1", "") if not description.folds else (f"_{fold}",):
        path = PACKAGED_LISTS / f"{stem}{suffix}_fps.txt"
        if path.is_file():
            listed = read_fold_list(path)
            # DHF1K's lists say 601, and its readers 0601.
            return {v.name.zfill(4) if v.name.isdigit() else v.name: v.n_frames for v in listed}
    return None
