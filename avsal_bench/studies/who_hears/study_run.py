"""Run the study: search, choose, measure. What is done is skipped, and what was killed goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from avsal_bench.bench.job import Job
from avsal_bench.bench.launch.grid import look_for_files
from avsal_bench.bench.launch.local import launch_local
from avsal_bench.bench.launch.state import is_complete
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import check_machine
from avsal_bench.data.synth.making import ensure_synth
from avsal_bench.kept import one_look
from avsal_bench.studies.who_hears.study_cost import cost_text, what_is_left
from avsal_bench.studies.who_hears.study_file import Study
from avsal_bench.studies.who_hears.study_jobs import (
    Work,
    check_jobs,
    check_seeds,
    made_with,
    pairs,
    search_jobs,
    unique,
)
from avsal_bench.studies.who_hears.study_search import Choice, look_at_search, note_choices, with_done_searches
from avsal_bench.text import named


@dataclass(frozen=True)
class Ready:
    """A study that was looked at: it can run.

    Args:
        study: what is asked for.
        work: its folders.
        cost: in words.
    """

    study: Study
    work: Work
    cost: str


def prepare(study: Study, work: Work, machine: Machine, plan: Study | None = None) -> Ready:
    """Make both embedded sets, look whether all can be trained here, and tell what it costs; nothing is trained.

    Args:
        study: what is asked for.
        work: its folders.
        machine: that trains.
        plan: the whole, of which more may be searched already; None for ``study``.

    Raises:
        ValueError, FileNotFoundError: for what cannot be trained, and what is there but made of other things.
        OSError: for a work folder that cannot be written.
    """
    ensure_synth(work.synth_root)
    check_seeds(study, work)
    clips = check_jobs(study, work)
    study = with_done_searches(study, plan or study, work)
    if any(search_jobs(study, network) for network in study.networks):
        ensure_synth(work.search_root, study.search_data, made_with(work.synth_root)["videos"])
    chosen = {}
    for network in study.networks:
        choice = look_at_search(study, network, work)
        if choice is not None:
            chosen[network] = choice.setting
    _look(study, work, machine)
    left = what_is_left(study, work, chosen, machine.precision)
    return Ready(study, work, cost_text(study, left, clips))


def _look(study: Study, work: Work, machine: Machine) -> None:
    """Look for all files, and whether this machine can train; other seeds and training on silence ask for no more."""
    searches, measured = list[Job](), list[Job]()
    for network, entry in study.networks.items():
        searches += search_jobs(study, network)
        measured += [pairs(study, network, setting)[study.seeds[0]].hearing for setting in entry.settings]
    for jobs in filter(None, (unique(searches), unique(measured))):
        space = replace(work.space(jobs[0]), leaderboard=work.folder / "leaderboard")
        space.check_writable([work.folder])
        check_machine(jobs, space, machine)
        look_for_files(jobs, space, machine)


def run_study(ready: Ready, common: Sequence[str], parallel: int = 1) -> list[Job]:
    """Do what is left; returns the jobs that failed.

    One process goes network by network, so that the first are whole early. Several search for all networks first, and
    then measure all, so that none of them waits.

    Args:
        ready: of :func:`prepare`.
        common: words of ``avsal run`` that all jobs share: the machine, and the folder of runs.
        parallel: jobs at a time.
    """
    study, work = ready.study, ready.work
    failed: list[Job] = []
    names = list(study.networks)
    for group in [[name] for name in names] if parallel == 1 else [names]:
        failed += _run([job for name in group for job in search_jobs(study, name)], work, common, parallel)
        choices = {name: choice for name in group if (choice := look_at_search(study, name, work)) is not None}
        _say(choices, work)
        note_choices(study, work, choices)
        if left := [name for name in group if name not in choices]:
            print(f"{named('network', left, 'are')} not measured: the search is not done", flush=True)
        of_all = {name: pairs(study, name, choice.setting) for name, choice in choices.items()}
        failed += _run([job for of in of_all.values() for pair in of.values() for job in pair], work, common, parallel)
    return failed


def _say(choices: dict[str, Choice], work: Work) -> None:
    for name, choice in choices.items():
        scores = ", ".join(
            f"{one.name} {'no score' if one.best_val_cc is None else f'{one.best_val_cc:.3f}'}" for one in choice.tried
        )
        told = f" of: {scores} (validation CC)" if scores else ", without a search"
        print(f"\n{name}: setting {choice.setting.name!r} is measured{told}", flush=True)


def _run(jobs: Sequence[Job], work: Work, common: Sequence[str], parallel: int) -> list[Job]:
    """Run those of some jobs that are not done."""
    with one_look():
        left = [job for job in unique(jobs) if not is_complete(job, work.space(job))]
    return launch_local(left, common, parallel, {job: work.words(job) for job in left})
