"""Expected scores: compared with those of reruns, or written down anew."""

from __future__ import annotations

from collections.abc import Sequence
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
    expected_seeds,
    failed_claims,
    new_expected,
    of_seeds,
    read_expected,
    to_json,
    updated,
)
from avsal_bench.names import pick
from avsal_bench.resources import clone, resource
from avsal_bench.studies.regress import rerun
from avsal_bench.text import many, named


@dataclass(frozen=True)
class Comparison:
    """How many scores of an expected file were compared, which drifted, and which of its claims do not hold.

    ``seeds`` are those whose scores were compared.
    """

    name: str
    seeds: tuple[int, ...]
    scores: int
    moved: tuple[Drift, ...]
    failed: tuple[str, ...]

    @property
    def wrong(self) -> int:
        """Scores that drifted, and claims that do not hold."""
        return len(self.moved) + len(self.failed)

    def __str__(self) -> str:
        """A line, and what is wrong below it."""
        of_seeds = "" if self.seeds == (0,) else f" of {named('seed', self.seeds)}"
        line = f"{self.name}: {many(self.scores, 'score')}{of_seeds} compared, {len(self.moved)} drifted; "
        line += f"{many(len(self.failed), 'claim', 'do')} not hold"
        return "\n".join([line, *([drift_table(self.moved)] if self.moved else []), *self.failed])


def look_for_expected(name: str, seeds: Sequence[int] = (0,)) -> list[int]:
    """Look whether there are expected scores of some seeds; returns the seeds. Cheap, and before anything is run.

    Args:
        name: of a file of expected scores.
        seeds: of training; none for all that the file has.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file and what is wrong in it, or a seed that it has no score of.
    """
    path = _place(name)
    try:
        return expected_seeds(read_expected(path), seeds)
    except ValueError as error:
        told = str(error)
        raise ValueError(told if told.startswith(str(path)) else f"{path}: {told}") from error


def compare_expected(name: str, space: Workspace, seeds: Sequence[int] = (0,)) -> Comparison:
    """Rerun what an expected file names, and compare.

    Args:
        name: of a file of expected scores.
        space: folders.
        seeds: of training, whose scores are compared; none for all that the file has.

    Raises:
        FileNotFoundError, ValueError: as :func:`look_for_expected`.
    """
    asked = look_for_expected(name, seeds)
    expected = read_expected(_place(name))
    records = list(rerun(expected, space, Machine(devices=1), asked))
    scores = of_seeds(expected["scores"], asked, records)
    moved, failed = drifts(records, scores), failed_claims(records, expected)
    return Comparison(name, tuple(asked), sum(map(len, scores.values())), tuple(moved), tuple(failed))


def update_expected(name: str, space: Workspace, reason: str, seeds: Sequence[int] = (0,)) -> Path:
    """Write the scores of a rerun into an expected file, a new one for a network that has none; returns its path.

    With ``space.reuse_other_code`` records that other code made are taken as they are; the file keeps which one.

    Args:
        name: of a file of expected scores, or of a network with a recipe.
        space: folders.
        reason: why the scores move; it is kept in the file.
        seeds: of training, whose scores are written, and others stay; none for all that the file has.

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
    asked = list(seeds) or expected_seeds(expected) or [0]
    records = list(rerun(expected, space, Machine(devices=1), asked, space.reuse_other_code))
    today = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    write_atomically(path, to_json(updated(expected, records, reason, today, asked)))
    return path


def _place(name: str) -> Path:
    return resource("expected") / f"{name}.json"
