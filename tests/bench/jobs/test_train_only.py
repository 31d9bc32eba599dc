"""A job that only trains: it has no record, and is done when its last stage is trained."""

from dataclasses import replace

import pytest
from conftest import TINY

from avsal_bench.bench.cost import cost
from avsal_bench.bench.job import Job
from avsal_bench.bench.launch.state import State, is_complete, read_state, write_state
from avsal_bench.bench.plan import plan_one, records_of
from avsal_bench.bench.sharing.processes import this_process
from avsal_bench.bench.stages import trainings

#: One stage, whatever the smoke preset has.
WORDS = (*(word for word in TINY if not word.startswith("stages.visual.")), "stages.visual=null")
JOB = Job("avrsp", "av", 1, 0, "smoke", "stavis", WORDS, train_only=True)


def test_it_has_no_record_and_costs_no_window(space):
    recipe = JOB.recipe(space)
    assert [*records_of(JOB, recipe, space)] == []
    left, tested = cost(JOB, space), cost(replace(JOB, train_only=False), space)
    assert (left.steps, left.windows, left.records) == (tested.steps, 0, 0)
    assert left.steps > 0


def test_it_is_done_by_its_stages_and_not_by_having_no_record_left(space):
    assert not is_complete(JOB, space)
    for stage in trainings(JOB, JOB.recipe(space), space):
        stage.folder.mkdir(parents=True)
        (stage.folder / "done.json").write_text("{}")
    assert not is_complete(JOB, space), "nothing says what these were made of"


def test_its_words_and_its_state_are_its_own(space):
    words = JOB.arguments()
    assert "--train-only" in words
    assert JOB.key != replace(JOB, train_only=False).key
    write_state(space.runs, State(JOB, space.leaderboard, "running", this_process()))
    [path] = (space.runs / "jobs").glob("*/state.json")
    assert read_state(path).job == JOB


def test_what_trains_nothing_is_an_error(space):
    with pytest.raises(ValueError, match="--train-only: centre trains nothing in its preset smoke"):
        plan_one(space, "centre", "smoke", "stavis", train_only=True)
    assert plan_one(space, "avrsp", "smoke", "stavis", overrides=WORDS, train_only=True) == replace(JOB, modality="av")
