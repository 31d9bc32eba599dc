"""What was found in a tree: its sets, as they become known."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from avsal_bench.data.describing.clusters import Cluster

#: What a set cannot do without: somebody looked at something.
NEEDED = ("maps", "fixations")


@dataclass(frozen=True)
class Guess:
    """One thing that was guessed.

    Args:
        what: it is of.
        value: as the description has it; "" for nothing.
        sure: ``sure``, ``likely``, ``a guess`` and why, ``odd``, or ``not found``.
        why: it is so, in a few words.
    """

    what: str
    value: str
    sure: str
    why: str


@dataclass
class SetFound:
    """One set of a tree.

    Args:
        name: in commands.
        stills: whether it is of images.
        chosen: where its parts lie.
        names: of its videos.
        first: number of the first file of each part.
        split: as the description has it.
        rates: frames a second of each video; of all under "".
        sound: whether it has sound.
        silent: names of the videos that have none, where others have some.
        viewers: how many watched, where that is known.
        missing: parts that it cannot do without.
        guesses: all that was guessed.
    """

    name: str
    stills: bool = False
    chosen: dict[str, Cluster] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    first: dict[str, int] = field(default_factory=dict)
    split: dict[str, object] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    listed_rates: bool = False
    sound: bool = False
    silent: list[str] = field(default_factory=list)
    viewers: int | None = None
    missing: list[str] = field(default_factory=list)
    guesses: list[Guess] = field(default_factory=list)

    def say(self, what: str, value: str, sure: str, why: str) -> None:
        """Note a guess."""
        self.guesses.append(Guess(what, value, sure, why))


@dataclass
class Found:
    """What was found in a tree.

    Args:
        root: of the tree.
        sets: that can be described, or what is known of them.
        built_in: names of sets of the package that lie there, which need no description.
        notes: what was seen and is not used, a sentence each.
    """

    root: Path
    sets: list[SetFound] = field(default_factory=list)
    built_in: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether every set has what it cannot do without."""
        return bool(self.sets) and not any(one.missing for one in self.sets)
