"""Names: look-ups, what to say when nobody has that name, and which names may become a part of a path."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

#: Longest name that becomes a part of a path, in bytes of UTF-8: file systems take 255, and suffixes are put behind it.
LONGEST_NAME = 200

#: The alphabet of names of models, data sets, protocols and presets: nothing in it can be taken for another letter.
PLAIN = "^[A-Za-z0-9]([A-Za-z0-9._+-]*[A-Za-z0-9_+-])?$"

#: Longest name of one of these.
LONGEST_PLAIN = 100

#: Names that belong to devices on Windows, whatever suffix follows them.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(\.|$)", re.IGNORECASE)
#: Unicode's marks that change the direction in which the text around them is read.
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def pick(what: str, name: str, known: Mapping[str, T]) -> T:
    """The entry of that name.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    if name not in known:
        raise ValueError(unknown(what, name, known))
    return known[name]


def rejoined(pieces: Sequence[str], known: Container[str]) -> list[str]:
    """Names from text that was cut at each comma, where names may have commas: the longest that is known counts.

    >>> rejoined("a, b,c".split(","), {"a, b", "a"}), rejoined(["a", " d"], {"a"})
    (['a, b', 'c'], ['a', 'd'])
    """
    found, first = [], 0
    while first < len(pieces):
        ends = range(len(pieces), first, -1)
        last = next((end for end in ends if ",".join(pieces[first:end]).strip() in known), first + 1)
        found.append(",".join(pieces[first:last]).strip())
        first = last
    return [name for name in found if name]


def unknown(what: str, name: object, known: Iterable[object]) -> str:
    """Text of the error for an unknown name: the nearest one, and all of them.

    >>> unknown("model", "stavi", ["vinet", "stavis"])
    "unknown model 'stavi'; did you mean 'stavis'? known: stavis, vinet"
    """
    names = sorted(str(k) for k in known)
    spelled = {known_name.lower(): known_name for known_name in names}
    near = difflib.get_close_matches(str(name).lower(), spelled, n=1)
    hint = f"did you mean {spelled[near[0]]!r}? " if near else ""
    return f"unknown {what} {name!r}; {hint}known: {', '.join(names) or 'none'}"


def safe_name(what: str, name: object) -> str:
    """The name, where it may become a part of a path: the one rule for names from lists, records, tables and archives.

    Blanks, brackets, commas and letters of any script may stand in it. What may not: separators of any system, control
    characters, a dot at the start, a dot or a blank at an end, names of devices, more than ``LONGEST_NAME`` bytes.

    Args:
        what: it names, and where it stands, for the error.
        name: of one folder or file, without a path.

    Raises:
        ValueError: that shows the name and says what is wrong with it.

    >>> safe_name("video", "clip 3 (take 2), été")
    'clip 3 (take 2), été'
    >>> safe_name("video", "../../y")
    Traceback (most recent call last):
    ValueError: video '../../y': a name may not hold '/', as it becomes a part of a path; rename it
    """
    if not isinstance(name, str):
        raise ValueError(f"{what} {shortened(name)}: expected text as its name")
    problem = _unsafe(name)
    if problem:
        raise ValueError(
            f"{what} {shortened(name)}: a name may not {problem}, as it becomes a part of a path; rename it"
        )
    return name


def plain_name(what: str, name: object) -> str:
    """The name of a model, a data set, a protocol or a preset, which stands in records, tables and paths.

    Args:
        what: it names.
        name: of ASCII letters, digits and . _ + - only.

    Raises:
        ValueError: that shows the name.

    >>> plain_name("model", "mspi-s3d")
    'mspi-s3d'
    """
    if isinstance(name, str) and len(name) > LONGEST_PLAIN:
        raise ValueError(f"{what} {shortened(name)}: a name has at most {LONGEST_PLAIN} letters; shorten it")
    if not isinstance(name, str) or not re.fullmatch(PLAIN[1:-1], name):
        raise ValueError(f"{what} {shortened(name)}: a name has letters of ASCII, digits and . _ + - only; rename it")
    return safe_name(what, name)


