"""Training by turns with stills of an image set (dave2019, section 3.2): what epochs have, and what depends on it."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from avsal_bench.bench.context import Context
from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs.checks import needs_of_network
from avsal_bench.bench.jobs.needs import Needs
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.made_of import of_training
from avsal_bench.bench.plan import stage_clips
from avsal_bench.bench.run import run_job
from avsal_bench.bench.seen.trained_on import learnt_by
from avsal_bench.bench.stages import trainings
from avsal_bench.data.clips import DataConfig, SaliencyDataModule
from avsal_bench.data.dataset import dataset
from avsal_bench.models import model_entry
from avsal_bench.records import read_record
from avsal_bench.resources import resource
from avsal_bench.spec import ClipSpec
from avsal_bench.training.alternating import AlternatingModule
from avsal_bench.training.own_data import OwnData
from avsal_bench.training.recipe import load_recipe

TINY = tuple(f"network.{key}={json.dumps(value)}" for key, value in model_entry("dave").tiny.items())
STILLS = 'stages.davos.stills=["synth_stills"]'


def job(*words, modality="av"):
    return Job("dave", modality, 1, 0, "smoke", "stavis", (*TINY, *words))


def data_of(space, stills=("synth_stills",), **more):
    config = DataConfig(
        {"synth": space.root_of("synth")}, batch_size=4, stills={name: space.root_of(name) for name in stills}, **more
    )
    return SaliencyDataModule(config, ClipSpec(4, (32, 48)))


def in_epoch(data, number):
    data.trainer = SimpleNamespace(current_epoch=number, global_rank=0, world_size=1, num_devices=1)
    return data.train_dataloader()


def test_epochs_of_stills_have_every_image_once_and_the_others_clips(space):
    data = data_of(space)
    images = [video.key for video in data.still_videos()]
    assert images == [v.key for v in dataset("synth_stills").videos(space.root_of("synth_stills"), "train", 1)]
    for number in (0, 2):
        assert {request.video for request in in_epoch(data, number).sampler} <= set(range(len(data.fit_videos())))
        assert len(in_epoch(data, number).dataset.videos) == len(data.fit_videos())
    for number in (1, 3):
        loader = in_epoch(data, number)
        drawn = [request.video for request in loader.sampler]
        assert len(drawn) == len(set(drawn)) == len(images) // 4 * 4


def test_bars_and_schedules_know_the_length_of_every_epoch(space):
    data = data_of(space)
    lengths = [len(in_epoch(data, number)) for number in range(3)]
    assert data.epoch_batches(3) == lengths
    assert lengths[0] != lengths[1]
    assert data_of(space, stills=()).epoch_batches(3) == [lengths[0]] * 3
    lit = AlternatingModule("dave", {**model_entry("dave").tiny, "modality": "av"})
    lit._trainer = SimpleNamespace(datamodule=data, max_epochs=3, accumulate_grad_batches=2)
    assert lit.planned_steps() == sum(-(-count // 2) for count in lengths)


def test_a_batch_of_stills_is_the_picture_for_the_whole_clip_without_sound(space):
    loader = in_epoch(data_of(space, flip=0), 1)
    batch = loader.collate_fn([loader.dataset[request] for request in list(loader.sampler)[:2]])
    assert batch["audio"] is None
    assert batch["dataset"] == ["synth_stills"] * 2
    assert batch["frames"].shape == (2, 3, 4, 32, 48)
    assert torch.equal(batch["frames"], batch["frames"][:, :, :1].expand(-1, -1, 4, -1, -1))
    video = {v.name: v for v in loader.dataset.videos}[batch["video"][0]]
    with Image.open(video.frames.path(1)) as image:
        whole = torch.tensor(np.asarray(image.convert("RGB"))).permute(2, 0, 1)
    small = torch.nn.functional.adaptive_avg_pool2d(whole.float(), (4, 6))
    seen = torch.nn.functional.adaptive_avg_pool2d(batch["frames"][0, :, 0].float(), (4, 6))
    assert (small - seen).abs().mean() < 8
    assert batch["density"].any((1, 2)).all()


def test_the_set_decides_the_training_and_none_leaves_it_as_it_was(space):
    def folder(*words, modality="av"):
        one = job(*words, modality=modality)
        return trainings(one, one.recipe(space), space)[-1].folder

    assert folder("stages.davos.stills=[]") == folder()
    assert "stills" not in job().recipe(space).stages[0].plain()
    assert folder(STILLS) != folder()
    assert folder(STILLS, modality="a") == folder(modality="a"), "it does not see"


def test_its_files_are_looked_for_and_stand_in_records(space):
    one = job(STILLS)
    recipe = one.recipe(space)
    stages = trainings(one, recipe, space)
    needs = Needs(space)
    needs_of_network(Context(one, recipe, space, None), stages, ["synth"], needs)
    images = dataset("synth_stills").videos(space.root_of("synth_stills"), "train", 1)
    assert {"frames", "maps"} <= needs.videos[images[0]]
    assert "sound" not in needs.videos[images[0]]
    told = [(told["set"], told["use"], told["videos"]) for told, _ in learnt_by(one, recipe, space, "synth").sets]
    assert told[-1] == ("synth_stills", "fit", len(images))
    clips = stage_clips(recipe.stages[0], 1, space)
    assert clips[1::2] == [len(images)] * 4
    assert clips[::2] == stage_clips(job().recipe(space).stages[0], 1, space)[::2]


@pytest.mark.slow
def test_its_files_decide_what_is_kept(space):
    one = job(STILLS)
    stages = trainings(one, one.recipe(space), space)
    with_stills = of_training(stages[-1], one, space)
    without = of_training(trainings(job(), job().recipe(space), space)[-1], job(), space)
    assert {part for part in with_stills if with_stills[part] != without[part]} == {
        *("davos: list", "davos: frames", "davos: maps")
    }
    assert with_stills["davos: sound"] == without["davos: sound"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("stages.davos.stills=[synth]",), "stage 'davos': stills: synth is a set of videos; expected sets of stills"),
        ((STILLS, "stages.davos.training=clips"), "stills are of training: alternating, and not of clips"),
        (("stages.davos.stills=[salicom]",), "salicon"),
        (("stages.davos.stills=5",), "stills"),
    ],
)
def test_what_is_no_set_of_stills_is_told(space, words, told):
    with pytest.raises(ValueError, match="preset smoke") as error:
        job(*words).recipe(space)
    assert told in str(error.value)


def test_the_data_module_takes_sets_of_stills_alone(space):
    with pytest.raises(ValueError, match="stills: synth is a set of videos"):
        data_of(space, stills=("synth",))
    with pytest.raises(TypeError, match="stills: the folder of synth_stills should be a path"):
        DataConfig({"synth": space.root_of("synth")}, stills={"synth_stills": 3})


def test_presets_take_salicon_as_the_paper_takes_image_sets_and_smoke_and_own_data_none():
    folder = resource("recipes")
    assert load_recipe(folder, "dave", "paper").stages[-1].stills == ("salicon",)
    assert load_recipe(folder, "dave", "ave").stages[-1].stills == ("salicon",)
    assert load_recipe(folder, "dave", "smoke").stages[-1].stills == ()
    own = OwnData(("synth",), ("synth",))
    assert load_recipe(folder, "dave", "paper", own=own).stages[-1].stills == ()


@pytest.mark.slow
def test_a_training_by_turns_from_end_to_end(space):
    more = ("stages.davos.epochs=3", "clips_per_video=1", "batch_size=3", "val_stride=32", 'sounds=["original"]')
    one = job(STILLS, *more)
    [path] = run_job(one, space, Machine(devices=1, workers=0))
    record = read_record(path)
    assert ("synth_stills", "fit") in {(s["set"], s["use"]) for s in record.provenance["trained_on"]["sets"]}
    steps = record.provenance["fits"][-1]["steps"]
    clips = stage_clips(one.recipe(space).stages[0], 1, space)
    assert steps == sum(max(1, n // 3) for n in clips)
