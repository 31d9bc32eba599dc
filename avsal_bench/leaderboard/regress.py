"""Have the scores drifted? Records against the files in ``benchmarks/expected``.

The file maps ``<network>/<dataset>/fold<k>/<sound>``, with ``/<protocol>`` at the end where that is not the one of the
main tables, to ``{metric: [value, tolerance]}``, null for an undefined score; ``"claims": true`` asks that every claim
of :mod:`avsal_bench.leaderboard.hearing` about the networks of the file holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from avsal_bench.leaderboard.hearing import hearing_claims
from avsal_bench.leaderboard.tables import MAIN_PROTOCOL
from avsal_bench.records import METRICS, Record


def regressions(records: Sequence[Record], expected: Mapping[str, Any]) -> list[str]:
    """What is not as expected, one line each; empty when all is well. Records nobody expects are no regression.

    Raises:
        ValueError: on an unknown metric, or on two records that would answer one key.
    """
    found = _by_key(records)
    lines = []
    for key in sorted(expected.keys() - {"claims"}):
        _check_metrics(expected[key], key)
        if key not in found:
            lines.append(f"{key}: expected a record, got none")
            continue
        for metric, (value, tolerance) in expected[key].items():
            got = found[key].scores[metric]
            if not _near(got, value, tolerance):
                lines.append(f"{key} {metric}: expected {_show(value)} ± {tolerance:g}, got {_show(got)}")
    if expected.get("claims"):
        named = {key.split("/")[0] for key in expected}
        failed = [c for c in hearing_claims([r for r in records if r.network in named]) if not c.holds]
        lines += [f"claim: expected '{claim.text}', got no: {claim.reason}" for claim in failed]
    return lines


def expected_from(records: Sequence[Record], tolerances: Mapping[str, float]) -> dict[str, Any]:
    """Content of an expected file: these records' scores, for each metric that has a tolerance.

    ``claims`` is true when every claim holds now, so read what is written before it is committed.
    """
    _check_metrics(tolerances, "tolerances")
    expected: dict[str, Any] = {}
    for key, record in sorted(_by_key(records).items()):
        scores = {m: (None if math.isnan(record.scores[m]) else round(record.scores[m], 6)) for m in tolerances}
        expected[key] = {metric: [score, tolerances[metric]] for metric, score in scores.items()}
    expected["claims"] = all(claim.holds for claim in hearing_claims(records))
    return expected


def record_key(record: Record) -> str:
    """Key of a record in an expected file."""
    protocol = "" if record.protocol == MAIN_PROTOCOL else f"/{record.protocol}"
    return f"{record.network}/{record.dataset}/fold{record.fold}/{record.sound}{protocol}"


def _by_key(records: Iterable[Record]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    for r in records:
        key = record_key(r)
        if key in found:
            o = found[key]
            raise ValueError(
                f"{key}: one record expected, got seed {o.seed} ({o.preset}) and seed {r.seed} ({r.preset}); "
                "compare one seed and preset at a time"
            )
        found[key] = r
    return found


def _check_metrics(names: Iterable[str], where: str) -> None:
    unknown = sorted(set(names) - METRICS.keys())
    if unknown:
        raise ValueError(f"{where}: unknown metric {', '.join(unknown)}; known are {', '.join(METRICS)}")


def _near(got: float, value: float | None, tolerance: float) -> bool:
    return math.isnan(got) if value is None else abs(got - value) <= tolerance


def _show(value: float | None) -> str:
    return "undefined" if value is None or math.isnan(value) else f"{value:.4f}"
