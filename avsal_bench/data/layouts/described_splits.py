"""Which videos of a described set train and which are tested. A draw knows names only, whatever the disk's order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.data.layouts.lists import SHARED, ListedVideo, overlap_is_meant, read_part
from avsal_bench.data.layouts.patterns import PICTURES, Pattern, Tree
from avsal_bench.names import unknown
from avsal_bench.strays import same_name
from avsal_bench.text import many

if TYPE_CHECKING:  # which is pydantic's, for sets without a description too
    from avsal_bench.data.layouts.description import Description


def listed(one: Description, tree: Tree, part: str, fold: int) -> list[ListedVideo]:
    """The videos of a part of a fold; without a list of their own with 0 frames at a rate of 0, which is to be found.

    Args:
        one: the set.
        tree: what lies in its root.
        part: ``train``, ``test`` or, of a set with ``split.validation``, ``val``.
        fold: 1, 2 or 3; of a set with one split it moves nothing.

    Raises:
        FileNotFoundError: for a list that is missing, and for a set or part without videos.
        ValueError: naming file and line, for a bad list or name, and for a video of both parts.
    """
    split = one.form.split
    if split.lists is not None:
        return _of_lists(one, tree.root, part, fold)
    if split.folders is not None:
        found = {kind: _found(one, tree, folder) for kind, folder in one.words.items()}
        for first, second in combinations(found, 2):
            if shared := sorted(found[first].keys() & found[second].keys()):
                raise ValueError(
                    f"{one.at('split.folders')}: {found[first][shared[0]]!r} lies in the folders of both {first} and "
                    f"{second}: {SHARED[first, second]}; take it out of one of them"
                )
        return _plain(found[part])
    names = _found(one, tree, "")
    if split.test is not None:
        tested = set(map(same_name, split.test))
        for number, name in enumerate(split.test):
            if same_name(name) not in names:
                raise ValueError(f"{one.at(f'split.test.{number}')}: {unknown('video', name, names.values())}")
    else:
        order = drawn(names, one.form.name, split.seed)
        if len(order) < (3 if split.folds else 2):
            raise ValueError(f"{one.at('split')}: {many(len(order), 'video', 'are')} too few for this split")
        if split.fraction is not None:
            tested = set(order[: min(len(order) - 1, max(1, round(split.fraction * len(order))))])
        else:
            tested = set(order[fold - 1 :: 3])
    kept = {key: name for key, name in names.items() if (key in tested) == (part == "test")}
    if not kept:
        raise ValueError(f"{one.at('split')}: no video is left to train on; {len(names)} are tested")
    return _plain(kept)


def drawn(names: Iterable[str], name: str, seed: int) -> list[str]:
    """Names of videos in an order that follows from them, the name of the set and the seed alone.

    >>> drawn(["a", "b", "c"], "mine", 0) == drawn(["c", "b", "a"], "mine", 0)
    True
    """
    return sorted(names, key=lambda video: hashlib.sha1(f"{seed}/{name}/{video}".encode()).hexdigest())


def list_path(one: Description, root: Path, part: str, fold: int) -> Path:
    """Where the list of a part of a fold lies, for a set with lists."""
    return root / Pattern(one.form.split.lists or "", "lists").fill("", one.words[part], fold)


def overlaps(one: Description, root: Path, fold: int) -> bool:
    """Whether the test list of a fold says that it shares videos with the training list on purpose."""
    path = list_path(one, root, "test", fold)
    return one.form.split.lists is not None and path.is_file() and overlap_is_meant(path)


def _of_lists(one: Description, root: Path, part: str, fold: int) -> list[ListedVideo]:
    lists = {kind: list_path(one, root, kind, fold) for kind in one.words}
    if not lists[part].is_file():
        key = "split.validation" if part == "val" else "split.lists"
        raise FileNotFoundError(f"{lists[part]}: no such list, which {one.at(key)} asks for")
    return read_part(lists, part, names_alone=bool(one.form.fps) or one.form.layout == "stills")


def _found(one: Description, tree: Tree, folder: str) -> dict[str, str]:
    """Names of all videos of a part, sorted, that have frames or maps."""
    found: dict[str, str] = {}
    for key in PICTURES[:2]:
        if one.patterns[key].names_all:
            found |= tree.names(one.patterns[key], folder)
    if not found:
        said = " and ".join(f"files.{key}, {one.patterns[key].text!r}," for key in PICTURES[:2])
        place = f"; {{part}} is {folder}" if folder else ""
        raise FileNotFoundError(
            f"{one.at('files')}: no video in {tree.root}: {said} match nothing{place}{_there(one, tree, folder)}"
        )
    return {key: found[key] for key in sorted(found)}


def _there(one: Description, tree: Tree, folder: str) -> str:
    """What the deepest folder holds that there is of a pattern, to see how the two differ."""
    place = tree.root
    for level in one.patterns["maps"].fill("{name}", folder).split("/"):
        if "{" in level or not (place / level).is_dir():
            break
        place /= level
    names = list(tree.listing(place).values())
    return f"; {place} holds {', '.join(names[:3])}{' and more' if len(names) > 3 else ''}" if names else ""


def _plain(names: Mapping[str, str]) -> list[ListedVideo]:
    return [ListedVideo(name, 0, 0.0) for name in names.values()]
