"""Cards of the networks in the page: what each is and takes, size, speed, parity, weights, faults, how to cite.

They are kept in ``cards.json`` of the package, in Markdown, as ``avsal models --cards`` wrote them without torch and
without records: the scores stand in the page's own tables.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from avsal_bench.resources import resource


@dataclass(frozen=True)
class NetworkCard:
    """A card.

    Args:
        name: of the network in commands.
        title: for people.
        html: its sections.
    """

    name: str
    title: str
    html: Markup


@cache
def network_cards() -> tuple[NetworkCard, ...]:
    """The cards of the networks of the package, in the order of their titles."""
    kept = json.loads(resource("cards.json").read_text(encoding="utf-8"))
    found = (NetworkCard(name, one["title"], card_html(one["text"], one["title"])) for name, one in kept.items())
    return tuple(sorted(found, key=lambda one: one.title.casefold()))


def card_html(text: str, title: str) -> Markup:
    """A card in HTML that fits into the page: no style in attributes, headings of the third level and below.

    Args:
        text: Markdown; HTML in it is shown as text, and links lead to the web only.
        title: of the card, for names of its tables.
    """
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.add_render_rule("table_open", _table_open)
    reader.add_render_rule("table_close", _table_close)
    reader.add_render_rule("fence", _fence)
    tokens = reader.parse(text)
    heading = ""
    for i, token in enumerate(tokens):
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + 1)}"
            heading = tokens[i + 1].content if token.type == "heading_open" else heading
        elif token.type == "table_open":
            token.meta["label"] = f"{title}: {heading}"
        elif token.type in ("th_open", "td_open"):
            if "right" in str(token.attrs.pop("style", "")):
                token.attrs["class"] = "num"
            if token.type == "th_open":
                token.attrs["scope"] = "col"
            elif tokens[i - 1].type == "tr_open":
                token.attrs["scope"] = "row"
                token.tag = tokens[i + 2].tag = "th"  # with what stands in it between the two
    return Markup(str(reader.renderer.render(tokens, reader.options, {})))


def _table_open(self: Any, tokens: Sequence[Token], i: int, *_: Any) -> str:
    """A table in a box that scrolls by itself, as those of the page's own tables."""
    box = '<div class="scroll" role="region" aria-label="{0}" tabindex="0"><table><caption>{0}</caption>\n'
    return str(Markup(box).format(tokens[i].meta["label"]))


def _table_close(self: Any, *_: Any) -> str:
    return "</table></div>\n"


def _fence(self: Any, tokens: Sequence[Token], i: int, *_: Any) -> str:
    """Lines of commands or BibTeX, which may be wider than the screen: the keyboard scrolls them."""
    return str(Markup('<pre tabindex="0">{}</pre>\n').format(tokens[i].content))
