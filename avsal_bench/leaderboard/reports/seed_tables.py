"""Does a network hear with every seed? A line a seed, and their mean and spread, for a terminal and in Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from avsal_bench.leaderboard.hearing import SeedHearing, SeedTable, hearing_by_seed
from avsal_bench.leaderboard.markdown import Ready, markdown_table
from avsal_bench.leaderboard.merged_records import board_records
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.text import fixed, many, text_table

#: What :attr:`SeedHearing.hears` says, in a word.
WORDS = {True: "yes", False: "NO", None: "not asked"}

#: Columns of numbers, behind that of the seed.
NUMBERS = range(1, 8)


def seed_tables(
    folder: Path, models: Sequence[str] = (), metrics: Sequence[str] = (), places: Sequence[Path] = ()
) -> list[SeedTable]:
    """The tables of a leaderboard's records; nothing is trained or tested.

    Args:
        folder: of the leaderboard.
        models: only these, by their names in tables; none for all.
        metrics: none for CC.
        places: of records, in the stead of the leaderboard's own.

    Raises:
        ValueError: as :func:`~avsal_bench.leaderboard.hearing.hearing_by_seed`, and where there is nothing to show.
    """
    records = [record for _, record in board_records(folder, places)]
    tables = [table for name in metrics or ("CC",) for table in hearing_by_seed(records, name, models or None)]
    if not tables:
        where = ", ".join(map(str, places)) or folder / "records"
        raise ValueError(
            f"{where}: no record of a network with sound on synthetic data, where it is known when sound "
            "counts; `avsal bench avrsp --preset smoke` makes some"
        )
    return tables


def seed_tables_text(tables: Iterable[SeedTable]) -> str:
    """The tables for a terminal; "" for none."""
    return "\n\n".join(
        f"{_title(table)}\n{text_table(_header(table), _body(table), NUMBERS)}\n{_notes(table)}" for table in tables
    )


def seed_tables_markdown(tables: Iterable[SeedTable]) -> str:
    """The tables for a page of documentation; "" for none."""
    return "\n".join(
        f"**{_title(table)}**\n\n{markdown_table(_header(table), _marked(_body(table)), NUMBERS)}\n{_notes(table)}\n"
        for table in tables
    )


def _title(table: SeedTable) -> str:
    hearing = [one.hears for one in table.seeds]
    answer = f"hears with {sum(map(bool, hearing))} of {many(len(hearing), 'seed')}"
    if unasked := hearing.count(None):
        answer += f", {unasked} not asked"
    return f"{table.model} on {table.dataset} ({table.preset}, {table.protocol}): {answer}"


def _header(table: SeedTable) -> list[str]:
    m = table.metric
    return ["seed", "videos", f"{m} of all", f"{m} av", "av muted", "v", "av less muted", "av less v", "hears"]


def _notes(table: SeedTable) -> str:
    return (
        f"{table.metric} of all: of the network with sound, over all test videos. The other columns are of sounding "
        "scenes. Differences: mean over videos [95 % interval]; a seed hears where both lie above zero."
    )


def _body(table: SeedTable) -> list[list[str]]:
    body = [
        [
            *(str(one.seed), str(one.videos)),
            *(_number(value) for value in (one.whole, one.av, one.muted, one.v)),
            *(_interval(interval) for interval in (one.av_over_muted, one.av_over_v)),
            WORDS[one.hears],
        ]
        for one in table.seeds
    ]
    if len(table.seeds) > 1:
        columns = [[value for one in table.seeds if not math.isnan(value := of(one))] for of in _COLUMNS]
        body.append(_summary("mean of the seeds", columns, statistics.fmean, signs=True))
        body.append(_summary("standard deviation", columns, statistics.stdev))
        body.append(_summary("lowest", columns, min, signs=True))
        body.append(_summary("highest", columns, max, signs=True))
    return body


#: What the mean and the spread over seeds are of; the last two are differences.
_COLUMNS: Sequence[Callable[[SeedHearing], float]] = (
    lambda one: one.whole,
    lambda one: one.av,
    lambda one: one.muted,
    lambda one: one.v,
    lambda one: one.av_over_muted.mean if one.av_over_muted else math.nan,
    lambda one: one.av_over_v.mean if one.av_over_v else math.nan,
)


def _summary(
    name: str, columns: Sequence[Sequence[float]], of: Callable[[Sequence[float]], float], signs: bool = False
) -> list[str]:
    """A row over the seeds; nothing is told of a column that fewer than two of them have."""
    cells = [
        fixed(of(values), sign=signs and place >= len(columns) - 2) if len(values) > 1 else "-"
        for place, values in enumerate(columns)
    ]
    return [name, "", *cells, ""]


def _number(value: float) -> str:
    return "-" if math.isnan(value) else fixed(value)


def _interval(interval: Interval | None) -> str:
    return "-" if interval is None else interval.text()


def _marked(body: list[list[str]]) -> list[list[str]]:
    """The rows of Markdown, in which a seed that does not hear stands out."""
    return [[Ready(f"**{cell}**") if cell == WORDS[False] else cell for cell in row] for row in body]
