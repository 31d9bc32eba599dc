"""Precisions: what a machine refuses before anything starts, and where the records of another one lie."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import HOME, write_list, write_video
from small_job import job

from avsal_bench.bench.computing import precision
from avsal_bench.bench.computing.compiling import OneShape, compile_network
from avsal_bench.bench.cost import seconds_a_clip
from avsal_bench.bench.launch.state import is_complete, log_path
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import check_machine, make_plan
from avsal_bench.bench.run import run_job
from avsal_bench.bench.stages import test_folder as results_of
from avsal_bench.bench.workspace import Workspace
from avsal_bench.cli import main
from avsal_bench.models import create_model, model_entry
from avsal_bench.records import read_record, read_records
from avsal_bench.studies.hear import plan_audition

#: A training of one step, on videos of six frames.
SMALL = job("stages.dhf1k.data=[avad]", "stages.dhf1k.epochs=1", "test=[avad]", "val_stride=6", "clips_per_video=1")
PLAIN, HALF = (Machine(devices=1, logger=(), keep_maps="npy", precision=p) for p in ("32-true", "bf16"))


@pytest.fixture
def on_a_cpu(monkeypatch):
    """A CPU that multiplies in bfloat16; others do in the same numbers, but slower."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)


@pytest.fixture
def own(tmp_path):
    root = tmp_path / "data"
    for n in range(4):
        write_video(root, "AVAD", f"video{n}", 6, seed=n)
    write_list(root, "AVAD", "train", "_1", "video0 6 25\nvideo1 6 25\nvideo2 6 25\n")
    write_list(root, "AVAD", "test", "_1", "video3 6 25\n")
    return Workspace(HOME, root, tmp_path / "synth", tmp_path / "runs", tmp_path / "board")


@pytest.mark.parametrize(
    ("asked", "full"),
    [
        ("bf16", "bf16-mixed"),
        ("fp16", "16-mixed"),
        ("16", "16-mixed"),
        (32, "32-true"),
        ("64", "64-true"),
        ("bf16-true", "bf16-true"),
    ],
)
def test_short_names_and_those_of_lightning_are_one(asked, full):
    assert Machine(precision=asked).precision == full


@pytest.mark.parametrize(
    ("asked", "able", "told"),
    [
        ("bf16", True, None),
        ("bf16", False, "needs a GPU, or a CPU with AMX or AVX512-BF16, and this one has neither; use --precision 32-"),
        ("fp16", True, "precision 16-mixed needs a GPU; on this CPU use --precision bf16 to predict"),
        ("fp16", False, "precision 16-mixed needs a GPU; on this CPU use --precision 32-true"),
        ("bf16-true", True, "precision bf16-true needs a GPU"),
        ("64", False, None),
    ],
)
def test_what_a_cpu_predicts_in(monkeypatch, asked, able, told):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: able)
    if told is None:
        Machine(precision=asked).check()
    else:
        with pytest.raises(ValueError, match=told):
            Machine(precision=asked).check()
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    precision.check_predicting(precision.full_name(asked))


@pytest.mark.parametrize("words", [[], ["--dry-run"], ["--force"]])
def test_what_is_not_trained_is_refused_before_anything_starts(on_a_cpu, own, capsys, words):
    folders = ["--data-root", str(own.data_root), "--runs", str(own.runs), "--leaderboard", str(own.leaderboard)]
    settings = [word for text in SMALL.overrides for word in ("--set", text)]
    asked = ["aclnet", "--preset", "smoke", "--folds", "1", "--precision", "bf16", "--workers", "0"]
    assert main(["bench", *asked, *settings, *folders, *words]) == 2
    told = capsys.readouterr().err
    assert "aclnet_v-fold1-seed0-bf16 is not trained yet, and training with precision bf16-mixed needs a GPU" in told
    assert "train with --precision 32-true first, and test with --precision bf16-mixed afterwards" in told
    assert not own.runs.exists()
    with pytest.raises(ValueError, match="is not trained yet"):
        run_job(SMALL, own, HALF)
    assert not (own.runs / "stages").exists()


