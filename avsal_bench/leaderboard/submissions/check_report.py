"""What a check of a submission found, as plain values, as JSON and as Markdown. A report may come from anyone, too."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from avsal_bench.leaderboard.escaping import for_comment
from avsal_bench.leaderboard.markdown import Ready, markdown_table
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.leaderboard.submissions.standings import Neighbour, Standing
from avsal_bench.leaderboard.submissions.submit import Submission
from avsal_bench.leaderboard.tables import DIGITS, Score
from avsal_bench.names import printable
from avsal_bench.plain_values import read_plain
from avsal_bench.records import METRICS
from avsal_bench.text import fixed, many

#: Number of the form of a report, and bytes that one may have.
FORM, MOST_BYTES = 1, 4_000_000
#: Files with problems, problems of a file, rows and notes in a report; what there is more of is counted.
MOST_FILES, MOST_PROBLEMS, MOST_ROWS, MOST_NOTES = 100, 10, 100, 50
#: Letters of a report in Markdown; a comment on GitHub may have 65,536.
MOST_LETTERS = 60_000
#: Letters of a text.
_LONGEST = 400

_Text = Annotated[str, Field(max_length=_LONGEST)]
_Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
_Number = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


@with_config(ConfigDict(extra="forbid", strict=True))
class ProblemForm(TypedDict):
    """What is wrong, and what to do."""

    what: _Text
    fix: _Text


@with_config(ConfigDict(extra="forbid", strict=True))
class FileForm(TypedDict):
    """A file that cannot be published; ``more`` counts the problems that are not listed."""

    path: _Text
    problems: Annotated[list[ProblemForm], Field(max_length=MOST_PROBLEMS)]
    more: _Count


@with_config(ConfigDict(extra="forbid", strict=True))
class ScoreForm(TypedDict):
    """A score, its 95 % interval over videos, and its rank; null where they are not defined."""

    value: _Number | None
    low: _Number | None
    high: _Number | None
    rank: _Count | None


@with_config(ConfigDict(extra="forbid", strict=True))
class NeighbourForm(TypedDict):
    """A row beside one, and the paired difference in CC with its 95 % interval."""

    network: _Text
    preset: _Text
    difference: _Number | None
    low: _Number | None
    high: _Number | None
    videos: _Count


@with_config(ConfigDict(extra="forbid", strict=True))
class RowForm(TypedDict):
    """A row as it would stand; ``unranked`` says why it has no rank."""

    protocol: _Text
    dataset: _Text
    network: _Text
    preset: _Text
    sound: _Text
    folds: Annotated[list[_Count], Field(max_length=20)]
    seeds: Annotated[list[_Count], Field(max_length=1000)]
    rank: _Count | None
    of: _Count
    unranked: _Text
    scores: Annotated[dict[_Text, ScoreForm], Field(max_length=40)]
    above: NeighbourForm | None
    below: NeighbourForm | None


@with_config(ConfigDict(extra="forbid", strict=True))
class ReportForm(TypedDict):
    """A whole report."""

    form: Annotated[int, Field(ge=FORM, le=FORM)]
    good: _Count
    bad: _Count
    files: Annotated[list[FileForm], Field(max_length=MOST_FILES)]
    rows: Annotated[list[RowForm], Field(max_length=MOST_ROWS)]
    more_rows: _Count
    notes: Annotated[list[_Text], Field(max_length=MOST_NOTES)]


def make_report(
    found: Submission, rows: Sequence[Standing], notes: Sequence[str] = (), roots: Sequence[Path] = ()
) -> ReportForm:
    """The report of a check.

    Args:
        found: by the check.
        rows: of the records that have nothing against them.
        notes: for people.
        roots: folders that paths are told below.
    """
    told = [
        *notes[: MOST_NOTES - 1],
        *([f"and {many(len(notes) - MOST_NOTES + 1, 'more note')}"] * (len(notes) >= MOST_NOTES)),
    ]
    files: list[FileForm] = []
    for path, problems in sorted(found.problems.items())[:MOST_FILES]:
        listed: list[ProblemForm] = [
            {"what": _text(below(problem, roots)), "fix": _text(below(problem.fix, roots))}
            for problem in problems[:MOST_PROBLEMS]
        ]
        files.append({"path": _text(below(str(path), roots)), "problems": listed, "more": len(problems) - len(listed)})
    return {
        "form": FORM,
        "good": len(found.records),
        "bad": len(found.problems),
        "files": files,
        "rows": [_row(one) for one in rows[:MOST_ROWS]],
        "more_rows": max(0, len(rows) - MOST_ROWS),
        "notes": [_text(note) for note in told],
    }


def report_json(report: ReportForm) -> str:
    """The report as JSON."""
    return json.dumps(report, indent=1, ensure_ascii=False) + "\n"


def report_from_json(content: bytes) -> ReportForm:
    """A report that may come from anyone.

    Raises:
        ValueError: for what is none.
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"a report of {len(content):,} bytes, at most {MOST_BYTES:,} are read")
    plain = read_plain(content)
    try:
        return TypeAdapter(ReportForm).validate_python(plain)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:100]
        raise ValueError(f"no report of `avsal submit --check`: {place} {first['msg']}"[:300]) from None


