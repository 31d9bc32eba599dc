"""`avsal predict` writes films of maps, of a video or of a part of a set, and `avsal submit-challenge` packs them."""

import json
import shutil
import zipfile

import av
import numpy as np
import pytest
from map_film_files import moving, write_map_film
from PIL import Image
from predicted import predict, write_checkpoint, write_film

from avsal_bench.cli import main
from avsal_bench.data.files.timeline import timeline
from avsal_bench.data.files.video_files import count_frames, frame_rate
from avsal_bench.evaluation.map_films import to_range_one
from avsal_bench.evaluation.maps import read_map
from avsal_bench.training.module import SaliencyModule

N, SIZE = 6, (36, 64)
NAMES = ("first_1", "second", "upright")
CENTRE = ("--model", "centre", "--native")


def size_of(name):
    return SIZE[::-1] if name == "upright" else SIZE


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The private part of NTIRE 2026, whose ground truth participants do not have."""
    root = tmp_path_factory.mktemp("data")
    for seed, name in enumerate(NAMES):
        write_map_film(root / "ntire26" / "Videos" / f"{name}.mp4", moving(N, size_of(name), seed), rate=30)
    split = {"train": ["t.mp4"], "public_test": ["p.mp4"], "private_test": [f"{name}.mp4" for name in NAMES]}
    (root / "ntire26" / "TrainTestSplit.json").write_text(json.dumps(split))
    return root


@pytest.fixture
def maps(tmp_path):
    """A film of maps a video, and what is not asked for."""
    for seed, name in enumerate(NAMES):
        write_map_film(tmp_path / "maps" / f"{name}.mp4", moving(N, size_of(name), seed), rate=30)
    return tmp_path / "maps"


@pytest.fixture
def submit(root, maps, tmp_path):
    def typed(*words, folder=maps):
        places = ["--pred", str(folder), "--data-root", str(root), "--dataset", "ntire26_private", "--workers", "0"]
        return main(["submit-challenge", *places, *(words or ("-o", str(tmp_path / "out.zip")))])

    typed.zip = tmp_path / "out.zip"
    return typed


def test_a_part_without_ground_truth_is_predicted_film_by_film(root, tmp_path, monkeypatch, capsys):
    words = ["--dataset", "ntire26_private", "--data-root", root, *CENTRE, "-o", tmp_path / "maps"]
    predicted, forward = [], SaliencyModule.forward

    def dies(self, batch, memory):
        predicted.append(batch["video"][0])
        if len(set(predicted)) == 2:
            raise KeyboardInterrupt
        return forward(self, batch, memory)

    monkeypatch.setattr(SaliencyModule, "forward", dies)
    with pytest.raises(KeyboardInterrupt):
        predict(*words)
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["first_1.mp4", "predict.json"]

    def watches(self, batch, memory):
        predicted.append(batch["video"][0])
        return forward(self, batch, memory)

    monkeypatch.setattr(SaliencyModule, "forward", watches)
    predicted.clear()
    predict(*words)
    assert set(predicted) == {"second", "upright"}
    assert "1 of 3 films were there" in capsys.readouterr().out
    assert {path.stem for path in (tmp_path / "maps").glob("*.mp4")} == set(NAMES)
    assert {count_frames(path) for path in (tmp_path / "maps").glob("*.mp4")} == {N}
    assert {frame_rate(path) for path in (tmp_path / "maps").glob("*.mp4")} == {30}
    with pytest.raises(ValueError, match=r'maps made otherwise \(form was "mp4, 10 bits", is "mp4, 8 bits"\)'):
        predict(*words, "--bits", "8")
    predict(*words, "--form", "mkv", "--force")
    assert {path.suffix for path in (tmp_path / "maps").iterdir()} == {".mkv", ".json"}


@pytest.mark.slow
def test_the_film_of_one_video_has_its_name_and_maps(tmp_path):
    film, out = write_film(tmp_path / "film.mp4", 9), tmp_path / "maps"
    weights = tmp_path / "w.ckpt"
    write_checkpoint(weights, "v")
    predict(film, "--weights", weights, "-o", out, "--form", "mkv")
    predict(film, "--weights", weights, "-o", tmp_path / "npy", "--form", "npy")
    for n in (1, 9):
        expected = to_range_one(read_map(tmp_path / "npy" / f"{n:05d}.npy"))
        assert (read_map(out / "film.mkv", n) - expected).abs().max() < 2e-5
    film.write_bytes(film.read_bytes() + b"\0\0\0\x08free")
    with pytest.raises(ValueError, match=r"maps: film\.mkv was made otherwise \(video was"):
        predict(film, "--weights", weights, "-o", out, "--form", "mkv")
    (out / "predict.json").unlink()
    with pytest.raises(ValueError, match=r"holds films such as film\.mkv and no predict\.json"):
        predict(film, "--weights", weights, "-o", out, "--form", "mkv")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "name a VIDEO, or a data set with --dataset"),
        (("a.mp4", "--dataset", "ntire26"), "one of the two"),
        (("a.mp4", "--fold", "2"), "--fold 2: picks of a data set"),
        (("a.mp4", "--part", "val"), "--part val: picks of a data set"),
        (("--stream", "http://a.b/c", "--fold", "2"), "--fold 2: picks of a data set"),
        (("--dataset", "ntire26", "--audio", "a.wav"), "--audio is the sound of one VIDEO"),
        (("--dataset", "ntire26_private", "--part", "val"), "ntire26_private has no videos of part val"),
        (("--dataset", "ntire26_private", "-o", "maps.mp4"), "expected a folder"),
    ],
)
def test_what_nobody_can_mean(root, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        predict("-o", "out", "--data-root", root, *CENTRE, *words)


# Packing.


def test_films_are_packed_as_they_are_in_the_order_of_the_split(submit, maps, capsys):
    write_map_film(maps / "other.mp4", moving(2))
    assert submit() == 0
    first = submit.zip.read_bytes()
    with zipfile.ZipFile(submit.zip) as archive:
        assert archive.namelist() == [f"{name}.mp4" for name in NAMES]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.read("second.mp4") == (maps / "second.mp4").read_bytes()
    assert "note: not packed: other.mp4" in capsys.readouterr().out
    submit.zip.unlink()
    assert submit() == 0
    assert submit.zip.read_bytes() == first
    assert submit("--check") == 0
    assert submit("-o", str(submit.zip), "--folder", "inner") == 0
    with zipfile.ZipFile(submit.zip) as archive:
        assert archive.namelist()[0] == "inner/first_1.mp4"


def test_what_servers_do_not_read_is_made_anew(submit, maps, capsys):
    for path in maps.iterdir():
        path.unlink()
    write_map_film(maps / "first_1.mkv", moving(N), "deep.mkv", rate=30)
    for n, saliency in enumerate(moving(N), 1):
        (maps / "second").mkdir(exist_ok=True)
        Image.fromarray((saliency * 200).astype(np.uint8)).save(maps / "second" / f"{n:03d}.png")
        (maps / "upright").mkdir(exist_ok=True)
        np.save(maps / "upright" / f"{n:03d}.npy", saliency.T * 7)
    assert submit() == 0
    said = capsys.readouterr().out
    assert "made anew: first_1.mkv: mkv in the place of mp4" in said
    assert "made anew: upright: a file a frame" in said
    with zipfile.ZipFile(submit.zip) as archive:
        archive.extractall(maps / "read")
    for name in NAMES:
        film = maps / "read" / f"{name}.mp4"
        assert (count_frames(film), frame_rate(film)) == (N, 30)
        for n, saliency in enumerate(moving(N), 1):
            expected = saliency.T if name == "upright" else saliency
            assert np.abs(read_map(film, n).numpy() - expected).max() < 0.03


def test_films_whose_pictures_come_unevenly_are_made_anew(submit, maps, capsys):
    whole = maps.parent / "whole.mp4"
    (maps / "second.mp4").rename(whole)
    with av.open(str(whole)) as source, av.open(str(maps / "second.mp4"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        step = round(1 / 30 / source.streams.video[0].time_base)
        for n, packet in enumerate(p for p in source.demux(video=0) if p.dts is not None):
            packet.dts = packet.pts = n * 2 * step + n % 2 * step  # fits an even rate on average
            packet.stream = stream
            target.mux(packet)
    assert submit() == 0
    assert "made anew: second.mp4: its pictures do not come evenly" in capsys.readouterr().out
    with zipfile.ZipFile(submit.zip) as archive:
        archive.extractall(maps / "read")
    assert np.allclose(np.diff(timeline(maps / "read" / "second.mp4").times), 1 / 30)


def test_all_that_is_wrong_is_told_and_nothing_is_packed(submit, maps, capsys):
    write_map_film(maps / "first_1.mp4", moving(N + 2), rate=30)
    write_map_film(maps / "second.mp4", [np.zeros(SIZE)] * N, rate=30)
    (maps / "upright.mp4").unlink()
    assert submit() == 2
    said = capsys.readouterr()
    for line in (
        "too long: first_1.mp4: 8 pictures for 6 frames of the video",
        "constant: second.mp4: every map is the same everywhere",
        "no map: upright: all 6 frames",
    ):
        assert line in said.out
    assert "3 problems, see above" in said.err
    assert not submit.zip.exists()
    write_map_film(maps / "first_1.mp4", moving(N - 1, (18, 32)), rate=30)
    write_map_film(maps / "second.mp4", moving(N), rate=30, colour=np.array([0.1, 0.9]))
    write_map_film(maps / "upright.mp4", moving(N), rate=30)
    assert submit("--check") == 2
    said = capsys.readouterr().out
    assert "no map: first_1: frame 6; first_1.mp4 has 5 pictures" in said
    assert "unreadable: second.mp4: frame 1 is a picture in colours" in said
    assert "shape: upright: 36x64 in frames 1-6, ground truth 64x36; they look transposed" in said


def test_words_of_submit_challenge(submit, maps, tmp_path, capsys):
    assert submit("-o", str(tmp_path / "a.tar")) == 2
    assert "expected a name that ends in .zip" in capsys.readouterr().err
    assert submit("-o", str(submit.zip), "--check") == 2
    assert "one of the two" in capsys.readouterr().err
    shutil.rmtree(maps)
    assert submit("--check") == 2
    assert "no folder of maps" in capsys.readouterr().err
    maps.mkdir()
    assert submit("--check") == 2
    assert "no map of the 3 test videos, such as first_1" in capsys.readouterr().err