def plain_label(name: str) -> str:
    """A name as :func:`plain_name` asks for, with hyphens in the place of what it may not have.

    >>> plain_label("my maps (2)")
    'my-maps-2'
    """
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", name).strip("-._+")[:LONGEST_PLAIN] or "maps"


def shortened(value: object, longest: int = 60) -> str:
    """A value as an error shows it: on one line, without control characters, and not longer than a line.

    >>> shortened("a" + "b" * 100, 20)
    "'abbbbbb...bbbbbb'"
    """
    text = repr(value[:longest] if isinstance(value, str) and len(value) > 10 * longest else value)
    if len(text) <= longest:
        return text
    return f"{text[: longest // 2 - 2]}...{text[-(longest // 2 - 3) :]}"


def printable(text: object) -> str:
    """Text for a terminal: lines stay, and other control characters, which could move its cursor, are shown as escapes.

    >>> print(printable("a\\x1b[2Jb"))
    a\\x1b[2Jb
    """
    said = str(text)
    if said.isprintable():
        return said
    plain = (c if c.isprintable() or c in "\n\u00a0" else c.encode("unicode_escape").decode() for c in said)
    return "".join(plain)


@lru_cache(maxsize=4096)  # names of videos stand in many records
def _unsafe(name: str) -> str:
    """What is wrong with a name of a file, after 'may not'; "" where nothing is."""
    if not name:
        return "be empty"
    for character in name:
        if character in "/\\:":
            return f"hold {character!r}"
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _DIRECTIONS:
            return f"hold the character U+{ord(character):04X}"
    if name.startswith("."):
        return "start with a dot"
    if name != name.strip() or name.endswith("."):
        return "start with a blank, or end with a blank or a dot"
    if _DEVICES.match(name):
        return "be that of a device on Windows"
    if len(name.encode()) > LONGEST_NAME:
        return f"be longer than {LONGEST_NAME} bytes"
    return ""


#: Precisions of Lightning by what a row in them is marked with; others are marked with their own name.
PRECISIONS: dict[str, str] = {
    "32-true": "",
    "32": "",
    "16-mixed": "fp16",
    "16": "fp16",
    "fp16": "fp16",
    "bf16-mixed": "bf16",
    "bf16": "bf16",
    "64-true": "fp64",
    "64": "fp64",
    "16-true": "fp16-true",
    "bf16-true": "bf16-true",
    "transformer-engine": "fp8",
    "transformer-engine-float16": "fp8-fp16",
}


def own_preset(preset: str, train: Iterable[str]) -> str:
    """Name of a preset that trains on other data sets than it says.

    >>> own_preset("paper", ["mine"])
    'paper-on-mine'
    """
    return f"{preset}-on-{'+'.join(train)}"


#: What a network is marked with in tables whose windows at test time were those of videos played backwards.
BACKWARDS = "backwards"


def precision_word(precision: object) -> str:
    """What a row is marked with that was computed in a precision of Lightning; "" for float32.

    >>> precision_word("bf16-mixed"), precision_word("32-true"), precision_word(None), precision_word("16-true")
    ('bf16', '', '', 'fp16-true')
    """
    name = "32-true" if precision is None else str(precision)
    if name in PRECISIONS:
        return PRECISIONS[name]
    return re.sub(r"[^A-Za-z0-9.+_-]+", "-", name[:40]).strip("-._+") or "other"


def network_name(model: str, modality: str) -> str:
    """Name of a network in file names and tables.

    >>> network_name("avrsp", "av"), network_name("centre", "")
    ('avrsp_av', 'centre')
    """
    return f"{model}_{modality}" if modality else model


def record_path(
    root: Path, network: str, dataset: str, fold: int, seed: int, protocol: str, sound: str = "original"
) -> Path:
    """Where a record lies under ``root``, the folder of records.

    >>> record_path(Path("r"), "avrsp_av", "synth", 1, 0, "stavis").as_posix()
    'r/stavis/synth/avrsp_av-fold1-seed0.json'
    """
    condition = "" if sound == "original" else f"-{sound}"
    return root / protocol / dataset / f"{network}-fold{fold}-seed{seed}{condition}.json"
