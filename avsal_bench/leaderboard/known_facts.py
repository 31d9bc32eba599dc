"""Names, papers, code, weights and licences for readers: the one place that every text for people takes them from.

``facts()`` gives a :class:`FactTable`, which is asked by the names that stand in records and published scores::

    table = facts(folder)                     # of a leaderboard; without, the files of the package
    one = table.network("mspi-s3d")           # of a record's ``label``, or a method of published.csv
    one.shown                                 # 'MSPI, S3D (Xie et al. 2024)'
    one.paper_link, one.code_link             # '' where none is known
    one.code_terms                            # 'not stated', or 'unknown': always words for people
    table.dataset("coutrot1").title           # 'Coutrot 1'
    table.paper("stavis2020")                 # a Reference: title, authors, year, venue, link; or None

It is put together, and nothing of it is written twice. A network's own file says its title, its code and the licence of
that, and its weights (:func:`~avsal_bench.models.register_model`); a set's file says its title, its licence and where
it is from (:class:`~avsal_bench.data.dataset.DataSet`); ``references.bib`` has papers and their links, and says of what
each is. Methods without a network here are called as papers print them (``published.csv``), and ``not_built.csv`` says
what is public of them. No question fails: of what is unknown the name itself is the title, and the rest is empty.

All texts are plain: who writes HTML or Markdown escapes them (:mod:`avsal_bench.leaderboard.escaping`). No torch.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from avsal_bench.data.dataset import DataSet, Facts, list_datasets, registered_datasets
from avsal_bench.data.dataset import dataset as described
from avsal_bench.leaderboard.given_files import PUBLISHED, REFERENCES, given_file, given_not_built
from avsal_bench.leaderboard.kinds import UNTOLD, Viewing, viewing_of_set
from avsal_bench.leaderboard.published_scores import NotBuilt, read_not_built, read_published
from avsal_bench.leaderboard.references import Reference, read_references
from avsal_bench.leaderboard.tables import HUMAN
from avsal_bench.models import list_models, model_facts
from avsal_bench.models.published_weights import WeightsFile
from avsal_bench.plugins import registered_in
from avsal_bench.resources import resource

#: Words for a licence that nobody looked for, and for one that its owner does not state.
UNKNOWN, NOT_STATED = "unknown", "not stated"


@dataclass(frozen=True)
class NetworkFacts:
    """What readers are told of a network, or of a method that only papers have.

    Args:
        name: in commands and records, without its variant.
        title: for people, such as ``CASP-Net``; the name where there is none.
        variant: what its label has besides the name, such as ``s3d`` or ``bf16``; "" for the network as it is.
        papers: that it is from; none for a baseline, and where none is known.
        code: ``owner/repo`` of the authors on GitHub; "" where none is known.
        code_licence: see :func:`~avsal_bench.models.register_model`.
        weights: files that the authors offer.
        built: whether it is a network here.
        absent: what is known of a method that is not built here; None else.
    """

    name: str
    title: str
    variant: str = ""
    papers: tuple[Reference, ...] = ()
    code: str = ""
    code_licence: str = ""
    weights: tuple[WeightsFile, ...] = ()
    built: bool = False
    absent: NotBuilt | None = None

    @property
    def called(self) -> str:
        """Title and variant, such as ``MSPI, S3D``."""
        return f"{self.title}, {self.variant}" if self.variant else self.title

    @property
    def cited(self) -> str:
        """Authors and year, such as ``Yu et al. 2024``; "" without a paper."""
        return "; ".join(paper.cited for paper in self.papers)

    @property
    def shown(self) -> str:
        """Title, variant and paper, such as ``AVRSP (Yu et al. 2024)``."""
        if self.cited.startswith(self.called):  # a method that papers call by its authors
            return self.cited
        return f"{self.called} ({self.cited})" if self.cited else self.called

    @property
    def paper_link(self) -> str:
        """Address of its paper, by DOI or on arXiv; "" where no file here gives one."""
        return next((paper.link for paper in self.papers if paper.link), "")

    @property
    def code_link(self) -> str:
        """Address of the authors' code."""
        return f"https://github.com/{self.code}" if self.code else ""

    @property
    def code_terms(self) -> str:
        """Licence of the authors' code in words; "" where no code is known."""
        return (self.code_licence or UNKNOWN) if self.code else ""

    @property
    def weights_terms(self) -> str:
        """Licences of the authors' weights in words, each once; "" where none are offered."""
        return "; ".join(dict.fromkeys(one.licence or UNKNOWN for one in self.weights))


@dataclass(frozen=True)
class SetFacts:
    """What readers are told of a data set.

    Args:
        name: in commands and records.
        title: for people, such as ``Coutrot 1``; the name where there is none.
        about: what it is, in the words of the first line of its data sheet; "" where there is none.
        papers: that describe it.
        cited: as its own file says it, such as ``Mital et al. 2011``; "" where it says nothing.
        viewing: what followed where viewers looked, and whether they heard.
        facts: videos, viewers, conditions, licence, source, faults; None of a set that is made here, or unknown.
        embedded: whether the project makes it.
    """

    name: str
    title: str
    about: str = ""
    papers: tuple[Reference, ...] = ()
    cited: str = ""
    viewing: Viewing = UNTOLD
    facts: Facts | None = None
    embedded: bool = False

    @property
    def paper_link(self) -> str:
        """Address of its paper; "" where no file here gives one."""
        return next((paper.link for paper in self.papers if paper.link), "")

    @property
    def link(self) -> str:
        """Where its authors offer it; "" where that is not known."""
        return self.facts.source if self.facts else ""

    @property
    def terms(self) -> str:
        """Its licence, in words."""
        if self.embedded:
            return "made here, no licence needed"
        return (self.facts.licence if self.facts else "") or UNKNOWN


