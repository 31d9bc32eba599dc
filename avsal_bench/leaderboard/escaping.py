"""Texts of strangers in the forms that people read: one function a form. HTML is escaped by the templates themselves.

Names of models, data sets, protocols and presets need none of this, as their alphabet is plain. Names of videos,
categories, commands, devices, and what papers print do.
"""

from __future__ import annotations

import re

#: What Markdown takes for markup wherever it stands, and an underscore that does not stand inside a word.
_MARKDOWN = re.compile(r"[\\`*\[\]|$~]|(?<![^\W_])_|_(?![^\W_])")
#: What GitHub makes links of: behind it stands a person, an issue, or the rest of an address.
_LINKED = re.compile(r"[@#]|[gG][hH]-(?=\d)|:(?=//)|(?i:mailto|xmpp):|(?i:www)(?=\.)")
#: Characters that nobody sees, or that turn the direction of others.
_UNSEEN = re.compile("[\u200b-\u200f\u061c\u2060-\u2069\u202a-\u202e\ufeff]")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_LATEX = {c: rf"\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # after the end of a row it would open an argument, and so would a star
    "*": "{*}",
}
#: Signs that programs for tables take for the start of a formula, in the widths that they know.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def one_line(text: str) -> str:
    """Text on one line: blanks in the place of line ends and of other control characters.

    >>> one_line("a\\nb")
    'a b'
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def for_markdown(text: str) -> str:
    r"""Text that Markdown shows as it is.

    >>> print(for_markdown("STAViS* (a|b), human_infinite, _x_ <i>"))
    STAViS\* (a\|b), human_infinite, \_x\_ &lt;i>
    """
    escaped = _MARKDOWN.sub(lambda found: f"\\{found[0]}", _ENTITY.sub("&amp;", one_line(text)))
    return escaped.replace("<", "&lt;")


def for_comment(text: str, longest: int = 300) -> str:
    r"""Text that a comment on GitHub shows as it is: nobody is mentioned, nothing is linked or referred to.

    GitHub looks for mentions, issues and addresses in the text that is left of Markdown, so these are broken up by
    blanks of no width.

    >>> print(for_comment("@all #1 www.x.org *a*").replace("\u200b", "^"))
    @^all #^1 www^.x.org \*a\*
    """
    short = text if len(text) <= longest else f"{text[: longest - 3]}..."
    return _LINKED.sub(lambda found: f"{found[0]}\u200b", for_markdown(_UNSEEN.sub("", short)))


def for_latex(text: str) -> str:
    r"""Text that LaTeX prints as it is.

    >>> print(for_latex("AViNet# 100% a_b"))
    AViNet\# 100\% a\_b
    """
    return "".join(_LATEX.get(c, c) for c in one_line(text))


def for_csv(value: object) -> str:
    """A cell of a CSV file that no program takes for a formula: text that looks like one gets an apostrophe in front.

    >>> for_csv("=1+1"), for_csv("-clip"), for_csv(-0.5), for_csv("-0.5")
    ("'=1+1", "'-clip", '-0.5', '-0.5')
    """
    text = "" if value is None else one_line(str(value))
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def for_plot(text: str) -> str:
    r"""Text that matplotlib draws as it is, and not as a formula.

    >>> print(for_plot("$x$"))
    \$x\$
    """
    return one_line(text).replace("$", r"\$")
