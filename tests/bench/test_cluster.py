"""A small grid as an array of a real SLURM, which is started here and thrown away; `make test-cluster`."""

import os
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256

import pytest
import slurm_here
from conftest import HOME, TINY

from avsal_bench.bench.launch.state import read_states, state_of
from avsal_bench.bench.plan import make_plan
from avsal_bench.bench.workspace import Workspace
from avsal_bench.records import read_records

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]
#: Small, but every job takes some seconds, in which it can be stopped.
OVERRIDES = (*TINY, "stages.audiovisual.epochs=6")
#: A network that is not of the package, with its recipe beside it.
PLUGIN = HOME / "examples" / "my_network" / "my_network.py"
OF_PLUGIN = (
    *("network.frames=4", "network.size=[32, 48]", "network.width=4", "sounds=[original]"),
    *("stages.visual.epochs=1", "stages.audiovisual.epochs=40"),
)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    if reason := slurm_here.why_not():
        pytest.skip(f"no SLURM here: {reason}")
    with slurm_here.cluster(tmp_path_factory.mktemp("slurm"), cpus=2) as environment:
        yield environment | {"OMP_NUM_THREADS": "1"}


def bench(space, environment, *words, check=True, overrides=OVERRIDES):
    """`avsal bench` in a process of its own; returns it when it has ended."""
    folders = {"synth-root": space.synth_root, "runs": space.runs, "leaderboard": space.leaderboard}
    options = [word for name, folder in folders.items() for word in (f"--{name}", str(folder))]
    options += [word for override in overrides for word in ("--set", override)]
    command = [
        sys.executable,
        "-m",
        "avsal_bench.cli",
        "bench",
        *words,
        "--preset",
        "smoke",
        "--workers",
        "0",
        *options,
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def workspace(folder, synth_root):
    (folder / "leaderboard").mkdir()
    shutil.copy(HOME / "leaderboard" / "published.csv", folder / "leaderboard")
    return Workspace(HOME, None, synth_root, folder / "runs", folder / "leaderboard")


def grid(space):
    return make_plan(space, ["avrsp"], "smoke", "stavis", folds=[1, 2], seeds=[0], overrides=OVERRIDES)


def results(space):
    """All that records say, but for when and where they were made."""
    return {
        path.name: (
            r.scores,
            r.videos,
            r.recipe,
            r.weights["parameters"],
            [fit["steps"] for fit in r.provenance["fits"]],
        )
        for path, r in read_records(space.records)
    }


def until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found


def running(space, jobs):
    """The first of some jobs whose own process says that it runs."""
    for job in jobs:
        state = state_of(space.runs, job)
        if state is not None and state.state == "running":
            return job, state
    return None


def killed_one(space, jobs):
    """Kill the first of some jobs that runs; None when none does, or it ended meanwhile."""
    found = running(space, jobs)
    if found is None:
        return None
    job, state = found
    try:
        os.kill(state.process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return None
    return job


GRID = ("avrsp", "--folds", "1,2")


@pytest.fixture(scope="module")
def local(tmp_path_factory, synth_root):
    """Two networks and two baselines, two folds, by the local launcher."""
    space = workspace(tmp_path_factory.mktemp("local"), synth_root)
    bench(space, os.environ | {"OMP_NUM_THREADS": "1"}, *GRID, "--parallel", "2")
    return space


def test_an_array_with_a_preempted_and_a_killed_job_gives_the_records_of_the_local_launcher(
    slurm, local, tmp_path, synth_root
):
    space = workspace(tmp_path, synth_root)
    cluster = ("--launcher", "slurm", "--cpus", "1", "--time", "30")
    done = bench(space, slurm, *GRID, *cluster)
    assert "8 jobs are SLURM array" in done.stdout
    assert "nothing to submit" in bench(space, slurm, *GRID, *cluster).stdout, "what is queued is not submitted again"

    trained = [job for job in grid(space) if job.modality]
    preempted, state = until(lambda: running(space, trained), 300, "no network is trained")
    # Not waited for: of a job that has left it asks for a minute.
    signalled = subprocess.Popen(["scancel", "--signal=USR2", state.slurm], env=slurm, stderr=subprocess.DEVNULL)
    again = until(
        lambda: (
            state_of(space.runs, preempted).state == "interrupted"
            or state_of(space.runs, preempted).process != state.process
        ),
        60,
        "the signal did not reach the job",
    )
    assert again

    others = [job for job in trained if job != preempted]
    killed = until(lambda: killed_one(space, others), 300, "no other network is trained")
    signalled.kill()

    waited = bench(space, slurm, *GRID, *cluster, "--wait", check=False)
    log = (space.runs / "logs" / f"{preempted.key}.log").read_text()
    assert log.count(f"run {preempted.model}") >= 2, "the preempted job was started again"
    if waited.returncode:  # the kill came after the second submission had looked
        shown = bench(space, slurm, "status", *GRID).stdout
        assert f"1 of 8 jobs failed: {killed.name}" in waited.stderr, shown
        assert "1 lost" in shown
        bench(space, slurm, *GRID, *cluster, "--wait")
    assert "8 jobs: 8 done" in bench(space, slurm, "status", *GRID).stdout
    assert "8 of 8 jobs are done" in bench(space, slurm, "collect", *GRID).stdout
    assert len(results(space)) == 10, "8 jobs, and the two that hear are tested muted too"
    assert results(space) == results(local)


def test_the_network_of_a_plugin_runs_in_an_array_and_again_after_a_signal(slurm, tmp_path, synth_root):
    space = workspace(tmp_path, synth_root)
    words = ("my_network", "--modality", "av", "--plugin", str(PLUGIN), "--launcher", "slurm", "--cpus", "1")
    words = (*words, "--time", "30")
    done = bench(space, slurm, *words, overrides=OF_PLUGIN)
    assert "3 jobs are SLURM array" in done.stdout

    def state():
        return next(one for one in read_states(space.runs) if one.job.model == "my_network")

    running = until(lambda: (now := state()).state == "running" and now, 300, "it is not trained")
    signalled = subprocess.Popen(["scancel", "--signal=USR2", running.slurm], env=slurm, stderr=subprocess.DEVNULL)
    until(
        lambda: (now := state()).state == "interrupted" or now.process != running.process,
        60,
        "the signal did not reach the job",
    )
    signalled.kill()

    bench(space, slurm, *words, "--wait", overrides=OF_PLUGIN)
    log = (space.runs / "logs" / f"{running.job.key}.log").read_text()
    assert log.count("run my_network") >= 2, "the preempted job was started again"
    (record,) = [r for _, r in read_records(space.records) if r.model == "my_network"]
    digest = sha256(PLUGIN.read_bytes()).hexdigest()
    assert record.provenance["plugins"] == [{"name": "my_network", "version": "0.1", "sha256": digest}]
    assert "my_network" in (space.leaderboard / "README.md").read_text()


def test_what_slurm_refuses_is_one_line(slurm, tmp_path, synth_root):
    space = workspace(tmp_path, synth_root)
    done = bench(space, slurm, "avrsp", "--launcher", "slurm", "--partition", "nowhere", check=False)
    assert done.returncode == 2
    assert "SLURM refused the array" in done.stderr
    assert "nowhere" in done.stderr or "partition" in done.stderr
