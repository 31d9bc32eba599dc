"""What people type, as types of options: a word that nobody can mean is refused before anything is imported."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

#: The largest seed that torch, numpy and Lightning take alike.
LARGEST_SEED = 2**32 - 1
#: No data set has more folds; most have three.
MOST_FOLDS = 9


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """The type of an option that is a whole number, from ``least`` to ``most``, both included.

    >>> whole(1)("3")
    3
    """
    span = f"from {least}" if most is None else f"from {least} to {most}"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"expected a whole number {span}, got {_short(text)}")
        return number

    return read


def above0(text: str) -> float:
    """A number above 0.

    >>> above0("1e-3")
    0.001
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, such as 1e-3; got {_short(text)}")
    return number


def size(text: str) -> tuple[int, int]:
    """Height and width in pixels.

    >>> size("224x384")
    (224, 384)
    """
    try:
        height, width = (whole(1, 16_384)(part) for part in text.split("x"))
    except (argparse.ArgumentTypeError, ValueError):
        raise argparse.ArgumentTypeError(f"expected height x width such as 224x384, got {_short(text)}") from None
    return height, width


def seed(text: str) -> int:
    """A seed of random draws."""
    return whole(0, LARGEST_SEED)(text)


def folds(text: str) -> list[int]:
    """Folds with commas between them, each once."""
    said = f"folds such as 1,2,3; most sets have 1, 2 and 3, and none has more than {MOST_FOLDS}"
    return _several(text, whole(1, MOST_FOLDS), said)


def fold(text: str) -> int:
    """One fold; whether a set has it, is known when the set is."""
    return whole(1, MOST_FOLDS)(text)


def seeds(text: str) -> list[int]:
    """Seeds with commas between them, each once."""
    return _several(text, seed, f"seeds such as 0,1, whole numbers from 0 to {LARGEST_SEED}")


def seeds_or_all(text: str) -> list[int]:
    """Seeds with commas between them; ``all`` is none in particular.

    >>> seeds_or_all("0,1"), seeds_or_all("all")
    ([0, 1], [])
    """
    return [] if text == "all" else seeds(text)


def _several(text: str, read: Callable[[str], int], what: str) -> list[int]:
    try:
        found = [read(part) for part in text.split(",")]
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"expected {what}; got {_short(text)}") from None
    if twice := [number for number in found if found.count(number) > 1]:
        raise argparse.ArgumentTypeError(f"{twice[0]} stands twice in {_short(text)}; give each once")
    return found


def listed(text: str) -> list[str]:
    """Words with commas between them; "" is none.

    >>> listed("diem, avad,")
    ['diem', 'avad']
    """
    return [word.strip() for word in text.split(",") if word.strip()]


def named(text: str) -> list[str]:
    """Words with commas between them, at least one.

    >>> named("diem,avad")
    ['diem', 'avad']
    """
    if not (words := listed(text)):
        raise argparse.ArgumentTypeError("expected names with commas between them, got none; leave the option out")
    return words


def word(text: str) -> str:
    """A word that is not empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError("expected a word, got an empty one; leave the option out")
    return text


def place(text: str) -> str:
    """The name of a file or folder; ``~`` is the home folder, as in a shell."""
    if not text.strip():
        raise argparse.ArgumentTypeError("expected the name of a file or folder, got an empty one")
    if "\0" in text:
        raise argparse.ArgumentTypeError(f"expected the name of a file or folder, got {_short(text)}")
    try:
        return str(Path(text).expanduser()) if text.startswith("~") else text
    except RuntimeError:  # of a user that is not there, or without a home
        raise argparse.ArgumentTypeError(f"no home folder for {_short(text)}; write the folder out") from None


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
