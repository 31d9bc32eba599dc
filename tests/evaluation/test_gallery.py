"""The picture beside a record: the best, the middle and the worst video."""

import pytest
from PIL import Image

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import forget, run_job
from avsal_bench.evaluation.picture import gallery_videos
from avsal_bench.evaluation.score_videos import ScoreVideos
from avsal_bench.records import VideoScores, read_record
from avsal_bench.training.module import SaliencyModule

CENTRE = Job("centre", "", 1, 0, "smoke", "stavis")
ONE = Machine(devices=1)


def test_a_gallery_lies_beside_the_record_and_is_made_again_without_predicting(space, monkeypatch):
    (path,) = run_job(CENTRE, space, ONE)
    gallery = path.with_suffix(".jpg")
    before = gallery.read_bytes()
    with Image.open(gallery) as picture:
        assert picture.format == "JPEG"
        assert picture.width == 5 * (144 + 2)
        assert picture.height == len(gallery_videos(read_record(path).videos)) * (20 + 2 * 96)
    gallery.unlink()
    monkeypatch.setattr(SaliencyModule, "predict_step", None)
    run_job(CENTRE, space, ONE)
    assert gallery.read_bytes() == before

    forget(CENTRE, space)
    assert not gallery.exists()


def test_a_test_that_was_cut_off_ends_with_the_same_gallery(space, monkeypatch):
    (path,) = run_job(CENTRE, space, ONE)
    before = path.with_suffix(".jpg").read_bytes()
    forget(CENTRE, space)
    finish, done = ScoreVideos._finish, []

    def dying(self, *args):
        if done:
            raise KeyError("cut off")
        done.append(1)
        finish(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(ScoreVideos, "_finish", dying)
        with pytest.raises(KeyError):
            run_job(CENTRE, space, ONE)
    assert not list(space.records.rglob("*.jpg"))
    run_job(CENTRE, space, ONE)
    assert path.with_suffix(".jpg").read_bytes() == before


def test_without_the_pictures_a_record_has_no_gallery(space):
    (path,) = run_job(CENTRE, space, ONE)
    for lost in (path.with_suffix(".jpg"), *space.runs.rglob("*.png")):
        lost.unlink()
    assert run_job(CENTRE, space, ONE) == [path]
    assert not path.with_suffix(".jpg").exists()


def test_a_gallery_shows_the_best_the_middle_and_the_worst_video():
    scores = {"a": 0.1, "b": 0.9, "c": float("nan"), "d": 0.5, "e": 0.4}
    videos = [VideoScores(name, frames=2, undefined={}, scores={"CC": value}) for name, value in scores.items()]
    assert [(word, v.video) for word, v in gallery_videos(videos)] == [("best", "b"), ("middle", "d"), ("worst", "a")]
    assert [(word, v.video) for word, v in gallery_videos(videos[:2])] == [("best", "b"), ("worst", "a")]
    assert [(word, v.video) for word, v in gallery_videos(videos[:1])] == [("best", "a")]
    assert gallery_videos(videos[2:3]) == []
