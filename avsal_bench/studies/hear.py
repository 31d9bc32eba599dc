"""How much of a record's score comes from hearing: the same weights, tested with other sounds; nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from avsal_bench.bench.context import Context, Place, Trained
from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs.checks import check_files, check_swaps
from avsal_bench.bench.jobs.testing import test_all
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import is_done, records_of
from avsal_bench.bench.stages import trainings, weights_of
from avsal_bench.bench.workspace import Workspace
from avsal_bench.files import sha256
from avsal_bench.kept import one_look
from avsal_bench.models.weights.store import imported_source
from avsal_bench.names import precision_word
from avsal_bench.record_story import goes_with, said_by_word
from avsal_bench.records import MAPS_PRESET, Record, read_record, record_path
from avsal_bench.spec import Sound
from avsal_bench.training.recipe import Recipe


@dataclass(frozen=True)
class Audition:
    """One row of records, the network that made them, and what it was not tested with yet.

    Args:
        context: the job and its recipe, as the record tells them.
        trained: the weights.
        places: data set, sound and path of each record that is asked for.
        missing: those of them that are not there.
    """

    context: Context
    trained: Trained
    places: tuple[tuple[str, Sound, Path], ...]
    missing: tuple[tuple[str, Sound, Path], ...]


def hear(paths: Sequence[Path], space: Workspace, machine: Machine, sounds: Sequence[Sound]) -> list[Record]:
    """Test what records lack, and return all records of their rows: of each network, data set, fold and seed.

    Everything is looked for before the first test. Records of networks without sound are told of and passed over.

    Args:
        paths: of records in the leaderboard's folder, under any sound.
        space: folders.
        machine: what runs the tests.
        sounds: that are asked for; the true sound is always one of them.

    Raises:
        ValueError: naming the file: for what is no record or lies elsewhere, for weights that are not those of the
            record, and when no record is of a network that hears.
        FileNotFoundError: for weights that are gone, and for missing files of a data set.
    """
    asked: tuple[Sound, ...] = ("original", *(sound for sound in sounds if sound != "original"))
    heads: dict[tuple[str, ...], tuple[Path, Record]] = {}
    for path in paths:
        record = read_record(path)
        if told := why_not(record):
            print(f"{path.name}: {told}", flush=True)
        else:
            heads.setdefault(_row(record), (path, record))
    if not heads:
        raise ValueError("no record of a network that was trained or loaded here and hears; those are of modality av")
    auditions = [plan_audition(path, record, space, machine, asked) for path, record in heads.values()]
    for audition in auditions:
        test_all(audition.context, audition.trained, audition.missing)
    return [read_record(path) for audition in auditions for _, _, path in audition.places if path.is_file()]


def why_not(record: Record) -> str:
    """Why a record cannot be asked whether its network hears; "" where it can."""
    if record.preset == MAPS_PRESET and goes_with(record.provenance) and not said_by_word(record.provenance):
        return "weights without a training here; name them again with --weights"
    if record.preset == MAPS_PRESET:
        return (
            "maps of other code; there is no network here that could be given another sound; predict with it, and give "
            "the maps with --pred and --muted"
        )
    return "" if record.modality == "av" else "hears nothing, so it loses nothing with another sound, exactly"


def plan_audition(
    path: Path, record: Record, space: Workspace, machine: Machine, sounds: tuple[Sound, ...]
) -> Audition:
    """What is left to test of the row of a record, and its weights.

    Raises:
        ValueError, FileNotFoundError: see :func:`hear`.
    """
    r = record
    place = record_path(space.records, r.network, r.dataset, r.fold, r.seed, r.protocol, r.sound)
    if path.resolve() != place.resolve():
        raise ValueError(f"{path}: expected at {place}; name the folder of its leaderboard with --leaderboard")
    if precision_word(machine.precision) not in ("", r.precision):
        raise ValueError(
            f"{path}: was tested in {r.precision or 'float32'}, and so are the others of its row; leave out --precision"
        )
    machine = replace(machine, precision=r.provenance.get("precision") or machine.precision)
    try:
        recipe = Recipe.from_plain(r.recipe)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; bench the network anew, with --force") from error
    asked = (r.dataset,), sounds
    computed = r.precision, str(r.provenance.get("decode") or "")
    job = Job(recipe.model, r.modality, r.fold, r.seed, r.preset, r.protocol, (), *asked, (), *computed)
    context = Context(job, recipe, space, machine)
    trained = Trained(find_weights(path, r, context), list(r.provenance.get("fits", [])))
    places = tuple(records_of(job, recipe, space))
    every = records_of(replace(job, sounds=get_args(Sound)), recipe, space)
    with one_look():
        # The record that is named, too: what it was made of is what the others are tested with.
        is_done(job, recipe, space, next(place for place in every if place[1] == r.sound))
        missing = tuple(place for place in places if not _is_of(place, r, context))
    check_files(context, [], {r.dataset})
    if missing:
        check_swaps(context, missing)
    return Audition(context, trained, places, missing)


def find_weights(path: Path, record: Record, context: Context) -> Path | None:
    """The checkpoint that a record was made with; None for published weights, which a test finds by their name.

    Raises:
        FileNotFoundError: when it is gone.
        ValueError: when it holds other weights by now.
    """
    job, recipe, space = context.job, context.recipe, context.space
    stages = trainings(job, recipe, space)
    published = weights_of(job, recipe)
    if stages:
        checkpoint = stages[-1].best
        if not checkpoint.is_file():
            raise FileNotFoundError(
                f"{path}: its weights are gone, there is no {checkpoint}; name the folder of runs with --runs, "
                "or train anew with `avsal bench --force`"
            )
        where, found = str(checkpoint), sha256(checkpoint)
    elif published:
        checkpoint, where, found = None, published, imported_source(published, space.weights)["sha256"]
    else:
        raise ValueError(f"{path}: its recipe has neither stages nor weights; nothing of it could hear")
    if found != (told := record.weights.get("sha256")):
        raise ValueError(
            f"{path} was made with other weights (SHA-256 {told}) than {where} holds ({found}); "
            "bench it anew with --force"
        )
    return checkpoint


def _row(r: Record) -> tuple[str, ...]:
    return (r.network, r.preset, r.dataset, str(r.fold), str(r.seed), r.protocol)


def _is_of(place: Place, record: Record, context: Context) -> bool:
    """Whether there is a record in a place, made of what is here now and of the same weights.

    Raises:
        ValueError: for one that is made of anything else.
    """
    path = place[2]
    if not is_done(context.job, context.recipe, context.space, place):
        return False
    there = read_record(path)
    if there.weights.get("sha256") != record.weights.get("sha256"):
        raise ValueError(f"{path} was made with other weights than the records beside it; move it away and hear again")
    return True
