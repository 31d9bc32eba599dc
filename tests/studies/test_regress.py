"""The regression check: what it compares, what it runs again, and that it sees what it is for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import HOME
from made_records import NAN, made_elsewhere, make, synth_records

from avsal_bench.bench.workspace import Workspace
from avsal_bench.cli import main
from avsal_bench.leaderboard.drift import (
    drift_table,
    drifts,
    expected_seeds,
    failed_claims,
    new_expected,
    of_seeds,
    read_expected,
    record_key,
    seed_of,
    to_json,
    updated,
    without_seed,
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
    told = "toy_v/avad/fold1/original: one record expected, got one of preset paper and one of maps; compare one preset"
    with pytest.raises(ValueError, match=told):
        drifts([make([0.5]), made_elsewhere(make([0.5]))], {})
    records = [make([0.5]), make([0.6], protocol="dave", averaging="frames")]
    scores = updated(new_expected("toy"), records, "first", "2026-01-01")["scores"]
    assert scores["toy_v/avad/fold1/original"]["CC"][0] == 0.5
    assert scores["toy_v/avad/fold1/original/dave"]["CC"][0] == 0.6


# seeds

SEEDED = "toy_v/synth/fold1/seed3/original"


def test_a_key_tells_its_seed_but_for_seed_0() -> None:
    records = [make([0.5], dataset="synth"), make([0.5], dataset="synth", seed=3)]
    assert [record_key(record) for record in records] == [KEY, SEEDED]
    raw = record_key(make([0.5], dataset="synth", seed=12, protocol="raw"))
    assert (raw, seed_of(raw), without_seed(raw)) == ("toy_v/synth/fold1/seed12/original/raw", 12, f"{KEY}/raw")


def test_each_seed_is_compared_with_its_own_scores() -> None:
    scores = {KEY: {"CC": [0.5, 0.01]}, SEEDED: {"CC": [0.7, 0.01]}, "mep/synth/fold1/original": {"CC": [0.2, 0.01]}}
    one, three = make([0.7], dataset="synth"), make([0.7], dataset="synth", seed=3)
    mep = make([0.9], model="mep", modality="", dataset="synth")
    assert [drift.key for drift in drifts([one, three], of_seeds(scores, [0, 3], []))] == [
        *("mep/synth/fold1/original", KEY)
    ]
    # What has no seed of its own is compared whatever seed is asked for, as it is run with each.
    assert [drift.key for drift in drifts([three, mep], of_seeds(scores, [3], [three, mep]))] == [
        "mep/synth/fold1/original"
    ]


def test_a_seed_without_expected_scores_is_no_success() -> None:
    expected = expecting({KEY: {}, SEEDED: {}})
    assert expected_seeds(expected) == expected_seeds(expected, [0, 3]) == [0, 3]
    with pytest.raises(ValueError, match="no expected scores of seeds 1, 2; there are those of seeds 0, 3"):
        expected_seeds(expected, [0, 1, 2])


def test_claims_are_asked_of_each_seed() -> None:
    hears = [r for r in synth_records() if r.fold == 1]
    deaf = [replace(r, seed=3) for r in synth_records(gain=0.0) if r.fold == 1 and r.modality]
    expected = updated(new_expected("toy"), hears, "first", "2026-01-01")
    assert failed_claims([*hears, *deaf], expected)
    assert all(" with seed 3, got no: " in line for line in failed_claims([*hears, *deaf], expected))
    assert updated(expected, [*hears, *deaf], "more", "2026-01-02", [0, 3])["claims"] is False


def test_an_update_of_one_seed_leaves_the_others() -> None:
    first = [r for r in synth_records() if r.fold == 1]
    old = updated(new_expected("toy"), first, "first", "2026-01-01")
    old["scores"]["toy_av/synth/fold1/original"]["CC"][1] = 0.0123
    baselines = [r for r in first if not r.modality]
    third = [replace(r, seed=3) for r in synth_records(gain=0.3) if r.fold == 1 and r.modality]
    new = updated(old, [*baselines, *third], "a seed more", "2026-01-02", [3])
    assert old["scores"].items() <= new["scores"].items()
    assert new["claims"] is True
    added = {key for key in new["scores"] if seed_of(key) == 3}
    assert added == {f"toy_{m}/synth/fold1/seed3/original" for m in ("v", "av")}, "muted was not asked for before"
    assert new["scores"]["toy_av/synth/fold1/seed3/original"]["CC"][1] == 0.0123, "as with the seed that was there"
    # A claim that seed 0 does not hold is not made good by another.
    assert updated(old | {"claims": False}, [*baselines, *third], "x", "2026-01-03", [3])["claims"] is False
    with pytest.raises(ValueError, match="toy_av/synth/fold1/seed3/original: no record of it any more"):
        updated(new, baselines, "x", "2026-01-03", [3])


def test_jobs_are_of_the_seeds_that_are_asked_for(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from avsal_bench.bench.machine import Machine
    from avsal_bench.studies import regress as reruns

    run: list[tuple[str, int]] = []
    monkeypatch.setattr(reruns, "_run", lambda job, *_: run.append((job.network, job.seed)) or [])
    expected = read_expected(resource("expected") / "smoke.json")
    for seeds in ((0,), (1, 3)):
        run.clear()
        assert list(reruns.rerun(expected, space, Machine(devices=1), seeds)) == []
        assert run[:2] == [("centre", 0), ("mep", 0)], "once, whatever seeds are asked for"
        assert sorted(run[2:]) == [(f"avrsp_{modality}", seed) for modality in ("av", "v") for seed in seeds]


def test_a_file_with_claims_brings_the_baselines_that_they_name(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No score of theirs need stand in the file: the claims of avc, caspnet and stavis found no record of them."""
    from avsal_bench.bench.machine import Machine
    from avsal_bench.studies import regress as reruns

    run: list[str] = []
    monkeypatch.setattr(reruns, "_run", lambda job, *_: run.append(job.network) or [])
    for claims in (True, False):
        run.clear()
        expected = {**read_expected(resource("expected") / "caspnet.json"), "claims": claims}
        assert list(reruns.rerun(expected, space, Machine(devices=1))) == []
        assert run == ["centre", "mep"] * claims + ["caspnet_v", "caspnet_av"]
    records = [r for r in synth_records() if r.fold == 1]
    scored = {record_key(r): {} for r in records if r.network.startswith("toy")}
    assert not failed_claims(records, expecting(scored, claims=True))


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
        ({"scores": {"toy_v/synth/fold1/seed0/original": {}}}, "with a seed from 1 on, and none for seed 0"),
        ({"scores": {"toy_v/synth/original": {}}}, "expected <network>/<data set>/fold<k>"),
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

    # A seed that nobody expects, or a baseline does not have, is no success; nor is what other code has made.
    assert main(["regress", "chance", "--seeds", "1", *folders]) == 2
    assert "chance.json: no expected scores of seed 1; there are those of seed 0" in capfd.readouterr().err
    assert main(["regress", "chance", "--reuse-other-code", *folders]) == 2
    assert "a check of what other code made says nothing of this one" in capfd.readouterr().err
    assert main(["regress", "chance", "--seeds", "all", *folders]) == 1

    # To be written down, a record of other code is good enough where one says so: the file keeps which code it was.
    record = home / "leaderboard" / "records" / "stavis" / "synth" / "mep-fold1-seed0.json"
    made = json.loads(record.read_text())
    other = made["provenance"] | {"code": "0" * 64, "made_of": made["provenance"]["made_of"] | {"code": "0" * 64}}
    record.write_text(json.dumps(made | {"provenance": other}))
    update = ["regress", "chance", "--update", "--reason", "kept", "--reuse-other-code", *folders]
    assert main(update) == 0
    record.write_text(json.dumps(made))
    path.write_text(to_json(expected))
    capfd.readouterr()

    # A record of other code is made again.
    monkeypatch.undo()
    monkeypatch.setattr("avsal_bench.resources._HERE", home / "resources")
    monkeypatch.setenv("AVSAL_HOME", str(home))
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
