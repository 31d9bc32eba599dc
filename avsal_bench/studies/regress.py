"""The records that a regression check compares: taken from what this very code has made, the rest made now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from avsal_bench.bench.context import Place
from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import is_done, make_plan, records_of
from avsal_bench.bench.provenance import code_hash
from avsal_bench.bench.run import run_job
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.synth.making import ensure_synth
from avsal_bench.kept import one_look
from avsal_bench.leaderboard.hearing import BASELINES
from avsal_bench.records import Record, read_record
from avsal_bench.training.recipe import Recipe

#: Regression checks compare scores of this protocol.
PROTOCOL = "stavis"


def rerun(
    expected: Mapping[str, Any],
    space: Workspace,
    machine: Machine,
    seeds: Sequence[int] = (0,),
    other_code: bool = False,
) -> Iterator[Record]:
    """Every record of the jobs that an expected file names, one after the other.

    A record that the present code and recipe made is taken as it is, from an earlier check or from the leaderboard.
    Everything else is trained and tested again, in ``<runs>/regress/<first digits of the code's hash>``, so that
    weights of other code are never met.

    Args:
        expected: what an expected file holds; where it has scores already, only jobs that give one of them are run,
            and the baselines that its claims compare with.
        space: of the user; only the folder named above is written.
        machine: what the jobs run on.
        seeds: of training.
        other_code: whether a record that other code or other libraries made is taken too.

    Raises:
        ValueError, FileNotFoundError: for a network, preset or option that does not exist.
    """
    own = own_workspace(space, expected.get("synth_videos"))
    # Records of the leaderboard are of the usual set.
    others = None if expected.get("synth_videos") else space
    models, overrides = expected["models"], expected.get("set", ())
    wanted = _wanted(expected)
    for job in make_plan(own, models, expected["preset"], PROTOCOL, seeds=seeds, overrides=overrides):
        recipe = job.recipe(own)
        places = list(records_of(job, recipe, own))
        if expected["scores"] and not any(_key(path, own) in wanted for _, _, path in places):
            continue
        with one_look():
            found = [_known(job, recipe, own, place, other_code) for place in places]
            if others is not None and None in found:
                there = records_of(job, recipe, others)
                found = [_known(job, recipe, others, place, other_code) for place in there]
        with _one_thread(expected.get("synth_videos") is not None):
            records = _complete(found) or _run(job, recipe, own, machine)
        yield from records


def own_workspace(space: Workspace, synth_videos: int | None) -> Workspace:
    """Folders of the check of this very code; with ``synth_videos``, one more set `synth` of that many videos."""
    runs = space.runs / "regress" / code_hash()[:12]
    own = replace(space, runs=runs, leaderboard=runs / "leaderboard")
    if synth_videos is None:
        return own
    runs = runs / f"synth-{synth_videos}"
    own = replace(own, runs=runs, leaderboard=runs / "leaderboard", synth_root=runs / "data")
    ensure_synth(own.synth_root, videos=synth_videos)
    return own


@contextmanager
def _one_thread(wanted: bool) -> Iterator[None]:
    """One thread where the tolerances are tight: sums keep one order on any number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if wanted else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _run(job: Job, recipe: Recipe, space: Workspace, machine: Machine) -> list[Record]:
    print(f"regress: {job.name}, preset {job.preset}", flush=True)
    for place in records_of(job, recipe, space):
        if _known(job, recipe, space, place) is None:
            place[2].unlink(missing_ok=True)  # of another recipe; the folder is the check's own
    return [read_record(path) for path in run_job(job, space, machine)]


def _known(job: Job, recipe: Recipe, space: Workspace, place: Place, other_code: bool = False) -> Record | None:
    """The record in a place, if there is one and the present recipe and data made it, and the present code or any."""
    try:
        if not is_done(job, recipe, replace(space, reuse_other_code=other_code), place):
            return None
        record = read_record(place[2])
    except ValueError:
        return None  # of another schema, so of other code; or made of anything else
    return record if other_code or record.provenance.get("code") == code_hash() else None


def _complete(found: list[Record | None]) -> list[Record]:
    """These records, or none when one is missing."""
    records = [record for record in found if record is not None]
    return records if len(records) == len(found) else []


def _wanted(expected: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Network and data set of every expected score; and, of a file with claims, of the baselines that these name."""
    scored = {(network, dataset) for network, dataset in (key.split("/")[:2] for key in expected["scores"])}
    claimed = {(baseline, dataset) for _, dataset in scored for baseline in BASELINES}
    return scored | claimed if expected["claims"] else scored


def _key(path: Path, space: Workspace) -> tuple[str, str]:
    """Network and data set of a record's place."""
    dataset, name = path.relative_to(space.records).parts[-2:]
    return name.partition("-fold")[0], dataset
