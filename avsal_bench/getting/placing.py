"""From what was in an archive to the layout of a data root; nothing that is there is replaced."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from avsal_bench.strays import same_name
from avsal_bench.text import many

#: How many folders may stand around what is looked for.
_DEEPEST = 5
#: Errors list this many.
_LISTED = 5


def find_top(folder: Path, name: str, holds: Collection[str]) -> Path:
    """The folder that belongs into the layout, whatever folders the authors put around it.

    It is the shallowest one that directly holds one of the names (or a file of that stem); where no names are known, or
    none is found, the shallowest one of that name, or an archive of files without folders itself.

    Args:
        folder: with all that was in the archive.
        name: that the folder has in the layout, such as ``AVAD``.
        holds: names of some things that lie in it, such as videos.

    Raises:
        ValueError: naming what is there in its place.
    """
    wanted = {same_name(one) for one in holds}
    inside = [*_folders(folder)]
    for one in inside:
        names = [same_name(path.name) for path in one.iterdir()]
        if wanted & {*names, *(Path(found).stem for found in names)}:
            return one
    if not wanted:
        for one in inside:
            if one.name.lower() == name.lower() and one != folder:
                return one
        if len(inside) == 1:
            return folder
    seen = ", ".join(sorted(path.relative_to(folder).as_posix() for path in inside[1:]))[:300] or "no folder"
    some = f" one of {', '.join(sorted(holds)[:3])} ..." if holds else f" {name}"
    raise ValueError(
        f"holds no folder with{some}, but {seen}; nothing of it was put into the data root. Is it the archive of "
        "another set, or has it another form now?"
    )


def _folders(folder: Path) -> Iterator[Path]:
    """A folder and those below it, level by level."""
    level = [folder]
    for _ in range(_DEEPEST):
        yield from level
        level = sorted(path for one in level for path in one.iterdir() if path.is_dir() and not path.is_symlink())


def put_in_place(top: Path, target: Path) -> tuple[int, int]:
    """Move all that lies in a folder into another one, which may hold some of it already.

    Returns:
        How many files were moved, and how many were there already, with the same content.

    Raises:
        ValueError: naming files that are there with another content; nothing was moved.
    """
    files = sorted(path.relative_to(top) for path in top.rglob("*") if path.is_file())
    there = [path for path in files if os.path.lexists(target / path)]
    differ = [path for path in there if not _same(top / path, target / path)]
    folders = sorted({folder for path in files for folder in path.parents if os.path.lexists(target / folder)})
    differ += [folder for folder in folders if not (target / folder).is_dir()]
    if differ:
        some = ", ".join(str(target / path) for path in differ[:_LISTED])
        raise ValueError(
            f"{many(len(differ), 'file')} in {target} differ from those of the archive, such as {some}; nothing was "
            "put there. Move them away, or take another --root"
        )
    move = sorted({*files} - {*there})
    for path in move:
        # A folder that is not there at all comes with one step, so that an interrupted move leaves no half of a video.
        step = next(
            one for one in [*reversed(path.parents), path][1:] if not os.path.lexists(target / one) or one == path
        )
        if (top / step).exists() and not os.path.lexists(target / step):
            (target / step).parent.mkdir(parents=True, exist_ok=True)
            (top / step).rename(target / step)
    return len(move), len(there)


def put_file(path: Path, target: Path) -> None:
    """Move a file to its place, where it may be already.

    Raises:
        ValueError: where another file is there.
    """
    if os.path.lexists(target) and not _same(path, target):
        raise ValueError(f"{target} is there and differs from what was fetched, {path}; move it away, and run again")
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)


def _same(new: Path, old: Path) -> bool:
    return old.is_file() and filecmp.cmp(new, old, shallow=False)
