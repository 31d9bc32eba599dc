"""References of methods and data sets, from ``references.bib``; what it does not have is said, never invented.

Each entry has a field ``avsal`` that names the methods, data sets and papers it is of; it is left out of what is
handed on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from avsal_bench.leaderboard.escaping import one_line


@dataclass(frozen=True)
class Reference:
    """An entry of ``references.bib``: its key, the names that it is of, and its text without the field ``avsal``."""

    key: str
    names: tuple[str, ...]
    text: str


def read_references(path: Path) -> list[Reference]:
    """Every entry, in the order of the file.

    Raises:
        ValueError: naming an entry without a field ``avsal`` or with uneven braces, or a key used twice.
    """
    found: dict[str, Reference] = {}
    for block in re.findall(r"^@.*?(?=^@|\Z)", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        text = re.sub(r"^%.*\n?", "", block, flags=re.MULTILINE).strip()
        head = re.match(r"@\w+\{([\w-]+),", text)
        of = re.search(r"^ *avsal *= *\{([^{}]*)\},?\n", text, re.MULTILINE)
        if head is None or of is None or text.count("{") != text.count("}"):
            raise ValueError(f"{path}: expected @type{{key, avsal = {{names}}, ...}}, got {text.splitlines()[0]!r}")
        if head[1] in found:
            raise ValueError(f"{path}: two entries with the key {head[1]}; keep one")
        names = tuple(name.strip() for name in of[1].split(",") if name.strip())
        found[head[1]] = Reference(head[1], names, text.replace(of[0], ""))
    return list(found.values())


def keys_of(references: Iterable[Reference], name: str) -> list[str]:
    """Keys of the entries of a method, data set or paper; none where there is no entry."""
    return sorted(entry.key for entry in references if name in (entry.key, *entry.names))


def bibtex(references: Sequence[Reference], names: Iterable[str]) -> str:
    """The entries of some methods, data sets and papers, each once, in the order of their keys.

    A name without an entry, and an entry without authors, are said in comment lines in front.
    """
    keys = {name: keys_of(references, name) for name in sorted(set(names))}
    wanted = {key for own in keys.values() for key in own}
    entries = sorted((entry for entry in references if entry.key in wanted), key=lambda entry: entry.key)
    lines = [f"% {one_line(name)}: no reference is known here" for name, own in keys.items() if not own]
    unnamed = [entry.key for entry in entries if not re.search(r"^ *author *=", entry.text, re.MULTILINE)]
    lines += [f"% {key}: its authors are not known here; add them" for key in unnamed]
    return "\n\n".join(["\n".join(lines), *(entry.text for entry in entries)]).lstrip() + "\n"
