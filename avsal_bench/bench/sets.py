"""Which data sets are meant, and where they lie."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import DataSet, Video, dataset, expand, list_datasets, resolve_name
from avsal_bench.kept import once

#: Folders below a data root that hold a folder a set.
PLACES = ("video_frames", "video_files", "annotations", "")


def asked_sets(names: Sequence[str], space: Workspace) -> dict[str, Path]:
    """Data sets, each with its root; by default those that are there, and without a data root the embedded one.

    Args:
        names: of sets, or of groups of them.
        space: folders.

    Raises:
        ValueError: for an unknown name.
        FileNotFoundError: for a real set without a root, and when no set is there.
    """
    resolved = [resolve_name(name) for name in expand(names) or present_sets(space.data_root)]
    return {name: space.root_of(name) for name in resolved}


def present_sets(root: Path | None) -> list[str]:
    """Real sets that have a folder below a data root, and those that it describes; without a root the embedded one.

    Raises:
        FileNotFoundError: when there is none, with the folders that were expected.
    """
    if root is None:
        print("no data root given: looking at the embedded set; see --root, AVSAL_DATA", file=sys.stderr)
        return ["synth"]
    real = [one for name in list_datasets(root) if not (one := dataset(name, root)).embedded]
    found = [d.name for d in real if d.described or _has_folder(root, d)]
    if not found:
        folders = ", ".join(d.folder for d in real)
        raise FileNotFoundError(
            f"{root}: no data set in it; expected video_frames/<SET> for one of {folders}, or a dataset.yaml that "
            "describes a set of your own, which `avsal data init` writes"
        )
    if over := [d.name for d in real if d.over and set(d.over) <= set(found)]:
        print(f"there too, over the files of other sets: {', '.join(over)}; asked for by name", file=sys.stderr)
    return found


def _has_folder(root: Path, description: DataSet) -> bool:
    names = (description.folder, *description.also)
    return any((root / place / name).is_dir() for place in PLACES for name in names)


def videos_of(space: Workspace, name: str, part: str, fold: int) -> list[Video]:
    """The videos of a list; within :func:`~avsal_bench.kept.one_look` the disk is looked at once for each list.

    Raises:
        ValueError, FileNotFoundError: as the layout of the set.
    """
    root = space.root_of(name)
    return once(("videos", name, root, part, fold), lambda: dataset(name).videos(root, part, fold))


def listed_videos(roots: Mapping[str, Path]) -> Iterator[Video]:
    """Videos of all lists of some sets; one that several lists name comes several times."""
    for name, root in roots.items():
        for fold in dataset(name).fold_numbers:
            for part in dataset(name).parts:
                yield from dataset(name).videos(root, part, fold)