def report_markdown(report: ReportForm) -> str:
    """The report as Markdown of at most ``MOST_LETTERS`` letters, in which no text is more than text."""
    most = max(len(report["files"]), len(report["rows"]), len(report["notes"]), 1)
    while len(text := _markdown(report, most)) > MOST_LETTERS and most > 1:
        most //= 2
    return text


def _markdown(report: ReportForm, most: int) -> str:
    good, bad = report["good"], report["bad"]
    if bad:
        head = f"{bad:,} of {many(good + bad, 'file')} cannot be published."
    else:
        head = f"{many(good, 'record')}, nothing against {'it' if good == 1 else 'them'}." if good else "No record."
    parts = [f"**{head}**"]
    if files := report["files"][:most]:
        lines = [[_cell(f["path"]), _problems(f, "what"), _problems(f, "fix")] for f in files]
        parts += ["#### What is wrong", _table(["File", "What is wrong", "What to do"], lines)]
        parts += _more(bad - len(files), "file")
    if rows := report["rows"][:most]:
        parts += ["#### How the rows would stand", _rows(rows)]
        parts += _more(len(report["rows"]) - len(rows) + report["more_rows"], "row")
        parts.append(
            "Scores with 95 % intervals over videos. Above and below: the next ranked rows, with the difference in CC."
        )
    if notes := report["notes"][:most]:
        parts += ["#### Notes", "\n".join(f"- {_cell(note)}" for note in notes)]
        parts += _more(len(report["notes"]) - len(notes), "note")
    return "\n\n".join(parts) + "\n"


def _more(number: int, what: str) -> list[str]:
    return [f"And {many(number, f'more {what}')}."] if number > 0 else []


def _problems(file: FileForm, part: str) -> Ready:
    """What is wrong, or what to do, a line each, and each fix once."""
    texts = [problem["what"] if part == "what" else problem["fix"] for problem in file["problems"]]
    shown = [str(_cell(text)) for text in dict.fromkeys(texts) if text]
    shown += [f"and {many(file['more'], 'more problem')}"] * (part == "what" and file["more"] > 0)
    return Ready("<br>".join(shown) or "-")


def _rows(rows: Sequence[RowForm]) -> str:
    metrics = [metric for metric in METRICS if any(metric in row["scores"] for row in rows)]
    header = ["Protocol", "Set", "Network", "Preset", "Rank by CC", *metrics, "Above", "Below"]
    return _table(header, [_line(row, metrics) for row in rows])


def _line(row: RowForm, metrics: Sequence[str]) -> list[Ready]:
    network = row["network"] if row["sound"] == "original" else f"{row['network']} ({row['sound']})"
    rank = f"{row['rank']} of {row['of']}" if row["rank"] else f"not ranked: {row['unranked']}"
    scores = [_score(row["scores"].get(metric), metric) for metric in metrics]
    cells = [row["protocol"], row["dataset"], network, row["preset"], rank, *scores]
    return [*map(_cell, cells), _beside(row["above"]), _beside(row["below"])]


def _score(score: ScoreForm | None, metric: str) -> str:
    if score is None or score["value"] is None:
        return "-"
    digits = DIGITS.get(metric, 3)
    text = fixed(score["value"], digits)
    low, high = score["low"], score["high"]
    return text if low is None or high is None else f"{text} ({fixed(low, digits)} to {fixed(high, digits)})"


def _beside(other: NeighbourForm | None) -> Ready:
    if other is None:
        return Ready("-")
    text = f"{other['network']} {other['preset']}"
    if other["difference"] is not None:
        text += f": {fixed(other['difference'], sign=True)}"
        if other["low"] is not None and other["high"] is not None:
            text += f" ({fixed(other['low'], sign=True)} to {fixed(other['high'], sign=True)})"
    return _cell(text)


def _table(header: Sequence[str], lines: Sequence[Sequence[Ready]]) -> str:
    return markdown_table(header, lines, padded=False).rstrip("\n")


def _cell(text: str) -> Ready:
    return Ready(for_comment(text) or "-")


def _row(one: Standing) -> RowForm:
    row, head = one.row, one.row.head
    return {
        "protocol": head.protocol,
        "dataset": head.dataset,
        "network": head.network,
        "preset": head.preset,
        "sound": head.sound,
        "folds": list(row.folds),
        "seeds": list(row.seeds)[:1000],
        "rank": one.ranks.get("CC"),
        "of": one.of,
        "unranked": _text(one.unranked or ("" if "CC" in one.ranks else "it has no CC")),
        "scores": {metric: _score_form(score, one.ranks.get(metric)) for metric, score in row.scores.items()},
        "above": _neighbour_form(one.above),
        "below": _neighbour_form(one.below),
    }


def _score_form(score: Score, rank: int | None) -> ScoreForm:
    return {"value": _number(score.value), "low": _number(score.low), "high": _number(score.high), "rank": rank}


def _neighbour_form(other: Neighbour | None) -> NeighbourForm | None:
    if other is None:
        return None
    head = other.row.head
    found = other.difference or Interval(math.nan, math.nan, math.nan, 0)
    return {
        "network": head.network,
        "preset": head.preset,
        "difference": _number(found.mean),
        "low": _number(found.low),
        "high": _number(found.high),
        "videos": found.n,
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def below(text: str, roots: Iterable[Path]) -> str:
    """A text with paths as they are below folders."""
    for root in roots:
        text = text.replace(f"{root}/", "")
    return text


def _text(text: str) -> str:
    said = printable(text).replace("\n", " ")
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 3]}..."
