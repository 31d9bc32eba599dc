"""Markdown: padded tables, and text that is shown as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence


def markdown_table(header: Sequence[str], body: Sequence[Sequence[str]], numbers: range = range(0)) -> str:
    """A Markdown table, padded so that its text reads as a table too; columns in ``numbers`` align right.

    >>> print(markdown_table(["a", "b"], [["x", "1.5"]], numbers=range(1, 2)), end="")
    | a   |   b |
    | --- | --: |
    | x   | 1.5 |
    """
    widths = [max(3, *map(len, column)) for column in zip(header, *body, strict=True)]
    rule = ["-" * (w - 1) + ":" if i in numbers else "-" * w for i, w in enumerate(widths)]
    lines = []
    for row in [header, rule, *body]:
        pairs = enumerate(zip(row, widths, strict=True))
        cells = (cell.rjust(w) if i in numbers else cell.ljust(w) for i, (cell, w) in pairs)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def escape_markdown(text: str) -> str:
    r"""Text that Markdown shows as it is.

    >>> print(escape_markdown("STAViS* (a|b)"))
    STAViS\* (a\|b)
    """
    return re.sub(r"([\\|*])", r"\\\1", text)
