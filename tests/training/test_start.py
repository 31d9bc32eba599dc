"""Published weights in a run: parts of a network that start from them, and networks that are tested as they are."""

import pytest
import torch
from conftest import TINY

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import make_plan
from avsal_bench.bench.run import run_job
from avsal_bench.bench.stages import Training, weights_of
from avsal_bench.bench.starting import needed_weights, start_parts
from avsal_bench.models import create_model, model_entry
from avsal_bench.records import read_record
from avsal_bench.training.recipe import load_recipe
from avsal_bench.training.stage import Stage

MACHINE = Machine(devices=1)
S3D, SOUNDNET = "s3d_kinetics400", "soundnet8"


def put(store, name, module, value=0.25):
    """Weights as `avsal weights import` leaves them, every floating number ``value``."""
    state = {
        k: torch.full_like(v, value) if v.is_floating_point() else v.clone() for k, v in module.state_dict().items()
    }
    store.mkdir(exist_ok=True)
    source = {"name": name, "file": f"{name}.pth", "sha256": "0" * 64}
    torch.save({"state_dict": state, "source": source}, store / f"{name}.pt")
    return source


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("AVSAL_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def tiny(modality):
    return create_model("avrsp", **model_entry("avrsp").tiny, modality=modality)


def training(modality, store, **start):
    return Training(Stage("one", ("synth",), 1, start=start), "avrsp", {"modality": modality}, store.parent / "one")


def test_parts_start_from_imported_weights_and_the_others_stay(store):
    net = tiny("av")
    before = {key: value.clone() for key, value in net.state_dict().items()}
    source = put(store, S3D, net.s3d)
    assert start_parts(training("av", store, s3d=S3D), net, store) == {"s3d": source}
    for key, value in net.state_dict().items():
        if key.startswith("s3d.") and value.is_floating_point():
            assert (value == 0.25).all()
        else:
            assert torch.equal(value, before[key])


def test_a_part_that_another_modality_has_is_passed_over(store):
    assert start_parts(training("v", store, soundnet=SOUNDNET), tiny("v"), store) == {}
    assert needed_weights(training("v", store, soundnet=SOUNDNET, s3d=S3D)) == [S3D], "nor need its file be there"
    assert needed_weights(training("av", store, soundnet=SOUNDNET, s3d=S3D)) == [SOUNDNET, S3D]
    with pytest.raises(ValueError, match="unknown part of avrsp in `start` 's3b'; did you mean 's3d'"):
        start_parts(training("v", store, s3b=S3D), tiny("v"), store)


def test_weights_that_are_not_imported_stop_a_run_before_it_trains(space, store):
    job = Job("avrsp", "v", 1, 0, "smoke", "stavis", (*TINY, f"stages.audiovisual.start={{s3d: {S3D}}}"))
    with pytest.raises(
        FileNotFoundError, match=r"s3d_kinetics400: not in .*weights.*S3D_kinetics400.pt.*weights import"
    ):
        run_job(job, space, MACHINE)
    assert not (space.runs / "stages").exists()


def test_a_run_says_where_its_parts_started(space, store):
    options = {"frames": 8, "size": (64, 64), "width": 8, "backbone_width": 0.125, "audio_width": 0.125}
    source = put(store, S3D, create_model("avrsp", modality="v", **options).s3d)
    start = f"stages.visual.start={{s3d: {S3D}}}"
    paths = run_job(Job("avrsp", "v", 1, 0, "smoke", "stavis", (*TINY, start)), space, MACHINE)
    first, second = read_record(paths[0]).provenance["fits"]
    assert first["start"] == {"s3d": source}
    assert second["start"] == {}


def published(modality, fold=1):
    tiny_options = "network={frames: 8, size: [64, 96], width: 0.125, audio_width: 0.125}"
    return Job("stavis", modality, fold, 0, "published", "stavis", (tiny_options, "test=[synth]", "folds=[1]"))


def test_published_weights_are_tested_as_they_are(space, store):
    net = create_model("stavis", modality="v", **model_entry("stavis").tiny)
    source = put(store, "stavis_v_fold1", net, 0.1)
    record = read_record(run_job(published("v"), space, MACHINE)[0])
    assert record.weights == {**source, "parameters": sum(p.numel() for p in net.parameters())}
    assert record.provenance["fits"] == []
    assert record.n_frames > 0


def test_published_weights_of_every_fold_have_a_name_of_their_own(space):
    job = published("av", 3)
    assert weights_of(job, job.recipe(space)) == "stavis_av_fold3"


def test_only_what_was_published_is_planned_and_baselines_run_as_in_the_paper(space):
    jobs = make_plan(space, ["vinet"], "published", "stavis", folds=[1])
    # The audio-visual weights were published for another split.
    assert [(j.model, j.modality, j.preset) for j in jobs] == [
        ("centre", "", "paper"),
        ("mep", "", "paper"),
        ("vinet", "v", "published"),
    ]
    with pytest.raises(ValueError, match="vinet, preset published: published weights are known for v only"):
        make_plan(space, ["vinet"], "published", "stavis", modalities=["av"])


def test_weights_and_stages_exclude_each_other(space):
    with pytest.raises(ValueError, match="give `weights` or `stages`, not both"):
        load_recipe(space.recipes, "vinet", "paper", ["weights={v: vinet_dhf1k}"])
