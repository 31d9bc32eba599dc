"""The regression check: what it compares, what it runs again, and that it sees what it is for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import HOME
from made_records import NAN, made_elsewhere, make, synth_records

from avsal_bench.cli import main
from avsal_bench.leaderboard.drift import (
    drift_table,
    drifts,
    failed_claims,
    new_expected,
    read_expected,
    record_key,
    to_json,
    updated,
)
from avsal_bench.resources import resource

EXPECTED = sorted(resource("expected").glob("*.json"))
KEY = "toy_v/synth/fold1/original"


def expecting(scores: dict[str, Any], **others: Any) -> dict[str, Any]:
    return new_expected("toy") | {"scores": scores} | others


# comparing


def test_what_was_written_down_is_no_drift() -> None:
    records = [*(r for r in synth_records() if r.fold == 1), make([NAN], model="blank", dataset="synth")]
    expected = updated(new_expected("toy"), records, "first scores", "2026-01-01")
    assert expected["claims"] is True
    assert set(expected["scores"]) == {record_key(r) for r in records if r.sound == "original"}
    assert expected["scores"]["blank_v/synth/fold1/original"]["CC"] == [None, 0.002]
    assert drifts(records, expected["scores"]) == []
    assert failed_claims(records, expected) == []


def test_drift_is_told_line_by_line() -> None:
    scores = {
        KEY: {"CC": [0.5, 0.01], "NSS": [0.6, 0.2], "KL": [None, 0.1]},
        "toy_av/synth/fold1/muted": {"CC": [0.5, 0.01]},
    }
    found = drifts([make([0.52], dataset="synth")], scores)
    lines = [line.split() for line in drift_table(found).splitlines()]
    assert lines[0] == ["score", "of", "metric", "expected", "got", "tolerance", "difference"]
    assert lines[1:] == [
        ["toy_av/synth/fold1/muted", "CC", "0.5000", "no", "record", "0.01", "-"],
        [KEY, "CC", "0.5000", "0.5200", "0.01", "+0.0200"],
        [KEY, "KL", "undefined", "0.5200", "0.1", "-"],
    ]
    [undefined] = drifts([make([NAN], dataset="synth")], {KEY: {"CC": [0.5, 9]}})
    assert undefined.cells()[3] == "undefined"


def test_a_claim_that_no_longer_holds_is_told() -> None:
    [line] = failed_claims([make([0.5], dataset="synth")], expecting({KEY: {}}, claims=True))
    assert line == "claim: expected 'a network hears', got no: no synthetic record of a network with sound"


def test_double_records_are_an_error_and_protocols_are_apart() -> None:
    told = r"toy_v/avad/fold1/original: one record expected, got seed 0 \(paper\) and seed 1 \(maps\); compare one seed"
    with pytest.raises(ValueError, match=told):
        drifts([make([0.5]), made_elsewhere(make([0.5], seed=1))], {})
    records = [make([0.5]), make([0.6], protocol="dave", averaging="frames")]
    scores = updated(new_expected("toy"), records, "first", "2026-01-01")["scores"]
    assert scores["toy_v/avad/fold1/original"]["CC"][0] == 0.5
    assert scores["toy_v/avad/fold1/original/dave"]["CC"][0] == 0.6


# rewriting


def test_an_update_keeps_tolerances_and_every_reason() -> None:
    old = expecting({KEY: {"CC": [0.5, 0.123]}}, reasons=[{"date": "2025-01-01", "reason": "first", "versions": {}}])
    new = updated(
        old, [make([0.7], dataset="synth"), make([0.1], model="other", dataset="synth")], " why ", "2026-02-03"
    )
    assert new["scores"] == {KEY: {"CC": [0.7, 0.123]}}
    assert [(r["date"], r["reason"]) for r in new["reasons"]] == [("2025-01-01", "first"), ("2026-02-03", "why")]
    assert new["reasons"][1]["versions"] == {"version": "0.1.0", "commit": "abc"}


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_an_update_without_a_reason_is_refused(reason: str) -> None:
    with pytest.raises(ValueError, match="say why the scores move"):
        updated(new_expected("toy"), [make([0.5])], reason, "2026-01-01")


def test_an_update_never_drops_a_score_in_silence() -> None:
    with pytest.raises(ValueError, match="toy_v/synth/fold1/original: no record of it any more"):
        updated(expecting({KEY: {"CC": [0.5, 0.1]}}), [make([0.5])], "why", "2026-01-01")
    with pytest.raises(ValueError, match="no record to take scores from"):
        updated(new_expected("toy"), [], "why", "2026-01-01")


# files


def test_expected_files_say_whose_scores_they_are_and_why() -> None:
    assert EXPECTED
    for path in EXPECTED:
        expected = read_expected(path)
        assert path.read_text(encoding="utf-8") == to_json(expected), path
        assert expected["scores"], path
        assert all(r["date"] and r["reason"] for r in expected["reasons"]), path
        for model in expected["models"]:
            recipe = yaml.safe_load((resource("recipes") / f"{model}.yaml").read_text(encoding="utf-8"))
            assert expected["preset"] in recipe["presets"], path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"scores": {KEY: {"AUC": [1, 1]}}}, "unknown metric AUC; known are CC"),
        ({"scores": {KEY: {"CC": [1, -1]}}}, r"CC: expected \[value, tolerance\], got \[1, -1\]"),
        ({"scores": {KEY: {"CC": 0.5}}}, r"CC: expected \[value, tolerance\], got 0.5"),
        ({"scores": {KEY: {"CC": ["a", 1]}}}, "expected a number or null, got 'a'"),
        ({"models": "toy"}, "models: expected list, got 'toy'"),
        ({"model": []}, "unknown key 'model'; known are preset, models"),
    ],
)
def test_a_bad_expected_file_is_named(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    path = tmp_path / "toy.json"
    path.write_text(json.dumps(new_expected("toy") | change))
    with pytest.raises(ValueError, match=f"toy.json: .*{told}"):
        read_expected(path)


def test_a_file_that_is_not_there_or_no_json(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text("{")
    with pytest.raises(FileNotFoundError, match=r"two.json; there are: one"):
        read_expected(tmp_path / "two.json")
    with pytest.raises(ValueError, match=r"one.json: "):
        read_expected(tmp_path / "one.json")


# the command


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and a package without expected scores."""
    shutil.copytree(resource("recipes"), tmp_path / "resources" / "recipes")
    (tmp_path / "resources" / "expected").mkdir()
    monkeypatch.setattr("avsal_bench.resources._HERE", tmp_path / "resources")
    monkeypatch.setenv("AVSAL_HOME", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return tmp_path


def test_the_command_writes_compares_and_fails(
    home: Path, synth_root: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from avsal_bench.studies import regress as reruns

    path = home / "resources" / "expected" / "chance.json"
    folders = ["--synth-root", str(synth_root)]
    assert main(["regress", "chance", *folders]) == 2
    assert "no expected scores" in capfd.readouterr().err
    assert main(["regress", "chance", "--update", *folders]) == 2
    assert "--update rewrites the files that it names, and keeps why" in capfd.readouterr().err
    assert main(["regress", "chanse", "--update", "--reason", "new", *folders]) == 2
    assert "did you mean 'chance'?" in capfd.readouterr().err
    assert main(["regress", "chance", "--update", "--reason", "new", *folders]) == 0
    expected = read_expected(path)
    assert set(expected["scores"]) == {f"{name}/synth/fold1/original" for name in ("centre", "mep", "chance")}
    assert expected["reasons"][0]["versions"]["torch"]

    # What this code has made is not run again, be it of an earlier check or on the leaderboard.
    monkeypatch.setattr(reruns, "run_job", lambda *_: pytest.fail("a job was run again"))
    assert main(["regress", "chance", *folders]) == 0
    (own,) = (home / "runs" / "regress").iterdir()
    shutil.move(own / "leaderboard" / "records", home / "leaderboard" / "records")
    assert main(["regress", "chance", *folders]) == 0
    assert "18 scores compared, 0 drifted" in capfd.readouterr().out

    expected["scores"]["mep/synth/fold1/original"]["CC"][0] += 0.01
    path.write_text(to_json(expected))
    assert main(["regress", "chance", *folders]) == 1
    out = capfd.readouterr().out
    assert "1 drifted" in out
    assert "-0.0100" in next(line for line in out.splitlines() if line.startswith("mep/synth/fold1/original"))

    # A record of other code is made again.
    monkeypatch.undo()
    monkeypatch.setattr("avsal_bench.resources._HERE", home / "resources")
    monkeypatch.setenv("AVSAL_HOME", str(home))
    record = home / "leaderboard" / "records" / "stavis" / "synth" / "mep-fold1-seed0.json"
    plain = json.loads(record.read_text())
    record.write_text(json.dumps(plain | {"provenance": plain["provenance"] | {"code": "0" * 64}}))
    assert main(["regress", "chance", *folders]) == 1
    assert "regress: mep-fold1-seed0" in capfd.readouterr().out


# what it is for


def replaced(path: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = (root / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path} is no longer what this test changes"
        (root / path).write_text(text.replace(old, new), encoding="utf-8")

    return change


CHANGES = {
    "nothing": lambda root: None,
    "the metric CC": replaced(
        "avsal_bench/metrics/arithmetic/measured.py",
        "return within(total(one * other) / (norm * other_norm), -1.0, 1.0, one.dtype)",
        "return within((total(one * other) / (norm * other_norm)).square(), -1.0, 1.0, one.dtype)",
    ),
    "the order of the frames": replaced(
        "avsal_bench/data/windows.py", "steps = range(form.span, -1, -step)", "steps = range(0, form.span + 1, step)"
    ),
    "the sound, one frame late": replaced(
        "avsal_bench/audio/waveform.py",
        "    half = sample_rate / fps / 2\n",
        "    half, first, last = sample_rate / fps / 2, first + 1, last + 1\n",
    ),
    "the weight of a loss": replaced(
        "avsal_bench/resources/recipes/avrsp.yaml", "loss: {kl: 1.0, cc: -0.1,", "loss: {kl: 1.0, cc: -0.2,"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_deliberate_change_is_seen(change: str, tmp_path: Path) -> None:
    shutil.copytree(HOME / "avsal_bench", tmp_path / "avsal_bench", ignore=shutil.ignore_patterns("__pycache__"))
    CHANGES[change](tmp_path)
    environment = os.environ | {"AVSAL_HOME": str(tmp_path), "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "avsal_bench.cli", "regress", "quick"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    drifted = [line.split() for line in done.stdout.splitlines() if "/synth/fold1/" in line]
    if change == "nothing":
        assert (done.returncode, drifted) == (0, []), done.stdout + done.stderr
        return
    assert done.returncode == 1, done.stdout + done.stderr
    assert all(len(line) == 6 for line in drifted)
    scores = {(line[0].split("/")[0], line[1]) for line in drifted}
    assert ("avrsp_av", "CC") in scores
    # Baselines are not trained and hear nothing: they tell a metric from the rest.
    of_baselines = {("centre", "CC"), ("mep", "CC")} if change == "the metric CC" else set()
    assert {score for score in scores if score[0] != "avrsp_av"} == of_baselines
