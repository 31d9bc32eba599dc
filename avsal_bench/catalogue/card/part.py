"""A section of a card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from avsal_bench.leaderboard.escaping import for_markdown
from avsal_bench.leaderboard.markdown import markdown_table


@dataclass(frozen=True)
class Part:
    """A heading and what stands below it, in Markdown: paragraphs, lists and tables."""

    title: str
    blocks: tuple[str, ...]

    def markdown(self) -> str:
        """The section."""
        return "\n\n".join([f"## {self.title}", *(block.strip("\n") for block in self.blocks if block)])


def listed(lines: Sequence[str]) -> str:
    """A list of plain texts, each as it is."""
    return "\n".join(f"- {for_markdown(line)}" for line in lines)


def link(text: str, address: str) -> str:
    """A link; the text alone where the address is not known."""
    return f"[{for_markdown(text)}]({address})" if address else for_markdown(text)


def table(header: Sequence[str], body: Sequence[Sequence[str]], numbers: range = range(0)) -> str:
    """A table of plain texts."""
    return markdown_table(header, body, numbers)
