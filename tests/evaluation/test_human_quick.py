"""Human infinite from the pixels that are not zero: the numbers of the slow way, and its time."""

import dataclasses
import itertools
import time

import numpy as np
import pytest
import torch
from PIL import Image

from avsal_bench.data.dataset import Video
from avsal_bench.data.gaze.samples import Gaze, Sample, write_gaze
from avsal_bench.data.places import NumberedFiles
from avsal_bench.evaluation.observers import Halving, halves, score_both, score_frame, score_halves
from avsal_bench.evaluation.parts import Gaussians
from avsal_bench.evaluation.protocol import PROTOCOLS, protocol
from avsal_bench.evaluation.sparse import Preparation, is_quick
from avsal_bench.metrics.resize import gaussian_blur, gaussian_blur_of_few


def watched(folder, size=(97, 131), frames=3, observers=9, spread=8.0, seed=0):
    """A video of black frames with gaze that follows a few things."""
    folder.mkdir(exist_ok=True)
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(folder / "img_00001.png")
    rng = np.random.default_rng(seed)
    things = rng.uniform(0, 1, (3, frames, 2)) * [size[1], size[0]]
    samples = []
    for who in range(observers):
        for frame in range(frames):
            x, y = things[rng.integers(3), frame] + rng.normal(0, spread, 2)
            if 0 <= x < size[1] and 0 <= y < size[0] and rng.random() > 0.1:
                samples.append(Sample(f"o{who}", frame + 1, float(x), float(y)))
    write_gaze(folder / "observers.csv", Gaze.of(samples), folder.name)
    files = NumberedFiles(folder, "img_", 5, ".png")
    return Video("diem", folder.name, frames, 25.0, files, files, files, gaze=folder / "observers.csv")


def both_ways(video, rules, degree, splits=2):
    """Scores of every frame in both directions, the quick way and the slow way."""
    halving = Halving(degree, splits=splits)
    for one, other, frames in halves(video, halving, [video]):
        preparation = Preparation(rules, one.size)
        for frame in frames:
            slow = [score_frame(a, b, frame, rules) for a, b in ((one, other), (other, one))]
            yield from zip(score_both(one, other, frame, rules, preparation), slow, strict=True)


#: All but those that make a map smaller before it is stored, or have other formulas: they go the slow way.
QUICK = [name for name in PROTOCOLS if name not in ("hypersal", "crowdsal")]


@pytest.mark.parametrize("rules", PROTOCOLS)
def test_every_protocol_of_the_package_is_scored_so(rules):
    assert is_quick(protocol(rules)) == (rules in QUICK)


@pytest.mark.parametrize("rules", QUICK)
@pytest.mark.parametrize(
    ("size", "degree"),
    [
        ((20, 30), 6.0),
        ((97, 131), 1.5),
        *(pytest.param((97, 131), degree, marks=pytest.mark.slow) for degree in (6.0, 40.0)),
        *(pytest.param((20, 30), degree, marks=pytest.mark.slow) for degree in (1.5, 40.0)),
    ],
)
def test_the_numbers_are_those_of_the_slow_way(tmp_path, size, degree, rules, monkeypatch):
    """Also of maps that are zero nowhere, and of gaze at the edges."""
    monkeypatch.setattr("avsal_bench.evaluation.observers.Half._draw", lambda self: self._of_video)
    found = list(both_ways(watched(tmp_path / "v", size, frames=2), protocol(rules), degree))
    assert len(found) >= 4
    for quick, slow in found:
        assert quick == pytest.approx(slow, abs=1e-11, rel=1e-11, nan_ok=True)


