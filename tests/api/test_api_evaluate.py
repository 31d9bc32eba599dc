"""Scores of functions, networks, folders and arrays: the numbers of the commands, and errors that name the frame."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import write_list, write_set
from PIL import Image
from torch import nn

import avsal_bench
from avsal_bench import ClipSpec
from avsal_bench.bench.evaluate import Submission
from avsal_bench.bench.evaluate import evaluate as of_command
from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import dataset
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.workers import Workers

N = 12


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("etmd")
    write_set(folder, "ETMD_av", ("_1", "_2", "_3"), n_frames=N)
    write_list(folder, "ETMD_av", "test", "_2", "".join(f"video{i} {N} 25.0\n" for i in (1, 2)))
    write_list(folder, "ETMD_av", "train", "_2", f"video0 {N} 25.0\n")
    return folder


def brightness(frame):
    assert (frame.shape, frame.dtype) == ((48, 64, 3), np.uint8)
    return frame.astype(np.float32).mean(2)


def test_a_function_a_network_arrays_and_a_folder_of_the_same_maps_have_the_scores_of_the_command(root, tmp_path):
    class Bright(nn.Module):
        spec = ClipSpec(frames=1, size=(48, 64), mean=(0, 0, 0), std=(1 / 255,) * 3)

        def forward(self, frames):
            return frames.mean(1)[:, 0]

    record = avsal_bench.evaluate(brightness, "ETMD_av", "raw", fold=2, data_root=root)
    assert (record.model, record.modality, record.dataset, record.fold) == ("brightness", "", "etmd", 2)
    arrays = {}
    for video in dataset("etmd").videos(root, "test", 2):
        frames = [np.asarray(Image.open(video.frames.path(n))) for n in range(1, N + 1)]
        arrays[video.name] = np.stack([brightness(frame) for frame in frames])
        (tmp_path / "maps" / video.name).mkdir(parents=True)
        for number, saliency in enumerate(arrays[video.name], 1):
            np.save(tmp_path / "maps" / video.name / f"{number:05d}.npy", saliency)
    assert avsal_bench.evaluate(arrays, "etmd", "raw", fold=2, data_root=root).scores == record.scores
    folder = avsal_bench.evaluate(str(tmp_path / "maps"), "etmd", "raw", fold=2, data_root=str(root))
    assert folder.videos == record.videos
    of_net = avsal_bench.evaluate(Bright(), "etmd", "raw", fold=2, data_root=root)
    assert (of_net.model, of_net.modality, of_net.weights["parameters"]) == ("Bright", "v", 0)
    assert of_net.scores == pytest.approx(record.scores, abs=1e-4)

    space = Workspace(tmp_path, root, tmp_path / "synth", tmp_path / "runs", tmp_path / "leaderboard")
    with Workers(0) as workers:
        path = of_command(Submission(tmp_path / "maps", "mine", "etmd", 2), protocol("raw"), space, workers)
    assert avsal_bench.read_record(path).videos == folder.videos
    avsal_bench.write_record(tmp_path / "record.json", replace(record, model="mine"))
    assert avsal_bench.read_record(str(tmp_path / "record.json")).scores == record.scores


def test_a_baseline_has_the_scores_of_its_job_and_mep_sees_the_training_maps(root, tmp_path):
    space = Workspace(tmp_path, root, tmp_path / "synth", tmp_path / "runs", tmp_path / "leaderboard")
    (path,) = run_job(Job("mep", "", 1, 0, "paper", "stavis", datasets=("etmd",)), space, Machine(devices=1))
    mep = avsal_bench.evaluate("mep", "etmd", data_root=root, batch_size=3)
    assert mep.videos == avsal_bench.read_record(path).videos
    fresh = avsal_bench.create_model("mep")
    again = avsal_bench.evaluate(fresh, "etmd", data_root=root, name="my-mep")
    assert again.scores == mep.scores
    assert (again.model, again.modality, again.protocol, again.synthetic) == ("my-mep", "", "stavis", False)
    assert fresh.observed == 0, "the network of the user is as it was"


def test_a_function_of_clips_gets_the_window_of_each_frame(root):
    seen = []

    def last(clip):
        seen.append(clip)
        return clip[-1].mean(2)

    with_clips = avsal_bench.evaluate(last, "etmd", "raw", data_root=root, frames=4)
    assert {clip.shape for clip in seen} == {(4, 48, 64, 3)}
    assert (seen[0] == seen[3][::-1]).all(), "the first clip runs backwards"
    of_frames = avsal_bench.evaluate(lambda frame: frame.mean(2), "etmd", "raw", data_root=root)
    assert with_clips.videos[0].scores == of_frames.videos[0].scores
    assert of_frames.model == "lambda"


def at_seven(change):
    count = [0]

    def function(frame):
        count[0] += 1
        saliency = frame.mean(2)
        return change(saliency) if count[0] == 7 else saliency

    return function


@pytest.mark.parametrize(
    ("maps", "options", "error", "text"),
    [
        (
            at_seven(lambda s: s[:-1]),
            {},
            ValueError,
            r"frame 7: the map has shape \(47, 64\).*each before it has shape",
        ),
        (at_seven(lambda s: s[None]), {}, ValueError, r"frame 7: expected a map \(h, w\), got shape \(1, 48, 64\)"),
        (at_seven(lambda s: s * np.nan), {}, ValueError, "frame 7: the map holds NaN or infinity"),
        (at_seven(lambda s: s - 300), {}, ValueError, "frame 7: the map holds negative values"),
        (at_seven(lambda s: s.astype(int)), {}, TypeError, "frame 7: the map is torch.int64; give floating-point"),
        (at_seven(lambda s: None), {}, TypeError, "frame 7: expected a map .* got NoneType"),
        ({}, {}, ValueError, "etmd/video0: no maps of this test video"),
        ({"video0": np.ones((3, 4, 4))}, {}, ValueError, r"expected maps \(12, h, w\), one a frame, got \(3, 4, 4\)"),
        ({"vidoe0": 1}, {}, ValueError, "unknown test video 'vidoe0'; did you mean 'video0'"),
        (3, {}, TypeError, "expected a network, a function frame -> map"),
        ("cente", {}, FileNotFoundError, "unknown network 'cente'; did you mean 'centre'"),
        (brightness, {"protocol": "stavs"}, ValueError, "unknown protocol 'stavs'; did you mean 'stavis'"),
        (brightness, {"fold": 4}, ValueError, "fold: expected 1, 2 or 3"),
        (brightness, {"frames": 0}, ValueError, "frames: expected a whole number from 1"),
    ],
)
def test_what_cannot_be_scored_is_named_with_its_frame(root, maps, options, error, text):
    with pytest.raises(error, match=text):
        avsal_bench.evaluate(maps, "etmd", data_root=root, **options)


def test_a_folder_with_too_few_maps_is_an_error_unless_the_rest_is_to_be_scored(root, tmp_path):
    (tmp_path / "video0").mkdir()
    np.save(tmp_path / "video0" / "00001.npy", np.random.default_rng(0).random((48, 64)))
    with pytest.raises(ValueError, match="score the rest with allow_missing=True"):
        avsal_bench.evaluate(tmp_path, "etmd", data_root=root)
    record = avsal_bench.evaluate(tmp_path, "etmd", data_root=root, allow_missing=True)
    assert record.counts() == {"frames": 1, "unfixated": 0, "constant": 0, "skipped": N - 1}
    np.save(tmp_path / "video0" / "00001.npy", np.random.default_rng(0).random((96, 32)))
    with pytest.raises(ValueError, match="stretched as they are with any_shape=True"):
        avsal_bench.evaluate(tmp_path, "etmd", data_root=root, allow_missing=True)


def test_nothing_is_printed_or_written(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    avsal_bench.evaluate(brightness, "etmd", "raw", data_root=root)
    told = capsys.readouterr()
    assert (told.out, told.err, list(tmp_path.iterdir())) == ("", "", [])
    avsal_bench.evaluate(torch_brightness, "etmd", "raw", data_root=root, progress=True)
    assert "score the maps 12/12" in capsys.readouterr().err


def torch_brightness(frame):
    return torch.from_numpy(frame).float().mean(2)
