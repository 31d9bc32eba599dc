"""What the study found, for programs: a long table in CSV and all of it in JSON; and the files of it, page included."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from avsal_bench.files import write_atomically
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.studies.who_hears.study_file import Study
from avsal_bench.studies.who_hears.study_findings import Found, NotRun, measured, not_run


def long_table(found: Sequence[Found]) -> str:
    """CSV with a line a number, by network, setting, seed, measure, sound and scenes, with its interval.

    ``measure`` is ``score``, ``silent`` (that of the ablation), ``over_silent``, ``loss`` or ``map_cc``; ``seed`` is
    empty for means over all of ``seeds``.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["network", "model", "setting", "seeds", "seed", "measure", "sound", "scenes", "mean", "low", "high", "videos"]
    )
    for one in found:
        head = [one.network, one.model, one.setting, " ".join(map(str, one.seeds))]
        for seed, measure, sound, scenes, interval in _numbers(one):
            bounds = ["" if math.isnan(x) else f"{x:.6f}" for x in (interval.mean, interval.low, interval.high)]
            writer.writerow([*head, seed, measure, sound, scenes, *bounds, interval.n])
    return out.getvalue()


def _numbers(one: Found) -> Iterator[tuple[str, str, str, str, Interval]]:
    yield "", "score", "original", "sounding", one.score
    yield "", "silent", "muted", "sounding", one.silent
    yield "", "over_silent", "original", "sounding", one.over_silent
    for sound, loss in one.losses.items():
        yield "", "loss", sound, "sounding", loss.sounding
        yield "", "loss", sound, "other", loss.other
        yield "", "map_cc", sound, "all", Interval(loss.map_cc, math.nan, math.nan, loss.sounding.n + loss.other.n)
        for seed, interval in loss.by_seed.items():
            yield str(seed), "loss", sound, "sounding", interval


def plain(study: Study, found: Sequence[Found | NotRun]) -> dict[str, Any]:
    """All of it as plain values, NaN as null: the plan, what was found, and what was not run."""
    return {
        "plan": _without_nan(asdict(study)),
        "networks": [_without_nan(asdict(one)) for one in measured(found)],
        "not_run": [asdict(one) for one in not_run(found)],
    }


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def write_pages(
    study: Study, found: Sequence[Found | NotRun], page: str, folder: Path, also: Path | None = None
) -> list[Path]:
    """Write ``who_hears.md``, ``.csv`` and ``.json``; returns their paths.

    Args:
        study: the whole plan, so that what was not run is told.
        found: of each of its networks.
        page: of it, in Markdown.
        folder: the work folder.
        also: another place of the page.

    Raises:
        OSError: naming a file that cannot be written.
    """
    texts = {
        folder / "who_hears.md": page,
        folder / "who_hears.csv": long_table(measured(found)),
        folder / "who_hears.json": json.dumps(plain(study, found), indent=1) + "\n",
    }
    if also is not None:
        texts[also] = texts[folder / "who_hears.md"]
    for path, text in texts.items():
        write_atomically(path, text)
    return list(texts)
