"""Plain values of JSON that comes from anyone: read strictly, and bounded in size, depth and alphabet."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from avsal_bench.names import shortened

#: Largest file; the record of a test of 5,000 stills has some 12 MB.
MOST_BYTES = 64_000_000
#: How deep lists and mappings may stand in each other.
DEEPEST = 20
#: Longest text, and largest number.
LONGEST, LARGEST = 20_000, 1e18

#: No control characters, no line ends, and no marks that turn the direction of the text around them.
TEXT = r"^[^\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]*$"
#: Texts of plain values, which may have several lines.
_LINES = re.compile(TEXT.replace(r"\u0000-\u001f", r"\u0000-\u0008\u000b-\u001f"))


def read_plain(content: bytes) -> Any:
    """Plain values of a file in JSON.

    Raises:
        ValueError: for what is no JSON in UTF-8, a key that stands twice in one mapping, and NaN and infinities.
    """
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("lists and mappings stand too deep in each other") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"no JSON in UTF-8: {error}") from None


def not_plain(whole: Any, name: str) -> str:
    """What is wrong with plain values that no form describes; "" where nothing is.

    Args:
        whole: mappings, lists, texts, numbers, booleans and None.
        name: of them, for the error.
    """
    waiting = [(name, whole, 0)]
    while waiting:
        where, value, deep = waiting.pop()
        if deep > DEEPEST:
            return f"{where}: lists and mappings stand more than {DEEPEST} deep in each other"
        if isinstance(value, dict):
            for key, inside in value.items():
                if not _is_text(key):
                    return f"{where}: the key {shortened(key)} holds control characters, or is too long"
                if not _is_harmless(inside):
                    waiting.append((f"{where}.{shown_key(key)}", inside, deep + 1))
        elif isinstance(value, list):
            waiting += [(where, inside, deep + 1) for inside in value if not _is_harmless(inside)]
        elif isinstance(value, str) and not _is_text(value):
            return f"{where} is {shortened(value)}; expected text without control characters, not too long"
        elif isinstance(value, int | float) and not abs(value) <= LARGEST:
            return f"{where} is {shortened(value)}; expected numbers up to {LARGEST:g}"
    return ""


def _is_harmless(value: Any) -> bool:
    """Whether nothing can be wrong with a value; a quick look at most of those of thousands of records."""
    kind = type(value)
    if kind is str:
        return len(value) <= LONGEST and value.isascii() and value.isprintable()
    return value is None or kind is bool or ((kind is float or kind is int) and -LARGEST <= value <= LARGEST)


def _is_text(value: str) -> bool:
    """Whether a text can be shown: short enough, without control characters, and without halves of characters."""
    if value.isascii() and value.isprintable():
        return len(value) <= LONGEST
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a character
        return False
    return len(value) <= LONGEST and _LINES.fullmatch(value) is not None


def shown_key(key: int | str) -> str:
    """A key as an error names it, on one line and not too long."""
    return str(key) if isinstance(key, int) or (key.isprintable() and len(key) <= 60) else shortened(key)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {shortened(twice)} stands twice")
    return found


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON; null says that a score is not defined")
