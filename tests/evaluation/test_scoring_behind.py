"""Scoring a few batches behind the network, and ground truth that is read before it is asked for."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from golden_data import golden_video, write_golden
from PIL import Image

from avsal_bench.data.dataset import dataset
from avsal_bench.data.files import truth_files
from avsal_bench.data.files.video_files import count_frames, frame_rate
from avsal_bench.evaluation import score_videos
from avsal_bench.evaluation.behind import Behind
from avsal_bench.evaluation.map_films import to_range_one
from avsal_bench.evaluation.maps import read_map
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import Results
from avsal_bench.evaluation.score_videos import ScoreVideos, forget_without_maps
from avsal_bench.evaluation.truth import Truth


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_golden(tmp_path_factory.mktemp("golden"))


@pytest.fixture
def video(root):
    return dataset("avad").videos(root, "test", 1)[0]


# A thread that is behind.


@pytest.mark.parametrize("most", [0, 1, 3])
def test_pieces_are_done_in_their_order(most):
    behind, done = Behind(most), []
    for n in range(20):
        behind.do(lambda n=n: done.append(n))
    behind.finish()
    assert done == list(range(20))


def test_it_is_never_more_pieces_behind_than_it_may():
    behind, gate, done = Behind(2), threading.Event(), []
    for n in range(2):
        behind.do(lambda n=n: (gate.wait(10), done.append(n)))
    waits = threading.Thread(target=lambda: behind.do(lambda: done.append(2)))
    waits.start()
    time.sleep(0.05)
    assert waits.is_alive()
    gate.set()
    waits.join(10)
    behind.finish()
    assert done == [0, 1, 2]


@pytest.mark.parametrize("most", [0, 1, 2])
def test_an_error_arrives_and_nothing_is_done_after_it(most):
    behind, done = Behind(most), []

    def fails():
        raise ValueError("frame 3 is bad")

    with pytest.raises(ValueError, match="frame 3 is bad"):  # noqa: PT012
        behind.do(fails)
        for _ in range(5):
            behind.do(lambda: done.append(1))
        behind.finish()
    assert done == [] or most == 0
    assert not [t for t in threading.enumerate() if t.name.startswith("behind") and t.is_alive() and most == 0]


def test_who_gives_up_ends_the_thread():
    behind, gate, done = Behind(3), threading.Event(), []
    behind.do(lambda: gate.wait(10))
    behind.do(lambda: done.append(1))
    gate.set()
    behind.give_up()
    assert not [t for t in threading.enumerate() if t.name.startswith("behind")]


# Ground truth.


def test_what_is_read_ahead_is_what_is_read(video):
    plain = Truth(video)
    with ThreadPoolExecutor(2) as threads:
        for source in ("video", "dataset"):
            ahead = Truth(video, [video], threads)
            for frames in ([1, 2, 3], [4, 5], [29, 30]):
                ahead.read_ahead(frames, source)
                assert torch.equal(ahead.densities(frames), plain.densities(frames))
                assert torch.equal(ahead.fixations(frames), plain.fixations(frames))
            assert torch.equal(ahead.negatives([2, 9], "video"), plain.negatives([2, 9], "video"))


def test_each_file_is_read_once(video, monkeypatch):
    read = []
    for name in ("read_fixations", "read_density_levels"):
        real = getattr(truth_files, name)
        monkeypatch.setattr(truth_files, name, lambda path, real=real: (read.append(path), real(path))[1])
    with ThreadPoolExecutor(2) as threads:
        ahead = Truth(video, (), threads)
        for frame in range(1, 31):
            ahead.read_ahead([frame], "video")
            ahead.densities([frame])
            ahead.negatives([frame], "video")
            ahead.fixations([frame])
    assert len([path for path in read if path == video.densities.path(7)]) == 1
    assert len([path for path in read if path == video.fixations.path(7)]) == 1


@pytest.mark.parametrize("source", ["dataset", "video"])
def test_nothing_is_read_before_it_is_asked_for(video, monkeypatch, source):
    read = []
    real = truth_files.read_fixations
    monkeypatch.setattr(truth_files, "read_fixations", lambda path: (read.append(path), real(path))[1])
    one = Truth(video, [video])
    assert read == []
    one.fixations([3, 4])
    assert len(set(read)) == 3, "the first one says the size"
    one.negatives([3], source)
    assert (len(set(read)) == video.n_frames) == (source == "video")


def test_an_error_of_a_thread_names_the_file(root, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    video = dataset("avad").videos(copy, "test", 1)[0]
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(video.densities.path(3), format="png")
    with ThreadPoolExecutor(1) as threads:
        ahead = Truth(video, (), threads)
        ahead.read_ahead([2, 3], "video")
        assert len(ahead.densities([2])) == 1
        with pytest.raises(ValueError, match=r"eyeMap_00003\.jpg: the map has size \(9, 9\)"):
            ahead.densities([3])


# The callback.


def scored(video, folder, on_gpu, batch=4, spoil=None, **options):
    """Results of a video whose maps come batch by batch; ``on_gpu``: scored as those of a GPU are, by a thread."""
    results = Results(folder, {video.name: {"ground truth": "abc"}})
    scores = ScoreVideos([video], results, protocol("stavis"), **options)
    module = SimpleNamespace(device=torch.device("cuda" if on_gpu else "cpu"))
    _, (maps, *_) = golden_video(video.name)
    maps = maps.float()
    if spoil:
        maps[spoil - 1, 0, 0] = torch.nan
    scores.on_predict_start(None, module)
    try:
        for start in range(0, 30, batch):
            frames = list(range(start + 1, min(30, start + batch) + 1))
            given = {"dataset": ["avad"], "video": [video.name], "frame": frames}
            with torch.inference_mode():
                out = maps[start : start + batch].clone()
                scores.on_predict_batch_start(None, module, given, 0)
                scores.on_predict_batch_end(None, module, out, given, 0)
        scores.on_predict_end(None, module)
    except BaseException as error:
        scores.on_exception(None, module, error)
        raise
    return results.read()


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(score_videos, "draw_video", lambda *args: None)


def test_a_thread_gives_the_scores_of_none(video, tmp_path):
    (here, _), (there, _) = (scored(video, tmp_path / str(gpu), gpu)[video.name] for gpu in (False, True))
    assert here == there
    assert not [t for t in threading.enumerate() if t.name.startswith(("behind", "ground truth"))]


@pytest.mark.parametrize("on_gpu", [False, True])
def test_a_network_that_diverges_late_leaves_no_result(video, tmp_path, on_gpu):
    with pytest.raises(ValueError, match=r"avad/v1, frame 6: the predicted map holds NaN or infinity"):
        scored(video, tmp_path, on_gpu, spoil=6)
    assert not list(tmp_path.glob("*.json"))
    assert not [t for t in threading.enumerate() if t.name.startswith(("behind", "ground truth"))]


def test_who_is_killed_while_a_batch_is_behind_leaves_no_result(video, tmp_path, monkeypatch):
    real = ScoreVideos._score

    def dies(self, tested, frames, predicted):
        if frames[-1] == 30:
            raise KeyboardInterrupt
        real(self, tested, frames, predicted)

    monkeypatch.setattr(ScoreVideos, "_score", dies)
    with pytest.raises(KeyboardInterrupt):
        scored(video, tmp_path, True)
    assert not list(tmp_path.glob("*.json"))


def test_maps_are_kept_also_from_a_thread(video, tmp_path):
    scored(video, tmp_path, True, keep_maps="npy")
    assert len(list((tmp_path / "maps" / "v1").glob("*.npy"))) == 30


@pytest.mark.slow
@pytest.mark.parametrize(("form", "on_gpu"), [("mp4", False), ("mkv", True)])
def test_maps_are_kept_as_a_film_that_is_whole_or_not_there(video, tmp_path, monkeypatch, form, on_gpu):
    (tmp_path / "maps" / "v1").mkdir(parents=True)  # of an older test, and no longer those of the scores
    (tmp_path / "maps" / "v1.mkv").touch()
    with pytest.raises(ValueError, match="holds NaN"):
        scored(video, tmp_path, on_gpu, spoil=29, keep_maps=form)
    assert list((tmp_path / "maps").iterdir()) == []
    scored(video, tmp_path, on_gpu, keep_maps=form)
    (film,) = (tmp_path / "maps").iterdir()
    assert film.name == f"v1.{form}"
    assert (count_frames(film), frame_rate(film)) == (30, video.fps)
    _, (maps, *_) = golden_video("v1")
    for n, expected in enumerate(map(to_range_one, maps), 1):
        assert (read_map(film, n).double() - expected).abs().max() < (0.03 if form == "mp4" else 2e-5)


def test_a_result_whose_film_is_not_there_is_made_again(video, tmp_path):
    results = Results(tmp_path, {video.name: {"ground truth": "abc"}})
    scored(video, tmp_path, False, keep_maps="mkv")
    forget_without_maps([video], results, "mkv")
    assert "v1" in results.read()
    forget_without_maps([video], results, "mp4")
    assert results.read() == {}
