"""Jobs as processes: what they leave in logs and state files, and what is said of those that are gone."""

import json
import os
import pty
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from conftest import HOME, TINY

from avsal_bench.bench.job import Job
from avsal_bench.bench.launch import local as launch
from avsal_bench.bench.launch import slurm, status
from avsal_bench.bench.launch.local import launch_local
from avsal_bench.bench.launch.state import (
    State,
    job_folder,
    log_path,
    read_state,
    state_of,
    tracked,
    true_state,
    write_state,
)
from avsal_bench.bench.launch.status import look, look_at_all, status_text, wait_for
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import make_plan, records_of
from avsal_bench.bench.run import run_job
from avsal_bench.bench.sharing.locks import hold
from avsal_bench.bench.sharing.processes import first_process, this_process
from avsal_bench.cli import main
from avsal_bench.records import read_record

CENTRE = Job("centre", "", 1, 0, "smoke", "stavis")
BROKEN = Job("avrsp", "av", 1, 0, "smoke", "stavis", ("network.heads=3",))


@pytest.fixture
def common(space, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return [*folders(space), "--workers", "0"]


def folders(space):
    return ["--synth-root", str(space.synth_root), "--runs", str(space.runs), "--leaderboard", str(space.leaderboard)]


def fake(monkeypatch, code):
    """Let every job be a short Python program that knows the words of `avsal run` as sys.argv."""
    real = subprocess.Popen

    def popen(command, **options):
        return real([sys.executable, "-c", code, *command[3:]], **options)

    monkeypatch.setattr(launch.subprocess, "Popen", popen)


@pytest.mark.slow
def test_jobs_leave_logs_and_states_and_one_that_fails_shows_the_end_of_its_log(space, common, capfd):
    assert launch_local([BROKEN, CENTRE], common) == [BROKEN]
    out, error = capfd.readouterr()
    assert f"The end of {log_path(space.runs, BROKEN)}" in error
    assert "width must be a multiple of heads" in error
    seen = look([BROKEN, CENTRE], space)
    assert [one.word for one in seen] == ["failed", "done"]
    line = next(line for line in status_text(seen).splitlines() if line.startswith(BROKEN.name))
    assert "width must be a multiple of heads" in line
    assert status_text(seen).endswith("2 jobs: 1 failed, 1 done")
    state = state_of(space.runs, CENTRE)
    assert (state.state, state.launcher, state.exit_code) == ("done", "local", 0)
    assert state.job == CENTRE
    assert state.started <= state.ended
    log = log_path(space.runs, CENTRE).read_text()
    assert "run centre --fold 1" in log
    for text in (log, out):
        assert "test centre-fold1-seed0 on synth " in text
    assert {one.job: one.word for one in look_at_all(space)} == {BROKEN: "failed", CENTRE: "done"}
    assert "1/1" in status_text(look([CENTRE], space))


def test_jobs_at_the_same_time_name_themselves_on_each_line(space, common, monkeypatch, capfd):
    fake(monkeypatch, "import sys, time; print('began', time.time()); time.sleep(1); print('ended', time.time())")
    jobs = [replace(CENTRE, fold=fold) for fold in (1, 2)]
    assert launch_local(jobs, common, parallel=2) == []
    out = capfd.readouterr().out
    times = {
        word: [float(line.split()[-1]) for line in out.splitlines() if word in line] for word in ("began", "ended")
    }
    assert max(times["began"]) < min(times["ended"])
    assert all(f"{job.name}: began" in out for job in jobs)


def test_a_job_that_another_bench_runs_is_left_for_later(space, common, monkeypatch):
    fake(monkeypatch, "print('ran')")
    monkeypatch.setattr(launch, "LOOK", 0.05)
    other = replace(CENTRE, fold=2)
    order = []
    run = launch._Bench.run
    monkeypatch.setattr(launch._Bench, "run", lambda self, job: (order.append(job), run(self, job)))
    with hold(job_folder(space.runs, CENTRE)):
        bench = threading.Thread(target=launch_local, args=([CENTRE, other], common))
        bench.start()
        time.sleep(1)
        assert order == [other]
    bench.join(20)
    assert order == [other, CENTRE]


def test_on_a_terminal_a_job_draws_its_bar_and_the_log_keeps_its_last_state(space, common, monkeypatch):
    code = "import sys, time\nassert sys.stderr.isatty()\n"
    code += "for i in range(3): print(f'bar {i}', end='\\r', file=sys.stderr, flush=True); time.sleep(0.1)\n"
    code += "print('bar 3', file=sys.stderr)"
    fake(monkeypatch, code)
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w") as terminal:
        monkeypatch.setattr(launch.sys, "stdout", terminal)
        assert launch_local([CENTRE], common) == []
    shown = os.read(reader, 65536).decode()
    os.close(reader)
    assert [f"bar {i}" in shown for i in range(4)] == [True] * 4
    log = log_path(space.runs, CENTRE).read_text().splitlines()
    assert log[1:] == ["bar 3"]


# --- data sets


def test_datasets_choose_records_and_change_nothing_else(real_root, space):
    space = replace(space, data_root=real_root)
    jobs = make_plan(space, ["centre"], "paper", "stavis", folds=[1], datasets=["DIEM", "avad"])
    one = next(job for job in jobs if job.model == "centre")
    whole = replace(one, datasets=())
    assert one.datasets == ("diem", "avad")
    assert one.key == whole.key
    paths = run_job(one, space, Machine())
    assert [path.parent.name for path in paths] == ["diem", "avad"]
    assert [one.word for one in look([one, whole], space)] == ["done", "to do"]
    before = {path: path.stat().st_mtime_ns for path in paths}
    assert len(run_job(whole, space, Machine())) == 6, "the same recipe, so the others join them"
    assert {path: path.stat().st_mtime_ns for path in paths} == before
    assert len({json.dumps(read_record(path).recipe) for path in space.records.rglob("*.json")}) == 1


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ("diem", "preset smoke, is not tested on diem; it is on: synth"),
        ("dime", "unknown data set 'dime'; did you mean 'diem'?"),
    ],
)
@pytest.mark.parametrize("command", [["bench", "centre"], ["run", "centre"]])
def test_a_data_set_that_is_not_tested(space, capsys, datasets, message, command):
    assert main([*command, "--datasets", datasets, "--preset", "smoke", *folders(space)]) == 2
    assert message in capsys.readouterr().err


