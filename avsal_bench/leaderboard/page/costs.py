"""Size and speed of the networks, from ``networks.csv`` and records."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from avsal_bench.records import Record, network_name

#: Columns of ``networks.csv`` that a cost is made of.
COSTS = ("parameters", "macs", "cpu_seconds_one_thread")
#: And one that older files do not have.
PLAIN = "plain_cpu_seconds_one_thread"


@dataclass(frozen=True)
class Cost:
    """What a network costs; None where unknown.

    Args:
        parameters: of the network.
        macs: multiply-accumulates of a window.
        seconds: CPU seconds for one frame of a film on one thread.
        plain_seconds: the same by a plain script, which runs every window alone.
    """

    parameters: float | None = None
    macs: float | None = None
    seconds: float | None = None
    plain_seconds: float | None = None


def network_costs(path: Path, records: Sequence[Record]) -> dict[tuple[str, str], Cost]:
    """Costs by (model, modality): those of ``networks.csv``, and parameters of records where that has none."""
    costs = dict(_read_costs(path))
    # A small preset makes a small network; the one of the paper is what a plot is about.
    for r in records:
        known, count = costs.get((r.model, r.modality), Cost()), r.weights.get("parameters")
        if r.preset == "paper" and known.parameters is None and isinstance(count, int):
            costs[(r.model, r.modality)] = replace(known, parameters=count)
    return dict(sorted(costs.items(), key=lambda item: network_name(*item[0])))


def _read_costs(path: Path) -> Iterator[tuple[tuple[str, str], Cost]]:
    with path.open(encoding="utf-8", newline="") as file:
        for n, line in enumerate(csv.DictReader(file), start=2):
            try:
                model = "-".join(filter(None, (line["network"], line["variant"])))
                cells = [line[name] for name in COSTS] + [line.get(PLAIN)]
                numbers = [float(cell) if cell else None for cell in cells]
                yield (model, line["modality"]), Cost(*numbers)
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"{path}, row {n}: expected network, variant, modality, and {', '.join(COSTS)} as "
                    f"numbers or empty ({type(error).__name__}: {error}); make it anew with `make models`"
                ) from error
