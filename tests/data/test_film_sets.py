"""CrowdSAL, NTIRE 2026 and AViMoS: their layouts, splits, films of maps, lists of points, and what is wrong there."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from avsal_bench.cli.app import main
from avsal_bench.data.audit.audit import check_sets
from avsal_bench.data.dataset import dataset, resolve_name
from avsal_bench.data.files import truth_files
from avsal_bench.data.files.frames import frame_size, read_frames
from avsal_bench.data.files.presence import check_truth, check_video, check_videos, faults_of
from avsal_bench.data.files.sound_files import read_sound
from avsal_bench.data.setting_aside import fit_and_val, hold_out
from avsal_bench.data.statistics.stats import set_stats
from avsal_bench.data.synth import film_trees
from avsal_bench.data.synth.film_trees import make_film_set
from avsal_bench.workers import Workers

GOLDEN = Path(__file__).parents[1] / "golden" / "crowdsal_tree"
SETS = ("crowdsal", "ntire26", "ntire26_private", "avimos", "avimos_public")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One small set in each layout."""
    root = tmp_path_factory.mktemp("films")
    for layout in film_trees.FOLDERS:
        make_film_set(root, layout, 4, 8)
    return root


@pytest.fixture
def root(made, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(made, tmp_path / "data")


def listed(root, name, part="test"):
    return dataset(name).videos(root, part, 1)


def names(root, name, part="test"):
    return [video.name for video in listed(root, name, part)]


def findings(root, *sets, quick=False):
    with Workers(0) as workers:
        return check_sets(dict.fromkeys(sets, root), workers, quick=quick).findings


def errors(root, name):
    return [f"{found.where}: {found.text}" for found in findings(root, name) if found.severity == "error"]


def test_films_points_and_sound_are_read_as_they_are(tmp_path):
    (tmp_path / "crowdsal").symlink_to(GOLDEN)
    wide, upright = listed(tmp_path, "crowdsal")
    assert [wide.n_frames, wide.fps, wide.silent, upright.silent] == [8, 30.0, False, True]
    assert [frame_size(wide), frame_size(upright)] == [(54, 96), (96, 54)]
    facts = {wide.name: (0, 65283, 8923.900077160493), upright.name: (0, 65133, 7095.815972222223)}  # of ffmpeg's png
    for video in (wide, upright):
        levels = truth_files.density_levels(video, 1).numpy()
        assert (levels.min(), levels.max(), levels.mean()) == pytest.approx(facts[video.name], abs=1e-9)
        plain = json.loads(video.fixations.path.read_text())
        for frame in range(1, 9):
            assert truth_files.points(video, frame).tolist() == plain[frame - 1]
    assert read_sound(wide)[1] == 44100
    check_videos([wide, upright], audio=True)


@pytest.mark.parametrize(
    ("name", "train", "test"),
    [
        ("crowdsal", ["0001", "0002"], ["3001", "3002"]),
        ("ntire26", ["video_synth_1", "video_synth_2"], ["video_synth_3"]),
        ("ntire26_private", [], ["video_synth_4"]),
        ("avimos", ["video_synth_1", "video_synth_2"], ["video_synth_3", "video_synth_4"]),
        ("avimos_public", ["video_synth_1", "video_synth_2"], ["video_synth_3"]),
    ],
)
def test_each_set_has_its_parts(made, name, train, test):
    assert names(made, name, "train") == train
    assert names(made, name) == test
    assert all(v.audio is None if v.silent else v.audio == v.frames.path for v in listed(made, name))


def test_folders_stand_for_the_set_that_has_them_first():
    assert resolve_name("VideoSaliencyChallenge") == resolve_name("ntire26") == "ntire26"
    assert resolve_name("AViMoS") == "avimos"


def test_nothing_is_wrong_with_what_is_made(made):
    found = findings(made, *SETS[:4])
    assert {one.kind for one in found if one.severity != "note"} <= {"no fixations"}
    assert "key frame every 8 maps" in next(one.text for one in found if one.kind == "maps in films")


def test_where_people_look_is_counted_once_a_pixel(made):
    with Workers(0) as workers:
        stats = set_stats("crowdsal", made, workers)
    counts = [len(truth_files.points(v, n).unique(dim=0)) for v in listed(made, "crowdsal") for n in range(1, 9)]
    assert stats.folds[0].test.fixations == np.mean(counts)
    assert len(truth_files.points(listed(made, "crowdsal")[0], 1)) > counts[0]  # points repeat


def test_whole_videos_are_set_aside(made):
    kept, aside = hold_out(listed(made, "crowdsal", "train"), 0.1)
    assert len(kept) == len(aside) == 1


def test_a_set_for_tests_alone_says_what_to_train_on(made):
    private = dataset("ntire26_private")
    with pytest.raises(ValueError, match="ntire26_private has no training videos; train on ntire26, and test on it"):
        fit_and_val(private, lambda part: private.videos(made, part, 1), 0.1)


def test_names_may_end_in_mp4_or_not(root):
    path = root / "ntire26" / "TrainTestSplit.json"
    split = json.loads(path.read_text())
    assert split["train"][0].endswith(".mp4")
    before = listed(root, "ntire26")
    path.write_text(json.dumps({part: [name.removesuffix(".mp4") for name in of] for part, of in split.items()}))
    assert listed(root, "ntire26") == before


def move(folder, *moves):
    for old, new in moves:
        (folder / new).parent.mkdir(parents=True, exist_ok=True)
        (folder / old).rename(folder / new)


@pytest.mark.parametrize(
    "moves",
    [
        [("Videos", "V"), ("V", "Videos/Videos")],
        [("SaliencyTest/Test", "S"), ("S", "SaliencyTest/SaliencyTest/Test")],
        [("FixationsTest/Test/video_synth_3", "FixationsTest/video_synth_3"), ("FixationsTest/Test", "F")],
        [("Videos/video_synth_3.mp4", "Videos/video_synth_3.MP4")],
    ],
)
def test_archives_may_be_unpacked_in_several_ways(root, moves):
    move(root / "ntire26", *moves)
    (video,) = listed(root, "ntire26")
    check_videos([video], audio=True)


def test_videos_may_lie_straight_in_the_folder_of_the_set(root):
    for path in [*(root / "ntire26" / "Videos").iterdir()]:
        path.rename(root / "ntire26" / path.name)
    (root / "ntire26" / "Videos").rmdir()
    (root / "ntire26").rename(root / "VideoSaliencyChallenge")
    assert names(root, "ntire26") == ["video_synth_3"]


SPLITS = [
    ({"train": ["a", "a.mp4"]}, "'a' stands twice in train"),
    ({"train": ["video_synth_1"], "public_test": ["video_synth_1.mp4"]}, "stands in train and in public_test"),
    ({"train": ["video_synth_1"], "public_test": ["nobody.mp4"]}, "missing video .*nobody.mp4, which .* names in publ"),
    ({"train": ["video_synth_1"], "public_test": ["../x"]}, "video of public_test '../x': a name may not"),
    ({"train": ["video_synth_1"], "public_test": [7]}, "video of public_test 7: expected text"),
    ({"train": [], "public_test": ["video_synth_3"]}, "no name in train"),
    ({"train": ["video_synth_1"]}, "no part public_test in it, only train"),
    ({"train": "video_synth_1"}, "expected {"),
    ([1], "expected {"),
    ("", "no JSON"),
]


@pytest.mark.parametrize(("split", "said"), SPLITS)
def test_splits_that_do_not_fit_are_named(root, split, said):
    path = root / "ntire26" / "TrainTestSplit.json"
    path.write_text(json.dumps(split) if split else "{")
    with pytest.raises((ValueError, FileNotFoundError), match=said) as caught:
        listed(root, "ntire26")
    assert "TrainTestSplit.json" in str(caught.value)
    assert "TrainTestSplit.json" in errors(root, "ntire26")[0]


def test_a_missing_split_is_said(root):
    (root / "ntire26" / "TrainTestSplit.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"missing file .*TrainTestSplit.json, which says which videos train"):
        listed(root, "ntire26")


def test_a_test_of_one_part_is_read_too(root):
    path = root / "avimos" / "TrainTestSplit.json"
    split = json.loads(path.read_text())
    path.write_text(json.dumps({"train": split["train"], "test": split["public_test"]}))
    assert names(root, "avimos") == ["video_synth_3"]
    with pytest.raises(ValueError, match="no part public_test in it, only train, test"):
        listed(root, "avimos_public")


def test_a_video_that_is_missing_is_named_where_its_maps_are(root):
    (root / "CrowdSAL/Test/Videos/3002.mp4").unlink()
    with pytest.raises(FileNotFoundError, match=r"missing video .*Test/Videos/3002.mp4, whose maps are .*3002.mp4"):
        listed(root, "crowdsal")
    assert "3002.mp4" in errors(root, "crowdsal")[0]


def test_two_files_of_a_video_and_one_video_in_two_parts_are_named(root):
    folder = root / "CrowdSAL"
    shutil.copy(folder / "Train/Videos/0001.mp4", folder / "Train/Videos/0001.mkv")
    with pytest.raises(ValueError, match=r"0001.mkv and .*0001.mp4 are both files of one video"):
        listed(root, "crowdsal", "train")
    (folder / "Train/Videos/0001.mkv").rename(folder / "Test/Videos/0001.mkv")
    with pytest.raises(ValueError, match=r"0001.mp4 and .*0001.mkv have one name: it would be tested on"):
        listed(root, "crowdsal", "train")


def test_a_root_without_the_set_says_where_it_is_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*CrowdSAL; .* CrowdSAL or crowdsal, .*data get cro"):
        listed(tmp_path, "crowdsal")
    (tmp_path / "CrowdSAL").mkdir()
    with pytest.raises(FileNotFoundError, match="holds none of Train, Test"):
        listed(tmp_path, "crowdsal")


def test_a_part_without_ground_truth_is_predicted_and_not_scored(root, tmp_path, capsys):
    for kind in ("Saliency", "Fixations"):
        shutil.rmtree(root / "CrowdSAL/Test" / kind)
    videos = listed(root, "crowdsal")
    assert [video.has_truth for video in videos] == [False, False]
    check_videos(videos, audio=True, truth=False)
    with pytest.raises(ValueError, match="crowdsal/3001: the authors of crowdsal keep the ground truth"):
        check_truth(videos[0])
    (note,) = [found for found in findings(root, "crowdsal") if found.kind == "kept back"]
    assert (note.severity, note.where) == ("note", "3001, 3002")
    assert "no ground truth of 2 videos" in note.text
    with Workers(0) as workers:
        stats = set_stats("crowdsal", root, workers)
    assert (stats.videos, stats.folds[0].test.videos) == (4, 2)
    assert np.isnan(stats.folds[0].test.fixations)
    assert main(["data", "show", "crowdsal", "3001", "--root", str(root), "--out", str(tmp_path / "look.png")]) == 0


@pytest.mark.parametrize("kind", ["Saliency/3002.mp4", "Fixations/3002.json"])
def test_ground_truth_of_some_videos_of_a_part_is_an_error(root, kind):
    (root / "CrowdSAL/Test" / kind).unlink()
    with pytest.raises(FileNotFoundError, match=rf"crowdsal/3002: missing .*{kind}"):
        check_videos(listed(root, "crowdsal"), audio=False)
    assert any(kind in text for text in errors(root, "crowdsal"))


def test_a_training_part_without_ground_truth_is_an_error(root):
    for side in ("SaliencyTrain", "FixationsTrain"):
        shutil.rmtree(root / "ntire26" / side)
    with pytest.raises(FileNotFoundError, match=r"SaliencyTrain/Train/video_synth_1.mp4"):
        check_videos(listed(root, "ntire26", "train"), audio=False)


POINTS = [
    ("{}", "expected a list with an entry a frame, got '{}'"),
    ("", "got the end of the file"),
    ("[[[1, 2]], 7]", "frame 2 is 7, expected a list of points"),
    ("[[[1, 2]], [7]]", r"frame 2, point 1 is 7, expected \[row, column\]"),
    ("[[[1, 2]], [[1]]]", "frame 2, point 1 has 1 number, expected a row and a column"),
    ("[[[1, 2], [1.5, 2]]]", r"frame 1, point 2 is \[1.5, 2\], and pixels are whole"),
    ("[[[1, -2]]]", r"frame 1, point 1 is \[1, -2\], and rows and columns count from 0"),
    ("[[[1, NaN]]]", "frame 1 has a point with NaN"),
    ("[[[1, 1e999]]]", "frame 1, point 1 is .*inf"),
    ('[[["1", 2]]]', "frame 1, point 1 is .* expected numbers"),
    ("[[[true, 2]]]", "frame 1, point 1 is .* expected numbers"),
    ("[[[1, 9999999999999999999999]]]", "frame 1, point 1 is .* which no picture has"),
    ("[[[1, " + "9" * 5000 + "]]]", "frame 1 cannot be read"),
    ("[" * 100_000, "frame 1 cannot be read"),
    ("[[[1, 2]],]", "no JSON from frame 2 on"),
    ("[[[1, 2]] [[1, 2]]]", "after frame 1 comes"),
    ("[[[1, 2]], [[1", "no JSON from frame 2 on .* cut short"),
    ("[[], []]", "points of 2 frames, and crowdsal/3001 has 8"),
    ("[" + ",".join(["[]"] * 9) + "]", "points of 9 frames, and crowdsal/3001 has 8"),
    ("[" + ",".join(["[]"] * 5000) + "]", "points of at least .* frames"),
    ("[" + ",".join(["[]"] * 8) + "] x", "after the list comes"),
    ("[" + ",".join(["[[95, 143]]"] * 7 + ["[[140, 95]]"]) + "]", "has a point at row 140 and column 95, outside"),
]


@pytest.mark.parametrize(("text", "said"), POINTS)
def test_points_that_are_none_are_named_with_file_frame_and_point(made, tmp_path, text, said):
    video = wide_video(made, tmp_path, text)
    with pytest.raises(ValueError, match=said) as caught:
        truth_files.fixations(video, 8)
    assert str(caught.value).startswith(str(video.fixations.path))


def wide_video(made, tmp_path, text):
    """A test video of the small set that lies across, with other points."""
    path = tmp_path / "points.json"
    path.write_text(text)
    wide = next(v for v in listed(made, "crowdsal") if frame_size(v) == (96, 144))
    return replace(wide, name="3001", fixations=replace(wide.fixations, path=path))


def test_points_may_be_few_and_hold_more_numbers(made, tmp_path):
    entries = ["[]", "[[1, 2, 0.5], [1, 2], [3.0, 4]]"] + ["[ ]"] * 6
    video = wide_video(made, tmp_path, "\ufeff [" + " ,\n".join(entries) + "]\n")
    assert truth_files.points(video, 2).tolist() == [[1, 2], [1, 2], [3, 4]]
    assert not truth_files.fixations(video, 1).any()


def test_a_point_outside_is_a_finding_that_names_the_file(root):
    path = root / "CrowdSAL/Test/Fixations/3001.json"
    plain = json.loads(path.read_text())
    path.write_text(json.dumps([[[column, row] for row, column in of_frame] for of_frame in plain]))
    plain[3] = [[200, 300]]
    path.write_text(json.dumps(plain))
    (text,) = errors(root, "crowdsal")
    assert text.startswith("frame 4: the file: frame 4 has a point at row 200 and column 300")
    assert "Test/Fixations/3001.json" in text
    assert any("point at row 200" in found.text for found in findings(root, "crowdsal", quick=True))
    videos = listed(root, "crowdsal")
    looks = (lambda: check_truth(videos[0]), lambda: check_videos(videos, False), lambda: check_video(videos[0], False))
    for look in (*looks, lambda: raise_first(faults_of(videos[0], ["maps", "fixations"]))):
        with pytest.raises(ValueError, match=r"3001.json: frame 4 has a point at row 200 and column 300"):
            look()


def raise_first(faults):
    for error in faults.values():
        raise error


def test_swapped_points_are_found_where_they_stay_within_the_picture(root):
    path = root / "CrowdSAL/Test/Fixations/3001.json"
    plain = json.loads(path.read_text())
    height, width = frame_size(listed(root, "crowdsal")[0])
    turned = [[[column, row] for row, column in of if column < height and row < width] for of in plain]
    path.write_text(json.dumps(turned))
    assert any("swap x and y" in text for text in errors(root, "crowdsal"))


def test_records_of_a_part_of_the_set_say_so(made):
    assert dataset("crowdsal").told(made, 1)["own_list"] == {"videos": 2, "usual": 2000}
    assert dataset("ntire26_private").told(made, 1)["own_list"]["usual"] == 500


def write_maps(path, frames, pix_fmt, size=(96, 144)):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "0", "preset": "ultrafast"})
        (stream.height, stream.width), stream.pix_fmt = size, pix_fmt
        for _ in range(frames):
            grey = np.full((*size, 3), 128, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("frames", "pix_fmt", "size", "said"),
    [
        (8, "yuv420p", (96, 144), "maps of 8 bits, and those of crowdsal have 10"),
        (7, "yuv420p10le", (96, 144), "7 maps, and the video has 8 frames"),
        (9, "yuv420p10le", (96, 144), "9 maps, and the video has 8 frames"),
        (8, "yuv420p10le", (96, 96), r"maps of 96x96 \(height x width\), and the video has 96x144"),
    ],
)
def test_films_of_maps_that_do_not_fit_stop_a_run_and_are_found(root, frames, pix_fmt, size, said):
    video = next(v for v in listed(root, "crowdsal") if frame_size(v) == (96, 144))
    path = video.densities.path
    write_maps(path, frames, pix_fmt, size)
    for look in (lambda: check_truth(video), lambda: check_videos([video], audio=True)):
        with pytest.raises(ValueError, match=said) as caught:
            look()
        assert str(path) in str(caught.value)
    (misfit,) = [found for found in findings(root, "crowdsal") if found.kind == "misfitting maps"]
    assert misfit.severity == "error"
    assert path.name in misfit.where
    assert said.split(" ", 2)[0] in misfit.text


def test_small_sets_are_made_by_a_command(made, tmp_path, capsys):
    words = ["synth", "--layout", "avimos", "--data-root", str(tmp_path), "--videos", "4", "--frames", "8"]
    assert main(words) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "avimos")
    assert main(words) == 2
    assert "is there already" in capsys.readouterr().err
    again = made / "avimos"
    name = "FixationsTrain/Train/video_synth_1/fixations.json"
    assert (again / name).read_bytes() == (tmp_path / "avimos" / name).read_bytes()
    assert not json.loads((again / name).read_text())[4]  # nobody looked


def test_frames_of_upright_films_are_upright(made):
    upright = listed(made, "crowdsal", "train")[1]
    assert read_frames(upright, [1], None).shape == (3, 1, 144, 96)
    assert truth_files.density(upright, 1).shape == (144, 96)