@pytest.mark.parametrize("flat", [(), (0,), (1,), (0, 1)])
def test_halves_that_say_nothing_count_as_chance_in_both_ways(tmp_path, flat):
    """Under a Gaussian far wider than the frame the map of a half is the same everywhere."""
    video, rules = watched(tmp_path / "v"), protocol("stavis-chance")
    for one, other, frames in halves(video, Halving(6.0, splits=2), [video]):
        for side in flat:
            (one, other)[side].degree = 1e12
        preparation = Preparation(rules, one.size)
        for frame in frames:
            quick = score_both(one, other, frame, rules, preparation)
            slow = [score_frame(a, b, frame, rules) for a, b in ((one, other), (other, one))]
            for side in (0, 1):
                assert quick[side] == pytest.approx(slow[side], abs=1e-12, rel=1e-12, nan_ok=True)
                assert (quick[side]["AUC-J"] == 0.5) == (side in flat)
        if flat == (0,):
            assert quick[0]["CC"] == 0


def test_negatives_of_the_whole_set_are_the_same(tmp_path, monkeypatch):
    drawn = torch.zeros(97, 131, dtype=torch.bool)
    drawn[20:30, 40:60] = True
    monkeypatch.setattr("avsal_bench.evaluation.observers.Half._draw", lambda self: drawn)
    for quick, slow in both_ways(watched(tmp_path / "v"), protocol("dhf1k"), 6.0):
        assert quick == pytest.approx(slow, abs=1e-12, rel=1e-12)


