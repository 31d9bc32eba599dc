"""ACLNet* of dave2019: the published weights, five epochs more on the training list of DAVE's set."""

from pathlib import Path

import pytest
import torch

from avsal_bench.bench.job import Job
from avsal_bench.bench.stages import trainings
from avsal_bench.bench.starting import needed_weights, start_parts
from avsal_bench.models import create_model, model_entry
from avsal_bench.resources import resource
from avsal_bench.training.recipe import load_recipe


def test_the_preset_is_the_papers():
    recipe = load_recipe(resource("recipes"), "aclnet", "finetuned_ave")
    (stage,) = recipe.stages
    assert (stage.data, stage.epochs, recipe.test, recipe.folds) == (("dave_ave",), 5, ("dave_ave",), (1,))
    assert stage.optimizer == {"name": "adam", "lr": 1e-5}
    assert stage.schedule == {"name": "constant"}
    published = load_recipe(resource("recipes"), "aclnet", "published_ave")
    assert (recipe.network, recipe.test) == (published.network, published.test)
    assert stage.start == {"": published.weights["v"]}


def training(space):
    words = ("stages.dhf1k.data=[synth]", "test=[synth]")
    job = Job("aclnet", "v", 1, 0, "finetuned_ave", "stavis", words)
    (found,) = trainings(job, job.recipe(space), space)
    return found


def test_the_whole_network_starts_from_the_published_weights(space, monkeypatch, tmp_path):
    one = training(space)
    assert needed_weights(one) == ["aclnet"]
    loaded = {}

    def load(module: torch.nn.Module, name: str, store: Path) -> dict[str, str]:
        loaded[name] = module
        return {"name": name}

    monkeypatch.setattr("avsal_bench.bench.starting.load_weights", load)
    net = create_model("aclnet", **model_entry("aclnet").tiny)
    assert start_parts(one, net, tmp_path) == {"": {"name": "aclnet"}}
    assert loaded["aclnet"] is net


def test_weights_that_are_not_imported_are_told(space, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"aclnet: not in .*avsal weights get aclnet"):
        start_parts(training(space), create_model("aclnet", **model_entry("aclnet").tiny), tmp_path)
