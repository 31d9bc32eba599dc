"""Whether what is kept may be used: everything that it was made of is compared with what is there now.

What is kept carries ``made_of``, a mapping of short names, such as ``ground truth``, to hex digests or releases of
libraries. Cheap things that differ are made again; expensive and published ones are refused with words that name what
differs and what to do. No other module decides this.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from avsal_bench.files import write_atomically

#: Names and digests, or releases.
MadeOf = Mapping[str, str]

#: The part that stands for all of them where nothing is told.
UNKNOWN = "what it was made of"
#: What is not there: no sound, no labels.
NONE = "none"
#: The file of a folder that says what all in it was made of.
FILE = "made_of.json"


def is_code(part: str) -> bool:
    """Whether a part is the code or a library, and no data.

    >>> [is_code(part) for part in ("code", "visual: code", "library torch", "visual: frames")]
    [True, True, True, False]
    """
    own = part.rpartition(": ")[2]
    return own == "code" or own.startswith("library ")


def differing(kept: object, now: Mapping[str, object], other_code: bool = False) -> list[str]:
    """Names of the parts in which something kept differs from what is there now; :data:`UNKNOWN` where it tells none.

    Args:
        kept: its ``made_of``, or anything else where it has none.
        now: what it would be made of now, digests or other plain values. Parts that are not in it do not count.
        other_code: whether other code and other libraries may have made it.
    """
    if not isinstance(kept, Mapping) or not kept:
        return [UNKNOWN]
    return [part for part, digest in now.items() if kept.get(part) != digest and not (other_code and is_code(part))]


def require_same(what: str, kept: object, now: MadeOf, ways: str, other_code: bool = False) -> None:
    """Nothing, where something kept may be used.

    Args:
        what: that is kept, such as its path.
        kept: as for :func:`differing`.
        now: likewise.
        ways: what to do else, in words.
        other_code: as for :func:`differing`.

    Raises:
        ValueError: naming what differs and the ways out.
    """
    if other := differing(kept, now, other_code):
        if other == [UNKNOWN]:
            raise ValueError(f"{what} does not say what it was made of; {ways}")
        told = ", ".join(_told(part, kept, now) for part in other)
        if all(map(is_code, other)):
            ways = f"{ways}; or use it as it is, with --reuse-other-code"
        raise ValueError(f"{what} was made of other things than are here now: {told}; {ways}")


def _told(part: str, kept: object, now: MadeOf) -> str:
    if "library " in part and isinstance(kept, Mapping):
        return f"{part} ({kept.get(part)}, now {now[part]})"
    return part


def read_made_of(folder: Path) -> object:
    """What :func:`claim` noted in a folder; None where it did not, or where that cannot be read."""
    try:
        return json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def claim(folder: Path, begun: bool, now: MadeOf, ways: str, other_code: bool = False) -> None:
    """Note in a folder what all in it is made of; or, where something is in it, see that it is made of the same.

    Args:
        folder: made if it is not there.
        begun: whether it holds something that would be used.
        now: what it is made of now.
        ways: as for :func:`require_same`.
        other_code: as for :func:`differing`.

    Raises:
        ValueError: as :func:`require_same`.
    """
    if begun:
        require_same(str(folder), read_made_of(folder), now, ways, other_code)
    else:
        write_atomically(folder / FILE, json.dumps(dict(now), indent=1, sort_keys=True) + "\n")
