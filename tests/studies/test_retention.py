"""The figure of AVRSP's retention maps, as a user asks for it."""

import argparse

import numpy as np
import pytest
import torch
from PIL import Image
from predicted import N, T, write_checkpoint, write_checkpoints, write_film, write_wav
from tiny_networks import tiny_avrsp as tiny

from avsal_bench.bench.workspace import workspace
from avsal_bench.cli.retention import add_parser
from avsal_bench.models import model_entry
from avsal_bench.prediction import Running, open_film, predict_maps
from avsal_bench.prediction.predictor import find_predictor
from avsal_bench.studies.retention import TILE, _scaled, read_retention
from avsal_bench.training.module import SaliencyModule


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return {m: path for m, (_, path) in write_checkpoints(tmp_path_factory.mktemp("trained")).items()}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("films") / "film.mp4")


def retention(*words):
    """As the command line does, but errors come through."""
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(["retention", *map(str, words)])
    return args.function(args)


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


@pytest.mark.parametrize(("frame", "seen"), [(N, range(N - T + 1, N + 1)), (3, range(3 + T - 1, 2, -1))])
def test_the_window_of_a_frame_is_that_of_its_map(film, checkpoints, frame, seen):
    predictor = find_predictor(workspace(), str(checkpoints["av"]))
    video = open_film(film)
    found = read_retention(predictor, video, frame, torch.device("cpu"))
    assert found.clip == tuple(seen)
    [(_, maps)] = predict_maps(predictor, video, [frame], Running(device="cpu"))
    torch.testing.assert_close(found.saliency, maps[0], atol=1e-5, rtol=0)
    assert [tuple(m.shape) for block in found.blocks for m in block] == [(4, 2, 2)] * 4
    other = read_retention(predictor, video, 10, torch.device("cpu"))
    assert not torch.equal(found.blocks[0][0], other.blocks[0][0])


def test_the_maps_are_the_mean_over_the_sound_of_the_last_time_step(film, tmp_path):
    torch.manual_seed(0)
    weights = tmp_path / "w.pt"
    net = tiny()
    torch.save(net.state_dict(), weights)
    settings = [f"network.{k}={v}" for k, v in (("frames", 16), ("width", 32), ("size", [64, 96]))]
    settings += ["network.backbone_width=0.25", "network.audio_width=0.25"]
    predictor = find_predictor(workspace(), str(weights), "avrsp", settings=settings)
    read = {}
    own = predictor.module.net.retention_maps
    predictor.module.net.retention_maps = lambda *inputs: read.setdefault("maps", own(*inputs))
    found = read_retention(predictor, open_film(film), N, torch.device("cpu"))
    for (ret_a, ret_v), block in zip(found.blocks, read["maps"], strict=True):
        assert block.ret_a.shape[2] == 2, "two time steps"
        torch.testing.assert_close(ret_a, sum(block.ret_a[0, :, 1, :, :, i] for i in range(2)) / 2)
        torch.testing.assert_close(ret_v, sum(block.ret_v[0, :, i, 1] for i in range(2)) / 2)


def test_the_figure_shows_the_frame_and_a_map_a_head(film, checkpoints, tmp_path, capsys):
    options = [film, "--frame", N, "--weights", checkpoints["av"], "--device", "cpu"]
    out = tmp_path / "new" / "heard.png"
    assert retention(*options, "-o", out) == 0
    told = capsys.readouterr().out
    assert f"avrsp_av, weights {checkpoints['av']}, on cpu; it hears {film}" in told
    assert told.endswith(f"{out}\n")
    heard = pixels(out)
    assert 5 * TILE < heard.shape[1] < 5 * TILE + 100, "the frame, and four heads"
    assert heard.shape[0] > 4 * TILE * 0.5, "two blocks of two rows"
    tiles = [part for row in np.array_split(heard, 4) for part in np.array_split(row, 5, axis=1)]
    drawn = [i for i, part in enumerate(tiles) if np.median(part) < 255]
    assert drawn == [i for i in range(20) if i not in (10, 15)], "the first column has a frame and a map only"
    yellow = (heard[..., 0] > heard[..., 2] + 90).mean()
    assert 0.05 < yellow < 0.9, "some of the picture lies under high scores"

    retention(*options, "--muted", "-o", tmp_path / "muted.png")
    assert "it hears silence" in capsys.readouterr().out
    retention(*options, "--audio", write_wav(tmp_path / "other.wav"), "-o", tmp_path / "other.png")
    assert "it hears " + str(tmp_path / "other.wav") in capsys.readouterr().out
    assert not np.array_equal(pixels(tmp_path / "muted.png"), heard)
    retention(*options, "-o", tmp_path / "again.png")
    assert np.array_equal(pixels(tmp_path / "again.png"), heard)


def test_the_training_of_avrsp_with_sound_that_finished_last_is_taken(film, tmp_path, capsys):
    runs = tmp_path / "runs"
    with pytest.raises(FileNotFoundError, match="no finished training of avrsp_av"):
        retention(film, "--frame", 1, "--runs", runs, "-o", tmp_path / "x.png")
    for name, modality in (("a", "av"), ("b", "v")):
        write_checkpoint(runs / "stages" / name / "best.ckpt", modality)
        (runs / "stages" / name / "done.json").write_text("{}")
    retention(film, "--frame", 1, "--runs", runs, "-o", tmp_path / "x.png")
    assert f"weights {runs / 'stages' / 'a' / 'best.ckpt'}" in capsys.readouterr().out


def test_what_cannot_be_drawn_is_refused(film, checkpoints, tmp_path):
    out, heard = tmp_path / "x.png", ["--weights", checkpoints["av"]]
    silent = write_film(tmp_path / "silent.mp4", samples=False)
    refused = {
        (film, "--frame", 1, *heard, "-o", tmp_path / "x.jpg"): "expected a name that ends in .png",
        (film, "--frame", N + 1, *heard, "-o", out): "no frame 21; it has frames 1 to 20",
        (
            film,
            "--frame",
            1,
            "--weights",
            checkpoints["v"],
            "-o",
            out,
        ): "v.ckpt: avrsp_v has no retention maps; give --",
        (film, "--frame", 1, "--model", "centre", "-o", out): "centre has no modality 'av'",
        (silent, "--frame", 1, *heard, "-o", out): "silent.mp4: no sound track in this video, and avrsp_av hears",
    }
    for words, message in refused.items():
        with pytest.raises(ValueError, match=message):
            retention(*words)
    assert not out.exists()
    retention(silent, "--frame", 1, *heard, "--muted", "-o", out)
    assert out.exists()


def test_another_network_has_no_retention_maps(film, tmp_path):
    weights = tmp_path / "stavis.ckpt"
    module = SaliencyModule("stavis", {"modality": "av", **model_entry("stavis").tiny}, {}, {}, {})
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, weights)
    with pytest.raises(ValueError, match=r"stavis\.ckpt: stavis_av has no retention maps; give --weights of avrsp"):
        retention(film, "--frame", 1, "--weights", weights, "-o", tmp_path / "x.png")


def test_equal_scores_are_drawn_as_no_map():
    assert not _scaled(torch.full((2, 3), 0.4)).any()
    assert _scaled(torch.tensor([[-3.0, -1.0]])).tolist() == [[0, 1]]
