"""What the environment says of who started a process, and how processes meet."""

import os
import time

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.plugins.environments import LightningEnvironment

from avsal_bench.bench.machine import Machine
from avsal_bench.bench.sharing import meeting
from avsal_bench.bench.sharing.meeting import MeetingDDP
from avsal_bench.bench.sharing.started import BESIDE, TORCHRUN, by_slurm, by_torchrun
from avsal_bench.data.clips import readers as reading
from avsal_bench.data.clips.readers import item_bytes, readers
from avsal_bench.spec import ClipSpec

WHOLE = dict(zip(TORCHRUN, ("3", "4", "1", "2", "127.0.0.1", "29500"), strict=True))


@pytest.fixture(autouse=True)
def _nobody(monkeypatch):
    for name in list(os.environ):
        if name in {*TORCHRUN, *BESIDE, "GROUP_RANK", "TORCHELASTIC_RUN_ID"} or name.startswith("SLURM_"):
            monkeypatch.delenv(name)


def put(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_torchrun_says_how_many_processes_there_are(monkeypatch):
    assert by_torchrun() is None
    put(monkeypatch, WHOLE)
    assert by_torchrun() == (2, 2)


@pytest.mark.parametrize("missing", TORCHRUN)
def test_variables_of_torchrun_that_are_half_set(monkeypatch, missing):
    put(monkeypatch, {name: value for name, value in WHOLE.items() if name != missing} | {"GROUP_RANK": "1"})
    with pytest.raises(ValueError, match=rf"not {missing}, and torchrun sets all of them; .*`env -u "):
        by_torchrun()


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"RANK": "0"}, "the environment has RANK and not WORLD_SIZE"),
        ({"TORCHELASTIC_RUN_ID": "x"}, "-u TORCHELASTIC_RUN_ID"),
        ({"LOCAL_RANK": "0"}, "the environment has LOCAL_RANK and not NODE_RANK"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE=2 without the other variables"),
        ({"MASTER_PORT": "http"}, "MASTER_PORT='http': expected a number"),
        ({"MASTER_PORT": "0"}, "MASTER_PORT=0: expected a port"),
        (WHOLE | {"MASTER_PORT": "65536"}, "MASTER_PORT=65536"),
        (WHOLE | {"RANK": "4"}, "RANK=4, WORLD_SIZE=4, LOCAL_RANK=1, LOCAL_WORLD_SIZE=2 cannot be of one run"),
        (WHOLE | {"LOCAL_WORLD_SIZE": "3"}, "cannot be of one run"),
        (WHOLE | {"LOCAL_WORLD_SIZE": "0"}, "cannot be of one run"),
        (WHOLE | {"WORLD_SIZE": ""}, "WORLD_SIZE='': expected a number"),
        (WHOLE | {"RANK": "-1"}, "RANK='-1': expected a number"),
    ],
)
def test_an_environment_that_fits_no_start(monkeypatch, variables, told):
    put(monkeypatch, variables)
    with pytest.raises(ValueError, match=r"`env -u \w+.* avsal \.\.\.`") as raised:
        by_torchrun()
    assert told in str(raised.value)


def test_a_variable_that_says_nothing_is_no_error(monkeypatch):
    put(monkeypatch, {"WORLD_SIZE": "1", "MASTER_ADDR": "gone", "MASTER_PORT": "29500"})
    assert by_torchrun() is None


@pytest.mark.parametrize("tasks", ["2", "64"])
def test_several_tasks_of_slurm_without_srun_end_at_once(monkeypatch, tasks):
    put(monkeypatch, {"SLURM_NTASKS": tasks, "SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_NTASKS_PER_NODE": tasks})
    began = time.monotonic()
    with pytest.raises(
        ValueError, match=rf"SLURM gave this job {tasks} tasks.*`srun avsal run \.\.\.`.*env -u SLURM_N"
    ):
        Machine(devices=int(tasks)).trainer(logger=False, accelerator="cpu")
    assert time.monotonic() - began < 5
    put(monkeypatch, {"SLURM_STEP_ID": "0"})
    assert by_slurm() == int(tasks)
    monkeypatch.delenv("SLURM_STEP_ID")
    put(monkeypatch, {"SLURM_JOB_NAME": "interactive"})
    assert by_slurm() is None


