"""Pictures of a folder by the number at the end of their names, whatever stands before it: one for each frame.

A folder is listed once in a process, and again when it has changed: Hollywood-2 has 20,000 of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from avsal_bench.data.layouts.lists import MOST_FRAMES
from avsal_bench.data.places import NamedFiles, NumberedFiles
from avsal_bench.strays import strays

#: Endings of pictures, in lower case.
PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>[0-9]{1,9})(?P<suffix>\.[A-Za-z]+)")

#: Of each folder and kind of file that was listed: when the folder was changed last, and what was found.
_found: dict[tuple[Path, str, tuple[str, ...]], tuple[int, NumberedFiles | None, int]] = {}


def numbered_in(
    folder: Path, expected: str = "", suffixes: tuple[str, ...] = PICTURES
) -> tuple[NumberedFiles | None, int]:
    """The pictures of a folder, and how many frames they are: from the first number to the last.

    A number that lacks between these is a frame whose file is missed where files are looked for. Where all names are of
    one pattern, they are :class:`~avsal_bench.data.places.NumberedFiles` with their ``first``, else
    :class:`~avsal_bench.data.places.NamedFiles`.

    Args:
        folder: that need not be there.
        expected: what stands before the number; where no file has it, whatever one there is. Other files do not count.
        suffixes: endings, in lower case, that count.

    Returns:
        The files and their number; None and 0 where there are none.

    Raises:
        ValueError: naming two files of one number, a number that no frame has, and two files of other names between
            which nothing decides.
    """
    try:
        changed = folder.stat().st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return None, 0
    key = (folder, expected, suffixes)
    if (kept := _found.get(key)) is None or kept[0] != changed:
        files, count = _listed(folder, expected, suffixes)
        _found[key] = kept = (changed, files, count)
    return kept[1], kept[2]


def alike(files: NumberedFiles | None, folder: Path, like: NumberedFiles, suffix: str = ".png") -> NumberedFiles:
    """The files of a part of a video whose frames are ``like``; where there are none, the places for them.

    Frame 1 of both has one number, so a file that lacks in front is missed and shifts nothing.
    """
    if files is None:
        return NumberedFiles(folder, like.prefix, like.digits, suffix, like.first)
    if isinstance(files, NamedFiles):
        start, number = files.first - like.first, len(files.names)
        pattern = NumberedFiles(folder, files.prefix, files.digits, files.suffix, like.first)
        before = tuple(pattern.name(frame) for frame in range(1, start + 1))
        names = (*before, *files.names[max(0, -start) : number])
        return replace(files, first=like.first, names=names)
    return replace(files, first=like.first)


def _listed(folder: Path, expected: str, suffixes: tuple[str, ...]) -> tuple[NumberedFiles | None, int]:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not entry.is_dir()]
    if (plain := _of_one_pattern(folder, expected, names, suffixes)) is not None:
        return plain
    left = strays(names)
    kinds: dict[str, list[re.Match[str]]] = {}
    for name in names:
        found = _NUMBERED.fullmatch(name)
        if found is not None and found["suffix"].lower() in suffixes and name not in left:
            kinds.setdefault(found["before"], []).append(found)
    if not kinds:
        return None, 0
    if expected not in kinds and len(kinds) > 1:
        first, second = sorted(kinds)[:2]
        raise ValueError(
            f"{folder}: holds {_named(kinds[first])} and {_named(kinds[second])}, and no picture named "
            f"{expected}<number>; which of them are the frames? Move the others away"
        )
    prefix = expected if expected in kinds else next(iter(kinds))
    return _in_order(folder, prefix, kinds[prefix])


def _of_one_pattern(
    folder: Path, expected: str, names: list[str], suffixes: tuple[str, ...]
) -> tuple[NumberedFiles, int] | None:
    """The usual case, in a third of the time: the expected name, as many digits, and one ending; None for any other."""
    suffix = names[0][names[0].rfind(".") :] if names else ""
    start, end = len(expected), -len(suffix)
    numbers = [name[start:end] for name in names if name.startswith(expected) and name.endswith(suffix)]
    joined = "".join(numbers)
    if suffix.lower() not in suffixes or len(numbers) < len(names) or len({*map(len, numbers)}) > 1:
        return None
    if not (joined.isascii() and joined.isdecimal()) or (last := int(max(numbers))) > MOST_FRAMES:
        return None
    first = int(min(numbers))
    return NumberedFiles(folder, expected, len(numbers[0]), suffix, first), last - first + 1


def _named(found: Iterable[re.Match[str]]) -> str:
    return min(match.string for match in found)


def _in_order(folder: Path, prefix: str, found: Iterable[re.Match[str]]) -> tuple[NumberedFiles, int]:
    numbers: dict[int, re.Match[str]] = {}
    for match in sorted(found, key=lambda match: match.string):
        number = int(match["number"])
        if number > MOST_FRAMES:
            raise ValueError(
                f"{folder / match.string}: no video has so many frames; is it a frame at all? Move it away"
            )
        if number in numbers:
            raise ValueError(
                f"{folder / numbers[number].string} and {folder / match.string} are both frame {number}; keep one"
            )
        numbers[number] = match
    first, last = min(numbers), max(numbers)
    digits = min(len(match["number"]) for match in numbers.values())
    suffixes = [match["suffix"] for match in numbers.values()]
    usual = max(dict.fromkeys(suffixes), key=suffixes.count)
    files = NumberedFiles(folder, prefix, digits, usual, first)
    count = last - first + 1
    if all(files.name(number - first + 1) == match.string for number, match in numbers.items()):
        return files, count
    names = tuple(
        numbers[number].string if number in numbers else files.name(number - first + 1)
        for number in range(first, last + 1)
    )
    return NamedFiles(folder, prefix, digits, usual, first, names=names), count
