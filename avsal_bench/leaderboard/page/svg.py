"""Elements of SVG as text, escaped; figures are drawn in Python, so that they need no script."""

from __future__ import annotations

from html import escape


def element(name: str, *content: str, **attributes: object) -> str:
    """An element with its content, which is SVG already; ``class_`` is ``class``, and a None is left out.

    >>> element("circle", cx=1.50, r=3), element("a", text("a<b"), href='x"y')
    ('<circle cx="1.5" r="3"/>', '<a href="x&quot;y">a&lt;b</a>')
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(content)
    return f"<{name}{given}>{inside}</{name}>" if inside else f"<{name}{given}/>"


def text(words: str) -> str:
    """Plain text inside of an element."""
    return escape(words, quote=False)


def label(x: float, y: float, words: str, class_: str = "", anchor: str | None = None) -> str:
    """A line of text; ``anchor`` is ``middle`` or ``end``."""
    return element("text", text(words), x=x, y=y, class_=class_ or None, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def _value(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