@pytest.mark.parametrize("name", ["SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID"])
def test_slurm_counts_in_numbers(monkeypatch, name):
    put(monkeypatch, {"SLURM_NTASKS": "1", name: "x"})
    with pytest.raises(ValueError, match=f"{name}='x': expected a number"):
        by_slurm()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"precision": "16-mixed"}, "precision 16-mixed needs a GPU"),
        ({"precision": "16"}, "precision 16-mixed needs a GPU"),
        ({"precision": "bf16-true"}, "precision bf16-true needs a GPU"),
        ({"nodes": 2}, "nodes 2, and nothing says where the others are"),
    ],
)
def test_what_a_machine_without_gpus_refuses(monkeypatch, options, told):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match=told):
        Machine(**options).check()


@pytest.mark.parametrize(
    "options", [{"devices": 0}, {"devices": "two"}, {"nodes": 0}, {"workers": -1}, {"precision": "fp8"}]
)
def test_what_no_machine_has(options):
    with pytest.raises(ValueError, match=r"expected|unknown precision"):
        Machine(**options)


def test_more_gpus_than_there_are(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(ValueError, match="devices 9, and this machine has 2 GPUs"):
        Machine(devices=9).check()
    Machine(devices=2, precision="bf16-mixed").check()
    assert Machine().processes == 2


@pytest.mark.parametrize(("address", "rank"), [("127.0.0.1", 0), ("127.0.0.1", 1), ("nowhere.invalid", 1)])
def test_who_waits_in_vain_ends_with_words(monkeypatch, address, rank):
    put(monkeypatch, {"MASTER_ADDR": address, "AVSAL_MEETING": "0.4", "LOCAL_RANK": str(rank)})
    strategy = MeetingDDP(cluster_environment=LightningEnvironment())
    trainer = Trainer(accelerator="cpu", devices=2, strategy=strategy, logger=False, enable_checkpointing=False)
    told = rf"2 processes of this run did not meet at {address}:\d+ within 0.4 s \(this is number {rank}; .*MASTER_ADDR"
    with pytest.raises(OSError, match=told):
        trainer.strategy.setup_distributed()


@pytest.mark.parametrize("text", ["x", "0", "-3", "nan", "inf"])
def test_the_time_to_meet_is_in_seconds(monkeypatch, text):
    monkeypatch.setenv("AVSAL_MEETING", text)
    with pytest.raises(ValueError, match="expected seconds"):
        meeting._seconds()


SPEC = ClipSpec(frames=32, size=(224, 384), mean=(0, 0, 0), std=(1, 1, 1), target="last", audio=None)


@pytest.mark.parametrize(("free", "fitting"), [(64e6, 0), (400e6, 1), (4e9, 8), (8e9, 8)])
def test_short_shared_memory_takes_fewer_reading_processes(monkeypatch, tmp_path, capsys, free, fitting):
    monkeypatch.setattr(reading, "SHARED", tmp_path)
    monkeypatch.setattr(reading, "_said", set())
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": free}))
    batch = 8 * item_bytes(SPEC)
    assert [readers(8, SPEC, 8), readers(8, SPEC, 8)] == [fitting] * 2
    assert (fitting * reading.AHEAD + reading.IN_USE) * batch < free or not fitting
    told = capsys.readouterr().err
    assert told.count("--shm-size") == (fitting < 8), "said once"
    assert readers(0, SPEC, 8) == 0
    assert readers(1, SPEC, 1, beside=1000) == 0


def test_without_shared_memory_of_that_name_nothing_is_guessed(monkeypatch, tmp_path):
    monkeypatch.setattr(reading, "SHARED", tmp_path / "none")
    assert readers(8, SPEC, 8) == 8
