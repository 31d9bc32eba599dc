"""One job on several processes or in small parts: the same steps, curve and frames; and what stops it."""

import json
import os
import subprocess
import sys
import time

import pytest
import small_job
import torch
from conftest import HOME
from small_job import ONE, command, folder_of

from avsal_bench.bench import fit
from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import records_of
from avsal_bench.bench.run import run_job
from avsal_bench.bench.sharing.locks import hold
from avsal_bench.bench.workspace import Workspace
from avsal_bench.records import read_record
from avsal_bench.training.losses import LOSSES
from avsal_bench.training.module import SaliencyModule

#: Relative difference of losses and CC after three epochs.
TOLERANCE = 2e-4


def job(*more):
    """A small job whose windows are clips by themselves: a state through a whole video makes rounding grow."""
    return small_job.job("network.streaming=false", *more)


def frames_of(space, one):
    """Names of the tested videos, and the CC of each of their frames."""
    results = sorted(folder_of(one, space).glob("test/*/*.json"))
    return {path.stem: json.loads(path.read_text())["frames"]["CC"] for path in results}


def check_same(space, path, reference):
    """The curve and the scored frames are those of another space."""
    other, expected = reference
    fit, wanted = (read_record(p).provenance["fits"][0] for p in (path, expected))
    assert fit["steps"] == wanted["steps"]
    assert len(fit["curve"]) == 3
    for point, want in zip(fit["curve"], wanted["curve"], strict=True):
        assert (point["epoch"], point["lr"]) == (want["epoch"], want["lr"])
        # The gradient is what rounding reaches first, and the weights that the last one moved.
        assert point["grad_norm"] == pytest.approx(want["grad_norm"], rel=50 * TOLERANCE)
        assert point | {"grad_norm": 0} == pytest.approx(want | {"grad_norm": 0}, rel=TOLERANCE)
    frames, want = frames_of(space, job()), frames_of(other, job())
    assert frames.keys() == want.keys()
    for name in want:
        assert frames[name] == pytest.approx(want[name], abs=1e-3, nan_ok=True), "as many, in the same order"
    assert read_record(path).scores == pytest.approx(read_record(expected).scores, abs=1e-3)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, synth_root):
    """A space in which one process has done the job, and the path of its record."""
    folder = tmp_path_factory.mktemp("one")
    space = Workspace(HOME, None, synth_root, folder / "runs", folder / "leaderboard")
    (path,) = run_job(job(), space, ONE)
    return space, path


