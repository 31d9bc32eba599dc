"""X and X# of scdl2022: the network trained alone, without a classifier, and switched by the labels (Eq. 7)."""

import pytest
import torch
from made_records import make
from tiny_networks import clip

from avsal_bench.bench.job import Job
from avsal_bench.bench.plan import records_of
from avsal_bench.bench.stages import learns_labels, stage_options, trainings
from avsal_bench.bench.workspace import workspace
from avsal_bench.models import Clips, Memory, Place, create_model, model_entry
from avsal_bench.models.avc import HOSTS
from avsal_bench.records import write_record
from avsal_bench.resources import resource
from avsal_bench.studies.switch import measure_switch
from avsal_bench.training.recipe import load_recipe
from avsal_bench.training.two_task import TwoTaskModule

every_host = pytest.mark.parametrize(
    "host", [pytest.param(host, marks=() if host == "stavis" else pytest.mark.slow) for host in HOSTS]
)


def alone(host="stavis", avc="labels", **more):
    torch.manual_seed(0)
    tiny = model_entry(host).tiny
    return create_model("avc", network=host, classifier="none", avc=avc, network_options=tiny, **more).eval()


@every_host
def test_labels_switch_the_network_and_nothing_else_is_there(host):
    net = alone(host)
    assert net.switched_by_labels
    assert {key.partition(".")[0] for key in net.state_dict()} == {"host"}
    assert net.spec.audio == create_model(host, **model_entry(host).tiny, modality="av").spec.audio
    frames, audio = clip(net.spec, 2)
    places = [Place(f"avad/{label}", tuple(range(1, frames.shape[2] + 1)), label) for label in (False, True)]
    with torch.no_grad():
        found = net.predict(Clips.of(frames, places), audio, Memory())
        expected = net.host(frames, audio, use_audio=torch.tensor([False, True]))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
        assert not torch.equal(expected[0], net.host(frames, audio)[0]) or host == "stavis"
        with pytest.raises(ValueError, match="switched by the label of each target frame, and got none"):
            net(frames, audio)


@every_host
def test_without_a_switch_it_is_the_original_bit_for_bit_in_training_too(host):
    net = alone(host, "none")
    assert not net.switched_by_labels
    frames, audio = clip(net.spec, 2)
    with torch.no_grad():
        assert torch.equal(net(frames, audio), net.host(frames, audio))
    main = net.outputs(frames, audio).main
    main.float().square().mean().backward()
    found = {name: None if p.grad is None else p.grad.clone() for name, p in net.host.named_parameters()}
    net.zero_grad()
    net.host.outputs(frames, audio).main.float().square().mean().backward()
    for name, p in net.host.named_parameters():
        assert (p.grad is None) == (found[name] is None), name
        assert p.grad is None or torch.equal(p.grad, found[name]), name


def test_what_the_original_never_trains_is_frozen_where_several_processes_would_wait_for_it():
    net = alone("stavis", "none")
    net.freeze()
    assert [name for name, p in net.named_parameters() if not p.requires_grad] == ["host.fuse.weight", "host.fuse.bias"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"avc": "predicted"}, "without a classifier nothing is predicted; say avc: labels, or avc: none"),
        ({"classifier": "non"}, "unknown classifier 'non'"),
    ],
)
def test_options_that_do_not_fit_are_told(options, told):
    asked = {"network": "stavis", "network_options": model_entry("stavis").tiny, "classifier": "none", **options}
    with pytest.raises(ValueError, match=told):
        create_model("avc", **asked)


def test_it_has_no_second_task():
    options = {"network": "stavis", "network_options": model_entry("stavis").tiny, "classifier": "none", "avc": "none"}
    with pytest.raises(ValueError, match="has no classifier to train"):
        TwoTaskModule("avc", options, {}, {"name": "adam", "lr": 1e-3}, {"name": "constant"})


def test_four_rows_of_two_trainings_by_their_names(tmp_path, synth_root):
    space = workspace(runs=str(tmp_path / "runs"), leaderboard=str(tmp_path / "board"), synth_root=str(synth_root))
    beside = ("test=[synth]", "stages.dhf1k.data=[synth_silent]", "stages.joint.data=[synth]")
    rows, folders = {}, {}
    for preset, avc in (("alone", "none"), ("alone", "labels"), ("paper", "predicted"), ("paper", "labels")):
        job = Job("avc", "av", 1, 0, preset, "stavis", (*beside, f"network.avc={avc}"))
        recipe = job.recipe(space)
        visual, joint = trainings(job, recipe, space)
        rows[preset, avc] = {path.name.partition("_av-")[0] for _, _, path in records_of(job, recipe, space)}
        folders[preset, avc] = (visual.folder, joint.folder)
        assert learns_labels(joint.stage) == (preset == "paper")
        with torch.device("meta"):
            create_model("avc", **stage_options(job, recipe))
    assert rows == {
        ("alone", "none"): {"avc-vinet-alone-none"},
        ("alone", "labels"): {"avc-vinet-alone-ideal"},
        ("paper", "predicted"): {"avc-vinet"},
        ("paper", "labels"): {"avc-vinet-ideal"},
    }
    assert folders["alone", "none"] == folders["alone", "labels"]
    assert folders["paper", "predicted"] == folders["paper", "labels"]
    assert folders["alone", "none"][0] == folders["paper", "labels"][0], "the visual stage is one"
    assert folders["alone", "none"][1] != folders["paper", "labels"][1]


def test_the_preset_trains_on_clips_and_starts_no_classifier():
    joint = load_recipe(resource("recipes"), "avc", "alone").stages[-1]
    assert joint.training == "clips"
    assert joint.start == {"host.soundnet": "soundnet8"}


def test_avsal_switch_says_that_there_is_no_classifier(tmp_path):
    recipe = load_recipe(resource("recipes"), "avc", "alone").plain()
    record = make([0.5], model="avc-vinet-alone-ideal", modality="av", dataset="synth", recipe=recipe)
    path = tmp_path / "record.json"
    write_record(path, record)
    with pytest.raises(ValueError, match="is the network alone, without a classifier; name a record of X"):
        measure_switch(path, workspace(runs=str(tmp_path / "runs")), None)
