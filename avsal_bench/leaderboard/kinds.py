"""The kind of a data set: what followed where its viewers looked. Sets of two kinds share no table, rank or mean.

A mouse that uncovers a blurred video and an eye tracker do not give the same maps, so scores on them do not compare.
:func:`viewings` is the one function that all tables ask: of records, and :func:`viewing_of_set` of what papers print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from avsal_bench.data.dataset import registered_datasets
from avsal_bench.record_story import Device
from avsal_bench.records import Record

#: Kinds in the order of the tables, and how headings call them.
KINDS: dict[Device, str] = {
    "eye": "eye tracking",
    "mouse": "mouse, no eye tracker",
    "unknown": "how it was watched is not told",
    "simulated": "simulated observers",
}


@dataclass(frozen=True)
class Viewing:
    """How a set was watched; ``heard`` is None where nobody says whether its viewers heard the sound."""

    device: Device
    heard: bool | None = None

    @property
    def words(self) -> str:
        """For a heading.

        >>> Viewing("eye", True).words, Viewing("mouse", False).words
        ('eye tracking, with sound', 'mouse, no eye tracker, without sound')
        """
        heard = {True: ", with sound", False: ", without sound", None: ""}
        return KINDS[self.device] + heard[self.heard]


#: Of a set of which nobody says how it was watched.
UNTOLD = Viewing("unknown")


def known_viewing(name: str) -> Viewing | None:
    """How a set that is known here was watched, by its own file; None of others, and of sets without viewers."""
    one = registered_datasets().get(name)
    return Viewing(one.facts.device, one.facts.heard) if one is not None and one.facts is not None else None


def viewing_of_set(name: str) -> Viewing:
    """How a set that is known here, or a part of it, was watched; of another set, that it is not known.

    >>> viewing_of_set("dave_ave-nature").words
    'eye tracking, with sound'
    """
    return known_viewing(name) or known_viewing(name.partition("-")[0]) or UNTOLD


def viewing_of(record: Record) -> Viewing:
    """How the set of a record was watched.

    Of a set that is known here that is what its own file says; of any other what the record says, and ``unknown`` where
    it says nothing: such a set shares no table with those of eye trackers, or of mice, either.
    """
    if record.synthetic:
        return Viewing("simulated")
    own = record.provenance.get("own_set")
    if own is None and (known := known_viewing(record.dataset)) is not None:
        return known
    told = record.provenance.get("viewing")
    if isinstance(told, Mapping):
        return Viewing(told["device"], told["heard"])
    before = own.get("device") if isinstance(own, Mapping) else None  # as records had it once
    return Viewing(next((device for device in KINDS if device == before), "unknown"))


def kinds_apart(records: Iterable[Record], table: Callable[[list[Record]], str]) -> str:
    """Text tables of records, one for each kind of their sets, each below its name where there are several.

    Args:
        records: in the order of the lines.
        table: makes the table of some of them.
    """
    every = list(records)
    watched = viewings(every)
    kinds = [(device, [r for r in every if watched[r.dataset, r.synthetic].device == device]) for device in KINDS]
    found = [(device, same) for device, same in kinds if same]
    if len(found) < 2:
        return table(every)
    return "\n\n".join(f"{KINDS[device].capitalize()}\n{table(same)}" for device, same in found)


def kind_order(device: Device) -> int:
    """Sort key of kinds."""
    return list(KINDS).index(device)


def viewings(records: Iterable[Record]) -> dict[tuple[str, bool], Viewing]:
    """How each set of some records was watched, by its name and whether it is synthetic.

    A record that does not tell it goes with those of its set that do.

    Raises:
        ValueError: naming a set, and two records that differ in its kind.
    """
    found: dict[tuple[str, bool], tuple[Viewing, Record]] = {}
    for record in records:
        viewing = viewing_of(record)
        key = (record.dataset, record.synthetic)
        before, other = found.setdefault(key, (viewing, record))
        if before.device == "unknown" or (before.heard is None and viewing.device == before.device):
            found[key] = (viewing, record)
        elif viewing.device not in ("unknown", before.device):
            said = " and ".join(
                f"{KINDS[one.device]} in {r.network}, fold {r.fold}, seed {r.seed}"
                for one, r in ((before, other), (viewing, record))
            )
            raise ValueError(
                f"{record.dataset}: one kind of viewing expected, got {said}; scores by eye and by mouse share no "
                "table: give one of the two sets another name, or make one of the records anew"
            )
    return {key: viewing for key, (viewing, _) in found.items()}
