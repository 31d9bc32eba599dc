"""Where the files of a described set lie: paths below the data root with fields, as ``maps/{name}/{frame:04}.png``.

=============  ========================================================================================================
``{name}``     of the video or image; ``{name:03}`` is its number in three digits, where the name is a number
``{frame:04}`` number of the frame's file in four digits; ``{frame}`` without leading zeros
``{part}``     folder of the training or the test part (``split: folders``); in lists ``train`` or ``test``
``{fold}``     1, 2 or 3, in lists
``.*``         at the end: any ending of its kind, of pictures, video files or sounds
=============  ========================================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from avsal_bench.data.places import SOUND_SUFFIXES, VIDEO_SUFFIXES, NumberedFiles
from avsal_bench.names import safe_name
from avsal_bench.strays import same_name, strays

#: Name of the file of descriptions, in a data root.
FILE = "dataset.yaml"
#: Parts that have a file a frame, or one a video.
PICTURES = ("frames", "maps", "fixations")
#: Endings of pictures, and of fixation maps, in lower case.
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
#: What ``.*`` may stand for.
ANY = {
    "frames": (*PICTURE_SUFFIXES, *VIDEO_SUFFIXES),
    "maps": PICTURE_SUFFIXES,
    "fixations": (*PICTURE_SUFFIXES, ".mat"),
    "sound": (*SOUND_SUFFIXES, *VIDEO_SUFFIXES),
}
_FIELD = re.compile(r"\{([^{}]*)\}")
_NUMBER = re.compile(r"(name|frame)(?::0?([1-9]\d?))?")
_PRINTF = re.compile(r"%0?(\d*)[ds]")


def check_pattern(text: str, fields: Collection[str], needed: Collection[str] = ()) -> None:
    """Nothing, where a text is a path below a root with these fields.

    Args:
        text: the pattern.
        fields: that may stand in it.
        needed: that must.

    Raises:
        ValueError: saying what is wrong, after the pattern.
    """
    if found := _PRINTF.search(text):
        digits = f":{int(found[1]):02d}" if found[1] else ""
        raise ValueError(f"{text!r}: write {{frame{digits}}} in the place of {found[0]}")
    if set("{}") & set(_FIELD.sub("", text)):
        raise ValueError(f"{text!r}: a brace without its partner")
    there = []
    for inside in _FIELD.findall(text):
        name = m[1] if (m := _NUMBER.fullmatch(inside)) else inside
        if name not in fields:
            known = ", ".join(f"{{{f}:04}}" if f == "frame" else f"{{{f}}}" for f in fields)
            raise ValueError(f"{text!r}: unknown field {{{inside}}}; expected {known or 'no field'}")
        there.append(name)
    if lacking := [name for name in needed if name not in there]:
        raise ValueError(f"{text!r}: the field {{{lacking[0]}}} is missing")
    parts = text.split("/")
    if there.count("frame") > 1 or any("{frame" in part for part in parts[:-1]):
        raise ValueError(f"{text!r}: {{frame}} stands once, in the name of the file, and not in that of a folder")
    for part in parts:
        plain = _FIELD.sub("1", part)
        try:
            safe_name(f"{text!r}: the part", plain.removesuffix(".*") if part is parts[-1] else plain)
        except ValueError as error:
            raise ValueError(f"{error}; a path is written from the data root on, with / between folders") from None


@dataclass(frozen=True)
class Pattern:
    """A pattern that was looked at, of one part of a set.

    >>> Pattern("maps/{name}/{frame:04}.png", "maps").fill("clip 1")
    'maps/clip 1/{frame:04}.png'
    """

    text: str
    kind: str

    @property
    def numbered(self) -> bool:
        """Whether each frame has a file of its own."""
        return "{frame" in self.text

    @property
    def split(self) -> bool:
        """Whether the parts have folders of their own."""
        return "{part}" in self.text

    @property
    def names_all(self) -> bool:
        """Whether names are found by it: it holds them as they are."""
        return "{name}" in self.text

    def fill(self, name: str, part: str = "", fold: int = 1) -> str:
        """The pattern for one video of a part of a fold; ``{frame}`` stays."""

        def value(match: re.Match[str]) -> str:
            inside = match[1]
            if inside == "part":
                return part
            if inside == "fold":
                return str(fold)
            number = _NUMBER.fullmatch(inside)
            if number is None or number[1] == "frame":
                return match[0]
            return f"{int(name):0{number[2]}d}" if number[2] and name.isascii() and name.isdigit() else name

        return _FIELD.sub(value, self.text)


@dataclass
class Tree:
    """What lies below a root; each folder is listed once, and what other programs left in it is not there.

    Args:
        root: the data root.
    """

    root: Path
    _listed: dict[Path, dict[str, str]] = field(default_factory=dict)

    def listing(self, folder: Path) -> dict[str, str]:
        """Names in a folder, by :func:`~avsal_bench.strays.same_name`; none where there is no folder."""
        if folder not in self._listed:
            names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
            left = strays(names)
            self._listed[folder] = {same_name(name): name for name in sorted(names) if name not in left}
        return self._listed[folder]

    def names(self, pattern: Pattern, part: str) -> dict[str, str]:
        """Names of videos that have files, or the folder for them, as they are on the disk, by one spelling.

        Raises:
            ValueError: for a name that cannot be a part of a path.
        """
        levels = pattern.fill("{name}", part).split("/")
        at = next(i for i, level in enumerate(levels) if "{name}" in level)
        last = at == len(levels) - 1
        ends = self._ends(pattern)
        found = {}
        shape = _shape(levels[at].removesuffix(".*")) if last else _shape(levels[at])
        for name in self.listing(self._below(self.root, levels[:at])).values():
            stem = name
            if last and levels[at].endswith(".*"):
                stem, suffix = Path(name).stem, Path(name).suffix.lower()
                if suffix not in ends:
                    continue
            match = shape.fullmatch(stem)
            if match is None:
                continue
            video = match["name"]
            rest = [Pattern(level, pattern.kind).fill(video) for level in levels[:-1]]
            if not last and not self._below(self.root, rest).is_dir():
                continue
            folder = self._below(self.root, levels[:at])
            found[same_name(video)] = safe_name(f"{folder}: the name", video)
        return found

    def numbered(self, pattern: Pattern, name: str, part: str, first: int) -> NumberedFiles:
        """The files of the frames of a video; they need not be there."""
        *folders, file = pattern.fill(name, part).split("/")
        folder = self._below(self.root, folders)
        prefix, inside, suffix = _parted(file)
        digits = int(inside[2] or 1)
        if suffix.endswith(".*"):
            behind, ends = suffix.removesuffix(".*"), self._ends(pattern)
            files = [Path(n) for n in self.listing(folder).values() if Path(n).stem.endswith(behind)]
            there = {p.suffix for p in files if _number(p.stem.removesuffix(behind), prefix, digits) is not None}
            suffix = behind + next((end for end in sorted(there) if end.lower() in ends), ends[0])
        return NumberedFiles(folder, prefix, digits, suffix, first)

    def last(self, files: NumberedFiles) -> int:
        """The last frame that has a file; 0 where none has."""
        found = 0
        for name in self.listing(files.folder).values():
            if name.endswith(files.suffix):
                number = _number(name[: len(name) - len(files.suffix)], files.prefix, files.digits)
                found = max(found, 0 if number is None else number - files.first + 1)
        return found

    def file(self, pattern: Pattern, name: str, part: str) -> Path:
        """The only file of a video; where it is not there, the place for it.

        Raises:
            ValueError: for two files that differ in their endings alone.
        """
        *folders, file = pattern.fill(name, part).split("/")
        folder = self._below(self.root, folders)
        there = self.listing(folder)
        if not file.endswith(".*"):
            return folder / there.get(same_name(file), file)
        stem = same_name(file.removesuffix(".*"))
        ends = self._ends(pattern)
        found = [n for key, n in there.items() if Path(key).stem == stem and Path(key).suffix.lower() in ends]
        if len(found) > 1:
            raise ValueError(f"{folder / found[0]} and {folder / found[1]} are both files of one video; keep one")
        return folder / (found[0] if found else file.removesuffix(".*") + ends[0])

    def _ends(self, pattern: Pattern) -> tuple[str, ...]:
        if pattern.kind == "frames" and pattern.numbered:
            return PICTURE_SUFFIXES
        return ANY.get(pattern.kind, ())

    def _below(self, folder: Path, levels: Iterable[str]) -> Path:
        """A folder below another, however the accents of its name are composed."""
        for level in levels:
            folder /= level if level.isascii() else self.listing(folder).get(same_name(level), level)
        return folder


def _parted(file: str) -> tuple[str, re.Match[str], str]:
    """What stands before the number of the frame, the number's field, and what stands behind it."""
    found = next(m for m in _FIELD.finditer(file) if m[1].startswith("frame"))
    inside = _NUMBER.fullmatch(found[1])
    assert inside is not None, "check_pattern has looked at it"
    return file[: found.start()], inside, file[found.end() :]


def _shape(level: str) -> re.Pattern[str]:
    """What a folder or file is called, ``name`` in it."""
    made, end, seen = "", 0, False
    for found in _FIELD.finditer(level):
        made += re.escape(level[end : found.start()])
        if found[1] == "name":
            made += "(?P=name)" if seen else "(?P<name>.+)"
            seen = True
        elif number := _NUMBER.fullmatch(found[1]):
            made += f"[0-9]{{{number[2] or 1},}}"
        end = found.end()
    return re.compile(made + re.escape(level[end:]))


def _number(stem: str, prefix: str, digits: int) -> int | None:
    """The number in the name of a file without its ending; None for a file that has none."""
    text = stem.removeprefix(prefix) if stem.startswith(prefix) else ""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return None
    number = int(text)
    return number if text == f"{number:0{digits}d}" else None
