"""The jobs of a plan as a whole: started over, run here, handed to SLURM, or collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from avsal_bench.bench.context import Context
from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs import kind_of
from avsal_bench.bench.jobs.needs import Needs
from avsal_bench.bench.launch.local import launch_local
from avsal_bench.bench.launch.slurm import Cluster, submit
from avsal_bench.bench.launch.status import UNDER_WAY, Seen, bad_records, look, missing_records
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import check_same_recipe, records_of
from avsal_bench.bench.run import forget
from avsal_bench.bench.workspace import Workspace
from avsal_bench.kept import one_look
from avsal_bench.records import Record, read_record
from avsal_bench.text import many


def look_for_files(jobs: Sequence[Job], space: Workspace, machine: Machine, anew: bool = False) -> int:
    """Look for every file that jobs will read, each once, before the first of them starts.

    Args:
        jobs: of the plan; what is done of them reads nothing, but must be of the recipes of now.
        space: folders.
        machine: what they run on.
        anew: whether what is done will be done again.

    Returns:
        Of how many videos files were looked for.

    Raises:
        FileNotFoundError, ValueError: as :meth:`~avsal_bench.bench.jobs.needs.Needs.check`.
    """
    needs = Needs(space)
    with one_look():
        _collect(jobs, space, machine, anew, needs)
        needs.check()
    return len(needs.videos)


def _collect(jobs: Sequence[Job], space: Workspace, machine: Machine, anew: bool, needs: Needs) -> None:
    for job in jobs:
        recipe = job.recipe(space)
        places = list(records_of(job, recipe, space))
        for name in dict.fromkeys([*(place[0] for place in places), *(n for s in recipe.stages for n in s.data)]):
            space.root_of(name)  # without a root there is nothing to look at
        missing = []
        for place in places:
            if anew or not place[2].is_file():
                missing.append(place)
            else:
                with needs.noted():
                    check_same_recipe(place[2], job, recipe)
        if missing or job.train_only:
            with needs.noted():
                kind_of(job.model).needs(Context(job, recipe, space, machine), missing, needs)


def start_over(jobs: Sequence[Job], space: Workspace) -> None:
    """Remove what jobs have trained and tested, so that all of it is done again.

    Raises:
        ValueError: naming those that are queued or run at this moment; nothing is removed then.
    """
    if busy := [one.job.name for one in look(jobs, space) if one.word in UNDER_WAY]:
        raise ValueError(f"--force would remove what {', '.join(busy)}, queued or running, works with; stop it first")
    for job in jobs:
        forget(job, space)


def run_here(jobs: Sequence[Job], space: Workspace, common: Sequence[str], parallel: int = 1) -> list[Job]:
    """Run what is not done on this machine; returns the jobs that failed.

    Args:
        jobs: of the plan.
        space: folders.
        common: words that all jobs share, such as folders and devices.
        parallel: so many at a time.
    """
    return launch_local([one.job for one in look(jobs, space) if one.word != "done"], common, parallel)


def submit_rest(jobs: Sequence[Job], space: Workspace, common: Sequence[str], cluster: Cluster) -> str:
    """Submit what is neither done nor under way as one array of SLURM; returns what a person wants to know of it.

    Args:
        jobs: of the plan.
        space: folders.
        common: words that all jobs share, with absolute folders.
        cluster: what each job needs.

    Raises:
        ValueError: where submitit or SLURM is missing, or SLURM refuses the array.
    """
    left = [one.job for one in look(jobs, space) if one.word != "done" and one.word not in UNDER_WAY]
    if not left:
        return "nothing to submit: every job is done, queued or running"
    number = submit(left, common, space, cluster)
    return (
        f"{many(len(left), 'job', 'are')} SLURM array {number}; `squeue -j {number}` or `avsal "
        f"bench status` show them,\n"
        f"their output goes to {space.runs / 'logs'}, and `avsal bench collect` writes the leaderboard"
    )


@dataclass(frozen=True)
class Collected:
    """Jobs whose records lie in one leaderboard.

    Args:
        jobs: all of them.
        done: how many have all their records.
        missing: a line for each record that is not there.
        invalid: what is wrong with each file of the leaderboard that is no record.
    """

    jobs: tuple[Job, ...]
    done: int
    missing: tuple[str, ...]
    invalid: tuple[str, ...]


def collect(seen: Sequence[Seen], space: Workspace) -> Collected:
    """What the leaderboard has of some jobs, and what it lacks; jobs of other leaderboards are passed over."""
    own = [one for one in seen if one.space.leaderboard.resolve() == space.leaderboard.resolve()]
    missing = [
        f"missing  {path.relative_to(space.records)}  ({one.word})"
        for one in own
        for path in missing_records([one.job], space)
    ]
    done = sum(one.word == "done" for one in own)
    return Collected(tuple(one.job for one in own), done, tuple(missing), tuple(bad_records(space)))


def records_there(jobs: Sequence[Job], space: Workspace) -> list[Record]:
    """The records of some jobs that are there."""
    places = (path for job in jobs for _, _, path in records_of(job, job.recipe(space), space))
    return [read_record(path) for path in places if path.is_file()]