def test_a_protocol_with_a_step_from_outside_goes_the_slow_way(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Root:
        def __call__(self, maps, size):
            return maps.sqrt()

    rules = dataclasses.replace(protocol("raw"), saving=(Root(),))
    assert not is_quick(rules)
    video = watched(tmp_path / "v", (36, 60), frames=2)
    one, other, frames = next(halves(video, Halving(4.0)))
    found = score_both(one, other, frames[0], rules, None)
    assert found == [score_frame(a, b, frames[0], rules) for a, b in ((one, other), (other, one))]


def test_no_step_that_looks_at_more_than_levels_is_left_out():
    stavis, mspi = protocol("stavis"), protocol("mspi")
    assert not is_quick(dataclasses.replace(stavis, saving=()))
    assert not is_quick(dataclasses.replace(mspi, saving=mspi.saving[:2]))


@pytest.mark.parametrize("border", ["symmetric", "reflect"])
@pytest.mark.parametrize(
    "boxes",
    [
        [],
        [(0, 40, 0, 60)],
        [(0, 3, 50, 60)],
        [(10, 20, 5, 6)],
        [(39, 40, 0, 1)],
        [(0, 2, 0, 2), (38, 40, 57, 60)],
        [(0, 1, 0, 60), (39, 40, 0, 60)],
        [(2, 30, 0, 3), (0, 1, 40, 60), (20, 22, 40, 60)],
        *([(5, 6, 10, 11), (5 + apart, 6 + apart, 10, 11)] for apart in range(11, 17)),
        *([(5, 6, 10, 11), (5, 6, 10 + apart, 11 + apart)] for apart in range(11, 17)),
    ],
)
def test_a_blur_of_few_pixels_is_the_blur_of_the_map(border, boxes):
    """Of one box, several, those at the edges, and such that the blur hardly reaches from one to the other."""
    whole = torch.zeros(40, 60, dtype=torch.float64)
    draw = torch.Generator().manual_seed(1)
    for top, bottom, left, right in boxes:
        whole[top:bottom, left:right] += torch.rand(bottom - top, right - left, dtype=torch.float64, generator=draw)
    expected = gaussian_blur(whole[None], 2.0, 13, border)[0]
    gaussian_blur_of_few(whole, 2.0, 13, border)
    torch.testing.assert_close(whole, expected, atol=1e-15, rtol=0)
    assert torch.equal(whole > 0, expected > 0)


@pytest.mark.parametrize("seed", range(20))
def test_a_blur_of_scattered_pixels_is_the_blur_of_the_map(seed):
    draw = torch.Generator().manual_seed(seed)
    whole = torch.rand(120, 90, dtype=torch.float64, generator=draw)
    whole *= torch.rand(120, 90, generator=draw) < 10 ** (-1 - seed / 6)
    expected = gaussian_blur(whole[None], 1.0, 5)[0]
    gaussian_blur_of_few(whole, 1.0, 5)
    torch.testing.assert_close(whole, expected, atol=1e-15, rtol=0)


@pytest.mark.slow
@pytest.mark.timed
def test_frames_of_720p_are_scored_several_times_as_fast(tmp_path):
    """In seconds of the processor, of frames in both directions: some six times as fast, nine in a new process."""
    video = watched(tmp_path / "v", (720, 1280), frames=8, observers=39, spread=22.0)
    one, other, frames = next(halves(video, Halving(30.0)))
    rules = protocol("stavis")
    preparation = Preparation(rules, one.size)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    took: dict = {preparation: [], None: []}
    try:
        for _ in range(6):  # in turns, as other work slows down either; the first one warms up
            for way, seconds in took.items():
                began = time.process_time()
                for frame in frames:
                    score_both(one, other, frame, rules, way)
                seconds.append(time.process_time() - began)
    finally:
        torch.set_num_threads(before)
    assert min(took[preparation]) < min(took[None]) / 4, took


def test_a_whole_video_is_the_mean_of_its_draws(tmp_path):
    video = watched(tmp_path / "v")
    rules, halving = protocol("stavis"), Halving(6.0, splits=2)
    scorer, _ = score_halves(video, halving, rules)
    means = {}
    for one, other, frames in halves(video, halving):
        for frame in frames:
            for a, b in ((one, other), (other, one)):
                means.setdefault(frame, []).append(score_frame(a, b, frame, rules)["CC"])
    for frame, values in means.items():
        assert scorer.scores["CC"][frame - 1] == pytest.approx(np.mean(values), abs=1e-12)


@pytest.mark.parametrize(("size", "degree"), [((720, 1280), 30.0), ((97, 131), 6.0), ((64, 64), 1e12)])
@pytest.mark.parametrize("gap", [0, 14, 40])
def test_a_map_is_seen_in_its_spots_alone(size, degree, gap):
    """And they keep apart, so that each may be blurred alone."""
    share, draw = 0.49 / 255, np.random.default_rng(0)
    near = draw.normal((0.2 * size[1], 0.3 * size[0]), min(degree, 30.0), (6, 2))
    both = np.concatenate([near, np.add(near, (0.6 * size[1], 0.0))])
    points = torch.from_numpy(both.clip(0, [size[1] - 1, size[0] - 1]).astype(np.int64))
    gaussians = Gaussians(points, size, degree)
    whole = gaussians.whole()
    found = gaussians.spots(share, gap)
    outside = whole.clone()
    for spot in found:
        outside[spot] = 0
    assert found
    assert outside.max() < share * whole.max()
    for (rows, columns), (others, more) in itertools.combinations(found, 2):
        apart = [max(a.start - b.stop, b.start - a.stop) for a, b in ((rows, others), (columns, more))]
        assert max(apart) >= max(gap, 1)


def test_gaze_far_from_the_edges_is_scored_in_a_box_of_the_frame(tmp_path):
    """Negatives outside of it count too, and the least value of the map is that of the frame."""
    video, rules = watched(tmp_path / "v", (140, 200), frames=1, observers=6, spread=2.0), protocol("stavis")
    far = Sample("o0", 2, 2.0, 2.0), Sample("o1", 2, 197.0, 137.0)
    near = [Sample(f"o{i}", 1, 90.0 + 3 * i, 70.0 + i) for i in range(6)]
    write_gaze(video.gaze, Gaze.of([*near, *far]), video.name)
    video = dataclasses.replace(video, n_frames=2)
    for one, other, frames in halves(video, Halving(2.0, splits=3), [video]):
        preparation = Preparation(rules, one.size)
        for frame in frames:
            if frame == 1:
                both = torch.cat([half.points[0] for half in (one, other)])
                assert np.prod(preparation.box(both, 2.0).size) < 140 * 200 / 2
            slow = [score_frame(a, b, frame, rules) for a, b in ((one, other), (other, one))]
            quick = score_both(one, other, frame, rules, preparation)
            for a, b in zip(quick, slow, strict=True):
                assert a == pytest.approx(b, abs=1e-12, rel=1e-12, nan_ok=True)