# --- states


def state(job=CENTRE, **changes):
    return replace(State(job, job_folder, "running", this_process(), started="2026-01-01T00:00:00+00:00"), **changes)


DEAD = replace(this_process(), born="1")
FAR = replace(this_process(), host="far")


#: The last word of a job, SLURM's queue, and what is true.
TRUE = [
    (None, None, "to do"),
    (state(state="done"), None, "to do"),  # and its records are gone
    (state(), None, "running"),
    (state(process=DEAD), None, "lost"),
    (state(process=FAR), None, "unknown"),
    (state(state="failed", process=DEAD), None, "failed"),
    (state(state="queued", slurm="1_2"), None, "unknown"),
    (state(state="queued", slurm="1_2"), {"1_2": "PENDING"}, "queued"),
    (state(state="queued", slurm="1_2"), {"1_2": "RUNNING"}, "running"),
    (state(state="queued", slurm="1_2"), {"1_3": "RUNNING"}, "lost"),
    (state(process=FAR, slurm="1_2"), {"1_2": "RUNNING"}, "running"),
    (state(process=FAR, slurm="1_2"), {}, "lost"),
    (state(process=FAR, slurm="1_2"), None, "unknown"),
    (state(process=DEAD, slurm="1_2"), {"1_2": "COMPLETING"}, "lost"),
    (state(state="interrupted", process=DEAD, slurm="1_2"), {"1_2": "PENDING"}, "queued"),
    (state(state="interrupted", process=DEAD, slurm="1_2"), {}, "interrupted"),
    (state(state="failed", process=DEAD, slurm="1_2"), {"1_2": "COMPLETING"}, "failed"),
]


def test_what_is_true_of_a_job():
    for last, queue, word in TRUE:
        assert true_state(last, queue) == word, (last, queue)


def test_a_state_goes_to_the_disk_and_back(space):
    written = state(leaderboard=space.leaderboard, job=replace(BROKEN, datasets=("synth",)), slurm="3_1")
    write_state(space.runs, written)
    assert state_of(space.runs, BROKEN) == written, "the same job, whatever its data sets are"


def test_a_file_that_is_no_state_is_named(tmp_path):
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(ValueError, match=r"state\.json: not the state of a job"):
        read_state(tmp_path / "state.json")


def test_a_job_that_another_process_took_over_is_not_called_failed_by_the_first(space):
    def fails():
        with tracked(CENTRE, space):
            write_state(space.runs, state(process=FAR, leaderboard=space.leaderboard))
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert state_of(space.runs, CENTRE).state == "running"


