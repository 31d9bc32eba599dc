"""Which files of a submission are looked at: regular files only, and no more than a submission may have."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from avsal_bench.files import regular_file
from avsal_bench.leaderboard.by_frame.packed_scores import PACKED
from avsal_bench.leaderboard.submissions.problem import NO_FILE, Problem
from avsal_bench.strays import strays

#: Files of one submission.
MOST_FILES = 20_000


def files_in(paths: Sequence[Path], problems: dict[Path, list[Problem]], left: list[Path]) -> Iterator[Path]:
    """Every regular file once, those of folders by name; a picture and frame scores beside a record belong to it.

    Args:
        paths: files, and folders of them.
        problems: gets what is no regular file. No link of a folder is followed, as it could lead out of it.
        left: gets what other programs left in folders.

    Raises:
        FileNotFoundError: for a path that does not exist.
        ValueError: for more than ``MOST_FILES`` files.
    """
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"no such file or folder: {path}")
        inside = {*_inside(path, problems, left)} if path.is_dir() else {path}
        for file in sorted(inside):
            if not path.is_dir() or record_beside(file) not in inside:
                if file.resolve() not in seen:
                    yield file
                seen.add(file.resolve())
            if len(seen) > MOST_FILES:
                raise ValueError(f"{path}: more than {MOST_FILES:,} files; hand them in as several submissions")


def record_beside(file: Path) -> Path | None:
    """The record that a file belongs to by its name, as a picture or as scores of frames; None for any other file."""
    name = file.name
    for ending in (".jpg", PACKED):
        if name.endswith(ending):
            return file.with_name(name.removesuffix(ending) + ".json")
    return None


def _inside(folder: Path, problems: dict[Path, list[Problem]], left: list[Path]) -> Iterator[Path]:
    for place, folders, files in os.walk(folder, onerror=_raise):
        odd = strays([*folders, *files])
        left += [Path(place) / name for name in sorted(odd)]
        for name in [*folders]:
            if name in odd or (Path(place) / name).is_symlink():
                folders.remove(name)
                files += [name] if name not in odd else []
        for name in files:
            path = Path(place) / name
            if name not in odd:
                try:
                    yield regular_file(path)
                except (ValueError, OSError) as error:
                    problems[path] = [Problem(str(error).removeprefix(f"{path} "), NO_FILE)]


def _raise(error: OSError) -> None:
    raise error
