"""The AVC-aware scheme through the commands: its stages, the labels it needs, and how often its classifier is right."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from made_records import STORY, made_elsewhere, make

from avsal_bench import cli
from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.made_of import of_test
from avsal_bench.bench.plan import records_of
from avsal_bench.bench.stages import stage_options, trainings
from avsal_bench.data.dataset import dataset
from avsal_bench.data.labels import label_file, labels_of
from avsal_bench.files import sha256
from avsal_bench.models import create_model, model_entry
from avsal_bench.records import read_record, record_path, write_record
from avsal_bench.studies.switch import measure_switch

TINY = (
    f"network.network_options={json.dumps(model_entry('caspnet').tiny)}",
    "network.classifier_options={size: [32, 32], width: 0.0625}",
)


def job(*more, modality="av", preset="smoke"):
    return Job("avc", modality, 1, 0, preset, "stavis", (*TINY, *more))


def folders(one, space):
    return [training.folder for training in trainings(one, one.recipe(space), space)]


@pytest.mark.parametrize("modality", ["v", "av"])
def test_the_three_switches_are_one_training_and_three_rows(space, modality):
    jobs = [job(f"network.avc={switch}", modality=modality) for switch in ("predicted", "labels", "none")]
    found = [folders(one, space) for one in jobs]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == (2 if modality == "av" else 1)
    rows = {path for one in jobs for _, _, path in records_of(one, one.recipe(space), space)}
    assert len(rows) == 3 * (2 if modality == "av" else 1)
    other = folders(job("network.classifier=l3", modality=modality), space)
    assert (other == found[0]) == (modality == "v"), "another classifier is another training of what hears"
    assert other[0] == found[0][0], "what sees alone has none"


def refused(monkeypatch, capsys, space, *words):
    """The error of `avsal run`, which must come before the first stage."""
    monkeypatch.setattr("avsal_bench.bench.jobs.network.fit", None)
    told = ["--synth-root", str(space.synth_root), "--runs", str(space.runs), "--leaderboard", str(space.leaderboard)]
    assert cli.main(["run", *job(*words).arguments(), *told, "--workers", "0"]) == 2
    text = capsys.readouterr().err
    assert not (space.runs / "stages").exists()
    return text


@pytest.fixture
def labelled(space, labelled_root):
    """The workspace with labels of its own, and the file of a training video's."""
    video = dataset("synth").videos(labelled_root, "train", 1)[-1]
    return replace(space, synth_root=labelled_root), label_file(labelled_root, "synth", video.name)


def test_bad_labels_stop_a_run_before_it_trains(labelled, monkeypatch, capsys):
    space, path = labelled
    whole = path.read_text()
    n = len(whole.split())
    for text, told in (
        (whole + "1\n", f"{path}: {n + 1} labels for {n} frames"),
        (whole[:-2] + "2\n", f"{path}:{n}: expected the label 0 or 1, got '2'"),
    ):
        path.write_text(text)
        assert told in refused(monkeypatch, capsys, space)
    path.unlink()
    assert f"no labels of the video: missing {path}" in refused(monkeypatch, capsys, space)


def test_a_set_without_labels_stops_a_run_before_it_trains(labelled, monkeypatch, capsys):
    space, path = labelled
    shutil.rmtree(path.parent)
    line = refused(monkeypatch, capsys, space)
    assert "4 of 8 videos lack labels" in line
    assert "synth/timbre_02: no labels of the set" in line
    assert "supervision: weak" in line
    line = refused(monkeypatch, capsys, space, "stages.joint.data=[synth_silent]")
    assert "synth_silent has no labels of audio-visual consistency" in line


def test_an_ideal_switch_without_labels_to_test_by_stops_a_run_before_it_trains(
    space, labelled_root, monkeypatch, capsys
):
    video = dataset("synth").videos(labelled_root, "test", 1)[0]
    label_file(labelled_root, "synth", video.name).unlink()
    weak = "stages.joint.two_task={supervision: weak, teacher_forcing: false}"
    line = refused(monkeypatch, capsys, replace(space, synth_root=labelled_root), "network.avc=labels", weak)
    assert f"no labels of the video: missing {label_file(labelled_root, 'synth', video.name)}" in line


