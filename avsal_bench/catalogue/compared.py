"""How far networks are from their authors' code: the table that ``tests/parity_table.py`` measures, ``parity.csv``."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: Outputs in the order in which they stand for the whole network: its map, else what the map is made of.
_MAPS = ("pred", "visual_pred", "blurred", "logits_float64")


@dataclass(frozen=True)
class Compared:
    """An output of a network and of its authors' code, with the same weights and inputs, on a CPU.

    Args:
        forms: keys of networks in the table of networks, such as ``mspi-s3d_av``.
        golden: name of the file in ``tests/golden/parity`` with what the authors' code gives.
        source: the authors' code, as ``owner/repo @ commit``.
        inputs: names and shapes.
        output: what was compared, such as ``pred``, the map.
        values: how many of it.
        relative: L2 norm of the difference, divided by that of the authors' values.
        largest: difference of one value, divided by the largest of the authors' values.
    """

    forms: tuple[str, ...]
    golden: str
    source: str
    inputs: str
    output: str
    values: int
    relative: float
    largest: float


def read_compared(path: Path) -> list[Compared]:
    """All that was compared, those outputs first that stand for a whole network.

    Raises:
        ValueError: naming a file of another form.
    """
    with path.open(encoding="utf-8", newline="") as file:
        lines = [*csv.DictReader(file)]
    try:
        found = [
            Compared(
                *(tuple(line["forms"].split()), line["golden"], line["source"], line["inputs"], line["output"]),
                *(int(line["values"]), float(line["relative_l2"]), float(line["largest"])),
            )
            for line in lines
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: no table of tests/parity_table.py ({error}); measure it again") from None
    return sorted(found, key=lambda one: (one.golden, _MAPS.index(one.output) if one.output in _MAPS else len(_MAPS)))


def of_form(found: Iterable[Compared], form: str) -> list[list[Compared]]:
    """What was compared of one form: a list for each golden file, with what stands for the network first."""
    lists: dict[str, list[Compared]] = {}
    for one in found:
        if form in one.forms:
            lists.setdefault(one.golden, []).append(one)
    return [*lists.values()]
