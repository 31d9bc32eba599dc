"""The script that follows trainings: its rows and figure; and that it trains what `avsal bench` trains."""

import sys

import pytest
import torch
from conftest import HOME, TINY

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.bench.stages import trainings
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.synth.making import make_synth


@pytest.fixture
def follow(monkeypatch):
    monkeypatch.syspath_prepend(HOME / "benchmarks" / "hearing")
    import follow

    return follow


@pytest.fixture
def figure(monkeypatch):
    monkeypatch.syspath_prepend(HOME / "benchmarks" / "hearing")
    import followed_figure

    return followed_figure


def test_rows_and_the_figure_of_seeds(follow, figure, tmp_path):
    for seed in (0, 1):
        rows = [
            {"step": step, "cc/sounding": 0.1 * step, "cc_muted/sounding": 0.1, "share/map": 0.0, "gradient/ears": 1.0}
            | ({"train_loss/others": 2.0} if step else {"train_loss/others": float("nan")})
            for step in (0, 50)
        ]
        follow.write_rows(tmp_path / f"seed{seed}.csv", rows)
    columns = figure.read_rows(tmp_path / "seed1.csv")
    assert columns["cc/sounding"] == [0, 5]
    assert columns["train_loss/others"][0] != columns["train_loss/others"][0]  # NaN
    titles = [title for title, lines in figure.panels(list(columns)) if lines]
    assert titles == ["CC, sounding scenes", "loss of training batches", "share of the sound: map", "gradient: ears"]
    figure.draw_followed([tmp_path / "seed0.csv", tmp_path / "seed1.csv"], tmp_path / "seeds.png", "made")
    assert (tmp_path / "seeds.png").stat().st_size > 5000
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match=r"empty\.csv: no rows"):
        figure.read_rows(tmp_path / "empty.csv")


def test_the_set_that_is_trained_on_is_not_watched(follow, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["follow.py", "--model", "avrsp", "--synth-seed", "7", "--watch-seed", "7"])
    with pytest.raises(SystemExit):
        follow.main()
    assert "is the set that is trained on" in capsys.readouterr().err


@pytest.mark.slow
def test_it_trains_as_bench_does_and_never_twice(follow, figure, synth_root, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AVSAL_HOME", str(tmp_path))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "synth-seed0").symlink_to(synth_root)
    make_synth(tmp_path / "data" / "synth-seed8", seed=8, videos=6)
    short = (*TINY, "stages.audiovisual.epochs=1")
    settings = [word for one in short for word in ("--set", one)]
    words = [
        "--model",
        "avrsp",
        "--watch-seed",
        "8",
        "--windows",
        "3",
        "--every",
        "2",
        "--depth",
        "1",
        "--out",
        str(tmp_path / "out"),
    ]
    monkeypatch.setattr(sys, "argv", ["follow.py", *words, *settings])
    assert follow.main() == 0
    (rows,) = (tmp_path / "out").glob("avrsp-*/seed0.csv")
    columns = figure.read_rows(rows)
    assert columns["step"] == [0, 1]
    assert columns["gradient/soundnet"][-1] > 0
    assert columns["share/soundnet"][0] > 0
    space = Workspace(HOME, None, synth_root, tmp_path / "runs", tmp_path / "leaderboard")
    job = Job("avrsp", "av", 1, 0, "smoke", "stavis", short, sounds=("original",))
    run_job(job, space, Machine(devices=1, logger=("csv",)))
    best = trainings(job, job.recipe(space), space)[-1].best
    own, theirs = (
        torch.load(path, weights_only=True)["state_dict"] for path in (rows.with_suffix("") / "best.ckpt", best)
    )
    assert all(torch.equal(value, theirs[key]) for key, value in own.items())
    monkeypatch.setattr(follow, "train", None)
    assert follow.main() == 0
    assert "is there; remove it to train again" in capsys.readouterr().out
