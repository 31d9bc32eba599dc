"""The smoke preset of every network trains, tests and writes its records; with fewer steps than `make bench` takes."""

import json
import math

import pytest

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.bench.stages import network_label
from avsal_bench.models import list_models, model_entry
from avsal_bench.records import read_record
from avsal_bench.training.recipe import load_recipe

#: Of the ways to train those that take seconds: with stills, on stills, on every frame.
QUICK = {("dave", "av"), ("image_saliency", "v"), ("stanet", "av")}
CASES = [
    pytest.param(name, modality, marks=() if (name, modality) in QUICK else pytest.mark.slow)
    for name in list_models()
    for modality in model_entry(name).modalities
]


def tiny(name):
    """Options that make a network small, but for those that make it learn in few steps."""
    return {key: value for key, value in model_entry(name).tiny.items() if key != "bn_momentum"}


@pytest.mark.parametrize(("name", "modality"), CASES)
def test_a_smoke_preset_runs(space, name, modality):
    recipe = load_recipe(space.recipes, name, "smoke")
    stages = [stage.name for stage in recipe.stages]
    options = tiny(name)
    if host := recipe.network.get("network"):  # of a wrapper, with what it wraps as small
        options = {"network_options": tiny(host), "classifier_options": options["classifier_options"]}
    few = tuple(f"stages.{stage}.{setting}" for stage in stages for setting in ("epochs=2", "clips_per_video=1"))
    network = tuple(f"network.{key}={json.dumps(value)}" for key, value in options.items())
    trained = ("val_stride=20",) if stages else ()
    job = Job(name, modality, 1, 0, "smoke", "stavis", (*network, *few, *trained))
    records = [read_record(path) for path in run_job(job, space, Machine(devices=1))]
    assert {record.sound for record in records} == ({"original", "muted"} if modality == "av" else {"original"})
    label = network_label(job, job.recipe(space))
    for record in records:
        assert record.network == f"{label}_{modality}"
        assert all(math.isfinite(record.scores[metric]) for metric in ("CC", "NSS", "AUC-J", "sAUC", "SIM"))
        assert all(fit["steps"] >= 2 for fit in record.provenance["fits"])
