# ruff: noqa: F811 - fixtures are imported, and named by tests
"""`avsal hear --weights`: a network of a plug-in, a checkpoint of a training here, and published weights."""

import argparse
import json
import sys
from dataclasses import replace

import pytest
import torch
from conftest import HOME

sys.path.insert(0, str(HOME / "tests" / "plugins"))
from plugin_fixtures import forgotten  # noqa: F401

import avsal_bench
from avsal_bench.cli.hear import add_parser
from avsal_bench.evaluation.score_videos import ScoreVideos
from avsal_bench.models import create_model, model_entry, registry
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.weights.store import find_weights, import_weights
from avsal_bench.plugins import use_plugins
from avsal_bench.record_story import Seen, goes_with, said_by_word, seen_of
from avsal_bench.records import read_record, record_path
from avsal_bench.studies.hear import why_not
from avsal_bench.training.module import SaliencyModule

OWN = {"frames": 4, "size": [32, 48], "width": 4}
SETTINGS = [word for key, value in OWN.items() for word in ("--set", f"network.{key}={value}")]


@pytest.fixture
def hear(space, monkeypatch):
    """As the command line does, but errors come through, and no pages are made."""
    names = {"runs": space.runs, "leaderboard": space.leaderboard, "synth-root": space.synth_root}
    folders = [word for name, folder in names.items() for word in (f"--{name}", str(folder))]

    monkeypatch.setattr("avsal_bench.cli.hear.publish", lambda folder: None)

    def typed(*words):
        parser = argparse.ArgumentParser()
        add_parser(parser.add_subparsers())
        given = ["--workers", "0", "--devices", "1", "--dataset", "synth"]
        args = parser.parse_args(["hear", *given, *folders, *map(str, words)])
        return args.function(args)

    return typed


@pytest.fixture
def own(tmp_path, forgotten):
    """Weights of a network of one's own that hears a lot, as `torch.save` writes a state dict."""
    use_plugins([str(HOME / "examples" / "my_network" / "my_network.py")])
    return write_own(tmp_path / "epoch40.pt")


def write_own(path, seed=0, modality="av"):
    torch.manual_seed(seed)
    net = create_model("my_network", modality=modality, **OWN)
    if net.hearing is not None:
        net.hearing.weight.data *= 50
    torch.save(net.state_dict(), path)
    return path


def record(space, sound="original", network="epoch40_av", fold=1):
    return read_record(record_path(space.records, network, "synth", fold, 0, "stavis", sound))


def test_a_network_of_a_plugin_with_weights_of_ones_own(hear, own, space, capsys, monkeypatch):
    assert hear("--model", "my_network", "--weights", own, *SETTINGS, "--sound", "muted,noise") == 0
    true, muted, noise = (record(space, sound) for sound in ("original", "muted", "noise"))
    assert {(r.preset, r.model, r.weights["file"]) for r in (true, muted, noise)} == {("maps", "epoch40", own.name)}
    assert len({r.weights["sha256"] for r in (true, muted, noise)}) == 1
    assert true.weights["parameters"] == sum(v.numel() for v in torch.load(own).values())
    assert muted.provenance["plugins"][0]["name"] == "my_network"
    assert seen_of(true.provenance, "synth") is Seen.UNKNOWN
    assert not said_by_word(muted.provenance)
    assert goes_with(muted.provenance) == true.weights["sha256"]
    assert all(v.map_cc < 0.99999 for v in muted.videos), "it hears"
    assert muted.scores != true.scores
    net = avsal_bench.create_model("my_network", pretrained=own, **OWN)
    known = avsal_bench.evaluate(net, "synth", data_root=space.synth_root)
    assert true.scores == pytest.approx(known.scores, abs=1e-4), "those of evaluate, in batches of another size"
    out = capsys.readouterr().out
    rows = [row for row in out.splitlines() if row.startswith("epoch40 (maps)") and "all frames" in row]
    assert {row.split()[3] for row in rows} == {"muted", "noise"}
    assert "the word of who made them" not in out
    assert why_not(true) == "weights without a training here; name them again with --weights"
    monkeypatch.setattr(SaliencyModule, "predict_step", None)
    hear("--model", "my_network", "--weights", own, *SETTINGS, "--sound", "muted", "--trained-on", "dhf1k")
    assert seen_of(record(space, "muted").provenance, "synth") is Seen.ZERO_SHOT
    assert record(space, "muted").videos == muted.videos


def test_maps_that_were_kept_lose_what_the_network_lost(hear, own, space):
    words = ("--model", "my_network", "--weights", own, *SETTINGS, "--sound", "muted")
    hear(*words, "--keep-maps", "npy")
    maps = {s: space.runs / f"evaluate/epoch40_av-synth-fold1/stavis-{s}/maps" for s in ("original", "muted")}
    hear("--pred", maps["original"], "--muted", maps["muted"], "--name", "kept")
    for sound in ("original", "muted"):
        here, there = record(space, sound), record(space, sound, "kept_av")
        of_maps = [replace(video, places={}) for video in here.videos]  # which are told of networks alone
        assert there.videos == of_maps, "to the last digit"


class Killed(BaseException):
    """Stands for a signal."""


