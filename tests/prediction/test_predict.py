"""Maps for a video file of any origin, as a user asks for them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
from encoded import SIZE, picture
from predicted import (
    FPS,
    N,
    decoded,
    maps_by_hand,
    predict,
    read_maps,
    write_checkpoint,
    write_checkpoints,
    write_film,
    write_wav,
)
from torch.nn import functional as F

from avsal_bench.bench.workspace import workspace
from avsal_bench.cli.app import main
from avsal_bench.data.files.tracks import has_track
from avsal_bench.data.files.video_files import frame_rate
from avsal_bench.data.pictures import show
from avsal_bench.files import sha256
from avsal_bench.models import model_entry
from avsal_bench.prediction import Running, open_film, predict_maps
from avsal_bench.prediction.predictor import find_predictor
from avsal_bench.training.module import SaliencyModule


@pytest.fixture
def film(tmp_path):
    return write_film(tmp_path / "film.mp4")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return write_checkpoints(tmp_path_factory.mktemp("trained"))


@pytest.mark.parametrize("modality", ["v", "av"])
def test_maps_equal_windows_written_out_by_hand(film, tmp_path, checkpoints, modality):
    module, weights = checkpoints[modality]
    wav = write_wav(tmp_path / "film.wav")
    options = ["--weights", weights, "--audio", wav, "--native", "--form", "npy"]
    assert predict(film, *options, "-o", tmp_path / "maps") == 0
    maps = read_maps(tmp_path / "maps")
    expected = maps_by_hand(module, film, N, wav if modality == "av" else None)
    assert maps.dtype == torch.float32
    torch.testing.assert_close(maps, expected, atol=1e-5, rtol=0)
    assert (expected[1:] - expected[:-1]).abs().amax((1, 2)).min() > 1e-4, "a wrong frame would be seen"
    assert sorted(p.name for p in (tmp_path / "maps").iterdir() if p.suffix != ".npy") == ["predict.json"]


def test_a_video_shorter_than_a_clip(tmp_path, checkpoints):
    module, weights = checkpoints["av"]
    film, wav = write_film(tmp_path / "short.mp4", 5), write_wav(tmp_path / "short.wav", 5)
    predict(film, "--weights", weights, "--audio", wav, "--native", "--form", "npy", "-o", tmp_path / "maps")
    expected = maps_by_hand(module, film, 5, wav)
    torch.testing.assert_close(read_maps(tmp_path / "maps"), expected, atol=1e-5, rtol=0)


def test_neither_batch_size_nor_workers_change_a_map(film, tmp_path, checkpoints):
    base = ["--weights", checkpoints["av"][1], "--native", "--form", "npy"]
    kept = []
    for i, words in enumerate((["--batch-size", 1], ["--batch-size", 7], ["--batch-size", 7, "--workers", 2])):
        predict(film, *base, *words, "-o", tmp_path / f"maps{i}")
        kept.append(read_maps(tmp_path / f"maps{i}"))
    torch.testing.assert_close(kept[1], kept[0], atol=1e-5, rtol=0)
    assert torch.equal(kept[2], kept[1])


def test_maps_have_the_size_of_the_video_and_are_8_bit_pictures(film, tmp_path, checkpoints):
    weights = checkpoints["v"][1]
    predict(film, "--weights", weights, "-o", tmp_path / "pictures")
    predict(film, "--weights", weights, "--native", "--form", "npy", "-o", tmp_path / "native")
    predict(film, "--weights", weights, "--form", "npy", "-o", tmp_path / "large")
    pictures, native, large = (
        read_maps(tmp_path / name, form) for name, form in (("pictures", "png"), ("native", "npy"), ("large", "npy"))
    )
    assert native.shape == (N, 64, 64)
    assert pictures.shape == large.shape == (N, *SIZE)
    assert pictures.dtype == torch.uint8
    expected = F.interpolate(native[:, None], SIZE, mode="bilinear")[:, 0]  # enlarged: antialias changes nothing
    torch.testing.assert_close(large, expected, atol=1e-6, rtol=0)
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    scaled = 255 * (large - low) / (high - low)
    assert (scaled - pictures).abs().max() < 1.001
    assert (pictures.amax((1, 2)) >= 254).all(), "up to rounding"


def test_the_files_own_track_is_heard(film, tmp_path, checkpoints):
    weights = checkpoints["av"][1]
    options = ["--weights", weights, "--native", "--form", "npy"]
    predict(film, *options, "-o", tmp_path / "own")
    predict(film, *options, "--audio", write_wav(tmp_path / "film.wav"), "-o", tmp_path / "wav")
    predict(film, *options, "--muted", "-o", tmp_path / "muted")
    own, wav, muted = (read_maps(tmp_path / name) for name in ("own", "wav", "muted"))
    assert (own - wav).abs().mean() < 0.3 * (own - muted).abs().mean()


def test_without_a_track(tmp_path, checkpoints):
    film = write_film(tmp_path / "dumb.mp4", samples=False)
    assert not has_track(film)
    _, weights = checkpoints["av"]
    with pytest.raises(ValueError, match=r"dumb.mp4: no sound track in this video, and avrsp_av hears; .*--muted"):
        predict(film, "--weights", weights, "-o", tmp_path / "maps")
    assert not (tmp_path / "maps").exists()
    predict(film, "--weights", weights, "--muted", "--native", "--form", "npy", "-o", tmp_path / "maps")
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(22050), 22050)
    predict(film, "--weights", weights, "--audio", silent, "--native", "--form", "npy", "-o", tmp_path / "zeros")
    assert torch.equal(read_maps(tmp_path / "maps"), read_maps(tmp_path / "zeros"))
    predict(film, "--weights", checkpoints["v"][1], "-o", tmp_path / "seen.mp4")
    assert decoded(tmp_path / "seen.mp4")[2] is None


def test_sound_that_ends_too_early(tmp_path, checkpoints):
    film = write_film(tmp_path / "film.mp4", seconds=0.4)
    with pytest.raises(ValueError, match=r"film.mp4: 0.4\d s of sound for 0.80 s of video .*; give .* with --audio"):
        predict(film, "--weights", checkpoints["av"][1], "-o", tmp_path / "maps")
    with pytest.raises(FileNotFoundError, match=r"missing sound .*none.wav"):
        predict(film, "--audio", tmp_path / "none.wav", "--weights", checkpoints["av"][1], "-o", tmp_path / "maps")
    predict(film, "--weights", checkpoints["v"][1], "-o", tmp_path / "maps")
    assert len(read_maps(tmp_path / "maps", "png")) == N


def test_an_mp4_has_all_frames_the_maps_and_the_sound(film, tmp_path, checkpoints):
    predict(film, "--weights", checkpoints["av"][1], "-o", tmp_path / "deep" / "look.mp4")
    frames, rate, heard = decoded(tmp_path / "deep" / "look.mp4")
    factor = 5
    assert frames.shape == (N, factor * SIZE[0] + show.LINE + show.STRIP, factor * SIZE[1], 3)
    assert rate == FPS
    assert len(heard) / 44100 == pytest.approx(N / FPS, abs=0.05)
    assert np.abs(heard).max() > 0.3
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["look.mp4"]
    predict(film, "--weights", checkpoints["av"][1], "-o", tmp_path / "maps")
    for n, density in enumerate(read_maps(tmp_path / "maps", "png").numpy(), start=1):
        shown = frames[n - 1, : factor * SIZE[0]].reshape(SIZE[0], factor, SIZE[1], factor, 3).mean((1, 3))
        plain = picture(1, n).astype(int)
        dark = (plain[..., 0] < 100) & (density > 200)
        clear = (plain[..., 0] < 100) & (density < 3)
        if dark.sum() > 30:
            assert (shown[dark] - plain[dark])[:, 0].mean() > 80, "red where the map is high"
        if clear.sum() > 30:
            assert np.abs(shown[clear] - plain[clear]).mean() < 25, "the frame itself where it is low"


def test_a_stopped_run_goes_on(film, tmp_path, checkpoints, monkeypatch, capsys):
    module, weights = checkpoints["v"]
    options = ["--weights", weights, "--native", "--form", "npy", "-o", tmp_path / "maps", "--batch-size", "4"]
    forward, seen = SaliencyModule.forward, []

    def dies(self, batch, memory):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(batch["frame"])
        return forward(self, batch, memory)

    monkeypatch.setattr(SaliencyModule, "forward", dies)
    with pytest.raises(KeyboardInterrupt):
        predict(film, *options)
    assert len(read_maps(tmp_path / "maps")) == 8, "two batches of 4"

    def watches(self, batch, memory):
        seen.extend(batch["frame"])
        return forward(self, batch, memory)

    monkeypatch.setattr(SaliencyModule, "forward", watches)
    (tmp_path / "maps" / "00003.npy").unlink()
    (tmp_path / "maps" / "00005.npy").write_bytes(b"")
    seen.clear()
    predict(film, *options)
    assert seen == [3, 5, *range(9, N + 1)]
    assert "6 of 20 maps were there" in capsys.readouterr().out
    torch.testing.assert_close(read_maps(tmp_path / "maps"), maps_by_hand(module, film, N), atol=1e-5, rtol=0)
    seen.clear()
    predict(film, *options)
    assert seen == []


def test_maps_of_something_else_are_refused(film, tmp_path, checkpoints):
    weights, maps = checkpoints["v"][1], tmp_path / "maps"
    predict(film, "--weights", weights, "-o", maps)
    other = tmp_path / "other.ckpt"
    write_checkpoint(other, "v", seed=1)
    for words, told in {
        ("--weights", other): "weights was",
        ("--weights", weights, "--native"): r'size was \[64, 96\], is "native"',
        ("--weights", weights, "--form", "npy"): 'form was "png", is "npy"',
        ("--weights", checkpoints["av"][1]): 'network was "avrsp_v", is "avrsp_av"',
    }.items():
        with pytest.raises(ValueError, match=rf"maps: holds maps made otherwise \(.*{told}.*--force"):
            predict(film, *words, "-o", maps)
    os.utime(film, (1, 1))
    predict(film, "--weights", weights, "-o", maps)  # only touched
    with film.open("ab") as file:
        file.write(b"\0\0\0\x08free")  # an empty box: another file
    with pytest.raises(ValueError, match=r"maps made otherwise \(video was"):
        predict(film, "--weights", weights, "-o", maps)
    before = read_maps(maps, "png")
    predict(film, "--weights", other, "-o", maps, "--force")
    assert not torch.equal(read_maps(maps, "png"), before)
    assert json.loads((maps / "predict.json").read_text())["video"] == sha256(film)
    plain = json.loads((maps / "predict.json").read_text())
    (maps / "predict.json").write_text(json.dumps(plain | {"code": "old"}))
    with pytest.raises(ValueError, match=r'code was "old".*--force; or go on with them, with --reuse-other-code'):
        predict(film, "--weights", other, "-o", maps)
    predict(film, "--weights", other, "-o", maps, "--reuse-other-code")
    (maps / "predict.json").write_text("{")
    with pytest.raises(ValueError, match=r"predict.json: damaged"):
        predict(film, "--weights", other, "-o", maps)
    (maps / "predict.json").unlink()
    with pytest.raises(ValueError, match=r"holds maps such as 00001.png and no predict.json"):
        predict(film, "--weights", other, "-o", maps)


def test_force_leaves_files_that_are_no_maps(film, tmp_path, checkpoints):
    maps = tmp_path / "maps"
    maps.mkdir()
    (maps / "notes.txt").write_text("mine")
    (maps / "00099.npy").write_text("of another video")
    predict(film, "--weights", checkpoints["v"][1], "-o", maps, "--force")
    assert (maps / "notes.txt").read_text() == "mine"
    assert not (maps / "00099.npy").exists()


@pytest.mark.parametrize("suffix", ["avi", "mkv", "mov"])
def test_other_video_files(tmp_path, suffix):
    film = write_film(tmp_path / f"film.{suffix}")
    assert frame_rate(film) == pytest.approx(25)
    predict(film, "--model", "centre", "-o", tmp_path / "look.mp4")
    frames, rate, heard = decoded(tmp_path / "look.mp4")
    assert (len(frames), rate) == (N, FPS)
    assert np.abs(heard).max() > 0.3


def test_bad_names(film, tmp_path):
    out = tmp_path / "maps"
    with pytest.raises(FileNotFoundError, match=r"missing video none.mp4"):
        predict("none.mp4", "--model", "centre", "-o", out)
    with pytest.raises(ValueError, match=r"is a folder, and a video file is expected; make a film of its frames"):
        predict(tmp_path, "--model", "centre", "-o", out)
    (tmp_path / "film.mpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"film.mpg: no video file by its name \(.mp4, .*ffmpeg -i film.mpg film.mp4"):
        predict(tmp_path / "film.mpg", "--model", "centre", "-o", out)
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"unreadable video .*bad.mp4"):
        predict(tmp_path / "bad.mp4", "--model", "centre", "-o", out)
    with pytest.raises(ValueError, match=r"maps.zip: expected a name that ends in .mp4, or a folder"):
        predict(film, "--model", "centre", "-o", tmp_path / "maps.zip")
    with pytest.raises(ValueError, match=r"--form and --native are for a folder"):
        predict(film, "--model", "centre", "--native", "-o", tmp_path / "look.mp4")
    content = film.read_bytes()
    with pytest.raises(ValueError, match=r"film.mp4: is what is read"):
        predict(film, "--model", "centre", "-o", film)
    assert film.read_bytes() == content
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        predict(film, "--model", "centre", "-o", tmp_path / "file")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.mp4", "file", "film.mp4", "film.mpg"]


def test_an_option_that_no_weight_knows_may_be_another_than_in_training(tmp_path):
    """Fig. 6 of caspnet2023: the maps of one training after other numbers of iterations."""
    path = tmp_path / "best.ckpt"
    options = {**model_entry("caspnet").tiny, "modality": "av", "size": [32, 32], "width": 8}
    module = SaliencyModule("caspnet", options, {"kl": 1.0}, {"name": "adam", "lr": 1e-3}, {})
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, path)
    found = find_predictor(workspace(), str(path), settings=["network.cpc_iters=1", "network.cpc_state=kept"])
    assert (found.module.net.cpc.iterations, found.module.net.cpc.state) == (1, "kept")
    assert found.options["cpc_iters"] == 1
    assert all(torch.equal(value, found.module.net.state_dict()[key]) for key, value in module.net.state_dict().items())
    with pytest.raises(ValueError, match="cpc_iters is 0 to 5; got 9; correct --set"):
        find_predictor(workspace(), str(path), settings=["network.cpc_iters=9"])
    same = find_predictor(workspace(), str(path), settings=["network.decoder=sal", "network.avim_stages=[1, 2, 3, 4]"])
    assert same.options == options
    with pytest.raises(ValueError, match="trained with decoder='sal', not decoder='fcn'"):
        find_predictor(workspace(), str(path), settings=["network.decoder=fcn"])
    with pytest.raises(ValueError, match="trained without the option decoders, not decoders='fcn'"):
        find_predictor(workspace(), str(path), settings=["network.decoders=fcn"])
    told = r"best.ckpt: trained with width=8, not width=16; .* of a trained caspnet cpc_iters, .* may be changed"
    with pytest.raises(ValueError, match=told):
        find_predictor(workspace(), str(path), settings=["network.width=16"])


def test_maps_that_are_not_finite(film, tmp_path, checkpoints):
    predictor = find_predictor(workspace(), str(checkpoints["v"][1]))
    for parameter in predictor.module.net.parameters():
        torch.nn.init.constant_(parameter, float("nan"))
    with pytest.raises(ValueError, match=r"film.mp4, frame 1: the predicted map holds NaN"):
        next(predict_maps(predictor, open_film(film), [1, 2], Running()))


@pytest.mark.parametrize("command", ["predict", "retention"])
def test_another_sound_and_silence_contradict(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "film.mp4", "-o", "out.png", "--audio", "other.wav", "--muted"])
    assert "argument --muted: not allowed with argument --audio" in capsys.readouterr().err


def test_help_answers_at_once():
    code = "import argparse, sys; from avsal_bench.cli.predict import add_parser\n"
    code += "parser = argparse.ArgumentParser(); add_parser(parser.add_subparsers())\n"
    code += "try: parser.parse_args(['predict', '--help'])\nexcept SystemExit: pass\n"
    code += "assert not {'torch', 'lightning', 'numpy'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "avsal predict film.mp4 -o look.mp4" in done.stdout
