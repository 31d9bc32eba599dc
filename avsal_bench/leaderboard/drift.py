"""Have the scores drifted? Records against the files in ``benchmarks/expected``.

Such a file is JSON::

    {"preset": "smoke",                 of the recipes
     "models": ["avrsp"],               the networks whose jobs give the scores; the baselines come along
     "set": [],                         overrides of their recipes (left out: none)
     "synth_videos": 12,                a set `synth` of that many videos, made for this (left out: the usual one)
     "claims": true,                    every claim of :mod:`avsal_bench.leaderboard.hearing` about the networks holds
     "scores": {"<network>/<data set>/fold<k>/<sound>": {"CC": [0.675, 0.06], ...}, ...},    of seed 0
     "reasons": [{"date": "2026-11-21", "reason": "...", "versions": {...}}, ...]}

A score is ``[value, tolerance]``, with null for one that is undefined. A key ends in ``/<protocol>`` where that is not
the one of the main tables. Scores of another seed than 0 have it behind the fold, ``.../fold<k>/seed<s>/<sound>``; a
check compares those of seed 0 where nobody asks for others. What does not depend on the seed, such as a baseline,
stands there once. ``reasons`` grows by one each time the scores are rewritten.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avsal_bench.leaderboard.hearing import BASELINES, Claim, hearing_claims
from avsal_bench.leaderboard.tables import MAIN_PROTOCOL
from avsal_bench.records import METRICS, Record
from avsal_bench.text import fixed, named, text_table

#: Keys of an expected file, and what each holds.
KEYS: dict[str, type] = {
    "preset": str,
    "models": list,
    "set": list,
    "synth_videos": int,
    "claims": bool,
    "scores": dict,
    "reasons": list,
}
OPTIONAL = ("set", "synth_videos")

#: How far a new score may move from one machine to another: of a network after the smoke training, and of a baseline,
#: where nothing but the data and the metrics decides. A file may be given tighter ones by hand; they are kept.
TRAINED = {"CC": 0.06, "NSS": 0.6, "AUC-J": 0.02, "sAUC": 0.04, "SIM": 0.06}
UNTRAINED = {"CC": 0.002, "NSS": 0.01, "AUC-J": 0.001, "sAUC": 0.001, "SIM": 0.002, "KL": 0.01}

#: Form of a key, and where the seed stands in it.
_KEY = re.compile(r"[^/]+/[^/]+/fold[1-9](/seed[1-9][0-9]*)?(/(?!seed[0-9])[^/]+){1,2}")
_SEED = re.compile(r"(?<=[0-9])/seed([0-9]+)(?=/)")

#: What the story of a rewrite keeps of the records' provenance.
VERSIONS = ("version", "commit", "python", "torch", "lightning", "device")


@dataclass(frozen=True)
class Drift:
    """One score that is not as expected; ``got`` is None where there is no record."""

    key: str
    metric: str
    expected: float | None
    got: float | None
    tolerance: float

    def cells(self) -> list[str]:
        """Its row in the table."""
        difference = "-" if self.got is None or self.expected is None else fixed(self.got - self.expected, 4, sign=True)
        got = "no record" if self.got is None else _show(self.got)
        return [self.key, self.metric, _show(self.expected), got, f"{self.tolerance:g}", difference]


def new_expected(model: str) -> dict[str, Any]:
    """An expected file of a network without scores yet: those of its smoke preset are to come."""
    return {"preset": "smoke", "models": [model], "claims": False, "scores": {}, "reasons": []}


def read_expected(path: Path) -> dict[str, Any]:
    """Read an expected file.

    Raises:
        FileNotFoundError: when there is none.
        ValueError: naming the file and what is wrong in it.
    """
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.json")))
        raise FileNotFoundError(f"no expected scores {path}; there are: {known or 'none'}")
    try:
        expected = json.loads(path.read_text(encoding="utf-8"))
        _check(expected)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: {error}") from error
    return dict(expected)


def expected_seeds(expected: Mapping[str, Any], asked: Sequence[int] = ()) -> list[int]:
    """The seeds that an expected file has scores of; or those of them that are asked for.

    Raises:
        ValueError: for a seed that it has no score of.
    """
    there = sorted({seed_of(key) for key in expected["scores"]})
    if lacking := [seed for seed in asked if seed not in there]:
        raise ValueError(
            f"no expected scores of {named('seed', lacking)}; there are those of {named('seed', there or ['none'])}. "
            "--update with --seeds writes others down"
        )
    return list(asked) or there


def of_seeds(scores: Mapping[str, Any], seeds: Collection[int], records: Iterable[Record]) -> dict[str, Any]:
    """Expected scores of some seeds, and those of what does not depend on the seed.

    Args:
        scores: ``scores`` of an expected file.
        seeds: that are compared.
        records: that are compared; what has no seed of its own is among them once, with the seed of its key.
    """
    there = {record_key(record) for record in records}
    return {key: of_key for key, of_key in scores.items() if seed_of(key) in seeds or key in there}


def drifts(records: Iterable[Record], scores: Mapping[str, Any]) -> list[Drift]:
    """What is not as expected, in the order of the keys; empty when all is well.

    Records that nobody expects are no drift.

    Args:
        records: one for each key, or more.
        scores: ``scores`` of an expected file, or of some of its seeds.

    Raises:
        ValueError: on two records that would answer one key, and on one that was not tested in float32.
    """
    found = _by_key(records)
    wrong = []
    for key in sorted(scores):
        for metric, (value, tolerance) in scores[key].items():
            got = found[key].scores[metric] if key in found else None
            if got is None or not _near(got, value, tolerance):
                wrong.append(Drift(key, metric, value, got, tolerance))
    return wrong


def drift_table(wrong: Sequence[Drift]) -> str:
    """Scores that drifted, as plain text with one line each."""
    header = ["score of", "metric", "expected", "got", "tolerance", "difference"]
    return text_table(header, [drift.cells() for drift in wrong], numbers=range(2, 6))


def failed_claims(records: Sequence[Record], expected: Mapping[str, Any]) -> list[str]:
    """Claims that an expected file asks for and the records of a seed do not bear out, one line each."""
    if not expected["claims"]:
        return []
    failed = [claim for claim in _claims(records, expected["scores"]) if not claim.holds]
    of_seed = {claim: "" if claim.seed is None else f" with seed {claim.seed}" for claim in failed}
    return [f"claim: expected '{claim.text}'{of_seed[claim]}, got no: {claim.reason}" for claim in failed]


def _claims(records: Iterable[Record], scores: Mapping[str, Any]) -> list[Claim]:
    """Claims about the networks that have a score, beside the baselines, which need none."""
    networks = {key.split("/")[0] for key in scores} | set(BASELINES)
    return hearing_claims([record for record in records if record.network in networks])


def updated(
    expected: Mapping[str, Any], records: Sequence[Record], reason: str, date: str, seeds: Collection[int] = (0,)
) -> dict[str, Any]:
    """An expected file with the scores of these records, and why they are other than before.

    Tolerances stay as they are; a score of a seed that is new has those of another seed, and one that is new at all the
    usual ones. Scores of other seeds stay. ``claims`` is true when every claim holds now with each seed,
    so read what is written before it is committed. How badly a muted network does is no quality of it, so its scores
    are kept only where they were asked for before.

    Args:
        expected: what the file held.
        records: of the jobs that it names, of one seed or several.
        reason: why the scores moved, for those who read the file.
        date: of today, as year-month-day.
        seeds: of training, whose scores are written.

    Raises:
        ValueError: for an empty reason, or when there are no records.
    """
    if not reason.strip():
        raise ValueError('say why the scores move: --reason "..."; it is kept in the file')
    found = _by_key(records)
    if not found:
        raise ValueError("no record to take scores from; does the file name a network?")
    old = expected["scores"]
    kept = {key: of_key for key, of_key in old.items() if key not in found and seed_of(key) not in seeds}
    if gone := sorted(old.keys() - found.keys() - kept.keys()):
        raise ValueError(f"{gone[0]}: no record of it any more; take the key out of the file, or bring the job back")
    alike = {without_seed(key): old[key] for key in sorted(old, key=seed_of, reverse=True)}
    scores = dict(kept)
    for key, record in found.items():
        before = old.get(key, alike.get(without_seed(key)))
        if before is None and (old or record.sound != "original"):
            continue
        usual = TRAINED if record.provenance.get("fits") else UNTRAINED
        tolerances = usual if before is None else {metric: tolerance for metric, (_, tolerance) in before.items()}
        values = {m: (None if math.isnan(record.scores[m]) else round(record.scores[m], 6)) for m in tolerances}
        scores[key] = {metric: [value, tolerances[metric]] for metric, value in values.items()}
    provenance = next(iter(found.values())).provenance
    versions = {name: provenance[name] for name in VERSIONS if provenance.get(name)}
    story = {"date": date, "reason": reason.strip(), "versions": versions}
    return {
        **expected,
        "claims": all(claim.holds for claim in _claims(records, scores)) and (expected["claims"] or not kept),
        "scores": dict(sorted(scores.items())),
        "reasons": [*expected["reasons"], story],
    }


def to_json(expected: Mapping[str, Any]) -> str:
    """The text of an expected file: one score a line.

    >>> print(to_json({"preset": "smoke", "scores": {"a": {"CC": [0.5, 0.1]}}}), end="")
    {
     "preset": "smoke",
     "scores": {
      "a": {
       "CC": [0.5, 0.1]
      }
     }
    }
    """
    text = json.dumps(expected, indent=1)
    return re.sub(r"\[\s+([-+.\deE]+|null),\s+([-+.\deE]+)\s+\]", r"[\1, \2]", text) + "\n"


def record_key(record: Record) -> str:
    """Key of a record in an expected file."""
    return score_key(record.network, record.dataset, record.fold, record.sound, record.protocol, record.seed)


def score_key(network: str, dataset: str, fold: int, sound: str, protocol: str, seed: int = 0) -> str:
    """Key of the scores of one record.

    >>> score_key("mep", "synth", 1, "original", "stavis"), score_key("mep", "synth", 1, "original", "raw", seed=3)
    ('mep/synth/fold1/original', 'mep/synth/fold1/seed3/original/raw')
    """
    of_seed = f"/seed{seed}" if seed else ""
    return f"{network}/{dataset}/fold{fold}{of_seed}/{sound}" + ("" if protocol == MAIN_PROTOCOL else f"/{protocol}")


def seed_of(key: str) -> int:
    """Seed of the scores of a key.

    >>> seed_of("toy_v/synth/fold1/original"), seed_of("toy_v/synth/fold1/seed12/original/raw")
    (0, 12)
    """
    found = _SEED.search(key)
    return int(found[1]) if found else 0


def without_seed(key: str) -> str:
    """The key that scores of the same kind have with seed 0.

    >>> without_seed("toy_v/synth/fold1/seed12/original")
    'toy_v/synth/fold1/original'
    """
    return _SEED.sub("", key)


def _check(expected: Any) -> None:
    if not isinstance(expected, dict):
        raise ValueError(f"expected an object with {', '.join(KEYS)}")
    for key in expected:
        if key not in KEYS:
            raise ValueError(f"unknown key {key!r}; known are {', '.join(KEYS)}")
    for key, kind in KEYS.items():
        if key not in expected and key in OPTIONAL:
            continue
        if not isinstance(expected.get(key), kind):
            raise ValueError(f"{key}: expected {kind.__name__}, got {expected.get(key)!r}")
    for key, scores in expected["scores"].items():
        if not _KEY.fullmatch(key):
            raise ValueError(
                f"scores of {key!r}: expected <network>/<data set>/fold<k>[/seed<s>]/<sound>[/<protocol>], with a seed "
                "from 1 on, and none for seed 0"
            )
        for metric, pair in scores.items():
            if metric not in METRICS:
                raise ValueError(f"{key}: unknown metric {metric}; known are {', '.join(METRICS)}")
            if not (isinstance(pair, list) and len(pair) == 2 and _is_number(pair[1]) and pair[1] >= 0):
                raise ValueError(f"{key} {metric}: expected [value, tolerance], got {pair!r}")
            if pair[0] is not None and not _is_number(pair[0]):
                raise ValueError(f"{key} {metric}: expected a number or null, got {pair[0]!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _by_key(records: Iterable[Record]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    for r in records:
        key = record_key(r)
        if r.precision:
            raise ValueError(
                f"{key}: tested in {r.precision}, and expected scores are those of float32; test it with "
                "--precision 32-true"
            )
        if key in found:
            o = found[key]
            raise ValueError(
                f"{key}: one record expected, got one of preset {o.preset} and one of {r.preset}; compare one preset "
                "at a time"
            )
        found[key] = r
    return found


def _near(got: float, value: float | None, tolerance: float) -> bool:
    return math.isnan(got) if value is None else abs(got - value) <= tolerance


def _show(value: float | None) -> str:
    return "undefined" if value is None or math.isnan(value) else fixed(value, 4)