def test_a_test_that_was_cut_off_goes_on_with_the_next_video(hear, own, space, monkeypatch):
    words = ("--model", "my_network", "--weights", own, *SETTINGS, "--sound", "muted")
    finish, done = ScoreVideos._finish, []

    def dying(self, *args):
        if len(done) == 2:
            raise Killed
        done.append(args[0].name)
        finish(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(ScoreVideos, "_finish", dying)
        with pytest.raises(Killed):
            hear(*words)
    assert not list(space.records.rglob("*.json"))
    left = []
    monkeypatch.setattr(ScoreVideos, "_finish", lambda self, *args: (left.append(args[0].name), finish(self, *args)))
    hear(*words)
    assert set(left) == {video.video for video in record(space).videos} - set(done)


def test_each_fold_has_weights_of_its_own(hear, own, space, tmp_path):
    for fold in (1, 2):
        write_own(tmp_path / f"mine{fold}.pt", seed=fold)
    words = ("--model", "my_network", "--weights", tmp_path / "mine{fold}.pt", *SETTINGS, "--sound", "muted")
    hear(*words, "--fold", "1,2")
    shas = [
        record(space, sound, "mine_av", fold).weights["sha256"] for fold in (1, 2) for sound in ("original", "muted")
    ]
    assert shas[0] == shas[1] != shas[2] == shas[3]
    with pytest.raises(FileNotFoundError, match=r"mine3.pt: no such file, and unknown weights"):
        hear(*words, "--fold", "3")


def test_a_checkpoint_of_a_training_here_says_its_network_and_its_folder_names_the_row(hear, own, space, tmp_path):
    path = tmp_path / "mine-av-1a2b" / "best.ckpt"
    path.parent.mkdir()
    module = SaliencyModule("my_network", {"modality": "av", **OWN}, {}, {}, {})
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, path)
    hear("--weights", path, "--sound", "muted")
    assert record(space, "muted", "mine-av-1a2b_av").weights["file"] == "best.ckpt"
    with pytest.raises(ValueError, match=r"best.ckpt: trained with width=4, not width=8"):
        hear("--weights", path, "--set", "network.width=8")
    with pytest.raises(ValueError, match=r"best.ckpt: weights of my_network, not of avrsp"):
        hear("--weights", path, "--model", "avrsp")


def test_published_weights_by_their_name(hear, own, space, tmp_path, monkeypatch):
    weights = PublishedWeights("tiny-1", own.name, "nothing", "nowhere", "none", {"modality": "av", **OWN})
    offering = replace(model_entry("my_network"), weights=(weights,))
    with monkeypatch.context() as patch:  # undone before the plug-in is forgotten
        patch.setitem(registry._MODELS, "my_network", offering)
        patch.setenv("AVSAL_WEIGHTS", str(tmp_path / "store"))
        with pytest.raises(FileNotFoundError, match=r"tiny-1: not in .*store. Fetch epoch40.pt from its authors"):
            hear("--weights", "tiny-{fold}")
        (report,) = import_weights(find_weights(own), tmp_path / "store")
        hear("--weights", "tiny-1", "--sound", "muted")
    found = record(space, "muted", "tiny-1_av")
    assert found.weights["sha256"] in report.detail
    assert found.provenance["trained_on"]["weights"][0]["name"] == "tiny-1"


# what stands in the way


def test_weights_that_do_not_fit_or_cannot_hear(hear, own, space, tmp_path, monkeypatch):
    monkeypatch.setattr(SaliencyModule, "predict_step", None)
    mine = ("--model", "my_network", *SETTINGS, "--weights")
    blind = write_own(tmp_path / "blind.pt", modality="v")
    with pytest.raises(
        ValueError, match=r"does not fit my_network \(with sound\)\n.*are missing: hearing.weight, hear"
    ):
        hear(*mine, blind)
    with pytest.raises(ValueError, match=r"blind.pt: my_network_v takes no sound; it hears nothing, so it loses noth"):
        hear(*mine, blind, "--set", "network.modality=v")
    with pytest.raises(ValueError, match=r"epoch40.pt: not a checkpoint of a run here, .* give --model"):
        hear("--weights", own)
    with pytest.raises(FileNotFoundError, match=r"none.pt: no such file"):
        hear(*mine, tmp_path / "none.pt")
    with pytest.raises(ValueError, match="centre is a baseline and has no weights"):
        hear("--model", "centre", "--weights", own)
    with pytest.raises(ValueError, match="unknown sound 'mute'"):
        hear(*mine, own, "--sound", "mute")
    with pytest.raises(ValueError, match="unknown protocol"):
        hear(*mine, own, "--protocol", "mine")
    with pytest.raises(ValueError, match="expected 1, 2 or 3, got 4"):
        hear(*mine, own, "--fold", "4")
    assert not list(space.records.rglob("*.json"))


def test_other_weights_under_the_same_name_are_refused_until_they_are_forced(hear, own, space):
    words = ("--model", "my_network", "--weights", own, *SETTINGS, "--sound", "muted")
    hear(*words)
    before = record(space, "muted")
    write_own(own, seed=1)
    with pytest.raises(ValueError, match=r"epoch40_av-fold1-seed0.json is there, and is not of the weights .*--force"):
        hear(*words)
    assert record(space, "muted") == before
    hear(*words, "--force")
    assert record(space, "muted").weights["sha256"] != before.weights["sha256"]
    assert json.dumps(record(space, "muted").scores) != json.dumps(before.scores)
