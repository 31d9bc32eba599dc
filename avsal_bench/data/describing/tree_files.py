"""What lies in a tree: numbered series of files, a file a frame, and single ones; names only."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from avsal_bench.data.layouts.patterns import FILE, PICTURE_SUFFIXES
from avsal_bench.data.places import SOUND_SUFFIXES, VIDEO_SUFFIXES
from avsal_bench.strays import strays

#: Kinds of files by their endings.
KINDS = {
    **dict.fromkeys(PICTURE_SUFFIXES, "picture"),
    ".mat": "mat",
    **dict.fromkeys(VIDEO_SUFFIXES, "video"),
    **dict.fromkeys(SOUND_SUFFIXES, "sound"),
    ".csv": "table",
    ".txt": "text",
}
#: Folders that this package makes, which are of no set.
OURS = {"prepared", "pseudo", "runs", "leaderboard", "av_gt_label"}
#: Levels of folders that are looked at, and files at most: a whole disk is no data root.
MOST_LEVELS, MOST_FILES = 8, 5_000_000
#: The last number in a name, and what stands around it.
_NUMBERED = re.compile(r"(.*?)(\d+)(\D*)")


@dataclass(frozen=True)
class Series:
    """Files of one folder that differ in a number.

    Args:
        folder: names of the folders from the root on.
        kind: see ``KINDS``.
        prefix: before the number.
        digits: of the number; 1 where there are no leading zeros.
        suffix: behind the number, with the ending.
        first: the lowest number.
        last: the highest.
        count: files.
    """

    folder: tuple[str, ...]
    kind: str
    prefix: str
    digits: int
    suffix: str
    first: int
    last: int
    count: int

    def file(self, number: int) -> str:
        """The file of a number, from the root on."""
        return "/".join((*self.folder, f"{self.prefix}{number:0{self.digits}d}{self.suffix}"))


@dataclass(frozen=True)
class Single:
    """A file that is of no series."""

    folder: tuple[str, ...]
    kind: str
    stem: str
    suffix: str

    @property
    def file(self) -> str:
        """The file, from the root on."""
        return "/".join((*self.folder, self.stem + self.suffix))


@dataclass(frozen=True)
class Files:
    """What lies in a tree.

    Args:
        root: of the tree.
        series: numbered files.
        singles: other files, those of a series that may be images of their own among them.
        others: how many files of other kinds there are, by their endings.
    """

    root: Path
    series: tuple[Series, ...]
    singles: tuple[Single, ...]
    others: Counter[str]


def files_of_tree(root: Path) -> Files:
    """Look at all names below a folder.

    Raises:
        FileNotFoundError: when it is no folder.
        ValueError: for a tree of more files than a data root has.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder; name the folder that holds the files of the set")
    series: list[Series] = []
    singles: list[Single] = []
    others: Counter[str] = Counter()
    seen = 0
    for folder, names in _folders(root):
        seen += len(names)
        if seen > MOST_FILES:
            raise ValueError(f"{root}: over {MOST_FILES:,} files; name the folder of the set alone")
        kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name in names:
            suffix = Path(name).suffix
            if kind := KINDS.get(suffix.lower()):
                kinds[kind, suffix].append(Path(name).stem)
            elif name != FILE:
                others[suffix.lower() or name] += 1
        for (kind, suffix), stems in sorted(kinds.items()):
            found, rest = _series(folder, kind, suffix, stems) if kind in ("picture", "mat") else ([], stems)
            series += found
            singles += [Single(folder, kind, stem, suffix) for stem in sorted(rest)]
    return Files(root, tuple(series), tuple(singles), others)


def _folders(root: Path) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Each folder of a tree with the names of its files; those of other programs, and of ours, are left out."""
    for place, folders, names in os.walk(root):
        below = Path(place).relative_to(root).parts
        left = strays([*folders, *names])
        deep = len(below) >= MOST_LEVELS
        folders[:] = [] if deep else sorted(n for n in folders if n not in left and (below or n not in OURS))
        yield below, sorted(n for n in names if n not in left)


def _series(folder: tuple[str, ...], kind: str, suffix: str, stems: Iterable[str]) -> tuple[list[Series], list[str]]:
    """The numbered series of names in a folder, and the names that are of none."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    rest: list[str] = []
    for stem in stems:
        if (found := _NUMBERED.fullmatch(stem)) and len(found[2]) < 10:
            groups[found[1], found[3]].append((found[2], stem))
        else:
            rest.append(stem)
    series = []
    for (prefix, behind), numbers in sorted(groups.items()):
        values = sorted({int(text) for text, _ in numbers})
        dense = len(values) > 1 and 2 * len(values) > values[-1] - values[0]
        if not dense or len(values) < len(numbers):
            rest += [stem for _, stem in numbers]
            continue
        padded = [len(text) for text, _ in numbers if len(text) > 1 and text.startswith("0")]
        digits = padded[0] if padded else 1
        series.append(
            Series(folder, kind, prefix, digits, behind + suffix, values[0], values[-1], len(values)),
        )
    return series, rest