def test_the_same_weights_in_another_precision(on_a_cpu, own):
    (first,) = run_job(SMALL, own, PLAIN)
    kept, half = first.read_bytes(), replace(SMALL, precision="bf16")
    assert not is_complete(half, own)
    assert log_path(own.runs, half) != log_path(own.runs, SMALL)
    with pytest.raises(ValueError, match="is not trained yet"):
        run_job(replace(SMALL, seed=1), own, HALF)
    with pytest.raises(ValueError, match=r"aclnet_v-fold1-seed0-bf16 would be trained anew \(--force\), and training"):
        check_machine([half], own, HALF, anew=True)
    (second,) = run_job(SMALL, own, HALF)  # whatever the job says, its machine decides
    assert (first.name, second.name) == ("aclnet_v-fold1-seed0.json", "aclnet-bf16_v-fold1-seed0.json")
    assert first.read_bytes() == kept
    assert is_complete(half, own)
    assert is_complete(SMALL, own)
    plain, other = read_record(first), read_record(second)
    assert (plain.label, plain.precision) == ("aclnet", "")
    assert (other.label, other.precision, other.network) == ("aclnet-bf16", "bf16", "aclnet-bf16_v")
    assert other.provenance["precision"] == "bf16-mixed"
    assert other.provenance["fits"][0]["precision"] == "32-true"
    assert other.weights == plain.weights
    assert 0 < abs(other.scores["CC"] - plain.scores["CC"]) < 0.01

    recipe = SMALL.recipe(own)
    folders = [results_of(one, recipe, own, "avad", "original") / "maps" / "video3" for one in (SMALL, half)]
    maps = [np.stack([np.load(path) for path in sorted(folder.glob("*.npy"))]) for folder in folders]
    assert maps[1].dtype == np.float32
    assert len(np.unique(maps[1])) > 500, "bfloat16 has 256 numbers between one power of two and the next"
    assert np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1] > 0.99

    with pytest.raises(ValueError, match="was tested in float32, and so are the others of its row; leave out"):
        plan_audition(first, plain, own, HALF, ("original",))
    # Once, the precision was no part of the name of a record.
    shutil.move(second, first)
    assert [one.label for _, one in read_records(own.records)] == ["aclnet-bf16"]
    with pytest.raises(ValueError, match=r"was tested in bf16, and not in float32; move it to .*aclnet-bf16_v-fold1"):
        run_job(SMALL, own, PLAIN)


def test_baselines_beside_a_network_are_tested_in_float32(own):
    jobs = make_plan(own, ["aclnet"], "smoke", "stavis", folds=[1], precision="bf16")
    assert {one.model: one.precision for one in jobs} == {"centre": "", "mep": "", "aclnet": "bf16"}
    centre = replace(jobs[0], overrides=(), datasets=("avad",), preset="paper")
    (path,) = run_job(centre, own, HALF)
    assert path.name == "centre-fold1-seed0.json"
    assert read_record(path).provenance["precision"] == "32-true"


def test_a_plan_is_timed_in_the_form_and_precision_that_predict(on_a_cpu, monkeypatch):
    seen = []
    predict = type(create_model("tasednet", **model_entry("tasednet").tiny)).predict

    def watched(net, clips, audio, memory):
        norms = [part for part in net.modules() if isinstance(part, torch.nn.BatchNorm3d)]
        seen.append((len(norms), torch.is_autocast_enabled("cpu")))
        return predict(net, clips, audio, memory)

    monkeypatch.setattr(f"{predict.__module__}.TASEDNet.predict", watched)
    training, _ = seconds_a_clip("tasednet", model_entry("tasednet").tiny, "bf16-mixed")
    assert training == 0, "nothing is trained in bfloat16 here"
    assert {half for _, half in seen} == {True}
    assert {norms for norms, _ in seen} == {0}


def test_one_shape_is_compiled_in_training_and_at_test_time_each(monkeypatch):
    compiled = []

    def fake(function, **options):
        assert options == {"dynamic": False, "mode": None}

        def run(frames, audio=None):
            compiled.append((torch.is_grad_enabled(), len(frames)))
            return function(frames, audio)

        return run

    monkeypatch.setattr(torch, "compile", fake)
    once = OneShape(lambda frames, audio: frames + 1)
    for size in (4, 4, 1):
        assert torch.equal(once(torch.zeros(size, 2), None), torch.ones(size, 2))
    with torch.inference_mode():
        for size in (2, 1, 3, 2, 3):
            once(torch.zeros(size, 2), None)
    assert compiled == [(True, 4), (True, 4), (False, 2), (False, 3), (False, 3)]
    shares = create_model("tasednet", **model_entry("tasednet").tiny)
    compile_network(shares, predicts=True)
    assert "forward" not in vars(shares), "what windows share has other shapes in each batch"
