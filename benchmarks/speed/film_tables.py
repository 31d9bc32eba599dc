"""The tables of a file of times, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from avsal_bench.files import write_atomically

#: Lines of a page between which the tables stand.
BEGIN, END = "<!-- film: begin -->", "<!-- film: end -->"

ALONE = ("network alone, s a window", "device", "precision", "plain", "ours", "gain", "of the dense rate")
ALONE += ("maps differ", "least CC")
FILM = ("from files to scores, s a frame", "device", "precision", "from", "plain", "ours", "gain")
FILM += ("windows read anew", "rest of ours")
LONG = ("frames of the film", "CPU ms a frame", "peak memory, MB")


def tables(found: Mapping[str, Any]) -> str:
    """Tables of networks alone, of films, and of long films, of those that were measured."""
    networks = found["networks"]
    parts = [
        _table(ALONE, (_alone(key, row) for key, one in networks.items() for row in one["alone"])),
        _table(FILM, (_film(key, row) for key, one in networks.items() for row in one["film"])),
        _table(LONG, (_long(row) for row in found.get("length", []))),
    ]
    told = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    dates = sorted({one["date"] for one in networks.values()})
    when = f" Measured {dates[0] if len(dates) == 1 else f'{dates[0]} to {dates[-1]}'}." if dates else ""
    return "\n\n".join([f"Machine: {told}.{when}", *filter(None, parts)])


def parts_of(page: Path) -> tuple[list[str], list[str]]:
    """The lines of a page up to its first marker, and from its second one on.

    Raises:
        FileNotFoundError: for a page that is not there.
        ValueError: for a page without markers.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    if [line for line in lines if line in (BEGIN, END)] != [BEGIN, END]:
        raise ValueError(f"{page}: expected one line {BEGIN} and after it one line {END}; put them where the tables go")
    return lines[: lines.index(BEGIN) + 1], lines[lines.index(END) :]


def written(page: Path, text: str) -> None:
    """Put a text between the markers of a page.

    Raises:
        FileNotFoundError, ValueError: as :func:`parts_of`.
    """
    before, after = parts_of(page)
    write_atomically(page, "\n".join([*before, text, *after]) + "\n")


def _long(row: Mapping[str, Any]) -> list[str]:
    return [f"{row['frames']:,}", f"{1000 * row['seconds']:.1f}", f"{row['peak_mb']:.0f}"]


def _alone(key: str, row: Mapping[str, Any]) -> list[str]:
    seconds = [f"{median(row[who]):.3g}" for who in ("plain", "ours")]
    dense = f"{100 * row['of_dense']:.0f} %" if "of_dense" in row else "-"
    same = [f"{row['differ']:.1e}", f"{row['cc']:.5f}"]
    return [key, _device(row), row["precision"], *seconds, f"{row['gain']:.2f}x", dense, *same]


def _film(key: str, row: Mapping[str, Any]) -> list[str]:
    seconds = [f"{sum(row[who].values()):.3g}" for who in ("plain", "ours")]
    source = f"{row['source']}, whole" if row["stretch"] else row["source"]
    gains = [f"{row[name]:.2f}x" for name in ("gain", "gain_reread")]
    return [key, _device(row), row["precision"], source, *seconds, *gains, f"{100 * row['rest_share']:.1f} %"]


def _device(row: Mapping[str, Any]) -> str:
    return (
        row["device"] if row["device"] != "cpu" else "1 thread" if row["threads"] == 1 else f"{row['threads']} threads"
    )


def _table(titles: Sequence[str], rows: Iterator[list[str]]) -> str:
    lines = list(rows)
    if not lines:
        return ""
    number = [all(cell[:1].isdigit() for cell in column) for column in zip(*lines, strict=True)]
    rule = ["---:" if right else "---" for right in number]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, rule, *lines))
