"""The table of networks as text for a terminal, as Markdown, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from avsal_bench.catalogue.networks import Row
from avsal_bench.catalogue.numbers import shortened
from avsal_bench.catalogue.speeds import Times, Way
from avsal_bench.files import write_atomically
from avsal_bench.text import text_table

#: Lines of a Markdown file between which the table stands.
BEGIN, END = "<!-- models: begin -->", "<!-- models: end -->"
#: And those between which it says which networks are the authors', and which were read from papers.
KINDS = ("<!-- kinds: begin -->", "<!-- kinds: end -->")
#: What is said of networks by their ``parity``: the heart of it, and the rest.
PARITY = {
    "proved": ("Equal to the authors' code", ", to a relative error of 2e-5 with the same weights"),
    "no": ("Public code that could not be compared", ""),
    "no code": ("Readings of papers", " without published code"),
}
DASH = "-"
NOT_MEASURED = "not measured"


class Column(NamedTuple):
    """One column: its title, the text of a row, and whether it holds numbers."""

    title: str
    cell: Callable[[Row], str]
    number: bool = False


def _clip(row: Row) -> str:
    facts = row.facts
    apart = f"/{facts.step}" if facts.step > 1 else ""  # the way from one frame to the next
    return f"{facts.frames}x{facts.height}x{facts.width}{apart}" if facts.macs else DASH


def _plain(which: Callable[[Times], Way]) -> Callable[[Row], str]:
    return lambda row: _seconds(row, which, lambda way: way.plain)


def _ours(which: Callable[[Times], Way]) -> Callable[[Row], str]:
    return lambda row: _seconds(row, which, lambda way: way.ours)


def _seconds(row: Row, which: Callable[[Times], Way], whose: Callable[[Way], float | None]) -> str:
    seconds = whose(which(row.times)) if row.times else None
    return DASH if seconds is None else f"{seconds:.3g}"


ONE_THREAD = _ours(lambda times: times.one_thread)


def _gain(row: Row) -> str:
    way = row.times.one_thread if row.times else Way()
    return f"{way.plain / way.ours:.2g}x" if way.plain and way.ours else DASH


def _weights(row: Row) -> str:
    facts = row.facts
    if not facts.weights + facts.encoder_weights:
        return DASH
    parts = f"+{facts.encoder_weights}" if facts.encoder_weights else ""
    return f"{facts.weights}{parts}, {facts.weights_opened} opened"


def _number(n: int | None) -> str:
    return DASH if n is None else shortened(n)


NETWORK = Column("network", lambda row: row.facts.label)
MODALITY = Column("modality", lambda row: row.facts.modality or "baseline")

#: What a network is.
FIRST = (
    NETWORK,
    MODALITY,
    Column("paper", lambda row: row.facts.paper or DASH),
    Column("params", lambda row: _number(row.facts.parameters), True),
    Column("MACs", lambda row: _number(row.facts.macs), True),
    Column("clip", _clip, True),
    Column("target", lambda row: row.facts.target if row.facts.macs else DASH),
    Column("sound", lambda row: row.facts.sound or DASH),
)
#: How fast it is, beside a plain script.
SECOND = (
    NETWORK,
    MODALITY,
    Column("plain CPU s", _plain(lambda times: times.one_thread), True),
    Column("CPU s", lambda row: NOT_MEASURED if row.facts.macs and not row.times else ONE_THREAD(row), True),
    Column("gain", _gain, True),
    Column("bf16 CPU s", _ours(lambda times: times.bf16), True),
    Column("plain film", _plain(lambda times: times.film), True),
    Column("film", _ours(lambda times: times.film), True),
    Column("plain s", _plain(lambda times: times.all_threads), True),
    Column("s", _ours(lambda times: times.all_threads), True),
)
#: What of it was verified.
THIRD = (
    NETWORK,
    MODALITY,
    Column("authors' code", lambda row: row.facts.code or ("none published" if row.facts.macs else DASH)),
    Column("parity", lambda row: row.facts.parity or DASH),
    Column("weights", _weights),
    Column("synth CC", lambda row: DASH if row.synth_cc is None else f"{row.synth_cc:.3f}", True),
    Column("real sets", lambda row: str(row.real) if row.real else "no"),
)


def terminal(rows: Sequence[Row]) -> str:
    """Blocks with aligned columns, and what they mean."""

    def numbers(part: Sequence[Column]) -> list[int]:
        return [place for place, column in enumerate(part) if column.number]

    blocks = [
        text_table([c.title for c in part], [[c.cell(r) for c in part] for r in rows], numbers(part))
        for part in (FIRST, SECOND, THIRD)
    ]
    return "\n\n".join([*blocks, "\n".join(_notes(rows))])


def markdown(rows: Sequence[Row]) -> str:
    """Tables, and what they mean."""
    parts = ["\n".join(_table(rows, part)) for part in (FIRST, SECOND, THIRD)]
    return "\n\n".join([*parts, "\n".join(f"- {note}" for note in _notes(rows))])


def _table(rows: Sequence[Row], part: Sequence[Column]) -> list[str]:
    cells = [[c.title for c in part], ["---:" if c.number else "---" for c in part]]
    cells += [[c.cell(row) for c in part] for row in rows]
    return [f"| {' | '.join(line)} |" for line in cells]


def _notes(rows: Sequence[Row]) -> list[str]:
    return [
        "params, MACs: of the published network and one window; MACs are the multiplications of its convolutions, "
        "matrix products, attentions and bilinear layers.",
        "clip: frames x height x width, /2 for every second frame; target: the frame that is predicted, +15 for the "
        "15th after the first; sound: front end, size and rate.",
        "CPU s: of the network for one frame of a film, CPU time on one thread; plain: each window alone, in float32, "
        "as published scripts do; bf16: in bfloat16; film: CPU time from files to scores under the protocol stavis.",
        f"s: of the network for one frame, time with {_machine(rows)}. A dash: not measured.",
        "parity: proved where, given the same weights, the output was compared with that of the authors' code.",
        "weights: the authors' files registered here, of whole networks + of encoders; opened: looked into here.",
        "synth CC: that CI expects of a short training on the embedded set; it says nothing about real videos.",
        "real sets: records of it on the leaderboard.",
    ]


def _machine(rows: Sequence[Row]) -> str:
    times = [row.times for row in rows if row.times]
    if not times:
        return f"all threads; {NOT_MEASURED}"
    machine, dates = times[0].machine, sorted({t.date for t in times})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return (
        f"{machine['cores']} threads; {machine['processor']}, torch {machine['torch']}, {when} "
        "(`python benchmarks/speed/film.py`; [Speed](speed.md))"
    )


def to_csv(rows: Sequence[Row]) -> str:
    """One line a network, numbers in full, empty where there is nothing."""
    text = io.StringIO()
    lines = [_numbers(row) for row in rows]
    writer = csv.DictWriter(text, lines[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _numbers(row: Row) -> dict[str, Any]:
    facts, times = vars(row.facts), row.times
    one_thread, all_threads, film = (times.one_thread, times.all_threads, times.film) if times else (Way(),) * 3
    first = ("network", "variant", "modality", "paper", "year", "parameters", "macs")
    return {
        **{name: facts.get(name, row.facts.year) for name in first},
        **{name: facts[name] for name in ("frames", "height", "width", "step", "target", "sound")},
        "cpu_seconds_one_thread": one_thread.ours,
        "plain_cpu_seconds_one_thread": one_thread.plain,
        "bf16_cpu_seconds_one_thread": times.bf16.ours if times else None,
        "film_cpu_seconds_one_thread": film.ours,
        "plain_film_cpu_seconds_one_thread": film.plain,
        "seconds_all_threads": all_threads.ours,
        "plain_seconds_all_threads": all_threads.plain,
        "cores": times.machine["cores"] if times else None,
        "processor": times.machine["processor"] if times else None,
        "torch": times.machine["torch"] if times else None,
        "measured": times.date if times else None,
        **{name: facts[name] for name in ("code", "parity", "weights", "encoder_weights", "weights_opened")},
        "synth_cc": row.synth_cc,
        "real_records": row.real,
    }


def kinds(rows: Sequence[Row]) -> str:
    """A list in Markdown: which networks are equal to their authors' code, which are readings, and which baselines."""
    words = {
        "proved": _bold("proved") + " ([how that is shown](../tests/golden/README.md))",
        "no": _bold("no"),
        "no code": _bold("no code") + "; decisions stand at the top of a network's file",
        "": "**[Baselines and classical models](baselines.md)**",
    }
    found: dict[str, list[str]] = {kind: [] for kind in words}
    for name in dict.fromkeys(row.facts.network for row in rows):
        own = {row.facts.parity for row in rows if row.facts.network == name}
        kind = next(kind for kind in words if kind in own)
        found[kind].append(f"[{name}](networks/{name}.svg)" if kind else f"`{name}`")
    return "\n".join(f"- {words[kind]}: {', '.join(names)}." for kind, names in found.items() if names)


def _bold(parity: str) -> str:
    heart, rest = PARITY[parity]
    return f"**{heart}**{rest}"


def replaced(text: str, table: str, where: Path, marks: tuple[str, str] = (BEGIN, END)) -> str:
    """A Markdown text with the table between the markers in the place of what stands there.

    Raises:
        ValueError: when one of the markers is missing, stands there twice, or they are in the wrong order.
    """
    begin, end = marks
    lines = text.splitlines()
    if [line for line in lines if line in marks] != [begin, end]:
        raise ValueError(
            f"{where}: expected one line {begin} and after it one line {end}; put them where the table goes"
        )
    before, after = lines[: lines.index(begin) + 1], lines[lines.index(end) :]
    return "\n".join([*before, table, *after]) + "\n"


def write_into(path: Path, table: str, listed: str = "") -> None:
    """Put the table between the markers of a Markdown file, atomically; errors as in :func:`replaced`.

    Args:
        path: of the file.
        table: to put there.
        listed: a list to put between the markers of :data:`KINDS`, where the file has them.
    """
    text = replaced(path.read_text(encoding="utf-8"), table, path)
    if listed and KINDS[0] in text.splitlines():
        text = replaced(text, listed, path, KINDS)
    write_atomically(path, text)
