"""What a card is made of: facts, rows of the table of networks, records with their scores, and maybe chosen weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from avsal_bench.catalogue.about import Section, published_sections
from avsal_bench.catalogue.networks import Row, catalogue
from avsal_bench.files import sha256
from avsal_bench.leaderboard.known_facts import UNKNOWN, FactTable, NetworkFacts
from avsal_bench.leaderboard.tables import Row as ScoreRow
from avsal_bench.leaderboard.tables import rows
from avsal_bench.models import model_entry
from avsal_bench.models.published_weights import WeightsFile
from avsal_bench.models.weights.offered import list_weights, weights_owner
from avsal_bench.names import unknown
from avsal_bench.records import MAPS_PRESET, SOUNDS, Record


@dataclass(frozen=True)
class ChosenWeights:
    """The weights that a card is about.

    Args:
        name: of published weights; "" for a file that nobody registered.
        file: name of the file, without its folder.
        sha256: of the file, whole or its first digits; ``unknown`` where nobody here has seen it.
        entry: what is known of them; None where nothing is.
    """

    name: str
    file: str
    sha256: str
    entry: WeightsFile | None = None

    def made(self, record: Record) -> bool:
        """Whether a record is of these weights."""
        told = record.weights.get("sha256")
        known = self.sha256 != UNKNOWN and isinstance(told, str) and told.startswith(self.sha256)
        return known or bool(self.name and record.weights.get("name") == self.name)


@dataclass(frozen=True)
class Told:
    """All that a card tells of one network.

    Args:
        label: as it was asked for, such as ``avrsp`` or ``mspi-s3d``.
        facts: names, links, licences.
        table: the facts of all, for data sets.
        forms: its rows in the table of networks, one a modality and variant; none for a method that is not built here.
        records: of it, with any sound.
        among: all records that were read.
        weights: that the card is about; None for the network in general.
    """

    label: str
    facts: NetworkFacts
    table: FactTable
    forms: tuple[Row, ...]
    records: tuple[Record, ...]
    among: tuple[Record, ...] = ()
    weights: ChosenWeights | None = None

    @cached_property
    def scores(self) -> list[ScoreRow]:
        """Rows of scores with the true sound."""
        return rows([r for r in self.records if r.sound == SOUNDS[0]], self.among)

    def tested_share(self, row: ScoreRow) -> str | None:
        """The share of the published parameters that the network of a row has, such as ``2.4 %``; None for all."""
        count = row.head.weights.get("parameters")
        whole = [one.facts.parameters for one in self.forms if one.facts.key == row.head.network]
        if not whole or not whole[0] or not isinstance(count, int) or count >= whole[0]:
            return None
        return f"{count / whole[0]:.1%}".replace("%", " %")

    @property
    def hears(self) -> bool:
        """Whether some form of it takes sound, as far as is known: by its code, its records, or what papers print."""
        if self.forms:
            return any(form.facts.sound for form in self.forms)
        printed = (line[section.header.index("of")] for section in self.printed for line in section.body)
        return any("a" in one.lower() for one in (*printed, *(r.modality for r in self.records)))

    @cached_property
    def printed(self) -> list[Section]:
        """Tables of what papers print of it."""
        return published_sections(self.facts.name)

    @property
    def offered(self) -> tuple[WeightsFile, ...]:
        """The chosen weights where they are known, else all that its authors offer."""
        if self.weights is not None:
            return (self.weights.entry,) if self.weights.entry else ()
        return self.facts.weights


def told(label: str, table: FactTable, records: Sequence[Record] = (), weights: str = "") -> Told:
    """What is known of a network.

    Args:
        label: of the network as records have it, such as ``avrsp`` or ``mspi-s3d``, or a method that papers print.
        table: of facts.
        records: to look in; those of others are left out.
        weights: name of published weights, or path of a file; then only records of these count.

    Raises:
        ValueError: for a name that is no network, has no record and stands in no paper, with the nearest one; and for
            weights of another network.
        FileNotFoundError: for weights that are neither a name nor a file.
    """
    facts = table.network(label)
    own = [r for r in records if _is_of(r, label, table)]
    if not facts.built and not own and facts.name not in table.printed:
        known = {*table.networks, *table.printed, *(r.label for r in records)}
        raise ValueError(f"{unknown('network', label, known)}; of records elsewhere: --records PLACE")
    forms = catalogue(None, [facts.name]) if facts.built else []
    variant = label.removeprefix(facts.name).removeprefix("-")
    if any(form.facts.variant == variant for form in forms) and variant:
        forms = [form for form in forms if form.facts.variant == variant]
        facts = replace(facts, weights=_weights_of(facts, variant))
    chosen = chosen_weights(weights, facts) if weights else None
    if chosen is not None:
        own = [r for r in own if chosen.made(r)]
    return Told(label, facts, table, tuple(forms), tuple(own), tuple(records), chosen)


def _weights_of(facts: NetworkFacts, variant: str) -> tuple[WeightsFile, ...]:
    """The files of a network that one of its variants loads, whatever the modality."""
    wanted = {**model_entry(facts.name).variants[variant], "modality": None}
    return tuple(one for one in facts.weights if {**one.options, "modality": None} == wanted)


def _is_of(record: Record, label: str, table: FactTable) -> bool:
    """Whether a record is of a network, or of one of its variants where the network itself is asked for."""
    if record.label == label or record.model == label:
        return True
    return table.name_in(record.label) == label and record.preset != MAPS_PRESET


def chosen_weights(weights: str, facts: NetworkFacts) -> ChosenWeights:
    """Weights by their name, or of a file.

    Raises:
        ValueError: for weights of another network.
        FileNotFoundError: for what is neither a name nor a file.
    """
    known = list_weights()
    if weights in known:
        if (owner := weights_owner(weights)) != facts.name:
            raise ValueError(f"--weights {weights}: of {owner}, and not of {facts.name}; {_own(facts)}")
        entry = known[weights]
        return ChosenWeights(weights, entry.file, entry.sha256, entry)
    path = Path(weights)
    if not path.is_file():
        raise FileNotFoundError(f"--weights {weights}: neither a file nor the name of published weights; {_own(facts)}")
    digest = sha256(path)
    own = (one for one in facts.weights if one.sha256 != UNKNOWN and digest.startswith(one.sha256))
    found = next(own, None)
    return ChosenWeights(found.name if found else "", path.name, digest, found)


def _own(facts: NetworkFacts) -> str:
    names = ", ".join(one.name for one in facts.weights)
    return f"{facts.name} has {names}" if names else f"none of {facts.name} are registered"
