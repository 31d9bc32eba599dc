"""Docstrings as Markdown: examples become blocks of code, roles and literals of reStructuredText become backticks."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")
SECTION = re.compile(r"^[A-Z][a-z]+:$")


class Markdown(griffe.Extension):
    """Rewrites every docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of an object, if it has one."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(text: str) -> str:
    """A docstring as Markdown.

    >>> markdown("Half of ``x``, see :func:`double`.\\n\\n>>> half(4)\\n2").splitlines()
    ['Half of `x`, see `double`.', '', '```pycon', '>>> half(4)', '2', '```']
    """
    text = ROLE.sub(r"`\1`", text).replace("``", "`")
    text = re.sub(r"::(?=\n\n[ ]{4})", ":", text)
    lines: list[str] = []
    inside = False
    for line in text.split("\n"):
        if not inside and line.startswith(">>> "):
            inside = True
            lines.append("```pycon")
        elif inside and (not line.strip() or SECTION.match(line)):
            inside = False
            lines.append("```")
        lines.append(line)
    return "\n".join([*lines, "```"] if inside else lines)
