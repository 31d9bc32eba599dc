"""The same maps under every protocol: how far a score moves by protocol alone."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from avsal_bench.bench.evaluate import Submission, inspect_submission, score_maps
from avsal_bench.bench.workspace import Workspace
from avsal_bench.evaluation.protocol import Protocol, list_protocols, protocol, single_choices
from avsal_bench.files import write_atomically
from avsal_bench.records import METRICS, mean_scores
from avsal_bench.text import fixed, text_table
from avsal_bench.workers import Workers

Scores = Mapping[str, float]


def compare_protocols(
    submission: Submission,
    space: Workspace,
    workers: Workers,
    allow_missing: bool = False,
    base: str = "stavis",
    choices: bool = False,
    table: str | None = None,
) -> str:
    """Scores of the same maps under every protocol, as a table with the differences from one of them.

    Args:
        submission: the maps.
        space: folders.
        workers: processes that read and score.
        allow_missing: score what is there although maps are missing or unreadable.
        base: name of the protocol to compare with.
        choices: also change ``base`` in one choice at a time.
        table: a CSV file to write the scores to.

    Raises:
        ValueError, FileNotFoundError: as :func:`~avsal_bench.bench.evaluate.evaluate` does.
    """
    first = protocol(base)
    rules = [first, *(rule for rule in map(protocol, list_protocols()) if rule != first)]
    if choices:
        rules += single_choices(first).values()
    inspection = inspect_submission(submission, space, workers, allow_missing)
    videos = score_maps(submission, inspection, rules, space, workers, allow_missing)
    scores = {rule.name: mean_scores(videos[rule.name], rule.averaging) for rule in rules}
    metrics = _metrics(rules)
    if table is not None:
        write_atomically(Path(table), _csv(scores, metrics))
    s = submission
    lines = [
        f"{s.network} on {s.dataset}, fold {s.fold}; in brackets the difference from {base}",
        "",
        _text(scores, metrics),
    ]
    if any(kind.endswith("uint8") for kind in inspection.story()["kinds"]):
        lines += [
            "",
            "Maps in 8 bits are taken as saved already: what a protocol does to a map before it saves it is left out.",
            "Give float maps (.npy) to compare that too.",
        ]
    return "\n".join(lines)


def _metrics(rules: Sequence[Protocol]) -> list[str]:
    """The six, and those that some of the protocols score besides."""
    return list(dict.fromkeys(metric for metrics in (METRICS, *(rule.metrics for rule in rules)) for metric in metrics))


def _text(scores: Mapping[str, Scores], metrics: Sequence[str]) -> str:
    base = next(iter(scores.values()))
    body = [
        [name, *(_cell(row.get(m, math.nan), base.get(m, math.nan), row is base) for m in metrics)]
        for name, row in scores.items()
    ]
    return text_table(["protocol", *metrics], body)


def _cell(value: float, base: float, is_base: bool) -> str:
    if math.isnan(value):
        return "-"
    shown = fixed(value, 4)
    return shown if is_base or math.isnan(base) else f"{shown} ({fixed(value - base, 4, sign=True)})"


def _csv(scores: Mapping[str, Scores], metrics: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["protocol", *metrics])
    for name, row in scores.items():
        values = (row.get(metric, math.nan) for metric in metrics)
        writer.writerow([name, *("" if math.isnan(value) else f"{value:.9f}" for value in values)])
    return text.getvalue()
