"""A network without sound loses nothing with another one, exactly."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from conftest import HOME, TINY

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import make_plan
from avsal_bench.bench.run import run_job
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.clips.items import read_item
from avsal_bench.data.dataset import dataset
from avsal_bench.models import create_model, list_models, model_entry
from avsal_bench.records import SOUNDS, read_record
from avsal_bench.training.module import SaliencyModule

VISUAL = [name for name in list_models() if "v" in model_entry(name).modalities]


def test_a_visual_network_is_given_no_sound(synth_root):
    video = dataset("synth").videos(synth_root, "test", 1)[0]
    for name in VISUAL:
        with torch.device("meta"):
            spec = create_model(name, **{**model_entry(name).tiny, "modality": "v"}).spec
        assert spec.audio is None, name
        assert read_item(replace(video, audio=None), 5, spec)["audio"] is None, name


@pytest.fixture(scope="module")
def trained(tmp_path_factory, synth_root):
    """A visual network and its record."""
    folder = tmp_path_factory.mktemp("visual")
    space = Workspace(HOME, None, synth_root, folder / "runs", folder / "leaderboard")
    short = (*TINY, "stages.visual.epochs=1", "stages.audiovisual.epochs=1", "clips_per_video=1")
    job = Job("avrsp", "v", 1, 0, "smoke", "stavis", short, sounds=SOUNDS)
    return space, job, run_job(job, space, Machine(devices=1, logger=("csv",)))


def test_it_has_one_record_whatever_sounds_are_asked_for(trained):
    space, _, paths = trained
    assert [read_record(path).sound for path in paths] == ["original"]
    plan = make_plan(space, ["avrsp"], "smoke", "stavis", sounds=SOUNDS)
    assert {one.modality: len(one.sounds) for one in plan}["av"] == len(SOUNDS)


@pytest.mark.parametrize("change", ["noise", pytest.param("gone", marks=pytest.mark.slow)])
def test_its_scores_are_the_same_to_the_last_digit_whatever_sounds_lie_on_the_disk(
    trained, synth_root, tmp_path, monkeypatch, change
):
    space, job, paths = trained
    shutil.copytree(synth_root, tmp_path / "synth")
    folder = tmp_path / "synth" / "video_audio" / "synth"
    if change == "gone":
        shutil.rmtree(folder)
    else:
        for path in folder.rglob("*.wav"):
            samples, rate = soundfile.read(path)
            soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, len(samples)), rate)
    shutil.copytree(space.runs, tmp_path / "runs", ignore=shutil.ignore_patterns("test"))
    monkeypatch.setattr(SaliencyModule, "training_step", None)  # the same weights
    other = replace(space, synth_root=tmp_path / "synth", runs=tmp_path / "runs", leaderboard=tmp_path / "board")
    [found] = run_job(job, other, Machine(devices=1, logger=("csv",)))
    assert found != paths[0]
    first, again = read_record(paths[0]), read_record(found)
    assert again.weights["sha256"] == first.weights["sha256"]
    assert (again.scores, again.videos) == (first.scores, first.videos)
