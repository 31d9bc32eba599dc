"""The jobs of a plan as one array of SLURM, through submitit. A task of it runs what ``avsal run`` runs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avsal_bench.bench.job import Job
from avsal_bench.bench.launch.one_job import main
from avsal_bench.bench.launch.state import State, log_path, state_of, write_state
from avsal_bench.bench.sharing.processes import first_process, now, this_process
from avsal_bench.bench.workspace import Workspace
from avsal_bench.plugins import PLUGINS
from avsal_bench.resources import folder_of

#: How often a job that reaches its time limit is queued again. Each time it goes on at its last whole epoch.
TIME_LIMITS = 100
#: Seconds between the signal of SLURM and the end of a job.
SIGNAL_DELAY = 120
#: Environment that a job needs as it is here.
KEPT = ("AVSAL_HOME", "AVSAL_DATA", "AVSAL_WEIGHTS")


@dataclass(frozen=True)
class Cluster:
    """What is asked of SLURM for each job.

    Args:
        partition: name; "" for the default one.
        gpus: on each node; 0 for none.
        nodes: of one job.
        tasks: processes on each node.
        minutes: time limit; a job that reaches it is queued again and goes on.
        cpus: of each process.
        memory: GB on each node; 0 for the default.
        account: name, or "".
        constraint: of the nodes, or "".
        at_once: how many jobs of the array may run at the same time.
        others: further options of ``sbatch``, such as ``{"qos": "low"}``.
    """

    partition: str = ""
    gpus: int = 0
    nodes: int = 1
    tasks: int = 1
    minutes: int = 24 * 60
    cpus: int = 4
    memory: int = 0
    account: str = ""
    constraint: str = ""
    at_once: int = 64
    others: dict[str, str] = field(default_factory=dict)


class RunJob:
    """``avsal run`` in a process of SLURM. Queued again after a signal, it does the same, which goes on where it was.

    Args:
        words: arguments of ``avsal run``.
        log: gets the output of the first process.
        environment: of the job.
    """

    def __init__(self, words: Sequence[str], log: Path, environment: dict[str, str]) -> None:
        self.words = list(words)
        self.log = log
        self.environment = environment

    def __call__(self) -> None:
        """Run; an exit code other than 0 is an error, so that SLURM and submitit know."""
        os.environ.update(self.environment)
        title = f"--- {now()} run {' '.join(self.words)}\n"
        with _output_to(self.log, title) if first_process() else nullcontext():
            code = main(self.words)
        if code:
            raise RuntimeError(f"avsal run {' '.join(self.words)} failed with exit code {code}; see {self.log}")

    def checkpoint(self) -> Any:
        """What submitit queues again at a time limit or a preemption."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@contextmanager
def _output_to(log: Path, title: str) -> Iterator[None]:
    """Let the output of this process go to a log, and at the end where it went before: submitit has its own."""
    kept = [os.dup(1), os.dup(2)]
    try:
        with log.open("ab") as file:
            file.write(title.encode())
            file.flush()
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for place, own in enumerate(kept, 1):
            os.dup2(own, place)
            os.close(own)


def submit(jobs: Sequence[Job], common: Sequence[str], space: Workspace, cluster: Cluster) -> str:
    """Submit jobs as one array; returns its id.

    Args:
        jobs: of the plan.
        common: arguments of ``avsal run`` that all jobs share, with absolute folders.
        space: folders.
        cluster: what each job needs.

    Raises:
        ValueError: where submitit or SLURM is missing, or SLURM refuses the array.
    """
    try:
        import submitit
    except ImportError:
        raise ValueError("--launcher slurm needs submitit; pip install 'avsal-bench[cluster]'") from None
    if shutil.which("sbatch") is None:
        raise ValueError("--launcher slurm needs sbatch, which is not here; run it where SLURM's commands are")
    logs = (space.runs / "logs").resolve()
    logs.mkdir(parents=True, exist_ok=True)
    executor = submitit.SlurmExecutor(folder=logs / "slurm", max_num_timeout=TIME_LIMITS)
    executor.update_parameters(**_parameters(cluster))
    environment = {name: str(folder.resolve()) for name in KEPT if (folder := folder_of(name))}
    environment |= {PLUGINS: os.environ[PLUGINS]} if os.environ.get(PLUGINS) else {}
    environment |= {"AVSAL_HOME": str(space.home.resolve()), "AVSAL_LAUNCHER": "slurm"}
    tasks = [RunJob([*job.arguments(), *common], log_path(space.runs, job).resolve(), environment) for job in jobs]
    try:
        submitted = executor.submit_array(tasks)
    except submitit.core.utils.FailedJobError as error:
        raise ValueError(f"SLURM refused the array: {error}") from error
    for job, task in zip(jobs, submitted, strict=True):
        last = state_of(space.runs, job)
        if last is None or last.slurm != task.job_id:  # it may run already
            leaderboard = space.leaderboard.resolve()
            state = State(job, leaderboard, "queued", this_process(), "slurm", task.job_id, now())
            write_state(space.runs, state)
    return str(submitted[0].job_id).partition("_")[0]


def _parameters(cluster: Cluster) -> dict[str, Any]:
    """What submitit writes into the script; what is not asked for is left to the cluster."""
    asked = {
        "job_name": "avsal",
        "partition": cluster.partition,
        "nodes": cluster.nodes,
        "ntasks_per_node": cluster.tasks,
        "gpus_per_node": cluster.gpus,
        "time": cluster.minutes,
        "cpus_per_task": cluster.cpus,
        "mem": f"{cluster.memory}GB" if cluster.memory else "",
        "account": cluster.account,
        "constraint": cluster.constraint,
        "array_parallelism": cluster.at_once,
        "signal_delay_s": SIGNAL_DELAY,
        "additional_parameters": cluster.others,
    }
    return {name: value for name, value in asked.items() if value}
