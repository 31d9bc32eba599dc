"""``--decode gpu``: a training of its own, never taken for one by the CPU's decoder, and an error without a GPU."""

import dataclasses

import pytest
from conftest import HOME, write_list, write_video
from small_job import ONE, folder_of, job

from avsal_bench.bench.jobs import network
from avsal_bench.bench.launch.state import is_complete
from avsal_bench.bench.plan import make_plan, plan_one
from avsal_bench.bench.run import run_job
from avsal_bench.bench.workspace import Workspace
from avsal_bench.cli.app import main
from avsal_bench.records import read_record, write_record
from avsal_bench.studies.hear import plan_audition

#: A training of one step, on videos of six frames.
USUAL = job("stages.dhf1k.data=[avad]", "stages.dhf1k.epochs=1", "test=[avad]", "val_stride=6", "clips_per_video=1")
LATE = dataclasses.replace(USUAL, decode="gpu")


@pytest.fixture
def own(tmp_path):
    root = tmp_path / "data"
    for n in range(4):
        write_video(root, "AVAD", f"video{n}", 6, seed=n)
    write_list(root, "AVAD", "train", "_1", "video0 6 25\nvideo1 6 25\nvideo2 6 25\n")
    write_list(root, "AVAD", "test", "_1", "video3 6 25\n")
    return Workspace(HOME, root, tmp_path / "synth", tmp_path / "runs", tmp_path / "board")


def test_a_job_says_so_to_its_process():
    words = LATE.arguments()
    assert words[words.index("--decode") + 1] == "gpu"
    assert "--decode" not in USUAL.arguments()
    assert LATE.key != USUAL.key


def test_baselines_and_what_trains_nothing(own):
    jobs = make_plan(own, ["aclnet"], "smoke", "stavis", decode="gpu")
    assert {one.model: one.decode for one in jobs} == {"aclnet": "gpu", "centre": "", "mep": ""}
    with pytest.raises(ValueError, match="--decode gpu: centre trains nothing; leave it out"):
        make_plan(own, ["centre"], "paper", "stavis", decode="gpu")
    with pytest.raises(ValueError, match="--decode gpu: centre trains nothing; leave it out"):
        plan_one(own, "centre", "paper", "stavis", decode="gpu")


def test_it_is_a_training_of_its_own_and_says_so(own, monkeypatch, capsys):
    with pytest.raises(ValueError, match="--decode gpu needs a GPU"):
        run_job(LATE, own, ONE)
    assert not (own.runs / "stages").exists()
    monkeypatch.setattr(network, "check_decoding", lambda decode: None)  # here the CPU stands in for the GPU
    (path,) = run_job(LATE, own, ONE)
    assert "the GPU decodes frames of 2 of 2 videos to train on\n" in capsys.readouterr().out
    record = read_record(path)
    assert record.provenance["decode"] == record.provenance["fits"][0]["decode"] == "gpu"
    assert record.provenance["made_of"]["dhf1k: decoded by"] == "gpu"
    assert is_complete(LATE, own)
    assert plan_audition(path, dataclasses.replace(record, modality="v"), own, ONE, ("original",)).context.job.decode

    assert folder_of(LATE, own) != folder_of(USUAL, own)
    assert not is_complete(USUAL, own)
    with pytest.raises(ValueError, match=r"is of a training whose pictures the gpu decoded; say --decode gpu, replace"):
        run_job(USUAL, own, ONE)
    plain = record.provenance.copy()
    del plain["decode"]
    write_record(path, dataclasses.replace(record, provenance=plain))
    with pytest.raises(ValueError, match=r"is of a training whose pictures the cpu decoded; say --decode cpu, replace"):
        run_job(LATE, own, ONE)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "aclnet"], "--decode gpu needs a GPU that decodes JPEG, and this machine has none"),
        (["bench", "aclnet", "--datasets", "avad", "--folds", "1"], "--decode gpu needs a GPU that decodes JPEG"),
        (["bench", "aclnet", "--profile"], "--decode gpu needs a GPU that decodes JPEG"),
        (["bench", "--ablation", "caspnet-table2"], "tables are made of trainings by the CPU's decoder; leave it out"),
        (["bench", "centre", "--preset", "paper"], "--decode gpu: centre trains nothing; leave it out"),
    ],
)
def test_it_is_refused_before_anything_starts(own, capsys, words, told):
    folders = ["--data-root", str(own.data_root), "--runs", str(own.runs), "--leaderboard", str(own.leaderboard)]
    recipe = [word for one in USUAL.overrides for word in ("--set", one)] if "aclnet" in words else []
    assert main([words[0], "--preset", "smoke", *words[1:], *recipe, "--decode", "gpu", *folders]) == 2
    assert told in capsys.readouterr().err
    assert not (own.runs / "stages").exists()


def test_help_says_what_it_is(capsys):
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    assert "was not run on one yet" in " ".join(capsys.readouterr().out.split())
