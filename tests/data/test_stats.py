import json
import math
from dataclasses import replace

import numpy as np
import pytest
from conftest import write_list, write_video
from PIL import Image
from scipy.io import savemat

from avsal_bench.data.dataset import Video
from avsal_bench.data.places import NumberedFiles
from avsal_bench.data.statistics.report import draw_stats, findings, stats_table, write_stats_json
from avsal_bench.data.statistics.stats import (
    GRID,
    centre_auc,
    centre_distance,
    find_overlaps,
    set_stats,
    to_grid,
)
from avsal_bench.workers import Workers

SIZE = (30, 50)
#: For each video its frames a second, and for each of its frames the (row, column) of fixations.
LOOKS = {
    "a": (10.0, [[(0, 0), (29, 49)], [(0, 0)], []]),
    "b": (20.0, [[(0, 0)] * 1] * 4),
    "c": (10.0, [[], []]),
    "d": (10.0, [[(14, 24), (15, 25), (14, 25), (15, 24)]] * 5),
}
LISTS = {1: ("abc", "d"), 2: ("acd", "b"), 3: ("bcd", "a")}


def write_looks(root, name):
    fps, frames = LOOKS[name]
    write_video(root, "AVAD", name, len(frames), fps=fps, size=SIZE)
    for n, looks in enumerate(frames, start=1):
        fixated = np.zeros(SIZE, dtype=np.uint8)
        for row, column in looks:
            fixated[row, column] = 1
        savemat(root / "annotations" / "AVAD" / name / f"fixMap_{n:05d}.mat", {"eyeMap": fixated})


def write_lists(root, lists=LISTS):
    for fold, parts in lists.items():
        for part, names in zip(("train", "test"), parts, strict=True):
            lines = "".join(f"{n} {len(LOOKS[n][1])} {LOOKS[n][0]:.6f}\n" for n in names)
            meant = "# overlaps\n" if part == "test" else ""  # else no list could be read
            write_list(root, "AVAD", part, f"_{fold}", meant + lines)


@pytest.fixture
def tiny_root(tmp_path):
    for name in LOOKS:
        write_looks(tmp_path, name)
    write_lists(tmp_path)
    return tmp_path


def stats_of(root, name="avad", count=1, stride=1):
    with Workers(count) as workers:
        return set_stats(name, root, workers, stride)


def video(name, n_frames=10, fps=25.0):
    nowhere = NumberedFiles(None, "", 4, ".png")
    return Video("avad", name, n_frames, fps, nowhere, nowhere, nowhere)


def lists_of(**folds):
    """fold1=("train names", "test names") and so on, to lists."""
    return {
        (int(fold[4:]), part): [video(name) for name in names]
        for fold, parts in folds.items()
        for part, names in zip(("train", "test"), parts, strict=True)
    }


def test_numbers_are_those_counted_by_hand(tiny_root):
    s = stats_of(tiny_root)
    assert (s.name, s.synthetic, s.stride, s.videos, s.frames) == ("avad", False, 1, 4, 14)
    assert s.durations == {"a": 0.3, "b": 0.2, "c": 0.2, "d": 0.5}
    assert s.hours == pytest.approx(1.2 / 3600)
    # Fixations a frame: a 2 1 0, b 1 1 1 1, c 0 0, d 4 4 4 4 4.
    assert s.gaze.histogram == (3, 5, 1, 0, 5)
    assert s.gaze.frames == 14
    assert s.gaze.mean == pytest.approx(27 / 14)
    assert s.gaze.median == 1.0
    assert s.gaze.empty == pytest.approx(3 / 14)
    assert s.gaze.unfixated == ("c",)
    # Corners are the four farthest pixels: none is farther, four are as far. Those in the middle are the nearest.
    pixels = SIZE[0] * SIZE[1]
    corner, middle = 2 / pixels, (pixels - 4 + 2) / pixels
    assert s.gaze.centre_auc == pytest.approx((corner + corner + middle) / 3)
    far = math.hypot(14.5, 24.5) / math.hypot(15, 25)
    near = math.hypot(0.5, 0.5) / math.hypot(15, 25)
    assert s.gaze.centre_distance == pytest.approx((far + far + near) / 3)


