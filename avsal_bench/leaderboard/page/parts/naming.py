"""Cells and filters of networks, methods, data sets and papers as readers know them, from the table of facts."""

from __future__ import annotations

import re
from collections.abc import Iterable

from avsal_bench.leaderboard.known_facts import FactTable, NetworkFacts
from avsal_bench.leaderboard.page.parts.cells import Cell, Mark

#: What a modality means, for titles of points and the like.
MODALITIES = {"v": "frames alone", "av": "frames and sound", "a": "sound alone"}
#: Saliency pre-training in ``published.csv``, and in words.
PRETRAINED = {"none": "none", "dhf1k": "DHF1K", "other": "other sets", "unknown": "not stated"}
#: What may be the key of a paper.
_KEY = re.compile(r"\b[a-z]+[0-9]{4}[a-z]?\b")


def network_cell(facts: FactTable, label: str, row: str = "", marks: Iterable[Mark] = (), star: str = "") -> Cell:
    """The name of a network or method, with its paper behind it.

    Args:
        facts: names and links.
        label: of a record, or a method of ``published.csv``.
        row: the row that it opens, if any.
        marks: behind it.
        star: what papers print behind the name of a system derived from it.
    """
    one = facts.network(label)
    text, cited = one.called + star, cited_apart(one)
    return Cell(text, text, row=row, marks=[*marks], cited=cited, cited_link=one.paper_link if cited else "")


def cited_apart(one: NetworkFacts) -> str:
    """Authors and year, where the name does not say them already; "" without a paper."""
    return "" if one.cited.startswith(one.called) else one.cited


def star_of(variant: str) -> str:
    """Star or hash of a printed name, which make it another system.

    >>> star_of("STAViS*(AV)"), star_of("AViNet#"), star_of("ViNet")
    ('*', '#', '')
    """
    return "*" if "*" in variant else "#" if "#" in variant else ""


def set_cell(facts: FactTable, name: str) -> Cell:
    """The name of a data set, which leads to its page."""
    title = facts.dataset(name).title
    return Cell(title, title, link=f"#set/{whole_set(facts, name)}")


def whole_set(facts: FactTable, name: str) -> str:
    """The set of whose page a set, or a part of one, is."""
    whole = name.partition("-")[0]
    return name if facts.dataset(name).facts is None and facts.dataset(whole).facts is None else whole


def paper_cell(facts: FactTable, keys: Iterable[str]) -> Cell:
    """Papers by authors and year, each with its address where one is known, and its title as a tip."""
    cells = []
    for key in keys:
        paper, cited = facts.paper(key), cited_paper(facts, key)
        cells.append(Cell(cited, cited, link=paper.link if paper else ""))
    return cells[0] if len(cells) == 1 else Cell("", ", ".join(cell.text for cell in cells), parts=cells)


def papers_named(facts: FactTable, keys: Iterable[str]) -> str:
    """Papers as plain text: ``Yu et al. 2024, Xie et al. 2024``."""
    return ", ".join(cited_paper(facts, key) for key in keys)


def cited_paper(facts: FactTable, key: str) -> str:
    """Authors and year of a paper; its key where no file here knows it."""
    paper = facts.paper(key)
    return paper.cited if paper else key


def spelled(facts: FactTable, told: str) -> str:
    """A note of a table with papers by authors and year in the place of their keys."""
    return _KEY.sub(lambda found: cited_paper(facts, found[0]), told)


def searched(*names: str) -> dict[str, str]:
    """Machine names that the search box finds a line by, besides its text."""
    return {"names": " ".join(dict.fromkeys(name for name in names if name))}


def called(told: str, facts: FactTable) -> str:
    """What is told of a network, by its name for people in the place of the label that it begins with."""
    label, blank, rest = told.partition(" ")
    return f"{facts.network(label).called}{blank}{rest}"
