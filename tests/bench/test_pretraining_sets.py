"""Presets on Hollywood-2, UCF Sports and LEDOV: planned, trained and tested on small trees, and what is not there."""

import pytest
from ledov_trees import write_ledov
from shot_trees import write_hollywood2, write_ucf
from stills import write_salicon

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import epoch_clips, make_plan
from avsal_bench.bench.run import run_job
from avsal_bench.bench.stages import trainings
from avsal_bench.bench.workspace import Workspace
from avsal_bench.cli import main
from avsal_bench.records import read_record
from avsal_bench.training.recipe import list_presets

#: Presets that train on one of the sets, or test weights of it, and the set.
PRESETS = {
    "vinet": {"hollywood2": "hollywood2", "ucf": "ucf", "published_hollywood2": "hollywood2"},
    "vinet_s": {"hollywood2": "hollywood2_videos", "ucf": "ucf", "published_ucf": "ucf"},
    "vinet_a": {"hollywood2": "hollywood2_videos", "ucf": "ucf", "published_ucf": "ucf"},
    "hd2s": {"hollywood2": "hollywood2", "ucf": "ucf_unisal"},
    "tmfinet": {"hollywood2": "hollywood2", "ucf": "ucf"},
    "unisal": {"hollywood2": "hollywood2_unisal", "ucf": "ucf_unisal", "published_ucf": "ucf_unisal"},
    "diffsal": {"hollywood2": "hollywood2", "ucf": "ucf"},
    "deepvs": {"ledov": "ledov"},
}
TINY = ("network.size=[64, 64]", "network.frames=2", "network.step=1", "network.width=0.35", "val_stride=4")
ONE_EPOCH = ("stages.salicon.epochs=1", "stages.salicon.start=null", "batch_size=2", "stages.salicon.batch_size=2")
UNISAL = Job("unisal", "v", 1, 0, "hollywood2", "raw", (*TINY, *ONE_EPOCH, "stages.hollywood2.epochs=1"))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    write_hollywood2(root)
    write_ucf(root)
    write_ledov(root)
    write_salicon(root)
    return root


@pytest.fixture
def space(root, tmp_path):
    return Workspace(tmp_path, root, tmp_path / "synth", tmp_path / "runs", tmp_path / "board")


def test_presets_train_and_test_on_the_sets_and_the_small_one_needs_none_of_them(space, subtests):
    for model, presets in PRESETS.items():
        for preset, name in presets.items():
            with subtests.test(model=model, preset=preset):
                recipe = Job(model, "v", 1, 0, preset, "raw").recipe(space)
                assert recipe.test == (name,)
                assert recipe.folds == (1,)
                assert preset.startswith("published") or recipe.stages[-1].data == (name,)
                assert preset in list_presets(space.recipes, model)
        small = Job(model, "v", 1, 0, "smoke", "raw").recipe(space)
        assert all(name.startswith("synth") for stage in small.stages for name in stage.data)


def test_unisal_is_trained_on_its_four_sets_each_in_its_domain(space):
    stages = Job("unisal", "v", 1, 0, "paper", "raw").recipe(space).stages
    assert [stage.data for stage in stages] == [
        *(("salicon",), ("hollywood2_unisal",), ("ucf_unisal",), ("dhf1k",), ("dhf1k",))
    ]
    assert [stage.options.get("domain") for stage in stages] == ["SALICON", "Hollywood", "UCFSports", None, None]
    assert [stage.name for stage in Job("unisal", "v", 1, 0, "two_sets", "raw").recipe(space).stages] == [
        *("salicon", "resting", "dhf1k")
    ]


def test_a_stage_counts_the_shots_that_it_fits_and_not_those_that_validate(space):
    of = {stage.name: stage for stage in UNISAL.recipe(space).stages}
    assert epoch_clips(of["hollywood2"], 1, space) == 2
    names = [job.name for job in make_plan(space, ["hd2s"], "ucf", "raw")]
    assert names == ["centre-fold1-seed0", "mep-fold1-seed0", "hd2s_v-fold1-seed0"]


def test_a_set_that_is_not_there_is_named_before_anything_is_trained(tmp_path, capsys):
    write_salicon(tmp_path / "data")
    words = ["bench", "unisal", "--preset", "hollywood2", "--modality", "v", "--data-root", str(tmp_path / "data")]
    folders = ["--runs", str(tmp_path / "runs"), "--leaderboard", str(tmp_path / "board")]
    assert main([*words, *folders]) == 2
    assert "hollywood2" in (said := capsys.readouterr().err)
    assert "Hollywood2_actions" in said
    assert not list((tmp_path / "runs").rglob("*.ckpt"))


@pytest.mark.slow
def test_unisal_trains_on_images_and_on_shots_and_every_frame_of_every_shot_is_scored(space):
    (path,) = run_job(UNISAL, space, Machine(devices=1, logger=("csv",)))
    done = trainings(UNISAL, UNISAL.recipe(space), space)
    assert [training.done for training in done] == [True, True]
    record = read_record(path)
    assert sorted(video.video for video in record.videos) == [
        *("actioncliptest00001_1", "actioncliptest00001_2", "actioncliptest00002_1")
    ]
