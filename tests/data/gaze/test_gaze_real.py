"""What the real files of DIEM and DHF1K say, and what is made of them. The figures are those of docs/data.md."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from conftest import HOME
from PIL import Image
from real_files import needs_real, real
from scipy.ndimage import gaussian_filter

from avsal_bench.data.audit.grids import are_grids, grid_share
from avsal_bench.data.gaze.dhf1k_maps import SIGMA, density_map, fixation_map, gaze_of, read_viewer
from avsal_bench.data.gaze.diem_samples import FAR, diem_gaze, size_in_name
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, read_fold_list

needs_diem, needs_dhf1k = needs_real("diem_gaze"), needs_real("dhf1k_002/gaze", "dhf1k_0601")
VIDEOS = ("50_people_brooklyn_1280x720", "arctic_bears_1066x710", "documentary_dolphins_1280x720")


@cache
def lines(video):
    """``(12, frames, 9)``: the numbers of the files of a video."""
    return np.stack([np.loadtxt(path) for path in sorted(real("diem_gaze").glob(f"*{video}.txt"))])


def apart(table):
    return np.hypot(table[..., 1] - table[..., 5], table[..., 2] - table[..., 6])


@needs_diem
@pytest.mark.parametrize("video", VIDEOS)
def test_a_file_of_diem_has_a_line_a_frame_of_the_lists(video):
    listed = {
        v.name: v for part in ("train", "test") for v in read_fold_list(PACKAGED_LISTS / f"DIEM_list_{part}_fps.txt")
    }
    assert lines(video).shape == (12, listed[video].n_frames, 9)


@needs_diem
@pytest.mark.parametrize(
    ("video", "saccades", "moved", "far"),
    list(zip(VIDEOS, (0.110, 0.102, 0.108), (0.40, 0.34, 0.41), (0.042, 0.139, 0.035), strict=True)),
)
def test_the_event_of_the_right_eye_is_never_2_though_it_moves(video, saccades, moved, far):
    table = lines(video)
    left, right = table[..., 4], table[..., 8]
    assert set(np.unique(right)) == {-1, 0, 1}
    assert set(np.unique(left)) == {-1, 0, 1, 2}
    either = (left == 1) | (right == 1)
    saccade = (left == 2) & (right == 1)
    assert saccade.sum() / either.sum() == pytest.approx(saccades, abs=0.0005)
    step = np.hypot(np.diff(table[..., 5]), np.diff(table[..., 6])) > 50
    seen = (right[:, 1:] == 1) & (right[:, :-1] == 1)
    assert step[seen & (left[:, 1:] == 2)].mean() == pytest.approx(moved, abs=0.005)
    assert step[seen & (left[:, 1:] == 1)].mean() < 0.035
    assert (apart(table) > FAR)[(left == 1) & (right == 1)].mean() == pytest.approx(far, abs=0.0005)
    assert ((left == -1) == (right == -1)).all()
    assert not table[left == -1][:, 1:8].any(axis=0)[[0, 1, 4, 5]].any(), "a dropped frame is at 0, 0"


@needs_diem
@pytest.mark.parametrize(
    ("video", "outside", "middle"),
    [
        (VIDEOS[0], (0.0011, 0.0026), (0.39, 0.55)),
        (VIDEOS[1], (0.0001, 0.0022), (0.49, 0.67)),
        (VIDEOS[2], (0.0083, 0.0675), (0.51, 0.68)),
    ],
)
def test_the_video_stood_in_the_middle_of_the_screen(video, outside, middle):
    height, width = size_in_name(video)
    table = lines(video)
    both = (table[..., 4] == 1) & (table[..., 8] == 1)
    x, y = (table[..., 1] + table[..., 5])[both] / 2, (table[..., 2] + table[..., 6])[both] / 2
    for left, top, share, median in (
        ((1280 - width) / 2, (960 - height) / 2, outside[0], middle[0]),
        (0, 0, outside[1], middle[1]),
    ):
        out = (x < left) | (x >= left + width) | (y < top) | (y >= top + height)
        assert out.mean() == pytest.approx(share, abs=0.00006)
        assert np.median((y - top) / height) == pytest.approx(median, abs=0.006)


@needs_diem
def test_the_middle_of_two_eyes_that_are_far_apart_agrees_best_with_other_viewers():
    """Share of the points of others within 100 pixels, of frames in which both eyes of a viewer are far apart."""
    agree, number, far_apart, both_seen = dict.fromkeys(("left", "right", "mean"), 0), 0, 0, 0
    for video in VIDEOS:
        table = lines(video)
        seen = (table[..., 4] == 1) & (table[..., 8] == 1)
        far = seen & (apart(table) > FAR)
        far_apart, both_seen = far_apart + far.sum(), both_seen + seen.sum()
        points = {"left": table[..., 1:3], "right": table[..., 5:7]}
        points["mean"] = (points["left"] + points["right"]) / 2
        near = np.where((seen & ~far)[..., None], points["mean"], np.nan)
        number += sum((~np.isnan(near[:, far[i], 0])).sum() for i in range(len(table)))
        for name, own in points.items():
            gaps = (np.linalg.norm(near[:, far[i]] - own[i, far[i]], axis=-1) for i in range(len(table)))
            agree[name] += sum((gap <= 100).sum() for gap in gaps)
    assert far_apart / both_seen == pytest.approx(0.067, abs=0.0005)
    assert {name: round(float(n / number), 2) for name, n in agree.items()} == {
        "left": 0.34,
        "right": 0.25,
        "mean": 0.36,
    }


@needs_diem
@pytest.mark.parametrize(
    ("options", "flag", "eyes"),
    [
        ({}, 1, "mean"),
        ({"eyes": "near"}, 1, "near"),
        ({"eyes": "right"}, 1, "right"),
        ({"events": ("saccade",)}, 2, "mean"),
        ({"events": ("blink",)}, 0, "mean"),
    ],
)
def test_a_real_file_of_diem_by_plain_numpy(options, flag, eyes):
    video = VIDEOS[0]
    (path,) = real("diem_gaze").glob(f"diem2s18.*{video}.txt")  # whose eyes are far apart in every fourth frame
    gaze = diem_gaze([path], video, (720, 1280), 3667, **options)
    table = np.loadtxt(path)
    both = np.stack([table[:, 1:3], table[:, 5:7]])
    seen = (table[:, [4, 8]] > 0).T * (np.array([[0], [1]]) if eyes == "right" else 1)
    points = (both * seen[..., None]).sum(0) / np.maximum(seen.sum(0), 1)[:, None]
    points[seen.sum(0) == 0] = np.nan
    if eyes == "near":
        points[seen.all(0) & (np.linalg.norm(both[0] - both[1], axis=1) > 100)] = np.nan
    x, y = points[:, 0], points[:, 1] - 120
    wanted = (table[:, 4] == flag) & (x >= 0) & (x < 1280) & (y >= 0) & (y < 720)
    assert len(gaze) == wanted.sum() > 0
    np.testing.assert_array_equal(gaze.frame, table[wanted, 0])
    np.testing.assert_allclose(np.stack([gaze.x, gaze.y]), [x[wanted], y[wanted]])


@cache
def viewers():
    return [read_viewer(path, path.name[:3], 783) for path in sorted(real("dhf1k_002/gaze").glob("*.txt"))]


@cache
def released(kind):
    return [np.asarray(Image.open(path)) for path in sorted(real("dhf1k_0601", kind).glob("*.png"))]


@needs_dhf1k
def test_released_density_maps_are_made_by_the_rule_to_the_last_bit():
    for fixated, density in zip(released("fixation"), released("maps"), strict=True):
        np.testing.assert_array_equal(density_map(fixated > 0, "as_published"), density)
    fixated, density = released("fixation")[0] > 0, released("maps")[0]
    there = np.abs(density_map(fixated, "pairs").astype(int) - density)
    assert there.max() > 20, "they are moved by two pixels, and a Gaussian at its place is not the same"
    moved = np.roll(density_map(fixated, "pairs"), (2, 2), (0, 1))
    assert np.abs(moved[2:, 2:].astype(int) - density[2:, 2:]).max() <= 1
    plain = gaussian_filter(fixated.astype(float), SIGMA, truncate=8, mode="constant")
    assert np.corrcoef(np.roll(plain, (2, 2), (0, 1)).ravel(), density.ravel())[0, 1] > 0.99999


@needs_dhf1k
def test_frame_1_of_0601_is_made_of_full_grids():
    fixated = released("fixation")[0] > 0
    assert fixated.sum() == 295
    for row in (117, 118, 120, 121):
        assert (np.flatnonzero(fixated[row, 395:415]) + 395).tolist() == [401, 405, 406, 408, 409, 410]


@needs_dhf1k
def test_as_published_gives_the_form_of_the_released_maps_and_pairs_do_not():
    some = range(1, 784, 100)
    grids = [fixation_map(viewers(), n, form="as_published") for n in some]
    pairs = [fixation_map(viewers(), n) for n in some]
    assert grid_share([one > 0 for one in released("fixation")]) == pytest.approx(0.275, abs=0.001)
    assert grid_share(grids) > 0.25
    assert grid_share(pairs) < 0.02
    for start in range(2):
        assert are_grids([one > 0 for one in released("fixation")[start::2]])
        assert are_grids(grids[start::2])
        assert not are_grids(pairs[start::2])
    for grid, pair in zip(grids, pairs, strict=True):
        assert (grid | ~pair).all(), "a grid holds the pairs"
    each = [fixation_map(viewers(), n, form=form).sum() for form in ("pairs", "as_published") for n in range(1, 784)]
    assert np.mean(each[:783]) == pytest.approx(67.3, abs=0.1)
    assert np.mean(each[783:]) == pytest.approx(179.1, abs=0.1)


@needs_dhf1k
def test_raw_files_of_002_by_plain_numpy():
    """The rule once more, in one line a step, on one file."""
    rows = [line.split("\t") for line in real("dhf1k_002/gaze/P08_Trail002.txt").read_text().splitlines()[1:]]
    time, x, y = (np.array([float(row[i]) for row in rows]) for i in (0, 5, 6))
    at = 30 * (time - time[0]) / 1e6
    ok = np.array([row[7] == "Fixation" for row in rows]) & (at % 1 > 0)
    column, row = np.round(x * 640 / 1440), np.round((y - 45) * 640 / 1440)  # from 1
    ok &= (column > 0) & (column < 640) & (row > 0) & (row < 360) & (at < 783)
    (viewer,) = [v for v in viewers() if v.name == "P08"]
    np.testing.assert_array_equal(viewer.frame, np.floor(at[ok]) + 1)
    np.testing.assert_array_equal(viewer.column, column[ok] - 1)
    np.testing.assert_array_equal(viewer.row, row[ok] - 1)
    assert viewer.seconds == pytest.approx(27.12, abs=0.01)


@needs_dhf1k
def test_points_of_viewers_are_pixels_of_the_pairs():
    gaze = gaze_of(viewers())
    assert len(gaze.observers) == 17
    for n in (1, 400, 783):
        assert 8 <= len(gaze.points(n)) <= 17
        points, pairs = gaze.fixation_map(n, (360, 640)), fixation_map(viewers(), n)
        assert (pairs | ~points).all()


@pytest.mark.slow
@needs_dhf1k
def test_the_page_of_dhf1k_holds_what_is_measured(monkeypatch):
    monkeypatch.syspath_prepend(HOME / "docs")
    import dhf1k_forms

    text = (HOME / "docs/dhf1k.md").read_text(encoding="utf-8")
    there = text.split(dhf1k_forms.BEGIN)[1].split(dhf1k_forms.END)[0]
    assert there.strip() == dhf1k_forms.measured(real()).strip(), "python docs/dhf1k_forms.py writes it"
