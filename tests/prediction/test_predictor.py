"""Which network `avsal predict` takes, by what a user says of it."""

import json
import os
from dataclasses import replace

import pytest
import torch
from encoded import SIZE
from predicted import NET, N, maps_by_hand, predict, read_maps, write_checkpoint, write_checkpoints, write_film

from avsal_bench.models import model_entry, registry
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.weights.store import find_weights, import_weights
from avsal_bench.prediction.predictor import newest_training


@pytest.fixture
def film(tmp_path):
    return write_film(tmp_path / "film.mp4")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return write_checkpoints(tmp_path_factory.mktemp("trained"))


def finish(runs, name, modality, seed, when):
    folder = runs / "stages" / name
    write_checkpoint(folder / "best.ckpt", modality, seed)
    (folder / "done.json").write_text("{}")
    os.utime(folder / "done.json", (when, when))
    return folder / "best.ckpt"


def test_the_training_that_finished_last(film, tmp_path, capsys):
    runs = tmp_path / "runs"
    with pytest.raises(FileNotFoundError, match=r"no finished training in .*stages; train one with `avsal bench "):
        predict(film, "--runs", runs, "-o", tmp_path / "maps")
    finish(runs, "avrsp_av-a", "av", 0, 3000)
    newest = finish(runs, "avrsp_v-b", "v", 1, 4000)
    oldest = finish(runs, "avrsp_v-c", "v", 2, 1000)
    write_checkpoint(runs / "stages" / "avrsp_v-unfinished" / "best.ckpt", "v")
    os.utime(oldest, (9000, 9000))
    predict(film, "--runs", runs, "-o", tmp_path / "maps")
    assert f"avrsp_v, weights {newest}, on " in capsys.readouterr().out
    predict(film, "--runs", runs, "--model", "avrsp", "--modality", "av", "-o", tmp_path / "heard")
    out = capsys.readouterr().out
    assert "avrsp_av-a" in out
    assert f"it hears {film}" in out
    (runs / "stages" / "avrsp_av-a" / "done.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no finished training of avrsp_av in"):
        newest_training(runs, "avrsp", "av")


def test_the_precision_is_told_where_it_is_another(film, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("avsal_bench.bench.computing.precision.cpu_has_bf16", lambda: True)
    for words, told in (
        ((), "centre, on cpu; it hears"),
        (("--precision", "bf16"), "on cpu with precision bf16-mixed;"),
    ):
        predict(film, "--model", "centre", "--device", "cpu", "-o", tmp_path / f"maps{len(words)}", *words)
        assert told in capsys.readouterr().out


def test_networks_that_do_not_agree_with_their_weights(film, tmp_path, checkpoints):
    weights, out = checkpoints["v"][1], tmp_path / "maps"
    refused = {
        ("--weights", weights, "--model", "centre"): "centre is a baseline and has no weights",
        ("--weights", weights, "--modality", "av"): "trained with modality='v', not modality='av'",
        ("--weights", weights, "--set", "network.frames=16"): "trained with frames=8, not frames=16",
        ("--weights", weights, "--set", "frames=16"): "--set frames=16: expected an option of the network",
        ("--weights", weights, "--model", "avrps"): "unknown model 'avrps'; did you mean 'avrsp'",
        ("--model", "mep"): "mep is made of the maps of a training list",
        ("--model", "centre", "--set", "network.colour=1"): "centre: .*colour",
        ("--weights", weights, "--device", "abacus"): "no device 'abacus' here",
    }
    for words, told in refused.items():
        with pytest.raises(ValueError, match=told):
            predict(film, *words, "-o", out)
    with pytest.raises(ValueError, match=r"v.ckpt: weights of avrsp, not of vinet; leave out --model"):
        predict(film, "--weights", weights, "--model", "vinet", "-o", out)
    with pytest.raises(FileNotFoundError, match=r"none.ckpt: no such file, and unknown weights"):
        predict(film, "--weights", "none.ckpt", "-o", out)
    predict(film, "--weights", weights, "--model", "avrsp", "--modality", "v", "--set", "network.frames=8", "-o", out)


def test_weights_in_the_form_of_their_authors(film, tmp_path, checkpoints):
    module, own = checkpoints["v"]
    authors = tmp_path / "authors.pt"
    torch.save({f"module.{key}": value for key, value in module.net.state_dict().items()}, authors)
    options = ["--native", "--form", "npy"]
    with pytest.raises(ValueError, match=r"authors.pt: not a checkpoint of a run here.*give --model"):
        predict(film, "--weights", authors, *options, "-o", tmp_path / "maps")
    settings = [word for key, value in NET.items() for word in ("--set", f"network.{key}={value}")]
    named = ["--model", "avrsp", "--modality", "v", *settings]
    predict(film, "--weights", authors, *named, *options, "-o", tmp_path / "maps")
    predict(film, "--weights", own, *options, "-o", tmp_path / "own")
    assert torch.equal(read_maps(tmp_path / "maps"), read_maps(tmp_path / "own"))
    with pytest.raises(ValueError, match=r"authors.pt: does not fit"):
        predict(film, "--weights", authors, "--model", "avrsp", *settings, *options, "-o", tmp_path / "other")
    authors.write_bytes(authors.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"authors.pt: cut off or damaged"):
        predict(film, "--weights", authors, "-o", tmp_path / "other")


def test_imported_weights_by_their_name(film, tmp_path, checkpoints, monkeypatch):
    module, _ = checkpoints["v"]
    entry = model_entry("avrsp")
    weights = PublishedWeights("avrsp-tiny", "tiny.pt", "nothing", "nowhere", "none", {"modality": "v", **NET})
    part = PublishedWeights("avrsp-part", "part.pt", "a part", "nowhere", "none", build=torch.nn.Identity)
    monkeypatch.setitem(registry._MODELS, "avrsp", replace(entry, weights=(weights, part)))
    monkeypatch.setenv("AVSAL_WEIGHTS", str(tmp_path / "store"))
    words = ["--native", "--form", "npy", "-o", tmp_path / "maps"]
    with pytest.raises(FileNotFoundError, match=r"avrsp-tiny: not in .*store. Fetch tiny.pt from its authors"):
        predict(film, "--weights", "avrsp-tiny", *words)
    torch.save(module.net.state_dict(), tmp_path / "tiny.pt")
    (report,) = import_weights(find_weights(tmp_path / "tiny.pt"), tmp_path / "store")
    assert report.outcome == "imported"
    predict(film, "--weights", "avrsp-tiny", *words)
    torch.testing.assert_close(read_maps(tmp_path / "maps"), maps_by_hand(module, film, N), atol=1e-5, rtol=0)
    assert json.loads((tmp_path / "maps" / "predict.json").read_text())["weights"] in report.detail
    with pytest.raises(ValueError, match="avrsp-part: weights that a part of a network starts from"):
        predict(film, "--weights", "avrsp-part", *words)
    with pytest.raises(ValueError, match="avrsp-tiny: weights of avrsp, not of vinet"):
        predict(film, "--weights", "avrsp-tiny", "--model", "vinet", *words)


def test_the_centre_needs_no_weights(film, tmp_path):
    predict(film, "--model", "centre", "-o", tmp_path / "maps")
    maps = read_maps(tmp_path / "maps", "png")
    assert maps.shape == (N, *SIZE)
    assert divmod(int(maps[3].argmax()), SIZE[1]) == pytest.approx((31.5, 47.5), abs=2)
    assert json.loads((tmp_path / "maps" / "predict.json").read_text())["weights"] is None
