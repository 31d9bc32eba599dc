"""Fold lists: which videos a part of a fold has. A list of the root is used in the place of the one in this package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from avsal_bench.data.dataset import FOLDS, DataSet
from avsal_bench.names import safe_name
from avsal_bench.strays import same_name
from avsal_bench.text import many

#: The lists of the six sets as the authors of STAViS hand them out, and those of DHF1K in the same form.
PACKAGED_LISTS = Path(__file__).parents[1] / "fold_lists"
#: Frames of one video that a list may claim: 9 hours at 30 a second.
MOST_FRAMES = 1_000_000
#: Sets with one split that are tested in each fold of the six sets, whose networks differ.
IN_EACH_FOLD = ("diem", "dhf1k", "salicon", "mit1003")
#: The line by which a list says that it shares videos with those of other parts on purpose.
OVERLAPS = "# overlaps"


class ListedVideo(NamedTuple):
    """One line of a fold list."""

    name: str
    n_frames: int
    fps: float


def read_fold_list(
    path: Path, spelled: Callable[[str], str] = same_name, names_alone: bool = False
) -> list[ListedVideo]:
    """Read ``name n_frames fps`` lines; blank lines and a missing last newline are fine.

    Args:
        path: of the list.
        spelled: what two names of one video have in common.
        names_alone: whether a line is a name; then frames and rates are 0, and found in another way.

    Raises:
        FileNotFoundError: when there is no such list.
        ValueError: naming file and line, for a line of another form, a name that is no safe part of a path, and a video
            that stands there twice, which would count twice in a score.
    """
    videos = [video for _, video in _numbered(path, spelled, names_alone)]
    if not videos:
        raise ValueError(f"{path}: the list names no video")
    return videos


def find_list(root: Path, name: str) -> Path:
    """A fold list: the root's own, else the one in this package; where there is neither, the place for the root's."""
    own, packaged = root / "fold_lists" / name, PACKAGED_LISTS / name
    return packaged if packaged.is_file() and not own.is_file() else own


#: What would be wrong with a video of two parts.
SHARED = {
    ("train", "val"): "the checkpoint would be chosen on what it was trained on",
    ("train", "test"): "it would be tested on what it was trained on",
    ("val", "test"): "what is tested would have chosen the checkpoint",
}


def read_part(
    lists: Mapping[str, Path], part: str, spelled: Callable[[str], str] = same_name, names_alone: bool = False
) -> list[ListedVideo]:
    """The videos of a part of a fold, which stand in no list of another part.

    The test list is the last that is looked at: who tests reads no other list.

    Args:
        lists: where the list of each part of the fold lies: ``train``, ``test`` and, where there is one, ``val``.
        part: which is read.
        spelled: as in :func:`read_fold_list`.
        names_alone: likewise.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_fold_list` and :func:`check_apart`.
    """
    listed = read_fold_list(lists[part], spelled, names_alone)
    for other in {"train": ("val", "test"), "val": ("train", "test"), "test": ()}[part]:
        if other in lists:
            first, second = sorted((part, other), key=("train", "val", "test").index)
            check_apart(lists[first], lists[second], spelled, names_alone, SHARED[first, second])
    return listed


def check_apart(
    train: Path,
    test: Path,
    spelled: Callable[[str], str] = same_name,
    names_alone: bool = False,
    wrong: str = SHARED["train", "test"],
) -> None:
    """Nothing, where no video of a training list stands in the test list too, or the test list says ``# overlaps``.

    Args:
        train: the list of one part.
        test: that of another, of which a missing one is no error here.
        spelled: as in :func:`read_fold_list`.
        names_alone: likewise.
        wrong: what a video in both would do.

    Raises:
        ValueError: naming the first such video, and its line in both lists.
    """
    if not (train.is_file() and test.is_file()) or overlap_is_meant(test):
        return
    tested = {spelled(video.name): number for number, video in _numbered(test, spelled, names_alone)}
    trained = _numbered(train, spelled, names_alone)
    shared = [(n, v.name, tested[key]) for n, v in trained if (key := spelled(v.name)) in tested]
    if shared:
        number, name, other = shared[0]
        more = f", and {len(shared) - 1} more" if len(shared) > 1 else ""
        raise ValueError(
            f"{train}:{number} and {test}:{other} both name {name!r}{more}: {wrong}; take it out of one of "
            f"them, or, if that is meant, write the line '{OVERLAPS}' into {test.name}"
        )


def check_parts_apart(train: Mapping[str, Path], test: Mapping[str, Path]) -> None:
    """Nothing, where no video or image lies in the folder of the training part and in that of the test part.

    Args:
        train: its files or folders, by what the names of one video have in common.
        test: likewise.

    Raises:
        ValueError: naming both places of the first such video.
    """
    if shared := sorted(train.keys() & test.keys()):
        more = f", and {len(shared) - 1} more" if len(shared) > 1 else ""
        raise ValueError(
            f"{train[shared[0]]} and {test[shared[0]]} have one name{more}: it would be tested on what it was trained "
            "on; take it out of one of them"
        )


def overlap_is_meant(test: Path) -> bool:
    """Whether a list says that it shares videos with those of other parts on purpose."""
    return any(line.strip().lower() == OVERLAPS for line in _lines(test))


def story_of_lists(root: Path, description: DataSet, fold: int) -> dict[str, Any]:
    """What a record tells of the lists of a fold: ``overlaps``, where the test list says so, and ``own_list``, where
    the root has another test list than this package; else nothing.

    Of a described set it tells more: see :mod:`avsal_bench.data.layouts.described`.
    """
    if description.told is not None:
        return description.told(root, fold)
    tests = [find_list(root, name) for name in names_of_list(description, "test", fold)]
    told: dict[str, Any] = (
        {"overlaps": True} if any(test.is_file() and overlap_is_meant(test) for test in tests) else {}
    )
    for test in tests:
        if test.is_file() and (packaged := PACKAGED_LISTS / test.name).is_file() and test != packaged:
            used, usual = ({v.name: v.n_frames for v in read_fold_list(path)} for path in (test, packaged))
            if used != usual:  # a score on it is none of the usual test, and the leaderboard does not rank it
                told["own_list"] = {"videos": len(used), "usual": len(usual)}
    return told | folds_told(description)


def told_of_test(description: DataSet, test: Path, used: Mapping[str, int], usual: Mapping[str, int]) -> dict[str, Any]:
    """What a record tells of a test list beside that of this package: ``overlaps``, ``own_list`` and ``folds``.

    Args:
        description: of the set.
        test: the list that is used.
        used: frames of its videos, by name.
        usual: likewise, of the list of this package.
    """
    told: dict[str, Any] = {"overlaps": True} if overlap_is_meant(test) else {}
    if used != usual:  # a score on it is none of the usual test, and the leaderboard does not rank it
        told["own_list"] = {"videos": len(used), "usual": len(usual)}
    return told | folds_told(description)


def folds_told(description: DataSet) -> dict[str, list[int]]:
    """What a record tells of the folds of a set, by which a row of the leaderboard is whole; nothing for three.

    A set with one split has fold 1, but for those that stand beside the six sets and are tested in each of their folds.
    """
    each = not description.folds and (description.embedded or description.name in IN_EACH_FOLD)
    return {} if each or description.fold_numbers == FOLDS else {"folds": list(description.fold_numbers)}


def names_of_list(description: DataSet, part: str, fold: int) -> tuple[str, ...]:
    """Names that the list of a part of a fold may have below ``fold_lists``, the usual one first."""
    if description.lists:
        return (description.lists[fold - 1].format(part=part),)
    suffixes = (f"_{fold}",) if description.folds else ("", "_1")  # DIEM's one split, and DHF1K's
    return tuple(f"{description.folder}_list_{part}{suffix}_fps.txt" for suffix in suffixes)


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(f"no fold list {path}; the root must hold fold_lists/, see --data-root")
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: the list is not in UTF-8 ({error.reason}, byte {error.start}); save it so") from None


def _numbered(path: Path, spelled: Callable[[str], str], names_alone: bool) -> list[tuple[int, ListedVideo]]:
    """The videos of a list, each with the number of its line."""
    found: dict[str, tuple[int, ListedVideo]] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip() or line.strip().lower() == OVERLAPS:
            continue
        try:
            name, n_frames, fps = (line, 0, 0.0) if names_alone else line.rsplit(maxsplit=2)
            video = ListedVideo(name.strip(), int(n_frames), float(fps))
            if not names_alone and (video.n_frames < 1 or not 0 < video.fps < 1000):
                raise ValueError
        except ValueError:
            raise ValueError(f"{path}:{number}: expected 'name n_frames fps', got {line!r}") from None
        if video.n_frames > MOST_FRAMES:
            raise ValueError(f"{path}:{number}: {many(video.n_frames, 'frame')}, a video has at most {MOST_FRAMES:,}")
        safe_name(f"{path}:{number}: video", video.name)
        before = found.setdefault(spelled(video.name), (number, video))
        if before[0] != number:
            raise ValueError(
                f"{path}: lines {before[0]} and {number} both name {video.name!r}, which would count twice in a score; "
                "delete one of them"
            )
    return list(found.values())
