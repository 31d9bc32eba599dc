"""Numbers for people."""

from __future__ import annotations


def shortened(n: int) -> str:
    """A number in three digits.

    >>> shortened(43_721_809), shortened(369_979_827_456), shortened(950)
    ('43.7 M', '370 G', '950')
    """
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if n >= size:
            return f"{n / size:.{max(0, 3 - len(str(n // size)))}f} {letter}"
    return str(n)