@pytest.mark.parametrize("name", ["RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK"])
def test_only_the_first_of_several_processes_writes(space, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    assert not first_process()
    with tracked(CENTRE, space):
        pass
    assert state_of(space.runs, CENTRE) is None


def test_waiting_ends_with_jobs_that_nobody_knows_any_more(space, monkeypatch):
    write_state(space.runs, state(state="queued", slurm="7", leaderboard=space.leaderboard))
    queues = [{"7": "PENDING"}, {"7": "RUNNING"}, {}, {}]
    monkeypatch.setattr(status, "squeue", lambda: queues.pop(0) if len(queues) > 1 else queues[0])
    monkeypatch.setattr(status, "PATIENCE", 0.3)
    said = []
    assert wait_for([CENTRE], space, said.append, every=0.05) == [CENTRE]
    assert said == ["1 job: 1 queued", "1 job: 1 running", "1 job: 1 lost"]


# --- commands


def test_status_and_collect_of_a_plan(space, common, capsys):
    plan = ["centre", "mep", "--folds", "1", "--preset", "smoke", *folders(space)]
    space.leaderboard.mkdir()
    shutil.copy(HOME / "leaderboard" / "published.csv", space.leaderboard)
    assert main(["bench", "status", *folders(space)]) == 0
    assert "no job was started yet" in capsys.readouterr().out
    run_job(CENTRE, space, Machine())
    assert main(["bench", "status", *plan]) == 0
    assert "2 jobs: 1 done, 1 to do" in capsys.readouterr().out
    assert main(["bench", "collect", *plan]) == 0
    out = capsys.readouterr().out
    assert "missing  stavis/synth/mep-fold1-seed0.json  (to do)" in out
    assert "1 of 2 jobs are done" in out
    assert (space.leaderboard / "README.md").is_file()
    (space.records / "stavis/synth/bad.json").write_text("{")
    assert main(["bench", "collect", *plan]) == 1
    assert "bad.json: not a record" in capsys.readouterr().out


def test_force_leaves_jobs_alone_that_run(space, capsys):
    write_state(space.runs, state(leaderboard=space.leaderboard))
    assert main(["bench", "centre", "--preset", "smoke", "--force", *folders(space)]) == 2
    assert "centre-fold1-seed0, queued or running, works with; stop it first" in capsys.readouterr().err


def test_a_plan_names_states_and_the_device_that_was_timed(space, capsys):
    run_job(CENTRE, space, Machine())
    assert main(["bench", "centre", "--preset", "smoke", "--dry-run", *folders(space)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[-1] == "state"
    assert [line.split()[-1] for line in lines[1:3]] == ["do", "done"]
    assert lines[3].startswith("2 jobs, 1 done; about 0.0 hours in all, extrapolated from one clip at a time on ")
    assert "GPU hours" in lines[0] or "CPU hours" in lines[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--gpus", "2", "--devices", "4"], "--gpus 2 and --devices 4 differ"),
        (["--slurm", "qos"], "--slurm qos: expected KEY=VALUE"),
    ],
)
def test_options_of_slurm_that_make_no_sense(space, capsys, words, message):
    assert main(["bench", "centre", "--preset", "smoke", "--launcher", "slurm", *words, *folders(space)]) == 2
    assert message in capsys.readouterr().err


def test_slurm_without_submitit_and_without_sbatch(space, capsys, monkeypatch):
    command = ["bench", "centre", "--preset", "smoke", "--launcher", "slurm", *folders(space)]
    with monkeypatch.context() as patch:
        patch.setattr(slurm.shutil, "which", lambda name: None)
        assert main(command) == 2
        assert "needs sbatch" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert main(command) == 2
    assert "pip install 'avsal-bench[cluster]'" in capsys.readouterr().err


def test_torchrun_says_how_many_processes_there_are(space, capsys, monkeypatch):
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert main(["run", "centre", "--preset", "smoke", "--devices", "3", *folders(space)]) == 2
    assert "torchrun started 2 processes on each of 2 nodes" in capsys.readouterr().err


@pytest.mark.slow
def test_torchrun_trains_and_tests_in_two_processes(space, common):
    job = Job("avrsp", "v", 1, 0, "smoke", "stavis", (*TINY, "val_stride=4"))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "avsal_bench.cli", "run"]
    done = subprocess.run([*command, *job.arguments(), *common], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ((_, _, path),) = records_of(job, job.recipe(space), space)
    assert read_record(path).provenance["fits"][1]["steps"] > 0
    assert state_of(space.runs, job).state == "done"
