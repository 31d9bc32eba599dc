"""Scores from papers: ``published.csv`` as rows of tables. What the papers print is shown as printed.

``not_built.csv`` names methods among them that cannot be built here, and says what is missing.

``published_videos.csv`` holds scores of single videos, which authors hand out in files and no paper prints.
"""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from avsal_bench.files import regular_file
from avsal_bench.names import safe_name, shortened
from avsal_bench.records import METRICS

#: Notes of cells that are printed clearly but can hardly be what the authors meant.
SUSPECT_NOTES = ("whole block equals", "likely shifted", "out of pattern", "identical in", "outside the range")
#: Columns of ``published.csv``.
COLUMNS = (
    *("paper", "table", "method", "variant", "modality", "pretrain", "input_size", "dataset", "metric", "value"),
    *("kind", "legible", "note"),
)
#: Columns of ``published_videos.csv``; ``paper`` is of the network, ``source`` the file that was read.
VIDEO_COLUMNS = ("paper", "source", "method", "variant", "modality", "dataset", "video", "metric", "value")
#: Bytes of ``published_videos.csv``, at most.
MOST_BYTES = 20_000_000
#: The protocol of all that is published of a set, where its own script makes the scores.
SCORED_BY = {"ntire26_private": "crowdsal"}
#: Longest text of a table.
LONGEST = 5_000
MARKS = {"yes": "", "reconstructed": "°", "doubtful": "?"}


@dataclass(frozen=True)
class Cell:
    """One printed number; ``mark`` is "°" (reconstructed), "?" (doubtful), "!" (as printed, but suspect) or ""."""

    text: str
    mark: str = ""

    @property
    def value(self) -> float:
        """The number."""
        return float(self.text)


@dataclass(frozen=True)
class PublishedRow:
    """Scores of one method on one data set, as given by ``papers`` (several where all their numbers are equal)."""

    dataset: str
    method: str
    variant: str
    modality: str
    pretrain: str
    papers: tuple[str, ...]
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class PublishedVideos:
    """Scores of one method on the single videos of a data set, from one file.

    ``scores`` are by metric and video.
    """

    paper: str
    source: str
    method: str
    variant: str
    modality: str
    dataset: str
    scores: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class NotBuilt:
    """A method with published scores and no network here: its paper, what is public of it, and what is missing."""

    method: str
    paper: str
    status: str
    missing: str


def read_not_built(path: Path, known: Iterable[str]) -> list[NotBuilt]:
    """Lines of ``not_built.csv``; none where a leaderboard has no such file.

    Args:
        path: of the file.
        known: methods that have published scores.

    Raises:
        ValueError: naming the file and the line, when something in it is empty, or the method has no scores.
    """
    if not path.exists():
        return []
    names = [field.name for field in fields(NotBuilt)]
    known, lines = set(known), []
    for n, line in _read_table(path, names):
        if list(line) != names or not all(line.values()) or line["method"] not in known:
            raise ValueError(
                f"{path}, row {n}: expected {', '.join(names)}, none empty, of a method in published.csv; got {line}"
            )
        lines.append(line)
    return [NotBuilt(**line) for line in lines]


def read_published(path: Path, kind: str = "main") -> list[dict[str, str]]:
    """Cells of the papers' tables that have a value, one dictionary a line of ``published.csv``.

    Args:
        path: of the file.
        kind: of the tables: ``main``, or ``ablation``, which compare versions of one network.

    Raises:
        ValueError: naming the file and the line, when a value is no number or a legibility is unknown.
    """
    lines = [(n, line) for n, line in _read_table(path, COLUMNS) if line["kind"] == kind]
    for n, line in lines:
        if line["legible"] not in MARKS or not re.fullmatch(r"([0-9]+(\.[0-9]+)?)?", line["value"]):
            raise ValueError(
                f"{path}, row {n}: expected a number or nothing, and legible as one of {', '.join(MARKS)}; "
                f"got value {line['value']!r}, legible {line['legible']!r}"
            )
    return [line for _, line in lines if line["value"]]


