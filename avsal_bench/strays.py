"""Files that other programs leave in folders: which they are, by one rule. Standard library only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

#: What systems and programs leave in folders, in lower case. Hidden files are strays too, such as ``._0001.png``.
LEFT = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "$recycle.bin", "lost+found"}
#: A copy that a browser or a desktop made: ``0001 (1).png``, ``0001 copy 2.png``, ``0001 - Copy.png``.
_COPY = re.compile(r"(?P<of>.+?)( \(\d+\)| (- )?(copy|kopie)( \d+| \(\d+\))?)", re.IGNORECASE)


def strays(names: Iterable[str]) -> set[str]:
    """Those of the names in one folder that other programs left there: they are ignored, and named.

    A copy is one beside its original, or of a number: ``0007 (1).png`` is no frame 1. Where all files of a kind are
    named ``shot (1).png``, ``shot (2).png`` and so on, they are no copies.

    >>> sorted(strays(["0001.png", "._0001.png", "0001 (1).png", "Thumbs.db", "clip (2)"]))
    ['._0001.png', '0001 (1).png', 'Thumbs.db']
    >>> strays(["shot (1).png", "shot (2).png"])
    set()
    """
    listed = set(names)
    found = {name for name in listed if name.startswith(".") or name.lower() in LEFT or name.endswith("~")}
    kinds: dict[str, dict[str, str]] = {}
    for name in listed - found:
        stem, dot, kind = name.rpartition(".")
        match = _COPY.fullmatch(stem if dot else name)
        kinds.setdefault(dot + kind if dot else "", {})[name] = match["of"] if match else ""
    for kind, copies in kinds.items():
        if len(copies) > 1 and len(set(copies.values())) == 1:
            continue
        found |= {n for n, of in copies.items() if of and (f"{of}{kind}" in listed or (kind and of[-1].isdigit()))}
    return found


def without_strays(paths: Iterable[Path]) -> list[Path]:
    """The files and folders of one folder that no other program left there, sorted."""
    listed = list(paths)
    left = strays(path.name for path in listed)
    return sorted(path for path in listed if path.name not in left)


def same_name(name: str) -> str:
    """A name in one spelling: file systems compose accents in two ways, and copying may change the one to the other.

    >>> same_name("e\\u0301te\\u0301") == same_name("\\u00e9t\\u00e9")
    True
    """
    return unicodedata.normalize("NFC", name)


def child(folder: Path, name: str) -> Path:
    """The file or folder of that name in a folder, however its accents are composed; it need not be there."""
    path = folder / name
    if name.isascii() or path.exists() or not folder.is_dir():
        return path
    wanted = same_name(name)
    return next((near for near in sorted(folder.iterdir()) if same_name(near.name) == wanted), path)
