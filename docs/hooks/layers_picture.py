"""The layers of the package as a picture, drawn of the block of text in docs/ARCHITECTURE.md that a test holds true."""

from __future__ import annotations

import re
from html import escape

WIDTH, ROW, GAP = 860, 40, 8
COLOURS = ("#3f51b5", "#5063c4", "#6276d0", "#768ada", "#8c9fe4", "#a3b4ec", "#bbc9f3", "#d2dcf8", "#e4eafb", "#eef2fd")


def rows(text: str) -> list[list[str]]:
    """The names in each line of the first picture of layers, top to bottom."""
    block = re.search(r"^```layers avsal_bench\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    if block is None:
        raise ValueError("docs/ARCHITECTURE.md: no block ```layers avsal_bench")
    return [line.split("#")[0].split() for line in block[1].splitlines() if line.strip()]


def picture(text: str) -> str:
    """An SVG with a row of boxes a layer.

    >>> picture("```layers avsal_bench\\nup\\ndown below  # words\\n```\\n").count("<rect")
    4
    """
    found = rows(text)
    height = len(found) * (ROW + GAP) + GAP
    style = 'font-family="sans-serif" text-anchor="middle"'
    parts = []
    for n, names in enumerate(found):
        width = (WIDTH - GAP) / len(names) - GAP
        size = 15 if width > 9 * max(map(len, names)) else 11
        y = GAP + n * (ROW + GAP)
        colour = COLOURS[min(n, len(COLOURS) - 1)]
        ink = "#fff" if n < 4 else "#223"
        for k, name in enumerate(names):
            x = GAP + k * (width + GAP)
            parts.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW}" rx="5" fill="{colour}"/>')
            at = f'x="{x + width / 2:.1f}" y="{y + ROW / 2 + 5}" font-size="{size}" fill="{ink}"'
            parts.append(f"<text {at} {style}>{escape(name)}</text>")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>', *parts, "</svg>"]) + "\n"
