"""The script that times the metrics: its tables and its file, and that it never times a wrong thing."""

import ast
import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import HOME

from avsal_bench.evaluation.protocol import prepare, protocol

COLUMNS = ["CC", "SIM", "NSS", "AUC-J", "sAUC", "KL", "five", "stavis"]


@pytest.fixture
def speed(monkeypatch):
    monkeypatch.syspath_prepend(HOME / "benchmarks" / "speed")
    import metrics

    return metrics


def run(speed, *options):
    return speed.main(["--sizes", "24x32", "--batches", "2", "--threads", "1", "--repeats", "1", *options])


def test_a_table_a_size_and_all_numbers_in_a_file(speed, tmp_path, capsys):
    path = tmp_path / "speed.json"
    assert run(speed, "--plain", "--json", str(path)) == 0
    head, _, titles, rule, *rows = capsys.readouterr().out.strip().splitlines()
    assert all(word in head for word in (torch.__version__, "processor", "threads 1", "dtype float64", "ms a frame"))
    assert titles == f"| 24x32 | {' | '.join(COLUMNS)} |"
    assert rule.count("|") == titles.count("|")
    assert [row.split(" | ")[0] for row in rows] == ["| batch 2", "| plain numpy"]
    found = json.loads(path.read_text())
    assert (found["threads"], found["repeats"]) == (1, 1)
    assert [(m["row"], m["column"]) for m in found["measured"]] == [
        (row, column) for column in COLUMNS for row in ("batch 2", "plain numpy")
    ]
    assert all(0 < m["fastest_ms"] <= m["median_ms"] for m in found["measured"])


def test_without_plain_only_ours_is_timed(speed, capsys):
    assert run(speed, "--dtype", "float32") == 0
    assert "plain" not in capsys.readouterr().out


@pytest.mark.slow
def test_a_wrong_score_is_not_timed(speed, monkeypatch, capsys):
    for metric, right in list(speed.OURS.items()):
        with monkeypatch.context() as patch:
            patch.setitem(speed.OURS, metric, lambda *inputs, right=right: 1.05 * right(*inputs))
            with pytest.raises(SystemExit) as stop:
                run(speed)
        out, err = capsys.readouterr()
        assert stop.value.code == 1
        assert err.startswith(f"not timed, for the scores differ: {metric} of 24x32: ")
        assert "|" not in out


def test_a_wrong_protocol_is_not_timed(speed, monkeypatch):
    right = speed.stavis_scores
    monkeypatch.setattr(speed, "stavis_scores", lambda *inputs: {k: v + 0.01 for k, v in right(*inputs).items()})
    with pytest.raises(ValueError, match="CC of 40x24 by the protocol"):
        speed.check((40, 24), "float64")


@pytest.mark.parametrize("size", [(240, 320), (57, 200), (112, 112), (30, 41)])
def test_plain_numpy_prepares_maps_as_the_protocol_does(speed, size):
    small = speed.make_frames((24, 32), 1)[4]
    ours = prepare(torch.from_numpy(small), size, protocol("stavis"))[0].numpy()
    np.testing.assert_allclose(speed.prepare(small[0], size), ours, atol=1e-12)


def test_help_teaches(speed, capsys):
    with pytest.raises(SystemExit):
        speed.main(["--help"])
    assert "python benchmarks/speed/metrics.py --plain --json speed.json" in capsys.readouterr().out


def run_script(name, *options):
    """What a speed script prints, in a process of its own with all cores."""
    command = [sys.executable, str(HOME / "benchmarks" / "speed" / name), *options]
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
@pytest.mark.timed
def test_batches_are_much_faster_than_plain_numpy(tmp_path):
    """Times of one machine compared, for another is slower or busy: `make speed` prints them.

    On one thread, as plain numpy has: several that wait for each other lose most to a busy neighbour.
    """
    path = tmp_path / "speed.json"
    options = ("--threads", "1", "--batches", "32", "--dtype", "float32", "--plain", "--json", str(path))
    run_script("metrics.py", *options)
    fastest = {(m["size"], m["row"], m["column"]): m["fastest_ms"] for m in json.loads(path.read_text())["measured"]}
    for size, column, factor in (("240x320", "five", 5), ("480x640", "five", 3), ("480x640", "stavis", 1.5)):
        assert fastest[size, "plain numpy", column] > factor * fastest[size, "batch 32", column], (size, column)


@pytest.mark.slow
@pytest.mark.timed
def test_a_thousand_maps_are_evaluated_in_a_minute():
    """It takes 11 s where nothing else runs; half a minute is the promise."""
    text = run_script("evaluate.py")
    assert text.startswith("1000 frames of 240x320, 2 processes: ")
    assert float(text.split()[-2]) < 60


SCRIPTS = sorted((HOME / "benchmarks" / "speed").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=[path.name for path in SCRIPTS])
def test_what_a_script_takes_from_another_is_there(script):
    for found in ast.walk(ast.parse(script.read_text())):
        other = script.with_name(f"{found.module}.py") if isinstance(found, ast.ImportFrom) and found.module else None
        if other is None or "." in found.module or found.module in sys.stdlib_module_names:
            continue
        if other.exists():
            names = {
                target.id
                for node in ast.walk(ast.parse(other.read_text()))
                for target in ast.walk(node)
                if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store)
            }
            names |= {node.name for node in ast.parse(other.read_text()).body if hasattr(node, "name")}
            assert {alias.name for alias in found.names} <= names, f"{script.name} takes from {other.name}"
        else:
            assert importlib.util.find_spec(found.module), f"{script.name} imports {found.module}, which is not there"
