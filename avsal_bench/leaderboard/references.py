"""References of methods and data sets, from ``references.bib``; what it does not have is said, never invented.

Each entry has a field ``avsal`` that names the methods, data sets and papers it is of; it is left out of what is
handed on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from avsal_bench.leaderboard.escaping import for_latex, one_line


@dataclass(frozen=True)
class Reference:
    """An entry of ``references.bib``: its key, the names that it is of, and its text without the field ``avsal``.

    Properties are for readers, in plain text; what the entry does not have is "".

    >>> fields = "title = {{A}: b}, author = {Yu, L. and Min, K.}, year = {2024}, eprint = {2411.11454}"
    >>> one = Reference("yu2024", ("a",), f"@misc{{yu2024, {fields}, archiveprefix = {{arXiv}}}}")
    >>> one.title, one.cited, one.venue, one.link
    ('A: b', 'Yu and Min 2024', 'arXiv', 'https://arxiv.org/abs/2411.11454')
    """

    key: str
    names: tuple[str, ...]
    text: str

    @cached_property
    def fields(self) -> dict[str, str]:
        """Fields by name, as BibTeX has them, on one line."""
        return {name: " ".join(value.split()) for name, value in _fields(self.text)}

    @property
    def title(self) -> str:
        """Of the paper."""
        return plain(self.fields.get("title", ""))

    @property
    def year(self) -> str:
        """Four digits."""
        return self.fields.get("year", "")

    @property
    def authors(self) -> tuple[str, ...]:
        """Family names, in their order; none where they are not known here."""
        names = self.fields.get("author", "")
        return tuple(plain(name.partition(",")[0]) for name in names.split(" and ")) if names else ()

    @property
    def venue(self) -> str:
        """The short name of a conference where the entry has one, else where it was published in full."""
        where = plain(self.fields.get("booktitle", "") or self.fields.get("journal", ""))
        short = re.search(r"\(([A-Z][A-Za-z]+)\)", where)
        on_arxiv = "eprint" in self.fields and (not where or where.startswith("arXiv"))
        return short[1] if short else "arXiv" if on_arxiv else where

    @property
    def cited(self) -> str:
        """Authors and year, such as ``Yu et al. 2024``; without authors venue and year."""
        family = self.authors
        who = " and ".join(family) if len(family) < 3 else f"{family[0]} et al."
        return " ".join(filter(None, (who or self.venue, self.year)))

    @property
    def link(self) -> str:
        """The address of the paper: by its DOI, else on arXiv, else the page that it names."""
        if doi := self.fields.get("doi"):
            return f"https://doi.org/{doi}"
        if eprint := self.fields.get("eprint"):
            return f"https://arxiv.org/abs/{eprint}"
        page = self.fields.get("howpublished", "")
        return page if page.startswith("https://") else ""


def plain(text: str) -> str:
    r"""A value of BibTeX as plain text.

    >>> plain(r"{CASP-Net}: a \& b")
    'CASP-Net: a & b'
    """
    return re.sub(r"[{}]", "", text.replace(r"\&", "&"))


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Name and value of each field whose value stands in braces."""
    at = 0
    while found := re.compile(r"[,\n]\s*(\w+)\s*=\s*\{").search(text, at):
        begin = at = found.end()
        depth = 1
        while depth and at < len(text):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        yield found[1], text[begin : at - 1]


def read_references(path: Path) -> list[Reference]:
    """Every entry, in the order of the file.

    Raises:
        ValueError: naming an entry without a field ``avsal`` or with uneven braces, or a key used twice.
    """
    found: dict[str, Reference] = {}
    for block in re.findall(r"^@.*?(?=^@|\Z)", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        text = re.sub(r"^%.*\n?", "", block, flags=re.MULTILINE).strip()
        head = re.match(r"@\w+\{([\w-]+),", text)
        of = re.search(r"^ *avsal *= *\{([^{}]*)\},?\n", text, re.MULTILINE)
        if head is None or of is None or text.count("{") != text.count("}"):
            raise ValueError(f"{path}: expected @type{{key, avsal = {{names}}, ...}}, got {text.splitlines()[0]!r}")
        if head[1] in found:
            raise ValueError(f"{path}: two entries with the key {head[1]}; keep one")
        names = tuple(name.strip() for name in of[1].split(",") if name.strip())
        found[head[1]] = Reference(head[1], names, text.replace(of[0], ""))
    return list(found.values())


def keys_of(references: Iterable[Reference], name: str) -> list[str]:
    """Keys of the entries of a method, data set or paper; none where there is no entry."""
    return sorted(entry.key for entry in references if name in (entry.key, *entry.names))


def method_of(model: str) -> str:
    """The method of a model's label: ``mspi`` of ``mspi-s3d``."""
    return model.partition("-")[0]


def cited_in_latex(name: str, method: str, references: Iterable[Reference]) -> str:
    """A name in LaTeX with the citation of its method, where a reference is known.

    >>> print(cited_in_latex("a_b", "a", [Reference("yu2024", ("a",), "")]))
    a\\_b~\\cite{yu2024}
    """
    keys = keys_of(references, method)
    return for_latex(name) + (rf"~\cite{{{','.join(keys)}}}" if keys else "")


def bibtex(references: Sequence[Reference], names: Iterable[str]) -> str:
    """The entries of some methods, data sets and papers, each once, in the order of their keys.

    A name without an entry, and an entry without authors, are said in comment lines in front.
    """
    keys = {name: keys_of(references, name) for name in sorted(set(names))}
    wanted = {key for own in keys.values() for key in own}
    entries = sorted((entry for entry in references if entry.key in wanted), key=lambda entry: entry.key)
    lines = [f"% {one_line(name)}: no reference is known here" for name, own in keys.items() if not own]
    unnamed = [entry.key for entry in entries if not re.search(r"^ *author *=", entry.text, re.MULTILINE)]
    lines += [f"% {key}: its authors are not known here; add them" for key in unnamed]
    return "\n\n".join(["\n".join(lines), *(entry.text for entry in entries)]).lstrip() + "\n"