@pytest.fixture
def saved(space):
    """A network as if trained, its true-sound record, and the places of both."""
    one = job()
    recipe = one.recipe(space)
    last = trainings(one, recipe, space)[-1]
    torch.manual_seed(0)
    net = create_model("avc", **stage_options(one, recipe))
    last.folder.mkdir(parents=True)
    torch.save({"state_dict": {f"net.{key}": value for key, value in net.state_dict().items()}}, last.best)
    place = next(path for _, sound, path in records_of(one, recipe, space) if sound == "original")
    record = make(
        [0.5],
        model="avc-caspnet-avenet",
        modality="av",
        dataset="synth",
        preset="smoke",
        recipe=json.loads(json.dumps(recipe.plain())),
        weights={"file": "best.ckpt", "sha256": sha256(last.best), "parameters": 1},
        provenance={**STORY, "made_of": dict(of_test(one, recipe, space, "synth", "original").whole)},
    )
    write_record(place, record)
    return space, place


def switch(space, *paths):
    told = ["--synth-root", str(space.synth_root), "--runs", str(space.runs), "--leaderboard", str(space.leaderboard)]
    return cli.main(["switch", *map(str, paths), *told, "--workers", "0"])


@pytest.mark.parametrize(("bias", "right"), [(100.0, True), (-100.0, False)])
def test_the_accuracy_of_a_classifier_that_always_answers_the_same(saved, monkeypatch, capsys, bias, right):
    monkeypatch.setattr(
        "avsal_bench.models.correspondence.avenet.AVENet.judge", lambda net, seen, heard: 0 * seen.sum(1) + bias
    )
    space, place = saved
    assert switch(space, place) == 0
    frames = [label for video in dataset("synth").videos(space.synth_root, "test", 1) for label in labels_of(video)]
    expected = sum(label == right for label in frames) / len(frames)
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith(f"{place.name}: accuracy {expected:.3f} [")
    assert f"{len(frames)} frames of" in line


def test_the_accuracy_looks_at_each_frame_of_each_video_in_order(saved, monkeypatch):
    space, place = saved
    videos = dataset("synth").videos(space.synth_root, "test", 1)
    truth = iter([label for video in videos for label in labels_of(video)])
    monkeypatch.setattr(
        "avsal_bench.models.avc.AVC.consistency",
        lambda net, frames, audio: torch.tensor([0.9 if next(truth) else 0.1 for _ in frames]),
    )
    other = replace(space, leaderboard=space.runs / "other")  # as of a record of a row of an ablation
    assert measure_switch(place, other, Machine(devices=1)).rate == 1.0
    assert next(truth, None) is None


@pytest.mark.parametrize("gain", [0.0, 0.1])
def test_an_ideal_switch_that_was_tested_too_is_compared(saved, monkeypatch, capsys, gain):
    monkeypatch.setattr(
        "avsal_bench.models.correspondence.avenet.AVENet.judge", lambda net, seen, heard: 0 * seen.sum(1)
    )
    space, place = saved
    record = read_record(place)
    better = {metric: score + gain for metric, score in record.videos[0].scores.items()}
    ideal = replace(record, model="avc-caspnet-avenet-ideal", videos=[replace(record.videos[0], scores=better)])
    write_record(place.with_name("avc-caspnet-avenet-ideal_av-fold1-seed0.json"), ideal)
    assert switch(space, place) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("avc-caspnet-avenet-ideal_av-fold1-seed0.json: the ideal switch less the learned one")
    assert ("CC +0.100 [" if gain else "CC 0.000 [") in line
    assert ("NSS +0.100 [" if gain else "NSS 0.000 [") in line


def test_records_that_have_no_switch(saved, capsys):
    space, place = saved
    record = read_record(place)
    others = [
        replace(record, modality="v"),
        replace(record, model="centre", modality="", recipe={**record.recipe, "model": "centre"}),
        replace(record, model="vinet", recipe={**record.recipe, "model": "vinet"}),
        made_elsewhere(replace(record, model="maps")),
    ]
    for other in others:
        path = record_path(space.records, other.network, "synth", 1, 0, "stavis", "original")
        write_record(path, other)
        assert switch(space, path) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert f"{path}: {other.network} has no classifier; name a record of avc, modality av" in line


def test_a_switch_cannot_be_measured_without_weights_or_labels(saved, labelled_root, capsys):
    space, place = saved
    shutil.rmtree(labelled_root / "av_gt_label")
    assert switch(replace(space, synth_root=labelled_root), place) == 2
    assert "made of other things than are here now: labels, joint: labels" in capsys.readouterr().err
    shutil.rmtree(space.runs)
    assert switch(space, place) == 2
    assert "its weights are gone" in capsys.readouterr().err
    assert switch(space, place.with_name("none.json")) == 2
    assert "none.json" in capsys.readouterr().err