def test_folds_count_what_their_lists_say(tiny_root):
    first, second, third = stats_of(tiny_root).folds
    assert [fold.fold for fold in (first, second, third)] == [1, 2, 3]
    assert (first.train.videos, first.train.frames, first.test.videos, first.test.frames) == (3, 9, 1, 5)
    assert first.train.fixations == pytest.approx((3 + 4 + 0) / 9)
    assert first.test.fixations == 4.0
    assert second.test.hours == pytest.approx(0.2 / 3600)
    assert third.train.hours == pytest.approx(0.9 / 3600)


def test_the_map_counts_each_fixated_video_once(tiny_root):
    s = stats_of(tiny_root)
    assert s.map.shape == GRID
    assert s.map.sum() == pytest.approx(1)
    half = (GRID[0] // 2, GRID[1] // 2)
    # a has three fixations in two corners, b four in one of them, d all in the middle; c has none and does not count.
    assert s.map[: half[0] // 2, : half[1] // 2].sum() == pytest.approx((2 / 3 + 1) / 3)
    assert s.map[half[0] + half[0] // 2 :, half[1] + half[1] // 2 :].sum() == pytest.approx((1 / 3) / 3)
    assert s.map[half[0] - 3 : half[0] + 3, half[1] - 3 : half[1] + 3].sum() == pytest.approx(1 / 3)


def test_categories_have_maps_of_their_own_in_json_and_figure(tiny_root, tmp_path):
    categories = tiny_root / "annotations" / "AVAD" / "categories.csv"
    categories.write_text("video,category\na,out\nb,out\nc,out\nd,middle\n", encoding="utf-8")
    s = stats_of(tiny_root)
    assert s.category_videos == {"middle": 1, "out": 2}, "c has no fixations"
    half = (GRID[0] // 2, GRID[1] // 2)
    assert s.category_maps["middle"][half[0] - 3 : half[0] + 3, half[1] - 3 : half[1] + 3].sum() == pytest.approx(1)
    assert s.category_maps["out"][: half[0] // 2, : half[1] // 2].sum() == pytest.approx((2 / 3 + 1) / 2)
    mean = (2 * s.category_maps["out"] + s.category_maps["middle"]) / 3
    assert np.allclose(mean, s.map), "all videos together are the set's"
    write_stats_json([s], tmp_path / "stats.json")
    [told] = json.loads((tmp_path / "stats.json").read_text())
    assert np.array_equal(told["category_maps"]["out"], s.category_maps["out"])
    draw_stats([s, replace(s, category_maps={}, category_videos={})], tmp_path / "kinds.png")
    assert Image.open(tmp_path / "kinds.png").height == 50 + 290 * 2 + 230


def test_a_stride_reads_every_so_many_frames_and_says_so(tiny_root):
    s = stats_of(tiny_root, stride=2)
    # a: 2 0, b: 1 1, c: 0, d: 4 4 4.
    assert s.gaze.histogram == (2, 2, 1, 0, 3)
    assert s.frames == 14
    assert "avad: fixations of one frame in 2 only, 8 frames" in findings(s)


def test_processes_give_what_one_gives(tiny_root, quick_processes):
    one, two = stats_of(tiny_root), stats_of(tiny_root, count=2)
    assert one == two
    assert np.array_equal(one.map, two.map)


@pytest.mark.parametrize(("name", "one_split"), [("diem", True), ("dhf1k", True), ("etmd", False)])
def test_every_layout_is_counted(real_root, name, one_split):
    s = stats_of(real_root, name)
    assert len(s.folds) == (1 if one_split else 3)
    assert s.frames == 12 * s.videos
    assert s.overlaps.never_tested == ()
    assert s.gaze.mean > 0
    assert ("all" if one_split else "3") in stats_table([s])


def test_sets_that_the_project_makes_are_marked(synth_root):
    s = stats_of(synth_root, "synth", stride=4)
    assert s.synthetic
    assert not findings(replace(s, stride=1))
    # Simulated viewers begin in the middle and go to things that keep off the border.
    assert 0.6 < s.gaze.centre_auc < 0.95
    assert 0.2 < s.gaze.centre_distance < 0.5


def test_leaks_and_overlaps_are_found():
    lists = lists_of(fold1=("abcc", "de"), fold2=("adb", "bc"), fold3=("abcd", "e"))
    lists[3, "train"][0] = video("a", n_frames=9)
    found = find_overlaps(lists)
    assert found.leaks == {"b": (2,)}
    assert found.tested_again == {"e": (1, 3)}
    assert found.repeated == {"c": (1,)}
    assert found.left_out == {"e": (2,)}
    assert found.unequal == {"a": (1, 2, 3)}
    assert found.never_tested == ("a",)


def test_another_frame_rate_alone_is_unequal():
    lists = lists_of(fold1=("a", "b"), fold2=("b", "a"))
    lists[2, "test"] = [video("a", fps=30.0)]
    assert find_overlaps(lists).unequal == {"a": (1, 2)}


def test_a_set_with_one_split_has_no_untested_videos():
    assert find_overlaps(lists_of(fold1=("abc", "d"))).never_tested == ()


def test_the_table_names_leaks_first_and_cuts_long_lists(tiny_root):
    write_lists(tiny_root, {1: ("abc", "da"), 2: ("acd", "b"), 3: ("bcd", "a")})
    s = stats_of(tiny_root)
    assert findings(s)[:3] == [
        "avad: LEAK, in two parts of one fold: a (1)",
        "avad: tested in several folds: a (1, 3)",
        "avad: never tested: c",
    ]
    assert findings(s)[-1] == "avad: no fixations at all: c"
    many = replace(s, overlaps=replace(s.overlaps, never_tested=tuple(f"v{i}" for i in range(10))))
    assert "avad: never tested: v0, v1, v2, v3, v4, v5, v6, v7 and 2 more, see the JSON" in stats_table([many])


def test_the_table_has_a_row_a_set_and_a_row_a_fold(tiny_root):
    lines = stats_table([stats_of(tiny_root)]).splitlines()
    assert " ".join(lines[1].split()) == "avad 4 14 0.000 0.2 0.2 0.5 1.93 1 21.43 0.3338 0.6591"
    assert [line.split()[:4] for line in lines[4:7]] == [
        ["avad", str(k), "3", n] for k, n in ((1, "9"), (2, "10"), (3, "11"))
    ]


def test_the_longest_of_unequal_videos_is_read(tiny_root):
    write_list(tiny_root, "AVAD", "test", "_1", "d 3 10.0\n")
    s = stats_of(tiny_root)
    assert s.overlaps.unequal == {"d": (1, 2, 3)}
    assert s.frames == 14
    assert s.folds[0].test.frames == 3


def test_json_holds_everything_and_no_nan(tiny_root, tmp_path):
    write_looks(tmp_path / "none", "c")
    write_lists(tmp_path / "none", dict.fromkeys(LISTS, ("c", "c")))
    full, empty = stats_of(tiny_root), stats_of(tmp_path / "none")
    assert math.isnan(empty.gaze.centre_auc)
    assert not empty.map.any()
    table = stats_table([empty])
    assert "nan" not in table
    assert table.splitlines()[1].split()[-2:] == ["-", "-"]
    path = tmp_path / "out" / "stats.json"
    write_stats_json([full, empty], path)
    first, second = json.loads(path.read_text())
    assert first["gaze"]["histogram"] == [3, 5, 1, 0, 5]
    assert np.array_equal(first["map"], full.map)
    assert first["folds"][1]["test"]["frames"] == 4
    assert second["gaze"]["centre_auc"] is None
    assert second["overlaps"]["leaks"] == {"c": [1, 2, 3]}


def test_the_figure_has_a_row_a_set(tiny_root, tmp_path):
    s = stats_of(tiny_root)
    draw_stats([s], tmp_path / "one.png")
    draw_stats([s, replace(s, name="$other_set")], tmp_path / "two.png")
    one, two = (Image.open(tmp_path / f"{n}.png") for n in ("one", "two"))
    assert one.width == two.width == 1600
    assert two.height > 1.7 * one.height
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    # The colours of bars, and black ground with bright spots in the map.
    pixels = np.asarray(one.convert("RGB")).reshape(-1, 3)
    for colour in ((0x48, 0x78, 0xA8), (0x4A, 0x90, 0x70)):
        assert (pixels == colour).all(1).sum() > 1000
    left = np.asarray(one.convert("L"))[:, :500]
    assert (left < 5).mean() > 0.3


def test_a_figure_of_empty_maps_is_drawn(tmp_path):
    write_looks(tmp_path, "c")
    write_lists(tmp_path, dict.fromkeys(LISTS, ("c", "c")))
    draw_stats([stats_of(tmp_path)], tmp_path / "empty.png")
    assert Image.open(tmp_path / "empty.png").width == 1600


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (36, 64), (480, 640), (101, 33)])
def test_uniform_fixations_have_no_centre_bias(shape):
    counts = np.full(shape, 3)
    assert centre_auc(counts) == pytest.approx(0.5)
    assert to_grid(counts).sum() == pytest.approx(1)
    assert np.allclose(to_grid(counts), 1 / np.prod(GRID))


def test_the_auc_is_that_of_pairs():
    counts = np.random.default_rng(0).integers(0, 3, (6, 9))
    rows, columns = np.mgrid[:6, :9] + 0.5
    r = np.round(((columns - 4.5) / 9) ** 2 + ((rows - 3) / 6) ** 2, 12).ravel()
    at = np.repeat(r, counts.ravel())[:, None]
    assert centre_auc(counts) == pytest.approx(((at < r) + 0.5 * (at == r)).mean())


def test_the_centre_bias_knows_the_centre():
    middle, edge = np.zeros((2, 41, 61), dtype=np.int64)
    middle[20, 30] = edge[20, 0] = 7
    assert centre_auc(middle) > 0.999
    assert centre_distance(middle) == 0
    assert centre_auc(edge) < 0.3
    assert centre_distance(edge) == pytest.approx(30 / (math.hypot(41, 61) / 2))
    assert math.isnan(centre_auc(0 * edge))
    assert math.isnan(centre_distance(0 * edge))


def test_bad_input_is_named(tiny_root, tmp_path):
    with pytest.raises(ValueError, match="did you mean 'avad'"):
        stats_of(tiny_root, "avat")
    with pytest.raises(ValueError, match="stride 0"):
        stats_of(tiny_root, stride=0)
    with pytest.raises(ValueError, match="name at least one"):
        draw_stats([], tmp_path / "x.png")
    with pytest.raises(ValueError, match=r"ends in \.png"):
        draw_stats([stats_of(tiny_root)], tmp_path / "x.jpg")


def test_missing_and_misfitting_maps_are_named(tiny_root):
    path = tiny_root / "annotations" / "AVAD" / "b" / "fixMap_00003.mat"
    savemat(path, {"eyeMap": np.ones((3, 4))})
    with pytest.raises(ValueError, match=r"b/fixMap_00003.mat: size \(3, 4\), the first frame's is \(30, 50\)"):
        stats_of(tiny_root)
    path.write_bytes(b"no map")
    with pytest.raises(ValueError, match=r"unreadable fixation map .*b/fixMap_00003.mat"):
        stats_of(tiny_root)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"avad/b: missing file .*b/fixMap_00003.mat"):
        stats_of(tiny_root)
