"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from avsal_bench.leaderboard.escaping import for_markdown


class Ready(str):
    """A cell that is Markdown already; any other text is shown as it is."""

    __slots__ = ()


def markdown_table(
    header: Sequence[str], body: Sequence[Sequence[str]], numbers: range = range(0), padded: bool = True
) -> str:
    r"""A Markdown table, padded so that its text reads as a table too; columns in ``numbers`` align right.

    Without ``padded`` cells are as long as their text.

    >>> print(markdown_table(["a", "b"], [["x*", "1.5"], ["y", Ready("**2**")]], numbers=range(1, 2)), end="")
    | a   |     b |
    | --- | ----: |
    | x\* |   1.5 |
    | y   | **2** |
    """
    header, *body = (
        [cell if isinstance(cell, Ready) else for_markdown(cell) for cell in row] for row in (header, *body)
    )
    widths = [max(3, *map(len, column if padded else column[:1])) for column in zip(header, *body, strict=True)]
    rule = ["-" * (w - 1) + ":" if i in numbers else "-" * w for i, w in enumerate(widths)]
    lines = []
    for row in [header, rule, *body]:
        pairs = enumerate(zip(row, widths, strict=True))
        cells = (cell.rjust(w) if i in numbers else cell.ljust(w) for i, (cell, w) in pairs)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
