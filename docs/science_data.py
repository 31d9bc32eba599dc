"""Make ``avsal_bench/resources/science.json`` of what pages of the docs measured: ``python docs/science_data.py``.

The leaderboard's page draws it. The numbers stand in docs/dhf1k.md and docs/protocols.md, where the commands that
measured them wrote them; nothing is typed here. ``--check`` writes nothing, and fails where the file is not of now.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from avsal_bench.files import write_atomically

DOCS = Path(__file__).parent
OUT = DOCS.parent / "avsal_bench" / "resources" / "science.json"
#: Where the tables stand, and the line that each begins with.
FORMS, MOVES, PROTOCOLS = "| maps |", "| protocol | score |", "| | CC | NSS |"
COMMANDS = {
    "grids": "python docs/dhf1k_forms.py FOLDER",
    "moves": "python docs/first_real_scores.py --real FOLDER",
    "protocols": "avsal protocols --choices --dataset synth --pred MAPS",
}
PAGES = {"grids": "dhf1k", "moves": "dhf1k", "protocols": "protocols"}


def table(page: str, head: str) -> list[list[str]]:
    """Cells of the first table of a page that begins with ``head``, the head among them, without the rule below it.

    Raises:
        ValueError: where there is none.
    """
    at = page.find(f"\n{head}")
    if at < 0:
        raise ValueError(f"no table that begins with {head!r}; was it renamed?")
    block = page[at + 1 :].partition("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in block]
    return [cells[0], *cells[2:]]


def data() -> dict[str, Any]:
    """What the file holds."""
    dhf1k, protocols = ((DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("dhf1k", "protocols"))
    head, *lines = table(dhf1k, MOVES)
    moves = [
        {
            "protocol": protocol,
            "score": score,
            "values": {name: _pair(cell) for name, cell in zip(head[2:-1], cells, strict=True)},
            "order_changes": changes == "yes",
        }
        for protocol, score, *cells, changes in lines
    ]
    forms = [
        {"maps": maps.replace("`", ""), "pixels": float(pixels), "grid": float(grid.removesuffix(" %"))}
        for maps, pixels, grid in table(dhf1k, FORMS)[1:]
    ]
    (metrics, base, *choices) = table(protocols, PROTOCOLS)
    return {
        "forms": forms,
        "cutting": re.findall(r"^[0-9]{3} ([.#]+)$", dhf1k, re.MULTILINE),
        "moves": moves,
        "base": dict(zip(metrics[1:], map(float, base[1:]), strict=True)),
        "protocols": {
            name.replace("`", ""): dict(zip(metrics[1:], map(float, cells), strict=True)) for name, *cells in choices
        },
        "commands": COMMANDS,
        "pages": PAGES,
    }


def _pair(cell: str) -> list[float]:
    """Both scores of a cell such as ``0.078 → 0.077 (-0.001)``."""
    first, second = re.findall(r"-?[0-9.]+", cell)[:2]
    return [float(first), float(second)]


def main(check: bool) -> None:
    """Write the file, or compare it."""
    made = json.dumps(data(), indent=1, ensure_ascii=False) + "\n"
    if not check:
        write_atomically(OUT, made)
    elif OUT.read_text(encoding="utf-8") != made:
        sys.exit(f"{OUT.name} is not what the pages say; run python docs/science_data.py")


if __name__ == "__main__":
    main("--check" in sys.argv[1:])
