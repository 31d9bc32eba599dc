"""A grid of a plug-in's network as an array of a real SLURM, which is started and thrown away; `make test-cluster`."""

import os
import signal
import subprocess
import sys
import time
from hashlib import sha256

import pytest
import slurm_here
from conftest import HOME

from avsal_bench.bench.launch.state import read_states, state_of
from avsal_bench.bench.workspace import Workspace
from avsal_bench.records import read_records

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]
#: A network that is not of the package, with its recipe beside it.
PLUGIN = HOME / "examples" / "my_network" / "my_network.py"
#: Small, but every job takes some seconds, in which it can be stopped.
OVERRIDES = (
    *("network.frames=4", "network.size=[32, 48]", "network.width=4"),
    *("stages.visual.epochs=20", "stages.audiovisual.epochs=20"),
)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    if reason := slurm_here.why_not():
        pytest.skip(f"no SLURM here: {reason}")
    with slurm_here.cluster(tmp_path_factory.mktemp("slurm"), cpus=2) as environment:
        yield environment | {"OMP_NUM_THREADS": "1"}


def bench(space, environment, *words, check=True):
    """`avsal bench` in a process of its own; returns it when it has ended."""
    folders = {"synth-root": space.synth_root, "runs": space.runs, "leaderboard": space.leaderboard}
    options = [word for name, folder in folders.items() for word in (f"--{name}", str(folder))]
    options += [word for override in OVERRIDES for word in ("--set", override)]
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
    return Workspace(HOME, None, synth_root, folder / "runs", folder / "leaderboard")


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


GRID = ("my_network", "--folds", "1,2", "--plugin", str(PLUGIN))


@pytest.fixture(scope="module")
def local(tmp_path_factory, synth_root):
    """The network with and without sound, and two baselines, two folds, by the local launcher."""
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

    trained = [state.job for state in read_states(space.runs) if state.job.modality]
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
    plugin = {"name": "my_network", "version": "0.1", "sha256": sha256(PLUGIN.read_bytes()).hexdigest()}
    assert all(r.provenance["plugins"] == [plugin] for _, r in read_records(space.records))
    assert "my_network" in (space.leaderboard / "README.md").read_text()


def test_what_slurm_refuses_is_one_line(slurm, tmp_path, synth_root):
    space = workspace(tmp_path, synth_root)
    done = bench(space, slurm, *GRID, "--launcher", "slurm", "--partition", "nowhere", check=False)
    assert done.returncode == 2
    assert "SLURM refused the array" in done.stderr
    assert "nowhere" in done.stderr or "partition" in done.stderr
