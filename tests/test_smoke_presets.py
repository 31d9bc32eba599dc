"""The smoke preset of every network trains, tests and writes its records; with fewer steps than `make bench` takes."""

import math

import pytest

from avsal_bench.bench.plan import Job, model_label
from avsal_bench.bench.run import Machine, run_job
from avsal_bench.models import list_models, model_entry
from avsal_bench.records import read_record
from avsal_bench.training.recipe import load_recipe

CASES = [(name, modality) for name in list_models() for modality in model_entry(name).modalities]


@pytest.mark.parametrize(("name", "modality"), CASES)
def test_a_smoke_preset_runs(space, name, modality):
    stages = [stage.name for stage in load_recipe(space.recipes, name, "smoke").stages]
    options = {key: value for key, value in model_entry(name).tiny.items() if key != "bn_momentum"}
    few = tuple(f"stages.{stage}.{setting}" for stage in stages for setting in ("epochs=2", "clips_per_video=1"))
    network = tuple(f"network.{key}={list(v) if isinstance(v, tuple) else v}" for key, v in options.items())
    job = Job(name, modality, 1, 0, "smoke", "stavis", (*network, *few, "val_stride=20"))
    records = [read_record(path) for path in run_job(job, space, Machine(devices=1))]
    assert {record.sound for record in records} == ({"original", "muted"} if modality == "av" else {"original"})
    label = model_label(job, job.recipe(space))
    for record in records:
        assert record.network == f"{label}_{modality}"
        assert all(math.isfinite(record.scores[metric]) for metric in ("CC", "NSS", "AUC-J", "sAUC", "SIM"))
        assert all(fit["steps"] >= 2 for fit in record.provenance["fits"])
