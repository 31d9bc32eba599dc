"""Expected scores: compared with those of reruns, or written down anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from avsal_bench.bench.machine import Machine
from avsal_bench.bench.workspace import Workspace
from avsal_bench.files import write_atomically
from avsal_bench.leaderboard.drift import (
    Drift,
    drift_table,
    drifts,
    failed_claims,
    new_expected,
    read_expected,
    to_json,
    updated,
)
from avsal_bench.names import pick
from avsal_bench.resources import clone, resource
from avsal_bench.studies.regress import rerun
from avsal_bench.text import many


@dataclass(frozen=True)
class Comparison:
    """How many scores of an expected file were compared, which drifted, and which of its claims do not hold."""

    name: str
    scores: int
    moved: tuple[Drift, ...]
    failed: tuple[str, ...]

    @property
    def wrong(self) -> int:
        """Scores that drifted, and claims that do not hold."""
        return len(self.moved) + len(self.failed)

    def __str__(self) -> str:
        """A line, and what is wrong below it."""
        line = f"{self.name}: {many(self.scores, 'score')} compared, {len(self.moved)} drifted; "
        line += f"{many(len(self.failed), 'claim', 'do')} not hold"
        return "\n".join([line, *([drift_table(self.moved)] if self.moved else []), *self.failed])


def compare_expected(name: str, space: Workspace) -> Comparison:
    """Rerun what an expected file names, and compare.

    Args:
        name: of a file of expected scores.
        space: folders.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file and what is wrong in it.
    """
    expected = read_expected(_place(name))
    records = list(rerun(expected, space, Machine(devices=1)))
    scores = expected["scores"]
    moved, failed = drifts(records, scores), failed_claims(records, expected)
    return Comparison(name, sum(map(len, scores.values())), tuple(moved), tuple(failed))


def update_expected(name: str, space: Workspace, reason: str) -> Path:
    """Write the scores of a rerun into an expected file, a new one for a network that has none; returns its path.

    Args:
        name: of a file of expected scores, or of a network with a recipe.
        space: folders.
        reason: why the scores move; it is kept in the file.

    Raises:
        ValueError: for a name that is neither, and in an installed package, whose files are not written.
    """
    if clone() is None:
        raise ValueError("expected scores are files of avsal-bench; write them in a clone of its repository")
    path = _place(name)
    if path.is_file():
        expected = read_expected(path)
    else:
        pick("network with a recipe", name, {p.stem: p for p in space.recipes.glob("*.yaml")})
        expected = new_expected(name)
    records = list(rerun(expected, space, Machine(devices=1)))
    write_atomically(path, to_json(updated(expected, records, reason, f"{datetime.now(timezone.utc):%Y-%m-%d}")))
    return path


def _place(name: str) -> Path:
    return resource("expected") / f"{name}.json"
