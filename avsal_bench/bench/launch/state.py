"""What is known of a job: a small file that its launcher and its process write, and whether it is still true."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from avsal_bench.bench.job import Job
from avsal_bench.bench.made_of import of_training
from avsal_bench.bench.plan import is_done, records_of
from avsal_bench.bench.sharing.processes import Process, alive, first_process, now, this_process
from avsal_bench.bench.stages import trainings
from avsal_bench.bench.workspace import Workspace
from avsal_bench.files import write_atomically
from avsal_bench.kept import read_made_of, require_same
from avsal_bench.training.recipe import Recipe

#: What a state file says. ``interrupted``: by a person, or by SLURM, which queues the job again.
Written = Literal["queued", "running", "done", "failed", "interrupted"]
#: What is true. ``lost``: it was queued or running, and ended without a word; ``unknown``: another machine knows.
True_ = Literal["done", "queued", "running", "failed", "interrupted", "lost", "unknown", "to do"]
#: SLURM's words for jobs that run, and for those that are over but for the cleaning up; all others wait.
RUNNING, OVER = ("RUNNING", "CONFIGURING", "SUSPENDED"), ("COMPLETING", "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT")


@dataclass(frozen=True)
class State:
    """The last word about a job.

    Args:
        job: with its arguments.
        leaderboard: folder that its records go to.
        state: the word.
        process: that wrote it.
        launcher: ``local``, ``slurm``, or "" for an ``avsal run`` that a person started.
        slurm: its SLURM job, such as ``12_3``.
        started: UTC; when it was queued, or when it began to run.
        ended: UTC; "" before the end.
        exit_code: of ``avsal run``; None before the end.
    """

    job: Job
    leaderboard: Path
    state: Written
    process: Process
    launcher: str = ""
    slurm: str = ""
    started: str = ""
    ended: str = ""
    exit_code: int | None = None


def job_folder(runs: Path, job: Job) -> Path:
    """Where the state of a job lies, and the lock of who runs it."""
    return runs / "jobs" / job.key


def log_path(runs: Path, job: Job) -> Path:
    """Output of all runs of a job, one after the other."""
    return runs / "logs" / f"{job.key}.log"


def write_state(runs: Path, state: State) -> None:
    """Write the state file of a job, all of it or nothing."""
    plain = asdict(state) | {"leaderboard": str(state.leaderboard)}
    write_atomically(job_folder(runs, state.job) / "state.json", json.dumps(plain, indent=1) + "\n")


def read_state(path: Path) -> State:
    """Read a state file.

    Raises:
        ValueError: naming the file, when it is none.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        job = dict(plain["job"])
        if strange := [key for key in ("model", "modality", "preset", "protocol") if not isinstance(job[key], str)]:
            raise ValueError(f"{strange[0]} is {job[strange[0]]!r}")
        job |= {name: tuple(job[name]) for name in ("overrides", "datasets", "sounds", "own")}
        given = {"job": Job(**job), "leaderboard": Path(plain["leaderboard"]), "process": Process(**plain["process"])}
        return State(**{**plain, **given})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: not the state of a job ({error}); remove it") from error


def state_of(runs: Path, job: Job) -> State | None:
    """The last word about a job; None when nobody has started it."""
    path = job_folder(runs, job) / "state.json"
    return read_state(path) if path.is_file() else None


def read_states(runs: Path) -> list[State]:
    """All jobs that were ever started, in the order of their names."""
    return [read_state(path) for path in sorted((runs / "jobs").glob("*/state.json"))]


@contextmanager
def tracked(job: Job, space: Workspace) -> Iterator[None]:
    """Write that a job runs, and how it ended.

    In a run of several processes only the first one writes.
    """
    if not first_process():
        yield
        return
    me = this_process()
    launcher = os.environ.get("AVSAL_LAUNCHER", "")
    running = State(job, space.leaderboard.resolve(), "running", me, launcher, me.slurm, now())
    write_state(space.runs, running)
    end: tuple[Written, int] = ("interrupted", 130)
    try:
        yield
        end = ("done", 0)
    except Exception:
        end = ("failed", 2)
        raise
    finally:
        last = state_of(space.runs, job)
        if last is not None and last.process == me:  # else another process has taken the job over
            write_state(space.runs, replace(running, state=end[0], ended=now(), exit_code=end[1]))


def write_interrupted(runs: Path, job: Job) -> None:
    """Write that a job was interrupted, where its process has ended without a word of its own."""
    last = state_of(runs, job)
    if last is not None and last.state == "running" and alive(last.process) is False:
        write_state(runs, replace(last, state="interrupted", ended=now(), exit_code=130))


def squeue() -> dict[str, str] | None:
    """SLURM's word for each job of this user; None where there is no SLURM, or it does not answer."""
    if shutil.which("squeue") is None:
        return None
    try:
        # -r: a line a task of an array.
        command = ["squeue", "--me", "-h", "-r", "-o", "%i %T"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return dict(line.split() for line in done.stdout.splitlines())


def is_complete(job: Job, space: Workspace) -> bool:
    """Whether a job has its records, or is trained where it only trains, by the data, recipe, weights and code of now.

    Where the data is not there, such as on the machine that collects, they count by their recipe alone.
    """
    recipe = job.recipe(space)
    try:
        if job.train_only:
            return is_trained(job, recipe, space)
        return all(is_done(job, recipe, space, place) for place in records_of(job, recipe, space))
    except FileNotFoundError:
        if job.train_only:
            return all(stage.done for stage in trainings(job, recipe, space))
        return all(path.is_file() for _, _, path in records_of(job, recipe, space))
    except ValueError:
        return False


def is_trained(job: Job, recipe: Recipe, space: Workspace) -> bool:
    """Whether all stages of a job are trained, on the data and by the code of now.

    Raises:
        ValueError, FileNotFoundError: as :func:`~avsal_bench.bench.plan.is_done`.
    """
    stages = trainings(job, recipe, space)
    if not all(stage.done for stage in stages):
        return False
    for stage in stages:
        ways = "train it anew with --force, or keep it and choose another --runs"
        now = of_training(stage, job, space)
        require_same(str(stage.folder), read_made_of(stage.folder), now, ways, space.reuse_other_code)
    return True


def true_state(state: State | None, queue: Mapping[str, str] | None) -> True_:
    """What is true of a job without all its records.

    Args:
        state: its file; None when there is none.
        queue: of :func:`squeue`.
    """
    if state is None or state.state == "done":
        return "to do"
    if state.slurm and queue is not None:
        word = queue.get(state.slurm, OVER[0])
        if word not in OVER:
            return "running" if word in RUNNING else "queued"
    if state.state in ("failed", "interrupted"):
        return state.state
    lives = alive(state.process)
    if state.slurm and (lives is None or state.state == "queued"):
        return "unknown" if queue is None else "lost"
    if lives is None:
        return "unknown"
    return state.state if lives else "lost"
