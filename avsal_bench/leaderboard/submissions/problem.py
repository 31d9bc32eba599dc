"""What is wrong with a file, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

#: Of a file that is no record.
NO_RECORD = "make it anew with `avsal bench` or `avsal evaluate`; `avsal submit --schema` prints the form"
#: Of what is no file.
NO_FILE = "put the file itself in its place"


class Problem(str):
    """What is wrong, as text; ``fix`` says what to do, where the text does not.

    >>> Problem("video a is missing", "test it").fix
    'test it'
    """

    __slots__ = ("fix",)
    fix: str

    def __new__(cls, text: str, fix: str = "") -> Problem:
        """A problem, and what to do."""
        made = super().__new__(cls, text)
        made.fix = fix
        return made


def with_fix(problems: Iterable[str], fix: str) -> Iterator[Problem]:
    """Problems that one thing mends."""
    for text in problems:
        yield Problem(text, fix)
