"""The mean eye position of all sets pooled (dave2019, section 5.1), and of a set and fold: which maps each is shown."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from avsal_bench.bench import stages
from avsal_bench.bench.context import Context
from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs.testing import observe_training_maps
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.made_of import of_test
from avsal_bench.bench.plan import records_of
from avsal_bench.bench.run import run_job
from avsal_bench.bench.seen.trained_on import learnt_by
from avsal_bench.bench.stages import observed_sets
from avsal_bench.data.dataset import dataset
from avsal_bench.kept import one_look
from avsal_bench.models import create_model
from avsal_bench.records import read_record

SETS = ("synth", "synth_silent")


def job(*words, preset="smoke"):
    return Job("mep", "", 1, 0, preset, "stavis", (f"test={json.dumps(SETS)}", *words))


POOLED = job("network.pooled=true")


def plain_mean(space, names):
    """The mean map by its definition: each map over its sum, each frame once; maps have the grid's size or are resized
    by the network."""
    total = []
    for name in names:
        for video in dataset(name).videos(space.root_of(name), "train", 1):
            for frame in range(1, video.n_frames + 1):
                with Image.open(video.densities.path(frame)) as image:
                    pixels = np.asarray(image.convert("F").resize((256, 192), Image.Resampling.BILINEAR), np.float64)
                if pixels.sum():
                    total.append(pixels / pixels.sum())
    return np.mean(total, axis=0)


def shown(one, space, name):
    """The map of a job's baseline before it is tested on a set."""
    recipe = one.recipe(space)
    net = create_model("mep", **recipe.network)
    context = Context(one, recipe, space, Machine(devices=1, workers=0))
    observe_training_maps(net, context.data(observed_sets(one, recipe, name), net.spec))
    return net(torch.zeros(1))[0].double().numpy()


def test_the_pooled_map_is_the_plain_mean_over_all_sets_and_the_other_that_of_its_own(space):
    both, own = (shown(one, space, "synth") for one in (POOLED, job()))
    recipe = POOLED.recipe(space)
    assert {observed_sets(POOLED, recipe, name) for name in SETS} == {SETS}, "one map for every set"
    for found, names in ((both, SETS), (own, SETS[:1])):
        expected = plain_mean(space, names)
        assert np.abs(found - expected).max() < 5e-3 * expected.max()
    assert np.abs(both - own).max() > 0.1 * own.max()


def test_what_is_tested_now_does_not_change_what_is_pooled(space):
    few = Job("mep", "", 1, 0, "smoke", "stavis", POOLED.overrides, datasets=("synth",))
    assert observed_sets(few, few.recipe(space), "synth") == SETS
    assert observed_sets(job(), job().recipe(space), "synth") == ("synth",)
    centre = Job("centre", "", 1, 0, "smoke", "stavis")
    assert observed_sets(centre, centre.recipe(space), "synth") == ()
    human = Job("human_infinite", "", 1, 0, "smoke", "stavis")
    assert observed_sets(human, human.recipe(space), "synth") == ()
    assert stages.test_folder(human, human.recipe(space), space, "synth", "original").name.endswith("-original")


def test_rows_folders_and_records_say_which(space):
    recipe = POOLED.recipe(space)
    assert {path.parts[-3:-1] for _, _, path in records_of(POOLED, recipe, space)}  # a record a set
    assert all("mep-pooled" in path.name for _, _, path in records_of(POOLED, recipe, space))
    assert all("pooled" not in path.name for _, _, path in records_of(job(), job().recipe(space), space))
    assert stages.test_folder(POOLED, recipe, space, "synth", "original") != stages.test_folder(
        job(), job().recipe(space), space, "synth", "original"
    )
    told = [(one["set"], one["use"]) for one, _ in learnt_by(POOLED, recipe, space, "synth").sets]
    assert told == [("synth", "observed"), ("synth_silent", "observed")]


@pytest.mark.slow
def test_maps_of_the_other_set_decide_the_pooled_test_alone(space):
    def parts(one):
        with one_look():
            return of_test(one, one.recipe(space), space, "synth", "original").whole

    pooled, own = parts(POOLED), parts(job())
    assert pooled["training maps"] != own["training maps"]


@pytest.mark.parametrize("value", ["1", '"yes"', "null"])
def test_a_wrong_value_is_told(space, value):
    one = job(f"network.pooled={value}")
    recipe = one.recipe(space)
    with pytest.raises(ValueError, match="pooled is True or False; got"):
        observed_sets(one, recipe, "synth")


def test_the_presets_of_the_paper():
    from avsal_bench.resources import resource
    from avsal_bench.training.recipe import load_recipe

    pooled = load_recipe(resource("recipes"), "mep", "pooled")
    assert pooled.network == {"pooled": True}
    assert pooled.test == ("diem", "coutrot1", "coutrot2", "avad", "etmd", "summe")


@pytest.mark.slow
def test_a_pooled_test_from_end_to_end(space):
    paths = run_job(POOLED, space, Machine(devices=1, workers=0))
    for path in paths:
        record = read_record(path)
        assert record.model == "mep-pooled"
        assert record.recipe["network"] == {"pooled": True}
        assert {one["set"] for one in record.provenance["trained_on"]["sets"]} == set(SETS)
