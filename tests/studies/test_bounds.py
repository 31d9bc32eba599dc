"""What bounds the scale of every table on the embedded set: chance, centre, mean eye position, human infinite."""

import json
from itertools import pairwise

import pytest
from conftest import HOME

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.bench.workspace import workspace
from avsal_bench.records import read_record

HUMAN = "human_infinite/synth/fold1/original"
ABOVE = ("CC", "SIM", "NSS")


def expected_rows():
    """Scores of every row that regression checks expect on the embedded set, with their tolerances."""
    found = {}
    for path in sorted((HOME / "benchmarks" / "expected").glob("*.json")):
        for key, scores in json.loads(path.read_text(encoding="utf-8"))["scores"].items():
            found[path.stem, key] = scores
    return found


def test_human_infinite_is_above_every_network_and_baseline_that_was_measured():
    rows = expected_rows()
    human = rows.pop(("human_infinite", HUMAN))
    assert {"chance", "gbvs", "itti", "seo", "quick", "smoke", "stavis", "vinet"} <= {file for file, _ in rows}
    for row, scores in rows.items():
        for metric in ABOVE:
            (high, human_tolerance), (score, tolerance) = human[metric], scores[metric]
            assert high - human_tolerance > score + tolerance, f"{metric} of {row}"


def test_the_bounds_that_were_measured_stand_in_order():
    rows = expected_rows()
    files = {"chance": "chance", "centre": "smoke", "mep": "smoke", "human_infinite": "human_infinite"}
    order = [rows[file, f"{model}/synth/fold1/original"] for model, file in files.items()]
    for metric in ("CC", "NSS"):
        for lower, upper in pairwise(scores[metric][0] for scores in order):
            assert lower < upper, metric


@pytest.mark.slow
def test_the_bounds_stand_in_order_on_the_whole_fold(tmp_path):
    """On the set that `make bench` has made, or makes next."""
    space = workspace(runs=str(tmp_path / "runs"), leaderboard=str(tmp_path / "leaderboard"))
    scores = []
    for model in ("chance", "centre", "mep", "human_infinite"):
        [path] = run_job(Job(model, "", 1, 0, "smoke", "stavis"), space, Machine(devices=1, workers=0))
        record = read_record(path)
        assert (len(record.videos), sum(v.frames for v in record.videos)) == (24, 1115)
        scores.append(record.scores)
    for metric in ("CC", "NSS"):
        for lower, upper in pairwise(scores):
            assert lower[metric] < upper[metric], metric
    *others, human = scores
    for metric in ABOVE:
        assert human[metric] > max(other[metric] for other in others), metric
