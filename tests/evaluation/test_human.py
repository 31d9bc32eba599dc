"""Human infinite: half of the observers against the other half, on gaze worked out by hand and on the embedded set."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs.human import halving_of, require_observers
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.cli import main
from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.fixation_files import read_fixations
from avsal_bench.data.gaze.samples import Gaze, Sample, write_gaze
from avsal_bench.evaluation.observers import Half, Halving, duels, read_observers, score_halves, split_observers
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import VideoScorer
from avsal_bench.records import METRICS, read_record, video_to_json

RAW = protocol("raw")
TWO = ("network.splits=2",)


@pytest.fixture
def videos(synth_root):
    return dataset("synth").videos(synth_root, "test", 1)


@pytest.fixture
def short(videos):
    return min(videos, key=lambda video: video.n_frames)


def with_gaze(video, path, samples):
    write_gaze(path, Gaze.of(samples), video.name)
    return dataclasses.replace(video, gaze=path)


def test_halves_are_disjoint_and_whole_and_the_second_has_the_extra_one(short):
    for observers in (2, 7, 12):
        for one, other in split_observers(short, observers, 10, 0):
            assert sorted(one + other) == list(range(observers))
            assert len(other) - len(one) == observers % 2
    splits = split_observers(short, 12, 10, 0)
    assert splits == split_observers(short, 12, 10, 0)
    assert len(set(splits)) > 5
    assert splits != split_observers(short, 12, 10, 1)
    other = dataclasses.replace(short, name="another")
    assert splits != split_observers(other, 12, 10, 0), "drawn for each video"


def test_all_observers_together_are_the_ground_truth_of_the_set(short):
    gaze, size = read_observers(short)
    everyone = Half(short, gaze, range(12), size, 5.0)
    frames = [1, short.n_frames]
    stored = torch.stack([read_fixations(short.fixations.path(n)) for n in frames])
    assert torch.equal(everyone.fixations(frames), stored)
    for n, density in zip(frames, everyone.densities(frames), strict=True):
        picture = np.asarray(Image.open(short.densities.path(n)), dtype=float)
        assert abs(density.numpy() - picture).mean() < 1.5, "but for JPEG"


def test_the_map_of_a_half_is_a_blur_of_its_fixations(short):
    gaze, size = read_observers(short)
    some = (0, 3, 4)
    counts = np.zeros(size)
    for x, y in gaze.points(2, some).astype(int):
        counts[y, x] += 1
    expected = gaussian_filter(counts, 5.0, mode="constant", truncate=8)
    blurred = Half(short, gaze, some, size, 5.0).blurred([2])[0].numpy()
    np.testing.assert_allclose(blurred / blurred.sum(), expected / expected.sum(), atol=1e-8)


def test_two_observers_who_look_at_one_place_predict_each_other_perfectly(short, tmp_path):
    same = [Sample(o, n, 40 + n, 30) for o in "ab" for n in range(1, short.n_frames + 1)]
    video = with_gaze(short, tmp_path / "gaze.csv", same)
    scorer, left_out = score_halves(video, Halving(5.0, splits=2), RAW)
    scores = scorer.result().scores
    assert left_out == 0
    assert scores["CC"] == pytest.approx(1, abs=1e-4)
    assert scores["SIM"] == pytest.approx(1, abs=1e-2), "the ground truth has 8 bits"


def test_scores_are_the_mean_over_splits_and_both_directions(short):
    halving = Halving(5.0, splits=2)
    singles = []
    for predicting, right, frames in duels(short, halving, [short]):
        scorer = VideoScorer(right, protocol("stavis"))
        scorer.add(frames, predicting.blurred(frames))
        singles.append(scorer.scores)
    assert len(singles) == 4
    scorer, _ = score_halves(short, halving, protocol("stavis"), [short])
    for metric in METRICS:
        means = np.mean([single[metric] for single in singles], axis=0)
        np.testing.assert_allclose(scorer.scores[metric], means, atol=1e-12)


def test_frames_in_which_a_half_looks_nowhere_are_left_out_and_counted(short, tmp_path):
    n = short.n_frames
    # Frame 1: nobody; frame 2: one observer; from 3 on: both.
    samples = [Sample("a", k, 20 + k, 30) for k in range(2, n + 1)] + [Sample("b", k, 60, 40) for k in range(3, n + 1)]
    video = with_gaze(short, tmp_path / "gaze.csv", samples)
    scorer, left_out = score_halves(video, Halving(5.0, splits=3), RAW)
    result = scorer.result()
    assert left_out == 2 * 3
    assert (result.frames, result.unfixated, result.skipped) == (n, 1, 0)
    assert result.undefined["CC"] == 2
    assert all(math.isnan(v) for v in scorer.scores["NSS"][:2])
    assert not any(math.isnan(v) for v in scorer.scores["NSS"][2:])


def test_negatives_are_those_of_the_half_that_is_right(short, tmp_path):
    samples = [Sample("a", k, 10.0 + k, 5) for k in range(1, 4)] + [Sample("b", k, 90.0 + k, 50) for k in range(1, 4)]
    video = with_gaze(short, tmp_path / "gaze.csv", samples)
    gaze, size = read_observers(video)
    right = Half(video, gaze, [1], size, 5.0)
    marked = right.negatives([1], RAW.negatives)[0].nonzero().tolist()
    assert marked == [[50, 92], [50, 93]]


def test_one_observer_or_none_is_an_error(short, tmp_path):
    alone = with_gaze(short, tmp_path / "gaze.csv", [Sample("a", 1, 5, 5)])
    with pytest.raises(ValueError, match=r"gaze\.csv: one observer, and two halves need two"):
        score_halves(alone, Halving(5.0), RAW)
    with pytest.raises(FileNotFoundError, match="no gaze of single observers"):
        score_halves(dataclasses.replace(short, gaze=None), Halving(5.0), RAW)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ((0.0, 10), "degree 0.0"),
        ((5.0, 10, 0, 0.0), "width 0.0"),
        ((math.inf, 10), "degree inf"),
        ((5.0, 0), "splits 0"),
        ((5.0, 10, -1), "seed -1"),
    ],
)
def test_a_wrong_halving_is_an_error(options, error):
    with pytest.raises(ValueError, match=error):
        Halving(*options)


@pytest.mark.parametrize(
    ("network", "error"),
    [
        ({"splits": 10, "degree": {"synth": 5}}, r"human_infinite on diem: .*--set network\.degree\.diem=PIXELS"),
        ({"splits": 10}, "is not known here"),
        ({"degree": {"diem": 5}, "observers": 3}, r"no option network\.observers"),
        ({"degree": {"diem": "wide"}}, r"network\.degree is 'wide'"),
        ({"degree": {"diem": 5}, "splits": 2.5}, r"network\.splits is 2\.5"),
        ({"degree": {"diem": -5}}, r"degree -5\.0"),
        ({"degree": {"diem": 5}, "width": "wide"}, r"network\.width is .wide."),
    ],
)
def test_wrong_options_are_named(network, error):
    with pytest.raises(ValueError, match=error):
        halving_of(network, "diem")


def test_a_set_without_single_observers_has_no_such_bound(real_root, videos):
    diem = dataset("diem").videos(real_root, "test", 1)
    with pytest.raises(ValueError, match=r"not available.*diem \(1 of 1 video, such as video0\).*--datasets synth"):
        require_observers({"diem": diem, "synth": videos})


@pytest.mark.parametrize("more", [[], ["--set", "network.degree.diem=5"]])
def test_the_command_says_that_it_is_not_available(more, real_root, tmp_path, capsys):
    words = ["run", "human_infinite", "--preset", "paper", "--datasets", "diem", *more]
    folders = ["--data-root", real_root, "--runs", tmp_path / "runs", "--leaderboard", tmp_path / "leaderboard"]
    assert main([*words, *map(str, folders)]) == 2
    assert "human_infinite is not available" in capsys.readouterr().err
    assert not list(tmp_path.rglob("human_infinite*.json"))


@pytest.fixture(scope="module")
def bounds(synth_root, tmp_path_factory):
    """Records of the baselines and of human infinite on the small set, and their workspace."""
    from conftest import HOME

    from avsal_bench.bench.workspace import Workspace

    folder = tmp_path_factory.mktemp("bounds")
    space = Workspace(HOME, None, synth_root, folder / "runs", folder / "leaderboard")
    found = {}
    for model in ("chance", "centre", "mep", "gbvs", "human_infinite"):
        job = Job(model, "", 1, 0, "smoke", "stavis", TWO if model == "human_infinite" else ())
        [path] = run_job(job, space, Machine(devices=1, workers=0))
        found[model] = path
    return found, space


def test_human_infinite_is_a_record_like_any_other(bounds, videos):
    paths, space = bounds
    record = read_record(paths["human_infinite"])
    assert paths["human_infinite"] == space.records / "stavis/synth/human_infinite-fold1-seed0.json"
    assert [v.video for v in record.videos] == [v.name for v in videos]
    assert [v.frames for v in record.videos] == [v.n_frames for v in videos]
    assert all(len(v.curve["CC"]) == 20 for v in record.videos)
    assert record.recipe["network"] == {"splits": 2, "seed": 0, "degree": {"synth": 5}}
    frames = 2 * sum(v.n_frames for v in videos)
    counted = {"fewest": 12, "most": 12, "frames_left_out": 0, "frames_drawn": frames}
    assert record.provenance["observers"] == counted
    assert paths["human_infinite"].with_suffix(".jpg").is_file()


def test_the_bounds_stand_in_order(bounds):
    scores = {model: read_record(path).scores for model, path in bounds[0].items()}
    for metric in ("CC", "SIM", "NSS"):
        for other in ("gbvs", "mep", "centre", "chance"):
            assert scores["human_infinite"][metric] > scores[other][metric], (metric, other)
    for metric in ("CC", "NSS"):
        assert scores["mep"][metric] > scores["chance"][metric]
        assert scores["centre"][metric] > scores["chance"][metric]


def test_a_killed_run_goes_on_and_gives_the_same_scores(bounds, tmp_path):
    paths, space = bounds
    record = read_record(paths["human_infinite"])
    job = Job("human_infinite", "", 1, 0, "smoke", "stavis", TWO)
    results = sorted(space.runs.glob("stages/human_infinite-*/test/*/*.json"))
    assert len(results) == len(record.videos)
    kept = results[0].stat().st_mtime_ns
    results[1].unlink()
    paths["human_infinite"].rename(tmp_path / "old.json")
    run_job(job, space, Machine(devices=1, workers=0))
    assert results[0].stat().st_mtime_ns == kept
    again = read_record(paths["human_infinite"])
    assert [video_to_json(v) for v in again.videos] == [video_to_json(v) for v in record.videos]


def test_another_number_of_splits_is_another_recipe(bounds):
    _, space = bounds
    with pytest.raises(ValueError, match="made by another recipe"):
        run_job(Job("human_infinite", "", 1, 0, "smoke", "stavis"), space, Machine(devices=1, workers=0))


def test_the_plan_lists_it(bounds, capsys, synth_root, tmp_path):
    words = ["bench", "human_infinite", "--preset", "smoke", "--dry-run", "--synth-root", synth_root]
    assert main([*map(str, [*words, "--runs", tmp_path / "r", "--leaderboard", tmp_path / "l"])]) == 0
    assert "human_infinite-fold1-seed0" in capsys.readouterr().out


def test_the_result_of_a_video_tells_its_observers(bounds):
    _, space = bounds
    path = next(space.runs.glob("stages/human_infinite-*/test/*/*.json"))
    assert json.loads(path.read_text(encoding="utf-8"))["observers"] == 12


def test_the_plan_tells_the_hours_of_real_gaze_and_says_where_they_are_not_known(
    bounds, real_root, monkeypatch, capsys
):
    from avsal_bench.bench import cost
    from avsal_bench.bench.jobs import human

    _, space = bounds
    job = Job("human_infinite", "", 2, 0, "smoke", "stavis", TWO)  # another fold: not done
    frames = sum(v.n_frames for v in dataset("synth").videos(space.root_of("synth"), "test", 2))
    ticks = iter(range(0, 10_000, 8))  # eight seconds for the four frames that are timed
    monkeypatch.setattr(human.time, "perf_counter", lambda: next(ticks))
    hours = human.seconds_of_test(job, job.recipe(space), space, "synth") / 3600
    assert hours == pytest.approx(2 * 2 * frames / 3600), "two seconds a frame and draw"
    assert f"{hours:.2f}" in cost.plan_text([job], space, timed=True)
    missing = dataclasses.replace(space, data_root=real_root)
    other = Job("human_infinite", "", 1, 0, "paper", "stavis", TWO, ("diem",))
    assert "?" in cost.plan_text([other], missing, timed=True)
    assert "human_infinite" in capsys.readouterr().err


def test_a_wider_half_predicts_with_a_wider_map_and_its_truth_stays(short):
    gaze, size = read_observers(short)
    half = Half(short, gaze, (0, 1), size, 5.0, width=1.5)
    wide = Half(short, gaze, (0, 1), size, 7.5)
    assert torch.equal(half.predicted([2]), wide.blurred([2]))
    assert torch.equal(half.densities([2]), Half(short, gaze, (0, 1), size, 5.0).densities([2]))


@pytest.mark.parametrize("name", ["stavis", "raw"])
def test_a_wider_half_has_a_lower_kl_the_same_both_ways(short, name):
    from avsal_bench.evaluation.observers import halves, score_both, score_frame
    from avsal_bench.evaluation.sparse import Preparation

    rules, found = protocol(name), {}
    for width in (1.0, 1.5):
        one, other, frames = next(halves(short, Halving(5.0, splits=1, width=width), [short]))
        slow = [score_frame(a, b, frames[3], rules) for a, b in ((one, other), (other, one))]
        if name == "stavis":
            quick = score_both(one, other, frames[3], rules, Preparation(rules, one.size))
            for a, b in zip(quick, slow, strict=True):
                assert a == pytest.approx(b, abs=1e-12, rel=1e-12)
        found[width] = np.mean([values["KL"] for values in slow])
    assert found[1.5] < found[1.0]


def test_progress_tells_the_draws_of_a_video(short, monkeypatch, tmp_path, bounds, capsys):
    _, space = bounds
    paths = sorted(space.runs.glob("stages/human_infinite-*/test/*/*.json"))
    record = bounds[0]["human_infinite"]
    moved = tmp_path / "record.json"
    record.rename(moved)
    paths[0].unlink()
    monkeypatch.setattr("avsal_bench.progress.LOG_EVERY", 0.0)
    run_job(Job("human_infinite", "", 1, 0, "smoke", "stavis", TWO), space, Machine(devices=1, workers=0))
    told = capsys.readouterr().err
    assert f"{paths[0].stem}, 1 of 2 draws" in told
    assert f"{paths[0].stem}, 2 of 2 draws" in told
