"""The whole card of a network, and the cards of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from avsal_bench.catalogue.card.card_facts import told
from avsal_bench.catalogue.card.front_matter import front_matter
from avsal_bench.catalogue.card.network_parts import (
    how_to_cite,
    how_to_use,
    known_faults,
    parity,
    size,
    speed,
    weights,
    what_it_is,
    what_it_takes,
)
from avsal_bench.catalogue.card.score_parts import scores, sound, trained_on
from avsal_bench.files import check_writable, write_atomically
from avsal_bench.leaderboard.escaping import for_markdown
from avsal_bench.leaderboard.known_facts import FactTable
from avsal_bench.leaderboard.known_facts import facts as known_facts
from avsal_bench.models import list_models, model_facts
from avsal_bench.names import plain_name
from avsal_bench.records import Record
from avsal_bench.text import many

#: Sections in their order.
_PARTS = (
    *(what_it_is, what_it_takes, size, speed, parity, weights),
    *(trained_on, scores, sound, known_faults, how_to_use, how_to_cite),
)
#: Of these, those of records alone, and commands, which change with the recipes.
_NOT_KEPT = (trained_on, scores, sound, how_to_use)


def model_card(label: str, records: Sequence[Record] = (), chosen: str = "", facts: FactTable | None = None) -> str:
    """The card of a network, in Markdown with a head in YAML; the same for the same records.

    Args:
        label: of the network as records have it, such as ``avrsp`` or ``mspi-s3d``, or a method that papers print.
        records: to look in.
        chosen: weights that the card is about: the name of published ones, or the path of a file. Only records of
            these count then.
        facts: names and links; by default those of the package.

    Raises:
        ValueError: for an unknown network, with the nearest name, and for weights of another one.
        FileNotFoundError: for weights that are neither a name nor a file.
    """
    known = told(label, facts or known_facts(), records, chosen)
    counted = many(len(known.records), "record")
    made = f"Made by `avsal card {label}` of avsal_bench {version('avsal-bench')}, from its code and {counted} of it."
    title = f"# {for_markdown(known.facts.shown)}"
    return "\n\n".join([front_matter(known) + title, made, *(part(known).markdown() for part in _PARTS)]) + "\n"


def cards_without_scores(facts: FactTable | None = None) -> dict[str, dict[str, str]]:
    """Title and Markdown of the cards of all networks here, of what does not depend on records.

    ``avsal models --cards`` keeps them in the package for the page of a leaderboard, which has the scores itself.

    Args:
        facts: as in :func:`model_card`.

    Returns:
        ``title`` and ``text`` by name, in the order of names.
    """
    table = facts or known_facts()
    every = ((name, told(name, table)) for name in carded((), table))
    return {
        name: {
            "title": known.facts.shown,
            "text": "\n\n".join(part(known).markdown() for part in _PARTS if part not in _NOT_KEPT),
        }
        for name, known in every
    }


def carded(records: Iterable[Record], facts: FactTable) -> list[str]:
    """Names of all that has a card: the networks here but for baselines, and what else has records."""
    built = [name for name in list_models() if model_facts(name).modalities]
    return sorted({*built, *(facts.name_in(r.label) for r in records)})


def write_cards(folder: Path, records: Sequence[Record], facts: FactTable | None = None) -> list[Path]:
    """Write the card of every network into a folder, as ``<name>.md``.

    Args:
        folder: which may be new.
        records: to look in.
        facts: as in :func:`model_card`.

    Returns:
        The files.
    """
    table = facts or known_facts()
    names = carded(records, table)
    paths = [folder / f"{plain_name('network', name)}.md" for name in names]
    check_writable([folder], paths)
    for name, path in zip(names, paths, strict=True):
        write_atomically(path, model_card(name, records, facts=table))
    return paths