def read_published_videos(path: Path) -> list[PublishedVideos]:
    """What ``published_videos.csv`` holds, in its order; nothing where a leaderboard has no such file.

    Raises:
        ValueError: naming the file and the line of a value that is no number of the metric, of a video without a name,
            and of a score that stands there twice.
    """
    if not path.exists():
        return []
    regular_file(path, MOST_BYTES, links=True)
    found: dict[tuple[str, str, str, str, str, str], dict[str, dict[str, float]]] = {}
    for n, line in _read_table(path, VIDEO_COLUMNS):
        where, metric = f"{path}, row {n}", line["metric"]
        video = safe_name(f"{where}: video", line["video"])
        if metric not in METRICS or not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", line["value"]):
            raise ValueError(
                f"{where}: expected a number of one of {', '.join(METRICS)}; got {shortened(line['value'])} of "
                f"{shortened(metric)}"
            )
        key = (line["paper"], line["source"], line["method"], line["variant"], line["modality"], line["dataset"])
        scores = found.setdefault(key, {}).setdefault(metric, {})
        if video in scores:
            raise ValueError(f"{where}: a second {metric} of {line['method']} on {video}; keep one")
        scores[video] = float(line["value"])
    return [PublishedVideos(*key, scores) for key, scores in found.items()]


def _read_table(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines of a table with the number of each; texts that are shown, so they hold no control characters.

    Raises:
        ValueError: naming the file, and the row if it is known, for another form.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for n, line in enumerate(csv.DictReader(file), start=2):
                if None in line or None in line.values() or not line.keys() >= set(columns):
                    raise ValueError(f"{path}, row {n}: expected {', '.join(columns)}; got {shortened(line, 200)}")
                for name, text in line.items():
                    if not text.isprintable() or len(text) > LONGEST:
                        raise ValueError(f"{path}, row {n}: {name} is {shortened(text)}; expected text on one line")
                yield n, line
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no table in CSV and UTF-8 ({error}); save it so") from error


def published_rows(lines: Iterable[Mapping[str, str]]) -> list[PublishedRow]:
    """Rows, best CC first. Each paper has its own row, but papers that agree in every number share one."""
    groups: dict[tuple[str, ...], dict[str, Cell]] = defaultdict(dict)
    for line in lines:
        key = tuple(line[k] for k in ("dataset", "method", "variant", "modality", "pretrain", "paper"))
        groups[key][line["metric"]] = Cell(line["value"], cell_mark(line))
    joined: dict[tuple[object, ...], PublishedRow] = {}
    for (dataset, method, variant, modality, pretrain, paper), cells in groups.items():
        numbers = tuple(sorted((metric, cell.value) for metric, cell in cells.items()))
        identity = (dataset, method, _bare(variant), modality, pretrain, numbers)
        row = PublishedRow(dataset, method, variant, modality, pretrain, (paper,), cells)
        joined[identity] = _join(joined[identity], row) if identity in joined else row
    return sorted(joined.values(), key=_order)


def cell_mark(line: Mapping[str, str]) -> str:
    """Sign behind a number of ``published.csv``, as ``Cell.mark`` has it."""
    suspect = any(note in line["note"] for note in SUSPECT_NOTES)
    return MARKS[line["legible"]] or ("!" if suspect else "")


def _bare(variant: str) -> str:
    """Name without the modality that some papers print after it: 'CASP-Net(AV)' is 'CASP-Net'."""
    return re.sub(r"\((AV|V)\)$", "", variant)


def _join(a: PublishedRow, b: PublishedRow) -> PublishedRow:
    """One row of two that agree; of each cell the copy that is best legible, and has the most digits."""
    cells = {m: min(a.cells[m], b.cells[m], key=lambda c: (bool(c.mark), -len(c.text))) for m in a.cells}
    return PublishedRow(a.dataset, a.method, a.variant, a.modality, a.pretrain, (*a.papers, *b.papers), cells)


def _order(row: PublishedRow) -> tuple[object, ...]:
    cc = -row.cells["CC"].value if "CC" in row.cells else math.inf
    return (cc, row.method, row.variant, row.modality, row.pretrain, row.papers)
