"""What of a grid is done, what runs, and what is missing: from the records, the state files and SLURM's queue."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from avsal_bench.bench.job import Job
from avsal_bench.bench.launch.local import last_lines
from avsal_bench.bench.launch.state import (
    State,
    True_,
    is_complete,
    job_folder,
    log_path,
    read_states,
    squeue,
    state_of,
    true_state,
)
from avsal_bench.bench.plan import records_of
from avsal_bench.bench.sharing.processes import now
from avsal_bench.bench.workspace import Workspace
from avsal_bench.kept import one_look
from avsal_bench.records import read_record
from avsal_bench.text import many, text_table

#: Jobs that nobody needs to start: they are done, or will be.
UNDER_WAY: Collection[True_] = ("queued", "running")
#: How long an array may show nothing of its jobs before :func:`wait_for` calls them lost, in seconds.
PATIENCE = 60.0


@dataclass(frozen=True)
class Seen:
    """A job, its folders, what is true of it, and the last word about it; None when nobody has started it."""

    job: Job
    space: Workspace
    word: True_
    last: State | None


def look(jobs: Sequence[Job], space: Workspace) -> list[Seen]:
    """What is true of the jobs of a plan."""
    states = {job: state_of(space.runs, job) for job in jobs}
    queue = squeue() if any(state and state.slurm for state in states.values()) else None
    with one_look():
        return [Seen(job, space, _word(job, space, state, queue), state) for job, state in states.items()]


def look_at_all(space: Workspace) -> list[Seen]:
    """What is true of every job that was ever started."""
    states = read_states(space.runs)
    queue = squeue() if any(state.slurm for state in states) else None
    seen = []
    with one_look():
        for state in states:
            own = replace(space, leaderboard=state.leaderboard)
            try:
                state.job.recipe(own)
            except (ValueError, OSError) as error:
                place, reason = job_folder(space.runs, state.job), str(error).splitlines()[0]
                print(f"passed over {state.job.name}: {reason}; remove {place} if it is of the past", file=sys.stderr)
                continue
            seen.append(Seen(state.job, own, _word(state.job, own, state, queue), state))
    return seen


def _word(job: Job, space: Workspace, state: State | None, queue: Mapping[str, str] | None) -> True_:
    return "done" if is_complete(job, space) else true_state(state, queue)


def status_text(seen: Sequence[Seen]) -> str:
    """A line a job, those that need somebody with the last line of their log; and how many there are of each kind."""
    if not seen:
        return "no job was started yet"
    body = []
    for one in seen:
        places = [path.is_file() for _, _, path in records_of(one.job, one.job.recipe(one.space), one.space)]
        last = one.last
        body.append(
            [
                one.job.name,
                one.job.preset_name,
                one.word,
                f"{sum(places)}/{len(places)}",
                last.launcher or "run" if last else "",
                last.started.replace("+00:00", "Z") if last else "",
                _took(last) if last else "",
                _note(one),
            ]
        )
    count = {word: sum(one.word == word for one in seen) for word in dict.fromkeys(one.word for one in seen)}
    header = ["job", "preset", "state", "records", "by", "since", "time", "last words"]
    table = text_table(header, body, numbers=[3, 6])
    return f"{table}\n{many(len(seen), 'job')}: {', '.join(f'{n} {word}' for word, n in count.items())}"


def _took(state: State) -> str:
    """Hours and minutes from the start to the end, or to now."""
    if not state.started or state.state == "queued":
        return ""
    span = datetime.fromisoformat(state.ended or now()) - datetime.fromisoformat(state.started)
    minutes = round(span.total_seconds() / 60)
    return f"{minutes // 60}:{minutes % 60:02d}"


def _note(one: Seen) -> str:
    """Who runs a job; or how one ended that is not done."""
    if one.word in ("queued", "running", "unknown") and one.last:
        return f"SLURM job {one.last.slurm}" if one.last.slurm else str(one.last.process)
    if one.word in ("failed", "lost", "interrupted"):
        return "".join(last_lines(log_path(one.space.runs, one.job), 1))[:100]
    return ""


def wait_for(jobs: Sequence[Job], space: Workspace, say: Callable[[str], None], every: float = 15.0) -> list[Job]:
    """Wait until no job of a plan is queued or runs; returns those that are not done.

    A job that SLURM does not know any more, and that left no record, is not waited for: without accounting nobody would
    ever say that it ended.
    """
    gone: dict[Job, float] = {}
    said = ""
    while True:
        seen = look(jobs, space)
        text = status_text(seen).splitlines()[-1]
        if text != said:
            said = text
            say(text)
        ended = time.monotonic()
        gone = {one.job: gone.get(one.job, ended) for one in seen if one.word == "lost"}
        if not any(one.word in UNDER_WAY or ended - gone.get(one.job, -PATIENCE) < PATIENCE for one in seen):
            return [one.job for one in seen if one.word != "done"]
        time.sleep(every)


def bad_records(space: Workspace) -> list[str]:
    """Files below the folder of records that are no records, each with what is wrong."""
    wrong = []
    for path in sorted(space.records.glob("*/*/*.json")):
        try:
            read_record(path)
        except ValueError as error:
            wrong.append(str(error))
    return wrong


def missing_records(jobs: Sequence[Job], space: Workspace) -> list[Path]:
    """Records of some jobs that are not there."""
    places = (path for job in jobs for _, _, path in records_of(job, job.recipe(space), space))
    return [path for path in places if not path.is_file()]