@dataclass(frozen=True)
class FactTable:
    """What is known of networks, data sets and papers; see the head of this module.

    Args:
        references: entries of ``references.bib``.
        printed: for each method of ``published.csv`` what papers call it.
        absent: methods that have no network here, by name.
    """

    references: tuple[Reference, ...]
    printed: Mapping[str, str]
    absent: Mapping[str, NotBuilt]

    def paper(self, key: str) -> Reference | None:
        """The paper of a key, such as ``stavis2020``; None where there is no entry."""
        return self._by_key.get(key)

    def network(self, label: str) -> NetworkFacts:
        """A network by its label in records, such as ``avrsp`` or ``mspi-s3d-bf16``, or a method by its name.

        Args:
            label: without the modality.
        """
        if label not in self._asked:
            self._asked[label] = self._network(label)
        return self._asked[label]

    def _network(self, label: str) -> NetworkFacts:
        name = self.name_in(label)
        variant = ", ".join(map(self._part, filter(None, label.removeprefix(name).split("-"))))
        papers = self._papers(name)
        if name not in self.networks:
            title = TITLES.get(name) or self.printed.get(name) or name
            return NetworkFacts(name, title, variant, papers, absent=self.absent.get(name))
        one = model_facts(name)
        if not papers and one.paper in self._by_key and one.modalities:
            papers = (self._by_key[one.paper],)
        title = one.title or name
        return NetworkFacts(name, title, variant, papers, one.code, one.code_licence, one.weights, built=True)

    def _part(self, part: str) -> str:
        """A part of a label besides the network's name: another network, an encoder, a classifier, or a word."""
        return PARTS.get(part) or (model_facts(part).title if part in self.networks else "") or part

    def dataset(self, name: str) -> SetFacts:
        """A data set by its name, or a part of one, such as ``dave_ave-nature``."""
        if name not in self._asked_sets:
            self._asked_sets[name] = self._dataset(name)
        return self._asked_sets[name]

    def _dataset(self, name: str) -> SetFacts:
        whole, _, part = name.partition("-")
        known = name if name in registered_datasets() else whole
        papers = self._papers(known)
        if known not in list_datasets():
            return SetFacts(name, name, papers=papers)
        one = described(known)
        title = ", ".join(filter(None, (one.title or known, "" if known == name else part)))
        return SetFacts(
            name, title, _about(one), papers, one.citation, viewing_of_set(name), one.facts, embedded=one.embedded
        )

    def name_in(self, label: str) -> str:
        """The name of a network or method in a label, without variant, marks and precision; the label if it has none.

        >>> facts().name_in("mspi-s3d-bf16"), facts().name_in("somebody-1")
        ('mspi', 'somebody-1')
        """
        parts = label.split("-")
        starts = ("-".join(parts[:n]) for n in range(len(parts), 0, -1))
        return next((start for start in starts if start in self.networks or start in self.printed), label)

    def _papers(self, name: str) -> tuple[Reference, ...]:
        return tuple(entry for entry in self.references if name in (entry.key, *entry.names))

    @cached_property
    def networks(self) -> frozenset[str]:
        """Names of the networks here, with those of plug-ins."""
        return frozenset(list_models())

    @cached_property
    def _asked(self) -> dict[str, NetworkFacts]:
        """What was asked before: a page names a network thousands of times."""
        return {}

    @cached_property
    def _asked_sets(self) -> dict[str, SetFacts]:
        return {}

    @cached_property
    def _by_key(self) -> dict[str, Reference]:
        return {entry.key: entry for entry in self.references}


#: What is no network, and what papers call by another name than we do.
TITLES = {HUMAN: "Human infinite"}
#: Encoders and classifiers in labels, as their papers call them.
PARTS = {
    "s3d": "S3D",
    "x3d_l": "X3D-L",
    "slowfast_4x16": "SlowFast 4x16",
    "morphmlp_s": "MorphMLP-S",
    "videoswin_s": "Video Swin-S",
    "uniformer_b": "UniFormer-B",
    "avenet": "AVENet",
    "avid": "AVID",
    "l3": "L3-Net",
}


def facts(folder: Path | None = None) -> FactTable:
    """The facts for the readers of a leaderboard.

    Args:
        folder: of the leaderboard, whose own ``published.csv`` and the like count; None for those of the package.

    Raises:
        ValueError: naming a file of another form.
    """
    place = resource() if folder is None else folder
    lines = read_published(given_file(place, PUBLISHED))
    absent = read_not_built(given_not_built(place), (line["method"] for line in lines))
    return FactTable(
        references=tuple(read_references(given_file(place, REFERENCES))),
        printed=_printed(lines),
        absent={one.method: one for one in absent},
    )


def _printed(lines: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """What papers call each method, mostly: without what is in brackets, and without marks."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        found[line["method"]][re.sub(r"\s*\(.*?\)|[*#]", "", line["variant"]).strip() or line["method"]] += 1
    return {method: names.most_common(1)[0][0] for method, names in found.items()}


def _about(one: DataSet) -> str:
    """The first line of a data sheet without its name, as a sentence."""
    path = registered_in("data set", one.name)
    sheet = ast.get_docstring(ast.parse(path.read_bytes())) if path else None
    words = (sheet or "").partition("\n")[0].partition(": ")[2].strip()
    return words[:1].upper() + words[1:]
