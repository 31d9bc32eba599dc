"""How a batch is shared out, what a machine refuses, loggers, and what SLURM started."""

import sys
import time

import pytest
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from small_job import folder_of, job
from torch import nn

from avsal_bench.bench import fit
from avsal_bench.bench.computing.compiling import compile_network
from avsal_bench.bench.machine import Machine, Share, batch_norms
from avsal_bench.bench.run import run_job
from avsal_bench.data.clips.sampler import ClipSampler
from avsal_bench.models import create_model, model_entry
from avsal_bench.training.stage import Stage


def test_a_step_has_the_same_clips_for_any_number_of_processes():
    counts, step = [3, 9, 1, 7], 6
    for epoch in (0, 1):
        one = ClipSampler(counts, seed=4, step=step)
        one.set_epoch(epoch)
        whole = list(one)
        assert len(whole) == len(one) == 18
        for processes in (2, 3):
            shares = [ClipSampler(counts, 4, rank, processes, step) for rank in range(processes)]
            for share in shares:
                share.set_epoch(epoch)
            parts = [list(share) for share in shares]
            assert {len(part) for part in parts} == {len(shares[0])} == {18 // processes}
            for start in range(0, 18, step):
                own = slice(start // processes, (start + step) // processes)
                assert {clip for part in parts for clip in part[own]} == set(whole[start : start + step])


def test_an_epoch_of_less_than_a_step_is_one_step_of_all_its_clips():
    assert len(ClipSampler([2, 3], seed=0, step=8)) == 5
    assert len(list(ClipSampler([2, 3], seed=0, rank=1, world_size=2, step=8))) == 2


def test_a_batch_is_shared_out():
    for batch, accumulate, clips, processes, most, share in (
        (8, 1, 100, 1, None, (8, 1)),
        (8, 5, 100, 1, None, (8, 5)),
        (8, 1, 100, 4, None, (2, 1)),
        (8, 1, 100, 1, 3, (2, 4)),
        (12, 2, 100, 2, 4, (3, 4)),
        (8, 1, 100, 8, 2, (1, 1)),
        (8, 1, 6, 3, None, (2, 1)),
        (8, 5, 20, 1, None, (8, 2)),
    ):
        stage = Stage("one", ("synth",), 1, batch_size=batch, accumulate=accumulate)
        found = Machine(clips_a_device=most).share(stage, clips, processes)
        assert found == Share(*share), (batch, accumulate, clips, processes, most)


def test_a_batch_that_does_not_divide_says_what_would():
    stage = Stage("visual", ("synth",), 1, batch_size=8)
    message = (
        r"stage 'visual': a batch of 8 clips cannot be shared out evenly to 3 processes \(devices 3, nodes 1\); "
        r"1, 2, 4, 8 processes can, or another batch: --set stages.visual.batch_size=9"
    )
    with pytest.raises(ValueError, match=message):
        Machine(devices=3).share(stage, 100, 3)
    with pytest.raises(ValueError, match=r"a batch of 5 clips, all of an epoch, .* 1, 5 processes can$"):
        Machine(devices=2).share(stage, 5, 2)
    with pytest.raises(ValueError, match="clips a device: expected 1 or more, got 0"):
        Machine(clips_a_device=0)


def test_batch_norms_that_see_a_part_of_the_batch_are_announced(capsys):
    stage = Stage("one", ("synth",), 1, batch_size=8)
    net = create_model("avrsp", **model_entry("avrsp").tiny)
    fit.say_share(Share(8, 1), stage, 1, batch_norms(net))
    fit.say_share(Share(2, 1), stage, 4, batch_norms(create_model("aclnet", **model_entry("aclnet").tiny)))
    fit.say_share(Share(2, 1), Stage("one", ("synth",), 1, batch_size=8, sync_batchnorm=True), 4, batch_norms(net))
    assert capsys.readouterr().out == ""
    fit.say_share(Share(2, 1), stage, 4, batch_norms(net))
    assert capsys.readouterr().out.startswith("108 batch norms learn from 2 clips at a time, not 8; sync_batchnorm in")


def test_frozen_batch_norms_do_not_count():
    net = nn.Sequential(nn.BatchNorm2d(3), nn.Sequential(nn.BatchNorm3d(3)).eval())
    assert batch_norms(net) == 1


def test_synchronised_batch_norms_without_gpus(space, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match=r"sync_batchnorm needs GPUs, .* 2 processes .*--set sync_batchnorm=false"):
        Machine(devices=2).trainer(sync_batchnorm=True, logger=False)
    assert Machine(devices=1).trainer(sync_batchnorm=True, logger=False).world_size == 1
    stage = job("sync_batchnorm=true").recipe(space).stages[0]
    assert stage.sync_batchnorm


def test_compiling_changes_no_name_in_a_state_dict():
    net = create_model("aclnet", **model_entry("aclnet").tiny)
    before = list(net.state_dict())
    compile_network(net)
    assert list(net.state_dict()) == before


def test_wandb_works_offline_and_asks_for_nothing(space, monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.setenv(name, "")  # as it is now, after the test
        monkeypatch.delenv(name)
    monkeypatch.setattr("builtins.input", lambda *args: pytest.fail("it asks"))
    one = job("stages.dhf1k.epochs=1")
    began = time.monotonic()
    run_job(one, space, Machine(devices=1, logger=("csv", "tensorboard", "wandb")))
    assert time.monotonic() - began < 60
    folder = folder_of(one, space)
    (written,) = folder.glob("wandb/offline-run-*/*.wandb")
    assert written.stat().st_size > 0
    assert list(folder.glob("tensorboard/version_0/events.*"))
    assert list(folder.glob("log/version_0/metrics.csv"))
    import wandb

    assert wandb.run is None, "the next stage has a run of its own"


def test_an_absent_wandb_and_an_unknown_logger(space, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ValueError, match=r"the logger wandb needs its package: pip install 'avsal-bench\[cluster\]'"):
        run_job(job(), space, Machine(devices=1, logger=("wandb",)))
    with pytest.raises(ValueError, match="unknown logger 'wandbb'; did you mean 'wandb'"):
        Machine(logger=("wandbb",))


@pytest.fixture
def slurm(monkeypatch):
    """As SLURM starts two tasks on a node."""
    for name, value in {"NTASKS": "2", "NTASKS_PER_NODE": "2", "JOB_NAME": "avsal", "JOB_ID": "77"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    for name in ("PROCID", "LOCALID", "NODEID", "STEP_ID"):
        monkeypatch.setenv(f"SLURM_{name}", "0")
    return monkeypatch


def test_tasks_of_slurm_are_those_asked_for(slurm):
    with pytest.raises(ValueError, match=r"SLURM started 2 tasks, but 1 device on 1 node need 1 process; .*srun"):
        Machine(devices=1).trainer(logger=False)
    trainer = Machine(devices=2).trainer(logger=False, accelerator="cpu")
    environment = trainer.strategy.cluster_environment
    assert isinstance(environment, SLURMEnvironment)
    assert not environment.auto_requeue
    slurm.setenv("SLURM_NTASKS", "1")
    with pytest.raises(ValueError, match="SLURM started 1 task, but 2 devices"):
        Machine(devices=2).trainer(logger=False, accelerator="cpu")
    slurm.setenv("SLURM_NTASKS", "2")
    slurm.delenv("SLURM_NTASKS_PER_NODE")
    with pytest.raises(ValueError, match="SLURM started 2 tasks by --ntasks; start them by --nodes and"):
        Machine(devices=2).trainer(logger=False)