def two_processes(space, one, *words, program=("-m", "avsal_bench.cli")):
    return subprocess.run(
        [sys.executable, *program, *command(space, one, "--devices", "2", *words)],
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HOME)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize("most", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_batch_in_parts_gives_the_curve_of_the_whole(undisturbed, space, most):
    (path,) = run_job(job(), space, Machine(devices=1, clips_a_device=most, logger=("csv",)))
    assert read_record(path).provenance["fits"][0]["share"] == {"clips": most, "batches": 8 // most}
    check_same(space, path, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("--clips-a-device", "1")])
def test_two_processes_give_the_curve_of_one_and_score_the_same_frames(undisturbed, space, words):
    done = two_processes(space, job(), *words)
    assert done.returncode == 0, done.stderr
    ((_, _, path),) = records_of(job(), job().recipe(space), space)
    check_same(space, path, undisturbed)


@pytest.mark.slow
def test_two_processes_leave_out_side_outputs_in_the_last_epoch(space):
    """Then nothing uses some parameters of a visual STAViS, and no process may wait for their gradient."""
    sets = (
        "network={frames: 8, size: [64, 96], width: 0.125, audio_width: 0.125}",
        "clips_per_video=5",
        "val_stride=4",
    )
    one = Job("stavis", "v", 1, 0, "smoke", "stavis", (*sets, "batch_size=4", "stages.visual.epochs=2"))
    done = two_processes(space, one)
    assert done.returncode == 0, done.stderr
    (path,) = space.records.rglob("*.json")
    fit = read_record(path).provenance["fits"][0]
    assert (fit["processes"], len(fit["curve"])) == (2, 2)


class Killed(BaseException):
    """Stands for a signal: no code catches it."""


def test_a_resumed_run_has_the_whole_curve(undisturbed, space, monkeypatch):
    step, seen = SaliencyModule.training_step, []

    def dying(self, batch, index):
        seen.append(index)
        if len(seen) == 6:
            raise Killed
        return step(self, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(SaliencyModule, "training_step", dying)
        with pytest.raises(Killed):
            run_job(job(), space, ONE)
    assert (folder_of(job(), space) / "last.ckpt").is_file()
    (path,) = run_job(job(), space, ONE)
    fits = [read_record(p).provenance["fits"][0] for p in (path, undisturbed[1])]
    assert fits[0]["curve"] == fits[1]["curve"]
    assert [set(point) for point in fits[0]["curve"]] == [
        {"epoch", "train/loss", "val/loss", "val/cc", "lr", "grad_norm"}
    ] * 3


def test_the_curve_is_that_of_the_log(undisturbed):
    space, path = undisturbed
    (log,) = folder_of(job(), space).glob("log/version_0/metrics.csv")
    header, *lines = [line.split(",") for line in log.read_text().splitlines()]
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    curve = read_record(path).provenance["fits"][0]["curve"]
    assert [p["val/cc"] for p in curve] == pytest.approx([float(r["val/cc"]) for r in rows if r["val/cc"]])
    assert len([r for r in rows if r["train/loss"]]) >= len(curve)


def bad_weight(value):
    """Stands for weights to start from."""

    def start_parts(training, net, store):
        with torch.no_grad():
            next(net.parameters()).view(-1)[0] = value
        return {}

    return start_parts


def test_a_loss_that_is_not_finite_is_kept_with_its_batch(space, monkeypatch):
    monkeypatch.setattr(fit, "start_parts", bad_weight(float("inf")))
    with pytest.raises(FloatingPointError, match=r"the loss is nan in epoch 0, step 0 \(frames: ") as error:
        run_job(job(), space, ONE)
    (path,) = folder_of(job(), space).glob("nan-*")
    assert path.name == "nan-epoch0-step0-rank0.pt"
    assert f"module, batch = SaliencyModule.reopen({str(path)!r})" in str(error.value)
    module, batch = SaliencyModule.reopen(path)
    assert len(batch["frames"]) == 4
    assert f"{batch['video'][0]} {batch['frame'][0]}" in str(error.value)
    assert torch.isnan(module.training_loss(batch))
    next(module.net.parameters()).data.view(-1)[0] = 0
    assert torch.isfinite(module.training_loss(batch)), "it was that weight"


def test_a_gradient_that_is_not_finite_is_kept_too(space, monkeypatch):
    monkeypatch.setitem(LOSSES, "sim", lambda p, t: (p.saliency.sum((1, 2)) * 0).sqrt())
    one = job("loss={kl: 1.0, sim: 1.0}")
    with pytest.raises(FloatingPointError, match="the norm of the gradient is nan in epoch 0, step 0"):
        run_job(one, space, ONE)
    (path,) = folder_of(one, space).glob("nan-*")
    module, batch = SaliencyModule.reopen(path)
    loss = module.training_loss(batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert not all(p.grad.isfinite().all() for p in module.parameters() if p.grad is not None)


#: `avsal`, but the second process meets a NaN in the second batch.
ONE_FAILS = """
import os, sys
from avsal_bench.cli import main
from avsal_bench.training.module import SaliencyModule
whole = SaliencyModule.training_loss
if os.environ.get("LOCAL_RANK") == "1":
    SaliencyModule.training_loss = lambda self, batch: whole(self, batch) * (float("nan") if self.failing() else 1)
    calls = []
    SaliencyModule.failing = lambda self: calls.append(1) or len(calls) == 2
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_all_processes_stop_when_one_meets_a_nan(space, tmp_path):
    script = tmp_path / "one_fails.py"
    script.write_text(ONE_FAILS)
    done = two_processes(space, job(), "--clips-a-device", "1", program=[str(script)])
    assert done.returncode not in (0, None)
    assert not list(space.records.rglob("*.json"))
    folder = folder_of(job(), space)
    assert "nan-epoch0-step1-rank1.pt" in {path.name for path in folder.glob("nan-*.pt")}
    assert "rank1.pt" in done.stderr
    assert not list(folder.glob(".lock-*"))


def test_a_compiled_network_keeps_its_names_and_says_so(undisturbed, space, monkeypatch):
    compiled = []

    def fake(function, **options):
        compiled.append(function)
        return function

    monkeypatch.setattr(torch, "compile", fake)
    (path,) = run_job(job(), space, Machine(devices=1, compile=True, logger=("csv",)))
    assert len(compiled) == 2, "the network and its outputs in training; a test of it goes on from window to window"
    record, before = read_record(path), read_record(undisturbed[1])
    assert record.scores == before.scores
    assert record.provenance["compiled"] is record.provenance["fits"][0]["compiled"] is True
    assert before.provenance["compiled"] is before.provenance["fits"][0]["compiled"] is False


#: `avsal`, told by files when each process trains.
TURNS = """
import os, sys, time
from pathlib import Path
from avsal_bench.bench import fit
from avsal_bench.bench.sharing import turns
from avsal_bench.cli import main
turns.ANSWER = 0.3
first = os.environ.get("LOCAL_RANK") is None
train = fit._fit
def told(*args):
    Path(os.environ["TOLD"], f"{os.environ.get('LOCAL_RANK', 0)}").touch()
    return train(*args)
fit._fit = told
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_processes_wait_together_for_a_stage_that_another_job_trains(undisturbed, space, tmp_path):
    """Held by this process for longer than an answer takes; then it is done, and none of the two trains it."""
    script, told = tmp_path / "turns.py", tmp_path / "told"
    script.write_text(TURNS)
    told.mkdir()
    source, folder = folder_of(job(), undisturbed[0]), folder_of(job(), space)
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HOME), "TOLD": str(told)}
    words = [sys.executable, str(script), *command(space, job(), "--devices", "2")]
    with hold(folder):
        heard = tmp_path / "heard"
        with heard.open("w") as file:
            child = subprocess.Popen(words, env=environment, stdout=file, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 120
        while f"waiting for {folder.name}" not in heard.read_text():
            assert child.poll() is None
            assert time.monotonic() < end, "it does not say that it waits"
            time.sleep(0.1)
        time.sleep(3)  # ten times what an answer takes
        assert child.poll() is None
        for name in ("made_of.json", "best.ckpt", "last.ckpt", "done.json"):
            os.link(source / name, folder / name)
    _, error = child.communicate(timeout=120)
    assert child.returncode == 0, error
    assert not list(told.iterdir())
    assert list(space.records.rglob("*.json"))
