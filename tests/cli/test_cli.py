"""The commands that a user types."""

import argparse
import os
import subprocess
import sys

import pytest
from conftest import HOME, TINY

from avsal_bench.bench.launch import one_job
from avsal_bench.cli import main
from avsal_bench.data.synth.making import seed_of
from avsal_bench.ending import exit_code


@pytest.fixture
def folders(space):
    return ["--synth-root", str(space.synth_root), "--runs", str(space.runs), "--leaderboard", str(space.leaderboard)]


def test_help_answers_at_once_and_teaches(capsys):
    code = "import sys; from avsal_bench.cli import main\ntry: main(['bench', '--help'])\nexcept SystemExit: pass\n"
    code += "assert not {'torch', 'lightning', 'numpy'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    words = ("--preset", "--folds", "--force", "--dry-run", "AVSAL_DATA", "stages.audiovisual.epochs=2")
    for word in (*words, "status", "collect", "--datasets", "--launcher slurm", "--gpus", "docs/cluster.md"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bench", "avrps"], "avsal bench: unknown model 'avrps'; did you mean 'avrsp'?"),
        (["bench", "avrsp", "--preset", "smoky"], "unknown preset 'smoky'; did you mean 'smoke'?"),
        (["bench", "avrsp", "--protocol", "stavs"], "unknown protocol 'stavs'; did you mean 'stavis'?"),
        (["bench", "avrsp", "--data-root", "/nowhere"], "the data root /nowhere does not exist"),
        (["bench", "avrsp", "--set", "stages.visal.epochs=1"], "smoke"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(folders, capsys, arguments, message):
    assert main([*arguments, *folders]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1


def test_list_names_networks_and_data_sets(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for name in ("avrsp", "centre", "mep", "human_infinite", "diem", "dhf1k", "synth"):
        assert name in out


def test_dry_run_prints_the_plan_and_does_nothing(folders, space, capsys):
    assert main(["bench", "avrsp", "--dry-run", *folders]) == 0
    assert "avrsp_av-fold1-seed0" in capsys.readouterr().out
    assert not list(space.runs.rglob("*.ckpt"))


@pytest.fixture
def quick(folders, monkeypatch):
    """Arguments of a bench of seconds; its jobs run in this process, and in processes of their own in test_launch."""
    monkeypatch.setattr(
        "avsal_bench.bench.launch.local._Bench.follow", lambda bench, command, log, prefix: one_job.main(command[3:])
    )
    overrides = [word for override in (*TINY, "stages.audiovisual.epochs=1") for word in ("--set", override)]
    return ["bench", "avrsp", "--workers", "0", *overrides, *folders]


@pytest.mark.slow
def test_bench_ends_with_a_leaderboard(quick, folders, space, capfd, tmp_path):
    (space.leaderboard).mkdir(parents=True, exist_ok=True)
    (space.leaderboard / "published.csv").write_bytes((HOME / "leaderboard" / "published.csv").read_bytes())
    assert main(quick) == 0
    out = capfd.readouterr().out
    page = (space.leaderboard / "README.md").read_text()
    for name in ("avrsp", "centre", "mep"):
        assert name in out
        assert name in page
    assert "Does it learn, does it hear?" in out
    assert str(space.records) in out
    assert len(list(space.records.rglob("*.json"))) == 5

    # A second run does nothing again.
    before = {p: p.stat().st_mtime_ns for p in space.records.rglob("*.json")}
    assert main(quick) == 0
    assert {p: p.stat().st_mtime_ns for p in space.records.rglob("*.json")} == before


def test_a_job_that_fails_does_not_stop_the_others(quick, space, capfd):
    (space.leaderboard).mkdir(parents=True, exist_ok=True)
    (space.leaderboard / "published.csv").write_bytes((HOME / "leaderboard" / "published.csv").read_bytes())
    # Weights that the first step throws far away: nobody can know before.
    broken = [*quick, "--set", "optimizer.lr=1.0e+30", "--modality", "av"]
    assert main(broken) == 1
    err = capfd.readouterr().err
    assert "1 of 3 jobs failed: avrsp_av-fold1-seed0" in err
    assert "NaN or infinity" in err or "try a lower learning rate" in err
    assert len(list(space.records.rglob("*.json"))) == 2


def test_make_help_lists_every_target():
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    done = subprocess.run(["make", "-s", "help"], cwd=HOME, check=True, capture_output=True, text=True, env=environment)
    for target in ("setup", "bench", "test", "test-cluster", "test-browser", "lint", "leaderboard", "regress", "clean"):
        assert f"make {target}" in done.stdout


def test_an_error_is_one_line_and_its_traceback_when_asked_for(monkeypatch, capsys):
    def fails(error):
        def command(args):
            raise error

        return command

    assert exit_code("avsal run", fails(ValueError("no such fold")), argparse.Namespace()) == 2
    assert capsys.readouterr().err == "avsal run: no such fold\n"
    assert exit_code("avsal run", fails(KeyboardInterrupt()), argparse.Namespace()) == 130
    assert "run the same command again to go on" in capsys.readouterr().err
    monkeypatch.setenv("AVSAL_DEBUG", "1")
    with pytest.raises(ValueError, match="no such fold"):
        exit_code("avsal run", fails(ValueError("no such fold")), argparse.Namespace())


def test_the_seed_of_the_embedded_set_is_not_passed_over(synth_root, tmp_path, capsys):
    assert main(["synth", "--synth-root", str(synth_root), "--seed", str(seed_of(synth_root))]) == 0
    assert main(["synth", "--synth-root", str(synth_root), "--seed", "71"]) == 2
    assert f"{synth_root} holds the set of seed {seed_of(synth_root)}" in capsys.readouterr().err
    assert main(["synth", "--synth-root", str(tmp_path), "--videos", "9"]) == 2
    assert "--videos is for a set in another layout" in capsys.readouterr().err


def test_the_embedded_set_is_made_from_the_seed_that_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr("avsal_bench.data.synth.making.DEFAULT_VIDEOS", 3)
    assert main(["synth", "--synth-root", str(tmp_path), "--seed", "7"]) == 0
    assert seed_of(tmp_path) == 7


def test_the_embedded_set_is_found_where_it_was_made(synth_root, capsys):
    assert main(["synth", "--synth-root", str(synth_root)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(synth_root)]
