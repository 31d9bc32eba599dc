"""The figure of AVRSP's retention maps, as a user asks for it."""

import argparse
import itertools

import numpy as np
import pytest
import torch
from PIL import Image
from predicted import N, T, write_checkpoint, write_checkpoints, write_film, write_wav
from tiny_networks import tiny_avrsp as tiny

from avsal_bench.bench.workspace import workspace
from avsal_bench.cli.retention import add_parser
from avsal_bench.data.clips import collate, partners, read_item
from avsal_bench.data.dataset import dataset
from avsal_bench.models import model_entry
from avsal_bench.prediction import Running, open_film, predict_maps
from avsal_bench.prediction.predictor import find_predictor
from avsal_bench.studies.retention import TILE, Retained, _scaled, read_retention
from avsal_bench.studies.retention_pairs import (
    CELL,
    ROW,
    draw_pair,
    measure_retention,
    retention_table,
    write_retention,
)
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


@pytest.mark.slow
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


def test_two_sounds_stand_side_by_side_from_0_to_1(film, checkpoints, tmp_path, capsys):
    options = [film, "--frame", N, "--weights", checkpoints["av"], "--device", "cpu"]
    out, wav = tmp_path / "both.png", write_wav(tmp_path / "other.wav")
    retention(*options, "--other", wav, "-o", out)
    assert capsys.readouterr().out.endswith(f"{out}\n")
    both = pixels(out)
    assert 8 * CELL < both.shape[1] < 8 * CELL + 100, "four heads with each sound"
    assert both.shape[0] > 8 * ROW, "two blocks, two maps, two readings"
    assert (both.max(-1) == both.min(-1)).all(), "grey, and no map is stretched to its own range"
    found = read_retention(find_predictor(workspace(), str(checkpoints["av"])), open_film(film), N, torch.device("cpu"))
    squeezed = found.retained.squeezed[0][0]
    assert 0 < squeezed.min() <= squeezed.max() < 1
    drawn = tmp_path / "same.png"
    flat = Retained([(torch.full((1, 2, 3), 0.5),) * 2], [(torch.ones(1, 2, 3),) * 2], trained_squeezed=False)
    draw_pair(flat, flat, ("one", "two"), drawn)
    shades = pixels(drawn)[..., 0]
    assert (np.isin(shades, (127, 128)).mean(), (shades == 0).mean() < 0.1) > (0.1, True), "0.5 is grey, wherever it is"


def test_what_a_set_keeps_is_compared_by_video(checkpoints, synth_root, tmp_path):
    predictor = find_predictor(workspace(), str(checkpoints["av"]))
    videos = [v for v in dataset("synth").videos(synth_root, "test", 1) if not v.silent][:3]
    kept, frames = measure_retention(predictor, videos, 1000, torch.device("cpu"))
    assert frames == len(videos) >= 2
    places = {(k.block, k.name, k.reading, k.head) for k in kept}
    assert places == set(itertools.product((1, 2), ("Ret_A", "Ret_V"), ("as it is", "sigmoid"), range(5)))
    line = next(k for k in kept if (k.block, k.name, k.reading, k.head, k.group) == (2, "Ret_V", "sigmoid", 3, "all"))
    net, means = predictor.module.net, []
    for sound in ("original", "swapped"):
        of_videos = []
        for video in videos:
            batch = collate([read_item(video, 1, net.spec, sound, partner=partners(videos)[video.key])])
            with torch.inference_mode():
                maps = net.retention_maps(predictor.module.normalised(batch), batch["audio"])[1].ret_v
            of_videos.append(maps.sigmoid()[0, 2, :, -1].mean().item())
        means.append(np.array(of_videos))
    assert line.own == pytest.approx(means[0].mean(), rel=1e-4)
    assert line.other == pytest.approx(means[1].mean(), rel=1e-4)
    assert line.gain.mean == pytest.approx((means[0] - means[1]).mean(), abs=1e-5)
    assert line.more == pytest.approx((means[0] > means[1]).mean())
    assert sum(k.gain.n for k in kept if k.group != "all" and (k.block, k.name, k.head) == (1, "Ret_A", 0)) == 2 * len(
        videos
    )
    assert len(retention_table(kept).splitlines()) == 1 + sum(not k.head for k in kept)
    write_retention(kept, tmp_path / "new" / "kept.csv")
    assert len((tmp_path / "new" / "kept.csv").read_text().splitlines()) == 1 + len(kept)
    with pytest.raises(ValueError, match=r"a single video|two or more"):
        measure_retention(predictor, videos[:1], 1000, torch.device("cpu"))


def test_words_that_contradict_each_other(film, tmp_path):
    for words, message in {
        ("-o", tmp_path / "x.png"): "name a video file, or a data set with --dataset",
        (film, "--dataset", "synth", "-o", tmp_path / "x.csv"): "one of the two",
        (film, "-o", tmp_path / "x.png"): "say which frame, such as --frame 30",
        ("--dataset", "synth", "--frame", 3, "-o", tmp_path / "x.csv"): "leave out --frame, --other",
        (film, "--frame", 1, "--stride", 5, "-o", tmp_path / "x.png"): "--stride 5: picks of a data set",
        ("--dataset", "synth", "-o", tmp_path / "x.png"): "expected a name that ends in .csv",
    }.items():
        with pytest.raises(ValueError, match=message):
            retention(*words)


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
